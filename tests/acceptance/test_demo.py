# SPDX-License-Identifier: Apache-2.0
"""The demonstration as a user runs it: the contract's JSON, its exit status, and what stays behind.

The whole run is on real MNIST; each way to fail is shown on a report that has failed in that way.
"""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from edge_node.cli import demo as command
from edge_node.cli.app import app
from edge_node.cli.exit_codes import ExitCode
from edge_node.demo.backends import choose_backends
from edge_node.demo.report import DemoReport
from edge_node.inference.select import available_backends
from edge_node.primitives.types import DatasetId, Hash32
from tests.acceptance.running import PATIENCE_S, eventually
from tests.demo.pictures import generation
from tests.demo.processes import processes_of
from tests.demo.test_report import GOOD, NODES

pytestmark = [pytest.mark.acceptance, pytest.mark.slow, pytest.mark.timeout(900)]

GENERATION_KEYS = {
    "height",
    "family",
    "generation",
    "miner",
    "train_ppm",
    "evaluation_ppm",
    "reserve_ppm",
    "block_bytes",
    "model_bytes",
    "payload",
    "interval_ms",
}


def demo(output: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "edge_node", "demo", "--output", str(output), *words]


@pytest.mark.parametrize(
    ("proof", "blocks"),
    [("recipe", 12), ("guiding_gradient", 8), ("evolution", 8)],  # what `make demo` runs is whole
)
def test_blocks_on_three_nodes(tmp_path: Path, proof: str, blocks: int) -> None:
    output, scratch = tmp_path / "demo-output", tmp_path / "scratch"
    scratch.mkdir()
    done = subprocess.run(
        demo(output, "--proof", proof, "--blocks", str(blocks), "--json"),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "TMPDIR": str(scratch)},
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    report = json.loads(done.stdout)
    assert set(report) == {"height", "duration_ms", "nodes", "generations", "exports"}
    assert report["height"] >= blocks
    assert len(report["nodes"]) == 3
    assert len({node["head"] for node in report["nodes"]}) == 1
    for node in report["nodes"]:
        assert set(node) == {"id", "head", "backend", "validated", "mined"}
        assert node["validated"] == report["height"]
    for line in report["generations"]:
        assert set(line) == GENERATION_KEYS
    best = max(report["generations"], key=lambda line: int(line["evaluation_ppm"]))
    assert best["reserve_ppm"] > report["generations"][0]["reserve_ppm"]
    assert set(report["exports"]) == {"tflite", "c_header", "blob", "plot"}
    used = [node["backend"] for node in report["nodes"]]
    assert used == list(choose_backends(available_backends()).chosen)
    for path in report["exports"].values():
        assert Path(path).stat().st_size > 0
    assert processes_of(tmp_path) == []
    assert list(scratch.iterdir()) == []
    every_back_end_computes_its_best_model(report["exports"]["blob"], output)


def every_back_end_computes_its_best_model(blob: str, output: Path) -> None:
    """Verify it as a user would, on the images by which blocks are judged."""
    words = ("model", "verify", blob, "--backend", "all", "--dataset", "mnist", "--json")
    done = subprocess.run(
        [sys.executable, "-m", "edge_node", "--data-dir", str(output), *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    verdict = json.loads(done.stdout)
    assert verdict["equal"] is True
    took_part = [each for each in verdict["backends"] if each["available"]]
    installed = [status.name for status in available_backends() if status.available]
    assert [each["name"] for each in took_part] == installed
    assert {"reference", "numpy"} <= set(installed)
    assert {each["total"] for each in took_part} == {10_000}
    assert len({each["digest"] for each in took_part}) == 1
    assert len({each["correct"] for each in took_part}) == 1
    assert all(len(each["digest"]) == 64 for each in took_part)


def test_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with (tmp_path / "out").open("w") as out, (tmp_path / "err").open("w") as err:
        process = subprocess.Popen(
            demo(tmp_path / "demo-output"),
            stdout=out,
            stderr=err,
            env={**os.environ, "TMPDIR": str(scratch)},
            start_new_session=True,
        )
    try:
        eventually("a first line of progress", lambda: "height " in (tmp_path / "out").read_text())
        # As a terminal does: to all processes in front, nodes included.
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(PATIENCE_S) == ExitCode.INTERRUPTED
    finally:
        process.kill()
        process.wait()
    assert "Traceback" not in (tmp_path / "err").read_text()
    eventually("no process", lambda: processes_of(tmp_path) == [])
    assert list(scratch.iterdir()) == []


LAZY = replace(GOOD, nodes=(NODES[0], replace(NODES[1], validated=11), NODES[2]))
SPLIT = replace(GOOD, nodes=(*NODES[:2], replace(NODES[2], head="cd" * 32)))
FLAT = replace(GOOD, generations=(generation(1, 850_000), generation(12, 850_000)))


@pytest.mark.parametrize(
    ("report", "code", "sentence"),
    [
        (GOOD, ExitCode.OK, ""),
        (LAZY, ExitCode.FAILED, "node-2 has judged 11 of 12 blocks"),
        (SPLIT, ExitCode.FAILED, "the nodes do not agree on the head"),
        (FLAT, ExitCode.FAILED, "accuracy on untouched images did not rise"),
    ],
)
@pytest.mark.parametrize("words", [(), ("--json",)])
def test_exit_status_is_the_reports(
    report: DemoReport,
    code: ExitCode,
    sentence: str,
    words: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(command, "run_demo", lambda *_: report)
    monkeypatch.setattr(
        command, "stored_edition", lambda *_, **__: (None, DatasetId(Hash32(bytes(32))))
    )
    done = CliRunner().invoke(app, ["demo", "--output", str(tmp_path), *words])
    assert done.exit_code == code, done.output
    assert sentence in done.output
