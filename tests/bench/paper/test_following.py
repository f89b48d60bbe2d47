# SPDX-License-Identifier: Apache-2.0
"""RQ3 on few images: with a target the needed gain moves by an image a block, without it stays."""

from itertools import pairwise
from pathlib import Path

import pytest

from edge_node.bench.paper.following import SLOWER, TARGET_MS
from edge_node.bench.paper.run import run_paper
from edge_node.node.system import SystemClock
from tests.bench.paper.small import quick_options

pytestmark = pytest.mark.slow


def test_needed_gain_follows_the_interval_where_there_is_a_target(tmp_path: Path) -> None:
    rows = run_paper(quick_options(tmp_path, "following"), SystemClock(), lambda _: None).following
    still = [row for row in rows if row.target_ms == 0]
    moving = [row for row in rows if row.target_ms == TARGET_MS]
    assert still
    assert moving
    assert len({row.needed_gain for row in still}) == 1
    for before, after in pairwise(moving):
        faster = before.interval_ms < TARGET_MS
        assert after.needed_gain == max(1, before.needed_gain + (1 if faster else -1))
        assert after.evaluation_ppm > before.evaluation_ppm
    assert {row.slowness for row in rows} <= {1, SLOWER}
