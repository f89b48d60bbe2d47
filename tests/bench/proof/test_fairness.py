# SPDX-License-Identifier: Apache-2.0
"""Rows of share and interval: simulated ones reach their goals, real ones are reported if asked."""

from pathlib import Path

import pytest

from edge_node.bench.proof.fairness import interval_rows, share_rows
from tests.bench.proof.small import quick_bench

pytestmark = pytest.mark.slow


def test_simulated_rows_say_so_and_reach_their_goals(tmp_path: Path) -> None:
    bench = quick_bench(tmp_path)
    rows = [*share_rows(bench), *interval_rows(bench)]
    assert len(rows) == 8
    assert all(row.simulated for row in rows)
    assert [row.what for row in rows if row.reached is not True] == []


def test_real_blocks_are_mined_once_and_reported(tmp_path: Path) -> None:
    bench = quick_bench(tmp_path, real_blocks=2)
    rows = [row for row in (*share_rows(bench), *interval_rows(bench)) if not row.simulated]
    assert [row.what for row in rows] == [
        "chi-square of 2 real blocks, power 50/30/20 %",
        "mean interval of 2 real blocks",
        "coefficient of variation of these",
    ]
    assert all(row.reached is None for row in rows), "nothing is asked of so few"
