# SPDX-License-Identifier: Apache-2.0
"""Every rule of the law has one number and one error class, so a rejection names its rule.

Errors of the law that blame no input (a dataset is not here, a block is early) need no number.
"""

import importlib
import pkgutil
import re
from collections import defaultdict
from collections.abc import Iterator

import edge_node.spec
from edge_node.spec.errors import InvalidInput

RULE_NUMBER = re.compile(r"R-[1-9][0-9]*[a-z]?")
BRANCHES = "edge_node.spec.errors"
"""The module of the classes that rules grow from; they have no number of their own."""


def rule_classes() -> list[type[InvalidInput]]:
    for module in pkgutil.walk_packages(edge_node.spec.__path__, "edge_node.spec."):
        importlib.import_module(module.name)
    found = set(subclasses(InvalidInput))
    ours = [c for c in found if c.__module__.startswith("edge_node.spec.")]
    return sorted((c for c in ours if c.__module__ != BRANCHES), key=lambda c: c.__qualname__)


def subclasses(base: type[InvalidInput]) -> Iterator[type[InvalidInput]]:
    for child in base.__subclasses__():
        yield child
        yield from subclasses(child)


def test_every_error_of_the_law_has_a_rule_number_of_its_own() -> None:
    wrong = {}
    for rule in rule_classes():
        number = rule.__dict__.get("reason")
        if not isinstance(number, str) or not RULE_NUMBER.fullmatch(number):
            wrong[rule.__qualname__] = number
    assert wrong == {}


def test_no_two_errors_of_the_law_share_a_rule_number() -> None:
    names = defaultdict(list)
    for rule in rule_classes():
        names[rule.reason].append(rule.__qualname__)
    assert {number: shared for number, shared in names.items() if len(shared) > 1} == {}


def test_every_error_of_the_law_says_what_the_rule_is() -> None:
    assert [rule.__qualname__ for rule in rule_classes() if not rule.__doc__] == []
