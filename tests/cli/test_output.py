# SPDX-License-Identifier: Apache-2.0
"""What is printed: JSON and nothing else, whole tables at any width, percent without floats."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge_node.cli.output import console, emit, percent, printable, short, table, waiting


def test_json_alone_and_paths_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    emit({"path": Path("/x")}, as_json=True, show=pytest.fail)
    assert json.loads(capsys.readouterr().out) == {"path": "/x"}


@pytest.mark.parametrize("as_json", [True, False])
def test_reader_who_is_gone_ends_it_well(monkeypatch: pytest.MonkeyPatch, as_json: bool) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as gone:
        monkeypatch.setattr(sys, "stdout", gone)
        with pytest.raises(SystemExit) as ended:
            emit({"a": 1}, as_json=as_json, show=lambda: console.print(table("t", ["a"], [["b"]])))
    console._buffer.clear()
    assert ended.value.code == 0


def drawn(columns: list[str], rows: list[list[object]], *, crowded: bool) -> str:
    with console.capture() as capture:
        console.print(table("title", columns, rows, crowded=crowded))
    return capture.get()


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("crowded", [True, False])
def test_nothing_is_left_out_of_a_table(
    monkeypatch: pytest.MonkeyPatch, width: int, crowded: bool
) -> None:
    monkeypatch.setattr(console, "_width", width)
    words = [f"word{number}" for number in range(12)]
    shown = drawn(
        ["!name", ">how many", "words"], [["a" * 12, 123_456, " ".join(words)]], crowded=crowded
    )
    assert max(map(len, shown.splitlines())) <= width
    assert all(word in shown for word in words)
    assert "a" * 12 in shown
    assert "123456" in shown


@pytest.mark.parametrize("crowded", [True, False])
def test_number_without_room_is_folded_and_never_loses_digits(
    monkeypatch: pytest.MonkeyPatch, crowded: bool
) -> None:
    monkeypatch.setattr(console, "_width", 40)
    numbers: list[object] = ["1" * 20, "2" * 20, "3" * 20]
    shown = drawn([">a", ">b", "!c"], [numbers], crowded=crowded)
    assert max(map(len, shown.splitlines())) <= 40
    assert [shown.count(digit) for digit in "123"] == [20, 20, 20]


def test_crowded_table_has_lines_where_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    for width, lines in ((80, False), (120, True)):
        monkeypatch.setattr(console, "_width", width)
        assert ("│" in drawn(["a b"], [["c"]], crowded=True)) is lines


def test_what_others_tell_is_only_text() -> None:
    assert printable("[red]\x1b[2J\nö") == "[red]?[2J?ö"
    assert "[/nothing]" in drawn(["a"], [["[/nothing]"]], crowded=False)


def test_waiting_says_nothing_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    with waiting("for something") as tell:
        tell("still")
    assert capsys.readouterr().out == ""


def test_short_names_tell_hashes_apart() -> None:
    assert short("ab" * 32) == "ab" * 6


@pytest.mark.parametrize(
    ("ppm", "text"), [(0, "0.00"), (999_999, "99.99"), (1_000_000, "100.00"), (50_100, "5.01")]
)
def test_percent(ppm: int, text: str) -> None:
    assert percent(ppm) == text


def test_journal_gets_levels_and_no_times(tmp_path: Path) -> None:
    code = (
        "import logging\n"
        "from edge_node.cli.output import complain, set_up_logging\n"
        "set_up_logging('debug', 'text')\n"
        "for level in (10, 20, 30, 40, 50): logging.log(level, 'a\\nb')\n"
        "complain('it ended')\n"
    )
    place = tmp_path / "journal"
    with place.open("w") as journal:
        found = os.fstat(journal.fileno())
        for stream in (f"{found.st_dev}:{found.st_ino}", "1:2"):
            subprocess.run(
                [sys.executable, "-c", code],
                env={"JOURNAL_STREAM": stream},
                stderr=journal,
                check=True,
                cwd=Path(__file__).parents[2],
            )
    lines = place.read_text().splitlines()
    levels = [7, 6, 4, 3, 3]
    assert lines[:11] == [
        *(f"<{level}>{word}" for level in levels for word in "ab"),
        "<3>it ended",
    ]
    assert " DEBUG   a" in lines[11], "another file than the journal gets the time"
    assert lines[-1] == "edge-node: it ended"
