# SPDX-License-Identifier: Apache-2.0
"""Table 2 on few images: both ways begin with the same base, and a bound is told as one."""

from dataclasses import replace

import pytest

from edge_node.bench.climbing import LEVELS
from edge_node.bench.paper.mining import mining_rows
from tests.bench.samples import small_workload

pytestmark = pytest.mark.slow

EASY = replace(LEVELS[0], gain_ppm=40_000, selection_images=64)
HARD = replace(LEVELS[0], name="hard", gain_ppm=900_000, selection_images=64)


@pytest.fixture(autouse=True)
def few_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_node.bench.climbing.MAX_SLICES", 4)


def test_row_stands_beside_the_papers_figure() -> None:
    (row,) = mining_rows(small_workload(), cap_s=0.2, levels=(EASY,))
    assert (row.level, row.published_s, row.evaluator) == ("low", 106.39, "dense numpy")
    assert row.evaluations > 5
    if row.ours_s is not None:
        assert row.ratio == pytest.approx(row.paper_way_s / row.ours_s, rel=0.1)
        assert row.ours_evaluation_ppm is not None
        assert row.ours_evaluation_ppm >= row.base_evaluation_ppm + EASY.gain_ppm - 31_250


def test_level_out_of_reach_has_a_bound_and_no_ratio() -> None:
    (row,) = mining_rows(small_workload(), cap_s=0.2, levels=(HARD,))
    assert (row.ours_s, row.ratio, row.ours_evaluation_ppm) == (None, None, None)
    assert (row.paper_way_reached, row.paper_way_s) == (False, 0.2)
