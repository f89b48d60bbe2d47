# SPDX-License-Identifier: Apache-2.0
"""The options of a quick run on a small dataset of 28x28 images, for the tests of the tables."""

from pathlib import Path

from edge_node.bench.paper.run import PaperOptions
from tests.demo.pictures import stored_patterns


def quick_options(folder: Path, *tables: str) -> PaperOptions:
    """Return options for some tables, measured as little as can be."""
    datasets, dataset = stored_patterns(folder / "datasets")
    return PaperOptions(
        datasets=datasets,
        dataset=dataset,
        folder=folder,
        tables=tables,
        quick=True,
        time_cap_s=1,
    )
