# SPDX-License-Identifier: Apache-2.0
"""Versions of pynq: what a board's image may bring is taken, everything else is named.

A module of that name is put in pynq's place; the real one is used wherever a board is simulated.
"""

import sys
from types import ModuleType

import pytest

from edge_node_fpga.driver.errors import PynqMissing, PynqUnfit
from edge_node_fpga.driver.pynq_library import load_pynq


def put_in_place(monkeypatch: pytest.MonkeyPatch, version: str) -> ModuleType:
    played = ModuleType("pynq")
    monkeypatch.setattr(played, "__version__", version, raising=False)
    monkeypatch.setitem(sys.modules, "pynq", played)
    return played


@pytest.mark.parametrize("version", ["3.0.1", "3.1", "3.1.2", "3.10.0.dev1"])
def test_versions_of_images_with_the_board_are_taken(
    monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    played = put_in_place(monkeypatch, version)
    assert load_pynq() is played


@pytest.mark.parametrize("version", ["2.7.0", "3.0.0", "4.0.0", "10.1"])
def test_other_versions_are_named(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    put_in_place(monkeypatch, version)
    with pytest.raises(PynqUnfit, match=rf"{version}.*3\.0\.1.*4\.0\.0"):
        load_pynq()


def test_missing_pynq_says_where_it_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynq", None)
    with pytest.raises(PynqMissing, match=r"PYNQ image.*edge-node\[fpga-sim\]"):
        load_pynq()
