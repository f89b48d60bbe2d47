# SPDX-License-Identifier: Apache-2.0
"""Rows of learning: accuracy, gap, and what a block and a burst cost, for each family."""

from pathlib import Path

import pytest

from edge_node.bench.proof import learning
from edge_node.bench.proof.learning import learning_rows
from edge_node.bench.proof.workbench import SETUPS
from tests.bench.proof.small import quick_bench

pytestmark = pytest.mark.slow


def test_each_family_has_its_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "SETUPS", SETUPS[:1])
    rows = list(learning_rows(quick_bench(tmp_path)))
    units = [row.unit for row in rows]
    assert units == ["%", "%", "points", "bursts", "ms", "tickets"]
    best, head, _, tries, burst_ms, _ = (row.value or 0 for row in rows)
    assert 0 < best <= 100
    assert 0 < head <= 100
    assert tries >= 1
    assert burst_ms > 0
    assert rows[0].least == 93
    assert "5 blocks" in rows[0].how
