# SPDX-License-Identifier: Apache-2.0
"""Every rule of the law has a guard or a definition, an error if it can be broken, and a test."""

import pytest

from tools.law_rules import Rule, collect, numbers_in_tests

RULES = collect()
DEFINITIONS = {1, 7, 8, 11, 12, 13, 14, 15, 21, 25, 29, 31, 32, 50, 53, 61, 62}
"""Rules that nobody breaks: they say what a value is."""


def test_rules_are_numbered_without_a_gap() -> None:
    assert [rule.number for rule in RULES] == list(range(1, len(RULES) + 1))


def test_rule_without_an_error_is_a_definition() -> None:
    assert {rule.number for rule in RULES if not rule.error} == DEFINITIONS


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"R-{rule.number}")
def test_rule_is_complete(rule: Rule) -> None:
    assert rule.says, "a docstring says what it is"
    assert rule.tests, f"a test has r_{rule.number} in its name"
    assert rule.sections, "a docstring says where it comes from"
    if rule.error:
        assert rule.guards, f"a comment `# R-{rule.number}: ...` stands at its guard"
        assert rule.wants, "its message says what it compares"
    else:
        assert rule.defined, f"the docstring of what it defines says (R-{rule.number})"


def test_no_test_names_a_rule_that_is_not_there() -> None:
    assert numbers_in_tests() <= {rule.number for rule in RULES}
