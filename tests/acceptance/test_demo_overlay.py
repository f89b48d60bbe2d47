# SPDX-License-Identifier: Apache-2.0
"""A chain in which one node judges every block on the simulated overlay, as a user would see it.

The same chain's best model has the law's logits there.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.demo.processes import processes_of

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.fpga,
    pytest.mark.slow,
    pytest.mark.timeout(1_200),
]

IMAGES = 2_000
BACKENDS = ("native", "overlay-sim", "tflite")


def answer(*words: str) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-m", "edge_node", *words, "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def test_simulated_overlay_judges_every_block(tmp_path: Path) -> None:
    output = tmp_path / "demo-output"
    words = ("--backends", ",".join(BACKENDS), "--blocks", "8")
    report = answer("demo", "--output", str(output), *words)
    nodes, exports = report["nodes"], report["exports"]
    assert isinstance(nodes, list)
    assert isinstance(exports, dict)
    # A node where another back end had stepped in would name both.
    assert tuple(node["backend"] for node in nodes) == BACKENDS
    assert {node["validated"] for node in nodes} == {report["height"]}
    assert len({node["head"] for node in nodes}) == 1
    log = (output / "nodes" / "node-2" / "log").read_text()
    assert "failed" not in log
    assert processes_of(tmp_path) == []
    verify = ("model", "verify", exports["blob"], "--dataset", "mnist", "--limit", str(IMAGES))
    verdicts = []
    for name in ("reference", "overlay-sim"):
        backends = answer("--data-dir", str(output), *verify, "--backend", name)["backends"]
        assert isinstance(backends, list)
        verdicts.append((backends[0]["digest"], backends[0]["correct"], backends[0]["total"]))
    assert verdicts[0] == verdicts[1]
    assert verdicts[0][2] == IMAGES
