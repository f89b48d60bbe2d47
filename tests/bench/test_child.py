# SPDX-License-Identifier: Apache-2.0
"""The measuring process, run in this one: rows as lines of JSON, in the order asked for."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_node.bench import child, sizes
from edge_node.bench.child import SECTIONS, main
from edge_node.bench.rows import Row, row_from_fields
from edge_node.bench.sizes import SIZES
from edge_node.bench.workload import Workload
from edge_node.datasets.content import ImageShape, name_dataset
from edge_node.datasets.store import DatasetStore
from tests.bench.samples import random_samples


def stored(root: Path) -> str:
    splits = (random_samples(64, 1), random_samples(32, 2), random_samples(32, 3))
    shape = ImageShape(height=28, width=28, channels=1)
    return DatasetStore(root).add(name_dataset("small", shape, 10, splits)).hex()


def test_prints_rows_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sizes, "SIZES", SIZES[:1])
    out = io.StringIO()
    main([str(tmp_path), stored(tmp_path), "--quick", "transport"], out)
    rows = [row_from_fields(json.loads(line)) for line in out.getvalue().splitlines()]
    assert [row.name for row in rows] == ["transport/binary-4k/full", "transport/binary-4k/delta"]


@pytest.mark.parametrize("quick", [True, False])
def test_passes_the_splits_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick: bool) -> None:
    seen: list[Workload] = []

    def look(workload: Workload) -> Iterator[Row]:
        seen.append(workload)
        return iter(())

    monkeypatch.setattr(child, "SECTIONS", {"x": look})
    main([str(tmp_path), stored(tmp_path), *(["--quick"] * quick), "x"], io.StringIO())
    (workload,) = seen
    sizes_seen = [len(s) for s in (workload.train, workload.evaluation, workload.reserve)]
    assert (sizes_seen, workload.quick) == ([64, 32, 32], quick)


def test_sections_cover_the_table() -> None:
    assert list(SECTIONS) == [
        "evaluation",
        "reference",
        "images",
        "candidates",
        "difficulty",
        "training",
        "transport",
    ]
