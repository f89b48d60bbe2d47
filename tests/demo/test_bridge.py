# SPDX-License-Identifier: Apache-2.0
"""The demonstration's microcontroller: what is missing is told first, what was not shown at last.

The whole of it, with an emulator, is in tests/acceptance/test_demo_bridge.py.
"""

import shutil
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from edge_node.demo.bridge import (
    EMULATED,
    BridgeImpossible,
    BridgeReport,
    DemoBridge,
    EmulatedFirmware,
    _is_seen,
    prepare_firmware,
)
from edge_node.demo.network import DemoFailed, DemoNetwork
from edge_node.node.networks import DEMO
from edge_node.node.system import SystemClock
from edge_node.spec.architecture import BINARY_4K, dense
from edge_node.spec.genesis import EVOLUTION
from edge_node_bridge.firmware.build import BOARDS
from tests.demo.pictures import stored_patterns
from tests.demo.processes import processes_of

REPORT = BridgeReport(
    board="mps2_an385",
    emulated_by="qemu-system-arm -M mps2-an385",
    topic="edge-node/bridge/n/d/prediction",
    predictions=9,
    file="demo-output/bridge/predictions.jsonl",
    models=("aa" * 32, "bb" * 32),
    newest_model="bb" * 32,
    newest_height=7,
    predictions_of_newest=2,
)


@pytest.mark.parametrize(
    ("missing", "cure"),
    [
        ("qemu-system-arm", "sudo apt install qemu-system-arm"),
        ("arm-none-eabi-gcc", "sudo apt install gcc-arm-none-eabi"),
    ],
)
def test_what_is_not_installed_is_one_sentence(
    missing: str, cure: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def which(program: str) -> str | None:
        return None if program == missing else f"/usr/bin/{program}"

    monkeypatch.setattr(shutil, "which", which)
    with pytest.raises(BridgeImpossible) as refused:
        prepare_firmware("mps2", tmp_path / "bridge")
    assert str(refused.value).startswith("no microcontroller mps2 for the demonstration: ")
    assert cure in str(refused.value)
    assert "\n" not in str(refused.value)


def test_every_name_is_a_board_with_an_emulator() -> None:
    machines = {board.name: board.machine for board in BOARDS}
    assert all(machines[board] for board in EMULATED.values())


def test_predictions_of_old_models_alone_are_a_failure() -> None:
    assert REPORT.failures == ()
    (said,) = replace(REPORT, predictions_of_newest=0).failures
    assert "none of 9 predictions is by the newest model, bbbbbbbbbbbbbbbb of height 7" in said
    assert "demo-output/bridge/log" in said


def test_models_for_images_of_another_size_are_left_out() -> None:
    assert _is_seen(BINARY_4K, 1)
    assert not _is_seen(replace(BINARY_4K, height=8, width=8, layers=(dense(4),)), 1)


@pytest.mark.slow
def test_emulator_that_ends_is_named_with_its_own_log(tmp_path: Path) -> None:
    datasets, dataset = stored_patterns(tmp_path / "datasets")
    (tmp_path / "bridge").mkdir()
    firmware = EmulatedFirmware(
        board="mps2_an385",
        machine="mps2-an385",
        command=(sys.executable, "-c", "raise SystemExit('no such machine')", "stdio"),
        folder=tmp_path / "bridge",
    )
    network = DemoNetwork(
        tmp_path / "nodes",
        backends=("reference",),
        datasets=datasets,
        learned=(dataset,),
        proof=EVOLUTION,
        parameters=DEMO,
        clock=SystemClock(),
    )
    try:
        with (
            closing(DemoBridge(firmware, network, SystemClock())) as bridge,
            pytest.raises(DemoFailed, match=r"^the emulator ended .*/emulator\.log$") as failed,
        ):
            any(iter(bridge.listen, "for ever"))
        assert "no such machine" in failed.value.log.read_text()
    finally:
        network.stop()
    assert processes_of(tmp_path) == []
