# SPDX-License-Identifier: Apache-2.0
"""A chain whose newest model runs on an emulated Cortex-M, as a user of the demonstration sees it.

Its sensor is a pattern of few images: so every prediction that came through the broker is one of
the law's.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edge_node.demo.report import stopped_chain
from edge_node.inference.reference import ReferenceBackend
from edge_node.node.data_directory import DataDirectory
from edge_node.primitives.types import Hash32, ModelHash
from tests.demo.processes import processes_of
from tests.firmware_bridge.native import bars

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.firmware,
    pytest.mark.slow,
    pytest.mark.timeout(900),
]

BLOCKS = 6
SIDE, PATTERNS = 28, 16


def test_newest_model_runs_on_a_microcontroller_and_its_predictions_are_published(
    tmp_path: Path,
) -> None:
    for program in ("qemu-system-arm", "arm-none-eabi-gcc"):
        if shutil.which(program) is None:
            pytest.skip(f"no {program}")
    output = tmp_path / "demo-output"
    words = ("demo", "--bridge", "mps2", "--blocks", str(BLOCKS), "--output", str(output))
    done = subprocess.run(
        [sys.executable, "-m", "edge_node", *words, "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    assert processes_of(tmp_path) == []
    bridge = json.loads(done.stdout)["bridge"]
    received = [json.loads(line) for line in Path(bridge["file"]).read_text().splitlines()]
    assert bridge["predictions"] == len(received) > 0
    assert bridge["predictions_of_newest"] >= 1
    assert bridge["models"] == list(dict.fromkeys(each["model"] for each in received))
    assert bridge["models"][-1] == bridge["newest_model"]

    directory = DataDirectory(output / "nodes" / "node-2")
    images = b"".join(bars(SIDE, number) for number in range(PATTERNS))
    pixels = np.frombuffer(images, dtype=np.uint8).reshape(PATTERNS, -1)
    with stopped_chain(directory.chain, directory.genesis().network_id()) as (chain, blocks):
        assert bridge["newest_height"] == len(chain)
        for name in bridge["models"]:
            model = blocks.model(ModelHash(Hash32(bytes.fromhex(name))))
            law = ReferenceBackend().logits(model, pixels).tolist()
            for found in (each for each in received if each["model"] == name):
                assert found["logits"] in law
                assert found["class"] == found["logits"].index(max(found["logits"]))
