# SPDX-License-Identifier: Apache-2.0
"""The overlay's steps: the first that fails ends the look and says why; the engine is simulated."""

import fcntl
from pathlib import Path

import pytest

from edge_node.inference.bitstream import AdoptedOverlay, read_bitstream
from edge_node.node import overlay_check
from edge_node.node.overlay_check import check_overlay
from edge_node_fpga.driver import overlay
from edge_node_fpga.driver.errors import PynqMissing
from edge_node_fpga.regs.constants import REGISTERS
from edge_node_fpga.sim.hwh import write_hwh
from tests.fpga.conftest import SMALLEST, plug


@pytest.fixture
def adopted(tmp_path: Path) -> AdoptedOverlay:
    path = tmp_path / "bnn.bit"
    path.write_bytes(b"bits")
    write_hwh(path.with_suffix(".hwh"))
    return read_bitstream(path)


def test_machine_without_an_overlay_lacks_nothing() -> None:
    (finding,) = check_overlay(None)
    assert (finding.works, finding.needed) == (False, False)
    assert "hw adopt-overlay" in finding.detail


@pytest.mark.parametrize("suffix", [".bit", ".hwh"])
def test_changed_file_ends_the_look(adopted: AdoptedOverlay, suffix: str) -> None:
    adopted.bitfile.with_suffix(suffix).write_bytes(b"changed")
    (finding,) = check_overlay(adopted)
    assert (finding.name, finding.works, finding.needed) == ("overlay files", False, True)
    assert "was adopted" in finding.detail


def test_hwh_that_this_version_does_not_know_ends_the_look(tmp_path: Path) -> None:
    # As after an update of edge-node, whose registers are others.
    path = tmp_path / "bnn.bit"
    path.write_bytes(b"bits")
    write_hwh(path.with_suffix(".hwh"), REGISTERS[:-1])
    files, hwh = check_overlay(read_bitstream(path))
    assert files.works
    assert (hwh.name, hwh.works) == ("overlay hwh", False)
    assert "the register IRQ_STATUS is nothing" in hwh.detail


def test_machine_without_a_board_is_told_that_pynq_lacks_it(
    adopted: AdoptedOverlay, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> None:
        raise PynqMissing

    monkeypatch.setattr(overlay, "load_pynq", missing)
    *before, engine = check_overlay(adopted)
    assert [each.works for each in before] == [True, True]
    assert (engine.works, engine.needed) == (False, True)
    assert "pynq can not be imported" in engine.detail


def test_engine_in_use_is_left_alone(
    adopted: AdoptedOverlay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overlay_check, "_identity", lambda _: pytest.fail("it was loaded"))
    with adopted.bitfile.open("rb") as node:
        fcntl.flock(node, fcntl.LOCK_EX)
        *_, engine = check_overlay(adopted)
    assert (engine.works, engine.needed) == (False, False)
    assert "stop that first" in engine.detail


@pytest.mark.fpga
def test_engine_says_what_it_is(tmp_path: Path) -> None:
    board = plug(SMALLEST, tmp_path)
    findings = check_overlay(read_bitstream(board.bitfile))
    board.device.board.close()
    assert [each.name for each in findings] == ["overlay files", "overlay hwh", "overlay engine"]
    assert all(each.works and each.needed for each in findings)
    assert "8 elements, 8 trees, 1 image at once, 1024 rows" in findings[-1].detail


@pytest.mark.fpga
def test_fabric_that_is_not_what_the_hwh_says_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = plug(SMALLEST, tmp_path)
    # ID reads as 0, as it does where an engine of another kind answers.
    monkeypatch.setattr(board.device, "read_registers", lambda _, length: bytes(length))
    *_, engine = check_overlay(read_bitstream(board.bitfile))
    board.device.board.close()
    assert (engine.works, engine.needed) == (False, True)
    assert "0x314e4e42" in engine.detail
