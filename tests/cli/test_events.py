# SPDX-License-Identifier: Apache-2.0
"""Events of a node from its control socket, where a scripted node answers; readers who go away."""

import json
import os
import sys
import threading
from pathlib import Path

import pytest

from edge_node.cli import events
from edge_node.node.control import JsonObject
from tests.cli.test_dataset_fetching import answering

EMPTY: JsonObject = {
    "node": "ab",
    "address": "cd",
    "network": "ef",
    "network_name": "toy",
    "height": 0,
    "head": "00",
    "backend": "reference",
    "mined": 0,
}
ONE: JsonObject = {**EMPTY, "height": 1, "head": "11", "mined": 1}
TWO: JsonObject = {**EMPTY, "height": 2, "head": "22", "mined": 1}


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "LOOK_S", 0.02)


def test_each_change_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    control, pause = tmp_path / "control", threading.Event()
    with events.told(control, threading.Event()):
        pause.wait(0.1)  # nobody answers yet
        with answering(control, EMPTY, EMPTY, ONE, TWO, TWO) as asked:
            while len(asked) < 6:
                pause.wait(0.01)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["event"], line["height"]) for line in lines] == [
        ("started", 0),
        ("head", 1),
        ("mined", 1),
        ("head", 2),
        ("stopped", 2),
    ]
    assert set(lines[0]) == {"event", *EMPTY} - {"mined"}


def test_reader_who_goes_away_stops_the_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    stop = threading.Event()
    with os.fdopen(writing, "w") as gone, answering(tmp_path / "control", EMPTY):
        monkeypatch.setattr(sys, "stdout", gone)
        with pytest.raises(SystemExit) as ended, events.told(tmp_path / "control", stop):
            assert stop.wait(60)
    assert ended.value.code == 0
