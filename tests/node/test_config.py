# SPDX-License-Identifier: Apache-2.0
"""The tree of choices and the schema have the same keys, and every default passes the schema."""

import dataclasses
from pathlib import Path

import pytest

from edge_node.node.config import Config, NodeSection
from edge_node.node.configuration_schema import SETTINGS, check_setting

DEFAULTS = Config(node=NodeSection(data_dir=Path("/data")))


def test_tree_and_schema_have_the_same_keys() -> None:
    fields = [
        (section.name, each.name)
        for section in dataclasses.fields(DEFAULTS)
        for each in dataclasses.fields(getattr(DEFAULTS, section.name))
    ]
    assert fields == list(SETTINGS)


@pytest.mark.parametrize(("section", "key"), SETTINGS)
def test_defaults_pass_the_schema(section: str, key: str) -> None:
    value = getattr(getattr(DEFAULTS, section), key)
    if isinstance(value, Path) or value is None:
        value = str(value or "")
    plain = list(value) if isinstance(value, tuple) else value
    assert check_setting(section, key, plain, "default") == value


def test_defaults_start_a_node_on_this_machine_alone() -> None:
    assert DEFAULTS.network.brokers == ()
    assert DEFAULTS.broker.listen == "127.0.0.1"
