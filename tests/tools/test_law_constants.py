# SPDX-License-Identifier: Apache-2.0
"""Every constant of the law stands in the table with what it is, its unit and who uses it.

What uses a constant is found in the code; it is held against rules that a reader can look up.
"""

import ast
from dataclasses import fields

import pytest

from edge_node.spec.genesis import Parameters
from tools.law_constants import Constant, collect_constants
from tools.law_rules import ROOT


@pytest.fixture(scope="module")
def constants() -> dict[str, Constant]:
    return {constant.name: constant for constant in collect_constants()}


def test_every_parameter_of_a_genesis_is_there_and_in_order(constants: dict[str, Constant]) -> None:
    names = [field.name for field in fields(Parameters)]
    assert list(constants)[: len(names)] == names
    # Those that are no single number have no one range: R-24 bounds their parts.
    lists = {name for name in names if isinstance(getattr(Parameters(), name), tuple)}
    assert {name for name in names if not constants[name].bounds} == lists


def test_every_name_of_the_constants_file_is_there(constants: dict[str, Constant]) -> None:
    tree = ast.parse((ROOT / "edge_node/spec/constants.py").read_text())
    names = {
        target.id
        for statement in tree.body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }
    assert names - set(constants) == set(), "each wants a docstring under it"


def test_every_constant_is_complete(constants: dict[str, Constant]) -> None:
    for name, constant in constants.items():
        assert constant.says, f"a docstring under {name} says what it is"
        assert constant.unit, f"a word of {name} tells its unit, in tools/law_constants.py"
        assert constant.rules or constant.users, f"nothing uses {name}: take it away"


@pytest.mark.parametrize(
    ("name", "rules"),
    [
        # Raised on it.
        ("max_connection_count", {37}),
        ("max_recipe_draws", {39}),
        # Raised on what was computed with it, and called with it elsewhere.
        ("min_family_acc_ppm", {41, 79}),
        ("population_cross_percent_ppm", {10, 39, 70}),
        # By way of a function that has no rule of its own.
        ("max_founder_macs", {39}),
        # By a docstring, and by a comment above.
        ("halving_blocks", {29}),
        ("max_family_generations", {35}),
        # By a default of a function's argument.
        ("MAX_DEPTH", {2}),
    ],
)
def test_rules_are_those_that_use_it(
    constants: dict[str, Constant], name: str, rules: set[int]
) -> None:
    assert set(constants[name].rules) == rules


def test_limit_that_relay_uses_too_has_its_rule_and_its_users(
    constants: dict[str, Constant],
) -> None:
    assert constants["MAX_TRANSACTION_BYTES"].rules == (19,)
    assert "edge_node/gossip/transactions.py" in constants["MAX_TRANSACTION_BYTES"].users


def test_values_are_shown_as_people_write_them(constants: dict[str, Constant]) -> None:
    assert constants["MAX_AMOUNT"].value == "2^64 - 1"
    assert constants["max_connection_count"].value == "2^21"
    assert constants["MAX_ITEMS"].value == "20,000"
    assert constants["min_fee"].bounds == "0..2^64 - 1"
