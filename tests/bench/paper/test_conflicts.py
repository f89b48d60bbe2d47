# SPDX-License-Identifier: Apache-2.0
"""Two heads on real stores are healed at each depth, and the time is that of judging and moving."""

from pathlib import Path

import pytest

from edge_node.bench.paper.run import run_paper
from edge_node.node.system import SystemClock
from tests.bench.paper.small import quick_options

pytestmark = pytest.mark.slow


def test_fork_of_each_depth_is_healed(tmp_path: Path) -> None:
    report = run_paper(quick_options(tmp_path, "conflicts"), SystemClock(), lambda _: None)
    assert [(row.depth, row.judged) for row in report.conflicts] == [(1, 2), (2, 3)]
    for row in report.conflicts:
        assert row.total_s == pytest.approx(row.judge_s + row.switch_s, abs=2e-4)
        assert row.judge_s > 0
        assert row.switch_s > 0
