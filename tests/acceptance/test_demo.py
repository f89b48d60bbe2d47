# SPDX-License-Identifier: Apache-2.0
"""The demonstration on real MNIST: the JSON of the contract, and all files."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.acceptance, pytest.mark.slow, pytest.mark.timeout(900)]

NODE_KEYS = {"id", "head", "backend", "validated", "mined"}
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


def test_twelve_blocks_on_three_nodes(tmp_path: Path) -> None:
    output = tmp_path / "demo-output"
    words = ["demo", "--blocks", "12", "--json", "--output", str(output)]
    done = subprocess.run(
        [sys.executable, "-m", "edge_node", *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    report = json.loads(done.stdout)
    assert set(report) == {"height", "duration_ms", "nodes", "generations", "exports"}
    assert report["height"] >= 12
    assert len(report["nodes"]) == 3
    assert len({node["head"] for node in report["nodes"]}) == 1
    for node in report["nodes"]:
        assert set(node) == NODE_KEYS
        assert node["validated"] == report["height"]
    for generation in report["generations"]:
        assert set(generation) == GENERATION_KEYS
    first, last = report["generations"][0], report["generations"][-1]
    assert last["reserve_ppm"] > first["reserve_ppm"]
    assert set(report["exports"]) == {"tflite", "c_header", "blob", "plot"}
    for path in report["exports"].values():
        assert Path(path).stat().st_size > 0
