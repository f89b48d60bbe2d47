# SPDX-License-Identifier: Apache-2.0
"""The page shows the figures, says what kind they are, and is what the program writes."""

import json
import re
from pathlib import Path

import pytest

from edge_node_fpga.report.anchors import ANCHORS
from edge_node_fpga.report.figures import from_json
from edge_node_fpga.report.goals import GOALS
from edge_node_fpga.report.page import document, number, page, table
from tests.fpga.report.sample import exact, figures, resources, run

REPORT = Path(__file__).resolve().parents[3] / "fpga" / "report"
WHOLE = figures(run(), of={"32x64": resources(lut_levels=7)}, exactness=(exact(),))
TEXT = page(WHOLE, "../engine.svg")


def rows(title: str) -> list[list[str]]:
    section = TEXT.partition(f"\n## {title}")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_tables_are_tables() -> None:
    for block in re.findall(r"(?:^\|.*\n)+", TEXT, re.MULTILINE):
        lines = block.splitlines()
        assert len({line.count("|") for line in lines}) == 1
        assert set(lines[1]) <= set("| -:")
        before, _, _ = TEXT.partition(block)
        assert before.endswith("\n\n"), "a table wants an empty line before it"


def test_goals_are_answered() -> None:
    said = {(what, quantity): (reached, met) for what, quantity, _, reached, met in rows("Goals")}
    assert len(said) == len(GOALS)
    assert said["32x64", "LUT"] == ("11,000", "yes")
    assert said["32x64", "LUT levels between registers"] == ("7", "**no**")
    assert said["64x64", "LUT"] == ("", "not measured in this run")


def test_what_was_not_measured_is_said() -> None:
    empty = page(figures(), "engine.svg")
    assert "0 of 0 measured goals are met" in empty
    assert empty.count("not measured in this run.") == 2


def test_others_stand_beside_ours() -> None:
    names = [row[0] for row in rows("Beside others")]
    assert names == ["this engine, 32x64", *(each.design for each in ANCHORS)]


def test_page_says_what_its_figures_are() -> None:
    assert "Nothing here was measured on a board" in TEXT
    assert "counted by yosys" in TEXT
    assert "**simulated**" in TEXT
    clocks = set(re.findall(r"(\d+) MHz", TEXT))
    assert clocks == {"100", "143", "200"}, "the nominal one, and those of others"


def test_document_has_the_verdicts_and_can_be_shown_again() -> None:
    whole = json.loads(document(WHOLE))
    assert len(whole["goals"]) == len(GOALS)
    assert page(from_json(whole, Path("report.json")), "../engine.svg") == TEXT


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (20.999, "21.00"), (21.0, "21"), (99.5, "99.50"), (1_600_000.4, "1,600,000")],
)
def test_numbers_are_for_readers(value: float, text: str) -> None:
    assert number(value) == text


def test_columns_of_numbers_are_right_aligned() -> None:
    assert table(("a", "#b"), [("x", "1")]) == "| a | b |\n| --- | --: |\n| x | 1 |\n"


def test_picture_has_every_unit_of_the_engine() -> None:
    fpga = REPORT.parent
    picture = (fpga / "engine.svg").read_text()
    engine = (fpga / "rtl" / "engine.sv").read_text()
    units = set(re.findall(r"^ +(\w+)(?: #\(.*| \w+ \()$", engine, re.MULTILINE)) - {"fifo"}
    assert {"stream_input", "window_lane", "pe_array", "descriptor_check"} <= units
    assert {name for name in units if name not in picture} == set()


def test_committed_page_is_that_of_the_committed_figures() -> None:
    path = REPORT / "report.json"
    of = from_json(json.loads(path.read_text()), path)
    assert (REPORT / "REPORT.md").read_text() == page(of, "../engine.svg")
    assert path.read_text() == document(of)
