# SPDX-License-Identifier: Apache-2.0
"""`edge-node bench proof` through its command: JSON, the page, and options that reach the run."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from edge_node.bench.proof.run import ProofReport, Tell, run_proof
from edge_node.bench.proof.workbench import ProofOptions
from edge_node.cli import measured_page, proof_commands
from edge_node.cli.app import app
from edge_node.datasets.store import DatasetStore
from edge_node.primitives.clock import Clock
from edge_node.primitives.types import DatasetId
from tests.demo.pictures import stored_patterns


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> list[ProofOptions]:
    seen: list[ProofOptions] = []

    def stored(root: Path, *, offline: bool) -> tuple[DatasetStore, DatasetId]:
        return stored_patterns(root)

    def run(options: ProofOptions, clock: Clock, tell: Tell) -> ProofReport:
        seen.append(options)
        return run_proof(options, clock, tell)

    monkeypatch.setattr(measured_page, "stored_mnist", stored)
    monkeypatch.setattr(proof_commands, "run_proof", run)
    return seen


def proof(tmp_path: Path, *arguments: str) -> str:
    command = ["--data-dir", str(tmp_path), "bench", "proof", "--quick", "--only", "share"]
    result = CliRunner().invoke(app, [*command, *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_json_is_one_object(tmp_path: Path, asked: list[ProofOptions]) -> None:
    found = json.loads(proof(tmp_path, "--json", "--blocks", "9", "--time-cap", "3"))
    assert {"command", "machine", "rows", "curves", "seconds"} <= set(found)
    (options,) = asked
    assert (options.blocks, options.time_cap_s, options.real_blocks) == (9, 3, 0)
    assert (options.tables, options.quick) == (("share",), True)


def test_without_json_it_is_a_page(tmp_path: Path) -> None:
    assert proof(tmp_path).startswith("# The proof rules, measured")


def test_report_mines_real_blocks_unless_told_otherwise(
    tmp_path: Path, asked: list[ProofOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proof_commands, "REAL_BLOCKS", 1)
    proof(tmp_path, "--report", str(tmp_path / "page"))
    proof(tmp_path, "--report", str(tmp_path / "page"), "--real", "0")
    assert [options.real_blocks for options in asked] == [1, 0]
    assert (tmp_path / "page" / "PROOF_TABLES.md").exists()
