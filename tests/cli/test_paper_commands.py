# SPDX-License-Identifier: Apache-2.0
"""`edge-node bench paper` through its command: one JSON object, or the page; options arrive."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from edge_node.bench.machine import describe_machine
from edge_node.bench.paper.run import TABLES, PaperOptions, PaperReport
from edge_node.cli import measured_page, paper_commands
from edge_node.cli.app import app
from edge_node.datasets.mnist import MNIST_ID
from edge_node.datasets.store import DatasetStore


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> list[PaperOptions]:
    found: list[PaperOptions] = []

    def answer(options: PaperOptions, *_: object) -> PaperReport:
        found.append(options)
        return PaperReport(machine=describe_machine(), cores=2, load_before=0.0)

    monkeypatch.setattr(paper_commands, "run_paper", answer)
    monkeypatch.setattr(
        measured_page, "stored_mnist", lambda root, *, offline: (DatasetStore(root), MNIST_ID)
    )
    return found


def paper(tmp_path: Path, *arguments: str) -> str:
    result = CliRunner().invoke(app, ["--data-dir", str(tmp_path), "bench", "paper", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_json_is_one_object_with_a_key_for_each_table(tmp_path: Path) -> None:
    found = json.loads(paper(tmp_path, "--json"))
    assert {"command", "machine", "cores", "load_before", "load_after", *TABLES} <= set(found)


def test_options_reach_the_run(tmp_path: Path, asked: list[PaperOptions]) -> None:
    paper(tmp_path, "--json", "--quick", "--only", "bytes", "--time-cap", "7")
    paper(tmp_path, "--json")
    first, second = asked
    assert (first.quick, first.tables, first.time_cap_s) == (True, ("bytes",), 7)
    assert (second.quick, second.tables, second.time_cap_s) == (False, tuple(TABLES), 600)


def test_without_json_it_is_the_page(tmp_path: Path) -> None:
    assert "# Paper A's tables, measured" in paper(tmp_path)
