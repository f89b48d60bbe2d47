# SPDX-License-Identifier: Apache-2.0
"""Rules are found where they stand; tests/spec/test_rules.py holds all of them to be complete."""

from tools.law_rules import collect, numbers_in

RULES = {rule.number: rule for rule in collect()}


def test_definition_has_no_error_and_stands_where_it_is_defined() -> None:
    assert RULES[8].error == ""
    assert RULES[8].defined == ("edge_node/spec/evaluation.py",)
    assert RULES[2].sections == ("RFC 8949, 4.2.1",)


def test_guarded_rule_has_an_error_and_its_guards() -> None:
    assert RULES[45].error == "DifferenceTooSmall"
    assert RULES[45].guards == ("edge_node/spec/proof/evolution.py",)


def test_ranges_of_rules_are_read_whole() -> None:
    assert numbers_in("Rules R-3 to R-5 and R-9; not R-0") == {3, 4, 5, 9}
