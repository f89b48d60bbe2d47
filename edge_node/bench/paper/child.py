# SPDX-License-Identifier: Apache-2.0
"""The process of Table 2: one thread for both ways, whatever numpy's libraries would take.

    python -m edge_node.bench.paper.child DATASETS ID CAP_S LEVEL...
numpy and TensorFlow read the number of threads when they are loaded, so the parent sets it in the
environment.
Law of the file: standard output holds one line of JSON for each level and nothing else.
Read next: mining.py; run.py, the parent's side.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

from edge_node.bench.climbing import LEVELS
from edge_node.bench.paper.mining import installed_evaluator, mining_rows
from edge_node.bench.timing import Meter, cpu_clock_ns
from edge_node.bench.workload import Workload
from edge_node.datasets.store import DatasetStore
from edge_node.primitives.types import DatasetId, Hash32
from edge_node.spec.dataset import SplitName


def main(arguments: Sequence[str], out: TextIO) -> None:
    """Measure the levels that the arguments name."""
    root, dataset_id, cap_s, *names = arguments
    dataset = DatasetStore(Path(root)).open(DatasetId(Hash32(bytes.fromhex(dataset_id))))
    workload = Workload(
        train=dataset[SplitName.TRAIN],
        evaluation=dataset[SplitName.EVALUATION],
        reserve=dataset[SplitName.RESERVE],
        meter=Meter(clock=cpu_clock_ns, budget_s=0, repetitions=1),
        quick=False,
    )
    levels = tuple(level for level in LEVELS if level.name in names)
    evaluator = installed_evaluator()
    for row in mining_rows(workload, evaluator, cap_s=float(cap_s), levels=levels):
        out.write(json.dumps(asdict(row)) + "\n")
        out.flush()


if __name__ == "__main__":
    main(sys.argv[1:], sys.stdout)
