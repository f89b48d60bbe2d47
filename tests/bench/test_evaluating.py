# SPDX-License-Identifier: Apache-2.0
"""Rows of evaluation speed on few images: one for each path, goals where the table has them."""

from dataclasses import replace

import pytest

from edge_node.bench import evaluating
from edge_node.bench.evaluating import (
    LCE_INT8,
    QUICK_IMAGES_SHARE,
    EvaluatorsDisagree,
    evaluation_rows,
    image_rows,
    lce_images_per_s,
    reference_rows,
)
from edge_node.bench.workload import compiled_paths, path_name, train_model
from edge_node.inference import lce
from edge_node.inference.tflite_export import int8_file, lce_file
from edge_node.spec import evaluation as law
from edge_node.spec.architecture import BINARY_4K, UINT8_4K
from tests.bench.samples import TICK_NS, random_samples, small_workload
from tests.inference.interpreters import need_kernels, need_lce


def test_evaluation_has_a_row_for_each_path() -> None:
    need_kernels()
    rows = list(evaluation_rows(small_workload()))
    names = [path_name(path) for path in compiled_paths()]
    assert names
    assert [row.name for row in rows] == [f"evaluation/binary-4k/{name}" for name in names]
    for row in rows:
        assert (row.value, row.unit) == (TICK_NS / 1e6, "ms")
        assert row.goal is not None
    assert rows[-1].goal == 13  # whatever else there is, a path of 128 bits comes last


@pytest.mark.slow
def test_the_law_has_a_row_for_each_family_and_a_goal_for_all_images(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(evaluating, "REFERENCE", (("a", BINARY_4K, 0.6), ("b", UINT8_4K, 15.0)))
    rows = list(reference_rows(small_workload()))
    assert [row.name for row in rows] == ["reference/a/64 images", "reference/b/64 images"]
    for row in rows:
        assert (row.value, row.baseline_value, row.unit) == (TICK_NS / 1e9, TICK_NS / 1e9, "s")
        assert row.goal is None
    monkeypatch.setattr(evaluating, "SELECTION_IMAGES", 64)
    assert [row.goal for row in reference_rows(replace(small_workload(), quick=False))] == [0.6, 15]


def test_the_law_must_count_what_numpy_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(law, "count_correct", lambda *_: -1)
    with pytest.raises(EvaluatorsDisagree):
        next(reference_rows(small_workload()))


def test_images_have_a_row_for_each_path(monkeypatch: pytest.MonkeyPatch) -> None:
    need_kernels()
    monkeypatch.setattr(evaluating, "FAMILIES", (("small", UINT8_4K, 8 * QUICK_IMAGES_SHARE, {}),))
    rows = list(image_rows(small_workload()))
    names = [path_name(path) for path in compiled_paths()]
    names += [] if lce.why_unavailable() else [LCE_INT8]
    assert [row.name for row in rows] == [f"images/small/{name}" for name in names]
    for row in rows:
        assert row.value == 8 / (TICK_NS / 1e9)
        assert (row.baseline is None) == (lce.why_unavailable() is not None)


def test_lce_must_count_the_same() -> None:
    need_lce()
    workload = small_workload()
    samples = random_samples(8, 4)
    model = train_model(UINT8_4K, workload.train, b"lce", 32, [(32, 6)])
    for author in (lce_file, int8_file):
        with pytest.raises(EvaluatorsDisagree):
            lce_images_per_s(model, samples, workload.meter, 9, author)


def test_paths_that_disagree_end_the_bench(monkeypatch: pytest.MonkeyPatch) -> None:
    need_kernels()
    monkeypatch.setattr(evaluating, "count_correct", lambda *_: -1)
    with pytest.raises(EvaluatorsDisagree):
        list(evaluation_rows(replace(small_workload())))
