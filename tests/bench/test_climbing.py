# SPDX-License-Identifier: Apache-2.0
"""Rows of evolution: candidates/s for each path; a level counts only if it is really reached."""

from dataclasses import replace

import pytest

from edge_node.bench import climbing
from edge_node.bench.climbing import LEVELS, PAPER, candidate_rows, difficulty_rows
from edge_node.bench.workload import Workload, compiled_paths, fastest_name
from tests.bench.samples import TICK_NS, small_workload
from tests.inference.interpreters import need_kernels


def with_same_images() -> Workload:
    # What is learned on the train split then holds on the evaluation split.
    workload = small_workload()
    return replace(workload, evaluation=workload.train)


def test_candidates_have_a_row_for_each_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(climbing, "QUICK_CANDIDATES", 100)
    monkeypatch.setattr(climbing, "WARM_UP_CANDIDATES", 20)
    need_kernels()
    rows = list(candidate_rows(small_workload()))
    assert rows
    assert len(rows) == len(compiled_paths())
    for row in rows:
        tried = 100 if not row.name.endswith("scalar") else 100 // climbing.SCALAR_SHARE
        assert row.value == tried / (TICK_NS / 1e9)


def test_levels_are_the_papers() -> None:
    assert [(level.difference_ppm, level.gain_ppm, level.published_s) for level in LEVELS] == [
        (5_000, 10_000, 106.39),
        (10_000, 20_000, 433.08),
        (13_000, 50_000, 1737.16),
    ]


def test_quick_leaves_the_highest_level_out() -> None:
    rows = list(difficulty_rows(with_same_images()))
    assert len(rows) < len(LEVELS)
    assert [row.name for row in rows] == [
        f"difficulty/{level}/{fastest_name()}" for level in ("low", "medium")
    ]
    for row, level in zip(rows, LEVELS, strict=False):
        assert (row.baseline, row.baseline_value) == (PAPER, level.published_s)
        assert row.value == TICK_NS / 1e9


def test_level_that_is_not_reached_has_no_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(climbing, "LEVELS", (replace(LEVELS[0], gain_ppm=990_000),))
    monkeypatch.setattr(climbing, "MAX_SLICES", 3)
    (row,) = difficulty_rows(with_same_images())
    assert (row.value, row.reached) == (None, False)


def test_difference_is_asked_for_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(climbing, "LEVELS", (replace(LEVELS[0], difference_ppm=900_000),))
    monkeypatch.setattr(climbing, "MAX_SLICES", 20)
    (row,) = difficulty_rows(with_same_images())
    assert row.value is None
