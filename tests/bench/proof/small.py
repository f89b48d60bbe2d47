# SPDX-License-Identifier: Apache-2.0
"""A workbench on a small dataset of 28x28 patterns, for the tests of the proof rules' tables."""

from pathlib import Path

from edge_node.bench.proof.workbench import ProofOptions, Workbench
from edge_node.node.system import SystemClock
from tests.demo.pictures import stored_patterns


def quick_options(
    folder: Path, *tables: str, blocks: int | None = 5, real_blocks: int = 0
) -> ProofOptions:
    """Return the options of a run that measures as little as can be."""
    datasets, dataset = stored_patterns(folder / "datasets")
    return ProofOptions(
        datasets=datasets,
        dataset=dataset,
        folder=folder,
        tables=tables,
        quick=True,
        blocks=blocks,
        real_blocks=real_blocks,
        time_cap_s=20,
    )


def quick_bench(folder: Path, *, blocks: int | None = 5, real_blocks: int = 0) -> Workbench:
    """Return a workbench with these options."""
    return Workbench(quick_options(folder, blocks=blocks, real_blocks=real_blocks), SystemClock())
