# SPDX-License-Identifier: Apache-2.0
"""Table 3 at a tiny size: real nodes over a real broker take in every transfer, and it is timed."""

from pathlib import Path

import pytest

from edge_node.bench.paper.run import run_paper
from edge_node.bench.paper.throughput import (
    NODES,
    level_named,
    paper_load,
)
from edge_node.node.system import SystemClock
from tests.bench.paper.small import quick_options


def test_papers_load_is_the_papers() -> None:
    load = paper_load(level_named("low"))
    rules = load.parameters
    assert (load.transactions, load.block_transactions) == (300, 146)
    assert (rules.min_population_acc_ppm, rules.min_population_diff_ppm) == (10_000, 5_000)


@pytest.mark.slow
def test_every_node_includes_every_transfer(tmp_path: Path) -> None:
    report = run_paper(quick_options(tmp_path, "throughput"), SystemClock(), lambda _: None)
    (row,) = report.throughput
    assert (row.nodes, row.missing, row.refused) == (NODES, 0, 0)
    assert row.blocks >= 1
    assert row.tps == pytest.approx(row.transactions / row.seconds, rel=0.01)
    assert row.p50_ms is not None
    assert row.p99_ms is not None
    assert 0 < row.p50_ms <= row.p99_ms <= 1_000 * row.seconds
    assert len(row.node_cores) == NODES
    assert all(share > 0 for share in row.node_cores)
    assert (row.name, row.published_tps) == ("sustained", None)
