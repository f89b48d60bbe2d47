# SPDX-License-Identifier: Apache-2.0
"""Figure 1 made anew: three chains of the length asked for, told row by row and left as curves."""

from pathlib import Path

import pytest

from edge_node.bench.proof.figure_one import figure_rows
from tests.bench.proof.small import quick_bench

pytestmark = pytest.mark.slow

LABELS = ["paper, as published", "paper, accuracy free", "recipe"]


def test_each_rule_has_a_curve_and_rows(tmp_path: Path) -> None:
    bench = quick_bench(tmp_path, blocks=4)
    rows = list(figure_rows(bench))
    assert [curve.label for curve in bench.curves] == LABELS
    assert len(rows) == 9
    *_, ours = bench.curves
    assert [point.height for point in ours.points] == [1, 2, 3, 4]
    for curve in bench.curves:
        assert all(0 < point.evaluation_ppm <= 1_000_000 for point in curve.points)
        assert all(point.trials >= 1 and point.seconds >= 0 for point in curve.points)
    published = [point.evaluation_ppm for point in bench.curves[0].points]
    assert published == sorted(set(published)), "as published it must rise"
