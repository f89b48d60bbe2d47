# SPDX-License-Identifier: Apache-2.0
"""A chain carries no more than the transfers of a block in the time to mine and to judge it."""

from pathlib import Path

import pytest

from edge_node.bench.paper.run import run_paper
from edge_node.node.system import SystemClock
from tests.bench.paper.small import quick_options

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def few_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_node.bench.climbing.MAX_SLICES", 20)


def test_capacity_follows_from_both_times(tmp_path: Path) -> None:
    report = run_paper(quick_options(tmp_path, "capacity"), SystemClock(), lambda _: None)
    (row,) = report.capacity
    assert (row.gain_ppm, row.transactions) == (2_500, 20)
    assert row.judge_s > 0
    if row.mine_s is None:
        assert row.tps is None
    else:
        assert row.tps == pytest.approx(20 / (row.mine_s + row.judge_s), rel=0.05)
