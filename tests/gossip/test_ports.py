# SPDX-License-Identifier: Apache-2.0
"""The ports: events can not be changed on their way, and every field says what it is."""

import ast
import dataclasses
import inspect

import pytest

from edge_node.gossip import ports

CLASSES = [
    each
    for each in vars(ports).values()
    if inspect.isclass(each)
    and dataclasses.is_dataclass(each)
    and each.__module__ == ports.__name__
]


@pytest.mark.parametrize("each", CLASSES, ids=lambda each: each.__name__)
def test_events_are_frozen_and_slotted(each: type) -> None:
    parameters = each.__dataclass_params__  # type: ignore[attr-defined]  # a dataclass has it
    assert parameters.frozen
    assert "__slots__" in vars(each)


def test_every_field_has_its_docstring() -> None:
    tree = ast.parse(inspect.getsource(ports))
    mute = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.ClassDef):
            continue
        for field, after in zip(node.body, [*node.body[1:], None], strict=True):
            if isinstance(field, ast.AnnAssign) and not isinstance(after, ast.Expr):
                mute.append(f"{node.name}.{ast.unparse(field.target)}")
    assert mute == []
