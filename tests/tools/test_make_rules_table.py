# SPDX-License-Identifier: Apache-2.0
"""The rules table is the one that the code makes."""

from dataclasses import replace

from tools.make_rules_table import TABLE, collect, table


def test_table_is_up_to_date() -> None:
    assert TABLE.read_text() == table(collect()), "run `python -m tools.make_rules_table`"


def test_table_tells_error_guard_source_and_tests() -> None:
    rows = {rule.number: rule for rule in collect()}
    row = table([replace(rows[42], tests=("test_r_42_a", "test_r_42_b"))]).splitlines()[-1]
    assert row == (
        "| R-42 | The model was in a block before. | `DuplicateModel` | the model "
        "| `spec/proof/evolution.py` | paper A, section 4.1 | `test_r_42_a`<br>`test_r_42_b` |"
    )


def test_definition_has_no_error_and_stands_where_it_is_defined() -> None:
    rows = {rule.number: rule for rule in collect()}
    assert rows[8].error == ""
    assert rows[8].defined == ("edge_node/spec/evaluation.py",)
    assert rows[2].sections == ("RFC 8949, 4.2.1",)
