# SPDX-License-Identifier: Apache-2.0
"""A dataset goes from node to node by its id, over a kill, and founds a third one's network."""

import signal
from pathlib import Path

import numpy as np
import pytest

from edge_node.node.control import ask
from tests.acceptance.running import Json, answer, broker, eventually, found_network, node, run

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

IMAGES = 40_000
"""About 480 chunks: seven seconds at the pace at which a node gives, after a first burst."""
SOME_CHUNKS = 20


def digits(path: Path) -> None:
    """Write a dataset that takes a while to send."""
    dice = np.random.default_rng(5)
    images = dice.integers(0, 256, (IMAGES, 28, 28), dtype=np.uint8)
    np.savez(path, images=images, labels=np.arange(IMAGES, dtype=np.uint8) % 10)


def test_published_dataset_is_fetched_resumed_and_founded_on(tmp_path: Path) -> None:
    first, second, third = found_network(tmp_path), tmp_path / "b", tmp_path / "c"
    digits(tmp_path / "digits.npz")
    words = ("dataset", "import", str(tmp_path / "digits.npz"), "--format", "npz")
    dataset = answer(first, *words, "--name", "digits")["dataset"]
    with broker(first) as line, node(first, "--no-trainer") as a:
        a.until("a connection", lambda now: now["synced"])
        answer(second, "init", "--join", line)
        with node(second, "--no-trainer") as b:
            b.until("a connection", lambda now: now["synced"])
            nobody = run(second, "dataset", "fetch", dataset)
            assert nobody.returncode == 7, nobody.stderr
            assert "edge-node dataset publish" in nobody.stderr
            published = answer(first, "dataset", "publish", "digits")
            assert published["offered"]
            assert published["fetch"] == f"edge-node dataset fetch {dataset}"
            left = until_some_chunks(second, dataset)
            b.end(signal.SIGKILL)
        with node(second, "--no-trainer") as b:
            b.until("a connection", lambda now: now["synced"])
            now = ask(second / "control", "fetch", {"dataset": dataset})
            assert int(str(now["missing"])) <= left, "what was here was not asked for again"
            fetched = answer(second, "dataset", "fetch", dataset)
            assert (fetched["dataset"], fetched["name"]) == (dataset, "digits")
            b.end()
        a.end()
    for split in ("train.bin", "evaluation.bin", "reserve.bin"):
        ours, theirs = (each / "datasets" / dataset / split for each in (first, second))
        assert ours.read_bytes() == theirs.read_bytes()
    answer(third, "init", "--dataset", dataset, "--dataset-from", str(second))
    (own,) = answer(third, "dataset", "list")["datasets"]
    assert (own["dataset"], own["published"]) == (dataset, False)


def until_some_chunks(data_dir: Path, dataset: str) -> int:
    """Begin to fetch, and return how many chunks are missing when the first are here."""
    now: Json = {}

    def some() -> bool:
        nonlocal now
        now = dict(ask(data_dir / "control", "fetch", {"dataset": dataset}))
        here: int = now["chunks"] - now["missing"]
        return here >= SOME_CHUNKS

    eventually("the first chunks", some)
    assert now["missing"] > 0, "the dataset must be larger: it was here at once"
    return int(now["missing"])
