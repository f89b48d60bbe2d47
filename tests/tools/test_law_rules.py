# SPDX-License-Identifier: Apache-2.0
"""Rules are found where they stand; tests/spec/test_rules.py holds all of them to be complete."""

from tools.law_rules import Rule, collect, numbers_in


def rule(number: int) -> Rule:
    return collect()[number - 1]


def test_definition_has_no_error_and_stands_where_it_is_defined() -> None:
    assert rule(8).error == ""
    assert rule(8).defined == ("edge_node/spec/evaluation.py",)
    assert rule(2).sections == ("RFC 8949, 4.2.1",)


def test_guarded_rule_has_an_error_and_its_guards() -> None:
    assert rule(45).error == "DifferenceTooSmall"
    assert rule(45).guards == ("edge_node/spec/proof/evolution.py",)


def test_ranges_of_rules_are_read_whole() -> None:
    assert numbers_in("Rules R-3 to R-5 and R-9; not R-0") == {3, 4, 5, 9}
