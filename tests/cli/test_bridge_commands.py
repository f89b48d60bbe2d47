# SPDX-License-Identifier: Apache-2.0
"""`edge-node bridge`: what is plugged in, models onto it, samples from it into a dataset.

The device is the firmware's core on this machine, behind a socket, with a sensor of the toy chain's
size.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_node.cli import bridge_commands
from edge_node.node.bridge.recording import earlier_recording
from edge_node_bridge.codes import Capability
from edge_node_bridge.device import Device, SensorSample
from tests.cli.typing_in import HEIGHT, typed, whole_table
from tests.firmware_bridge.plugged import PluggedBoard, plugged
from tests.spec.toy_data import SIDE


@pytest.fixture
def board() -> Iterator[PluggedBoard]:
    with plugged(SIDE) as made:
        yield made


def test_list_shows_what_answers_and_why_others_do_not(
    tmp_path: Path, board: PluggedBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("bridge", "list", board.port, "/dev/none")
    here, gone = typed(tmp_path, *words, "--json").json()["devices"]
    assert (here["answers"], here["board"], here["shape"]) == (True, "native", [SIDE, SIDE, 1])
    assert here["capabilities"] == [each.name for each in Capability]
    assert here["model"] is None
    assert (gone["answers"], gone["port"]) == (False, "/dev/none")
    assert "plug the board in" in gone["why"]
    shown = typed(tmp_path, *words).out
    whole_table(shown)
    assert "native" in shown
    monkeypatch.setattr(bridge_commands, "ports_present", tuple)
    assert typed(tmp_path, "bridge", "list", "--json").json() == {"devices": []}
    assert "flash-help" in typed(tmp_path, "bridge", "list").out


def test_newest_model_is_pushed_and_named(toy_node: Path, board: PluggedBoard) -> None:
    newest = typed(toy_node, "model", "list", "--json").json()["models"][-1]
    pushed = typed(toy_node, "bridge", "push-model", board.port, "--json").json()
    assert (pushed["model"], pushed["height"]) == (newest["model"], HEIGHT)
    (device,) = typed(toy_node, "bridge", "list", board.port, "--json").json()["devices"]
    assert device["model"] == newest["model"]
    family = newest["family"][:8]
    words = ("bridge", "push-model", board.port, "--family", family)
    assert newest["model"] in typed(toy_node, *words).out


def test_model_is_chosen_by_hash_or_file(toy_node: Path, board: PluggedBoard) -> None:
    first = typed(toy_node, "model", "list", "--json").json()["models"][0]["model"]
    push = ("bridge", "push-model", board.port)
    assert typed(toy_node, *push, first[:12], "--json").json()["model"] == first
    path = toy_node.parent / "first.bnn"
    typed(toy_node, "model", "export", first, "--format", "blob", "--output", str(path))
    assert typed(toy_node, *push, "--file", str(path), "--json").json()["model"] == first
    assert "not several" in typed(toy_node, *push, first, "--family", "f").sentence(2)
    assert "edge-node model list" in typed(toy_node, *push, "xyz").sentence(1)
    assert "no family that begins" in typed(toy_node, *push, "--family", "xyz").sentence(3)


def test_device_that_is_not_there_is_a_sentence(toy_node: Path, tmp_path: Path) -> None:
    told = typed(toy_node, "bridge", "push-model", "/dev/none").sentence(3)
    assert told.endswith("plug the board in")
    assert "edge-node init" in typed(tmp_path, "bridge", "push-model", "/dev/none").sentence(3)


def test_samples_of_two_classes_become_a_dataset_that_is_published(
    toy_node: Path, board: PluggedBoard
) -> None:
    path = toy_node.parent / "mine.npz"
    sample = ("bridge", "sample", board.port, "--count", "20", "--interval-ms", "0")
    words = (*sample, "--output", str(path))
    first = typed(toy_node, *words, "--label", "0", "--json").json()
    assert (first["samples"], first["shape"]) == (20, [SIDE, SIDE, 1])
    assert "--append" in typed(toy_node, *words, "--label", "1").sentence(3)
    shown = typed(toy_node, *words, "--label", "1", "--append").out
    assert "20 samples of class 1, 40 in all" in shown
    assert f"edge-node dataset import {path} --format npz --name NAME" in shown
    imported = ("dataset", "import", str(path), "--format", "npz", "--name", "mine", "--json")
    assert typed(toy_node, *imported).json()["classes"] == 2
    assert typed(toy_node, "dataset", "publish", "mine", "--json").json()["published"]


@pytest.mark.parametrize("ending", ["unplugged", "Ctrl-C"])
def test_samples_that_came_are_kept_whatever_ends_it(
    tmp_path: Path,
    board: PluggedBoard,
    monkeypatch: pytest.MonkeyPatch,
    ending: str,
) -> None:
    path, whole = tmp_path / "mine.npz", Device.samples

    def cut(*args: Any, **options: Any) -> Iterator[SensorSample]:
        for each in whole(*args, **options):
            yield each
            if each.index == 4 and ending == "Ctrl-C":
                raise KeyboardInterrupt
            if each.index == 4:
                board.pull()

    words = ("bridge", "sample", board.port, "--interval-ms", "0", "--output", str(path))
    typed(tmp_path, *words, "--count", "3", "--label", "0", "--json").json()
    monkeypatch.setattr(Device, "samples", cut)
    seen = typed(tmp_path, *words, "--append", "--count", "100000", "--label", "1")
    if ending == "Ctrl-C":
        assert seen.code == 130
    else:
        assert "plug the board in" in seen.sentence(3)
    recorded = earlier_recording(path, append=True)
    assert recorded is not None
    kept = len(recorded) - 3
    assert kept >= 5
    assert recorded.labels.tolist() == [0] * 3 + [1] * kept
    assert f"{kept} of 100000 samples came, and are in {path}" in seen.err


def test_board_without_a_sensor_is_told_and_nothing_is_written(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    with plugged(0) as board:
        words = ("bridge", "sample", board.port, "--count", "1", "--label", "0")
        told = typed(tmp_path, *words, "--output", str(path)).sentence(3)
    assert "has no sensor" in told
    assert not path.exists()


def test_help_says_that_a_device_signs_nothing(tmp_path: Path) -> None:
    for words in (("bridge", "--help"), ("bridge", "run", "--help")):
        text = " ".join(typed(tmp_path, *words).out.split())
        assert "signs nothing and holds no keys" in text
