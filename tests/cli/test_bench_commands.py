# SPDX-License-Identifier: Apache-2.0
"""`edge-node bench` through its command: JSON with the contract's keys, or a table."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from edge_node.bench import run
from edge_node.bench.rows import Row
from edge_node.cli import bench_commands, output
from edge_node.cli.app import app
from edge_node.cli.bench_commands import figure
from edge_node.datasets.mnist import MNIST_ID
from edge_node.datasets.store import DatasetStore

HIT = Row(name="a/hit", value=2.0, unit="ms", baseline="slow", baseline_value=8.0, goal=3.0)
MISSED = Row(name="b/missed", value=None, unit="s", baseline=None, baseline_value=None, goal=5.0)


@pytest.fixture(autouse=True)
def rows_at_hand(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[run.BenchOptions]:
    asked: list[run.BenchOptions] = []

    def answer(options: run.BenchOptions) -> list[Row]:
        asked.append(options)
        return [HIT, MISSED]

    monkeypatch.setattr(bench_commands, "run_bench", answer)
    monkeypatch.setattr(
        bench_commands,
        "stored_mnist",
        lambda root, *, offline: (DatasetStore(root), MNIST_ID),
    )
    return asked


def bench(tmp_path: Path, *arguments: str) -> str:
    result = CliRunner().invoke(app, ["--data-dir", str(tmp_path), "bench", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_json_is_one_object_with_the_contracts_keys(tmp_path: Path) -> None:
    found = json.loads(bench(tmp_path, "--json"))
    assert set(found) == {"machine", "rows"}
    assert found["machine"]["threads"] == 1
    keys = {"name", "value", "unit", "baseline", "baseline_value", "ratio", "goal", "reached"}
    assert [set(row) for row in found["rows"]] == [keys, keys]
    assert [row["reached"] for row in found["rows"]] == [True, False]


def test_options_reach_the_bench(tmp_path: Path, rows_at_hand: list[run.BenchOptions]) -> None:
    bench(tmp_path, "--json", "--quick", "--only", "images", "--only", "transport")
    (options,) = rows_at_hand
    assert (options.quick, list(options.sections)) == (True, ["images", "transport"])


def test_without_compiled_kernels_what_would_take_hours_is_left_out(
    tmp_path: Path, rows_at_hand: list[run.BenchOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench_commands, "load_library", lambda: None)
    told = CliRunner().invoke(app, ["--data-dir", str(tmp_path), "bench", "--json"])
    assert "left out: candidates, difficulty, training" in told.output
    bench(tmp_path, "--json", "--only", "training")
    usual, asked = rows_at_hand
    assert list(usual.sections) == ["evaluation", "reference", "images", "transport"]
    assert list(asked.sections) == ["training"], "who asks for it gets it"


def test_table_says_yes_and_no(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output.console, "_width", 200)
    shown = bench(tmp_path)
    assert "yes" in shown
    assert "NO" in shown
    assert "one thread" in shown


def test_unknown_section_is_a_usage_error(tmp_path: Path) -> None:
    arguments = ["--data-dir", str(tmp_path), "bench", "--only", "nothing"]
    assert CliRunner().invoke(app, arguments).exit_code == 2


@pytest.mark.parametrize(
    ("value", "text"), [(None, "-"), (0.03513, "0.03513"), (147_463, "147,463"), (5.0, "5")]
)
def test_figures(value: float | None, text: str) -> None:
    assert figure(value) == text
