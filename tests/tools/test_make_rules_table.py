# SPDX-License-Identifier: Apache-2.0
"""RULES.md is the page that the code makes, and a row leads from a sentence to guard and test."""

from dataclasses import replace

import pytest

from tools.law_constants import Constant, collect_constants
from tools.law_rules import Rule, collect
from tools.make_rules_table import (
    PAPERS,
    TABLE,
    constant_row,
    page,
    rule_row,
    sentence_row,
)
from tools.paper_sentences import Section, Sentence, read_paper


@pytest.fixture(scope="module")
def constants() -> dict[str, Constant]:
    return {constant.name: constant for constant in collect_constants()}


@pytest.fixture(scope="module")
def rules() -> dict[int, Rule]:
    return {rule.number: rule for rule in collect()}


def test_page_is_up_to_date() -> None:
    papers = [read_paper(path) for path in PAPERS]
    made = page(collect(), collect_constants(), papers)
    is_up_to_date = TABLE.read_text() == made  # a difference of 100 KB would say nothing
    assert is_up_to_date, "run `python -m tools.make_rules_table`"


def test_rule_tells_error_guard_source_and_tests(rules: dict[int, Rule]) -> None:
    assert rule_row(replace(rules[42], tests=("test_r_42_a", "test_r_42_b"))) == (
        '| <a id="r-42"></a>R-42 | The model was in a block before. | `DuplicateModel` | the model '
        "| `spec/proof/claims.py` | paper A, section 4.1 | `test_r_42_a`<br>`test_r_42_b` |\n"
    )


def test_constant_tells_its_rules_with_error_and_guard(
    constants: dict[str, Constant], rules: dict[int, Rule]
) -> None:
    row = constant_row(constants["min_family_diff_ppm"], rules)
    assert "| ppm | 50,000 | 0..1,000,000 | `spec/genesis.py` |" in row
    assert "[R-38](#r-38) `FamilyTooSimilar` in `spec/proof/founding.py`" in row
    assert "`test_r_38_founder_close_to_a_family_is_refused`" in row


def test_constant_without_a_rule_says_who_uses_it(
    constants: dict[str, Constant], rules: dict[int, Rule]
) -> None:
    alone = replace(constants["MAX_HAVE"], rules=(), users=("edge_node/gossip/codec.py",))
    assert "| no rule: `gossip/codec.py` |" in constant_row(alone, rules)


def test_sentence_leads_to_rule_error_guard_and_the_tests_that_it_names_first(
    rules: dict[int, Rule],
) -> None:
    section = Section(number="4.9", title="More", sentences=1, begins_sha256="")
    sentence = Sentence(
        number=3,
        begins="Once upon a time",
        says="It was.",
        rules=(50,),
        elsewhere=("edge_node/gossip/cells.py::Cells",),
        tests=("test_b", "tests/gossip/test_cells.py::test_c"),
        departs="It is not.",
    )
    one = {50: replace(rules[50], tests=("test_a", "test_b", "test_d", "test_e"))}
    assert sentence_row(section, sentence, one) == (
        "| 4.9 s3 | Once upon a time ... | It was. "
        "| [R-50](#r-50) in `spec/fork_choice.py`, `spec/lottery.py`<br>`gossip/cells.py: Cells` "
        "| R-50: `test_b`, `test_a`, `test_d` and 1 more<br>`test_c` | It is not. |\n"
    )
