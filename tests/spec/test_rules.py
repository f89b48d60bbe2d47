# SPDX-License-Identifier: Apache-2.0
"""Every rule of the law has a guard or a definition, an error if it can be broken, and a test."""

from tools.law_rules import collect, numbers_in_tests

DEFINITIONS = {1, 7, 8, 11, 12, 13, 14, 15, 21, 25, 29, 31, 32, 50, 53, 61, 62, 69, 70, 73, 79}
"""Rules that nobody breaks: they say what a value is."""


def test_rules_are_numbered_without_a_gap() -> None:
    numbers = [rule.number for rule in collect()]
    assert numbers == list(range(1, len(numbers) + 1))


def test_rule_without_an_error_is_a_definition() -> None:
    assert {rule.number for rule in collect() if not rule.error} == DEFINITIONS


def test_every_rule_is_complete() -> None:
    for rule in collect():
        name = f"R-{rule.number}"
        assert rule.says, f"{name}: a docstring says what it is"
        assert rule.tests, f"{name}: a test has r_{rule.number} in its name"
        assert rule.sections, f"{name}: a docstring says where it comes from"
        if rule.error:
            assert rule.guards, f"a comment `# {name}: ...` stands at its guard"
            assert rule.wants, f"{name}: its message says what it compares"
        else:
            assert rule.defined, f"the docstring of what it defines says ({name})"


def test_no_test_names_a_rule_that_is_not_there() -> None:
    assert numbers_in_tests() <= {rule.number for rule in collect()}
