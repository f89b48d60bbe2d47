# SPDX-License-Identifier: Apache-2.0
"""The command writes a page from figures that were measured before, and takes another tool's."""

import json
from pathlib import Path

import pytest

from edge_node_fpga.report import __main__ as report
from edge_node_fpga.report.__main__ import main
from edge_node_fpga.report.figures import Run
from edge_node_fpga.report.page import document
from edge_node_fpga.vivado.design import Build
from tests.fpga.report.sample import figures, resources, run

COMPARED = {
    "size": "32x64",
    "oracle": "reference",
    "logits": 105_000,
    "differing": 1,
    "families": [{"name": "binary-4k", "images": 10_000, "logits": 100_000, "differing": 0}],
    "random": {"architectures": 500, "logits": 5_000, "differing": 0, "counts_differing": 1},
}


@pytest.fixture
def measured(tmp_path: Path) -> Path:
    path = tmp_path / "before.json"
    path.write_text(document(figures(run(), of={"32x64": resources()})))
    return path


def test_page_is_written_beside_its_figures_and_picture(measured: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out" / "deep"
    assert main(["--render", str(measured), "--output", str(folder)]) == 0
    assert (folder / "report.json").read_text() == measured.read_text()
    assert "![Block diagram](engine.svg)" in (folder / "REPORT.md").read_text()
    assert (folder / "engine.svg").is_file()


def test_exactness_is_taken_from_its_tool(measured: Path, tmp_path: Path) -> None:
    compared = tmp_path / "compared.json"
    compared.write_text(json.dumps(COMPARED))
    asked = ["--render", str(measured), "--output", str(tmp_path), "--exactness", str(compared)]
    assert main(asked) == 0
    whole = json.loads((tmp_path / "report.json").read_text())
    goals = {(each["subject"], each["what"]): each["met"] for each in whole["goals"]}
    assert goals["exactness, 4,440", "differing logits"] is True
    assert goals["exactness, random shapes", "differing logits"] is False, "a count is wrong"
    assert goals["exactness, 93.6K", "differing logits"] is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"size": "32x64"}'])
def test_file_that_is_no_comparison_is_refused(
    measured: Path, tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    compared = tmp_path / "compared.json"
    compared.write_text(text)
    folder = tmp_path / "out"
    asked = ["--render", str(measured), "--output", str(folder), "--exactness", str(compared)]
    assert main(asked) == 1
    assert "compared.json" in capsys.readouterr().err
    assert not folder.exists()


def test_comparison_is_read_before_anything_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = []

    def clock(build: Build, *_: object, **__: object) -> tuple[Run, ...]:
        measured.append(build.name)
        return ()

    monkeypatch.setattr(report, "clock", clock)
    missing = str(tmp_path / "compared.json")
    asked = ["--sizes", "8x64", "--no-synthesis", "--output", str(tmp_path / "out")]
    assert main([*asked, "--exactness", missing]) == 1
    assert measured == []
    assert main(asked) == 0
    assert measured == ["8x64"]


def test_unknown_size_is_refused_before_anything_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--sizes", "8x64,9x9", "--output", str(tmp_path)]) == 1
    assert "9x9" in capsys.readouterr().err
