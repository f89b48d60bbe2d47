# SPDX-License-Identifier: Apache-2.0
"""`edge-node dataset fetch ID`: asks the running node, and waits until the dataset is here.

The node fetches and checks every chunk against the ID; this only looks on. Broken off on either
side, it goes on where it was: what is on the disk is not asked for again.
Law of the file: it ends when there is nothing more to wait for, and says why.
Read next: edge_node/node/dataset_fetch.py.
"""

import time
from pathlib import Path

from edge_node.cli.output import waiting
from edge_node.datasets.errors import DatasetError
from edge_node.node.control import JsonObject, ask
from edge_node.primitives.counting import counted
from edge_node.primitives.types import DatasetId

POLL_S = 0.2
MAX_POLLS_WITHOUT_CHUNK = 300
"""A minute: gossip asks every holder several times in it."""


class DatasetNotFetched(DatasetError):
    """The running node gave a dataset up, in its own words."""

    reason = "dataset-not-fetched"


class FetchStalled(DatasetError):
    """No chunk comes any more."""

    reason = "dataset-fetch-stalled"

    def __init__(self, dataset: DatasetId, answer: JsonObject) -> None:
        here = int(str(answer["chunks"])) - int(str(answer["missing"]))
        chunks = counted(int(str(answer["chunks"])), "chunk")
        who = "nobody sends more" if answer["connected"] else "the node has lost its broker"
        super().__init__(
            f"dataset {dataset.hex()} stands still at {here} of {chunks} because "
            f"{who}; run this again later, only the rest is fetched then"
        )
        self.dataset = dataset


def fetch_from_peers(control: Path, dataset: DatasetId) -> None:
    """Have the running node fetch a dataset, and return when it is here whole.

    Raises
    ------
    NodeNotRunning
    DatasetNotFetched, FetchStalled
        What came so far stays on the disk.
    """
    polls, before = 0, -1
    with waiting("asking the network") as tell:
        while True:
            answer = ask(control, "fetch", {"dataset": dataset.hex()})
            if "failed" in answer:
                raise DatasetNotFetched(str(answer["failed"]))
            if answer["complete"]:
                return
            chunks, missing = int(str(answer["chunks"])), int(str(answer["missing"]))
            if chunks:
                tell(f"{chunks - missing} of {counted(chunks, 'chunk')} fetched")
            polls = polls + 1 if missing == before else 0
            before = missing
            if polls > MAX_POLLS_WITHOUT_CHUNK:
                raise FetchStalled(dataset, answer)
            time.sleep(POLL_S)
