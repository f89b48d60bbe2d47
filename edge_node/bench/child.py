# SPDX-License-Identifier: Apache-2.0
"""The process that measures: one thread of numpy's libraries, and nothing else going on.

    python -m edge_node.bench.child DATASETS ID [--quick] SECTION...
Each row is printed as one line of JSON as soon as it is known. numpy reads the number of threads
when it is loaded, so the parent sets it in the environment.
Law of the file: standard output holds rows and nothing else.
Read next: run.py, the parent's side.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TextIO

from edge_node.bench.climbing import candidate_rows, difficulty_rows
from edge_node.bench.evaluating import evaluation_rows, image_rows, reference_rows
from edge_node.bench.learning import training_rows
from edge_node.bench.rows import Row, row_fields
from edge_node.bench.sizes import transport_rows
from edge_node.bench.timing import Meter, cpu_clock_ns
from edge_node.bench.workload import Workload
from edge_node.datasets.store import DatasetStore
from edge_node.primitives.types import DatasetId, Hash32
from edge_node.spec.dataset import SplitName

QUICK = "--quick"
FULL_BUDGET_S, FULL_REPETITIONS = 1.0, 5
QUICK_BUDGET_S, QUICK_REPETITIONS = 0.1, 2

SECTIONS: Mapping[str, Callable[[Workload], Iterator[Row]]] = {
    "evaluation": evaluation_rows,
    "reference": reference_rows,
    "images": image_rows,
    "candidates": candidate_rows,
    "difficulty": difficulty_rows,
    "training": training_rows,
    "transport": transport_rows,
}
"""In the order of the table."""
NEED_KERNELS = ("candidates", "difficulty", "training")
"""Sections that would take hours in numpy."""


def main(arguments: Sequence[str], out: TextIO) -> None:
    """Measure the sections that the arguments name."""
    root, dataset_id, *rest = arguments
    quick = QUICK in rest
    dataset = DatasetStore(Path(root)).open(DatasetId(Hash32(bytes.fromhex(dataset_id))))
    workload = Workload(
        train=dataset[SplitName.TRAIN],
        evaluation=dataset[SplitName.EVALUATION],
        reserve=dataset[SplitName.RESERVE],
        meter=Meter(
            clock=cpu_clock_ns,
            budget_s=QUICK_BUDGET_S if quick else FULL_BUDGET_S,
            repetitions=QUICK_REPETITIONS if quick else FULL_REPETITIONS,
        ),
        quick=quick,
    )
    for name in rest:
        if name == QUICK:
            continue
        for row in SECTIONS[name](workload):
            out.write(json.dumps(row_fields(row)) + "\n")
            out.flush()


if __name__ == "__main__":
    main(sys.argv[1:], sys.stdout)
