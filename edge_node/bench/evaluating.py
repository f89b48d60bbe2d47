# SPDX-License-Identifier: Apache-2.0
"""How fast models are evaluated: exact counts by the kernels and by the law, then images/s.

Law of the file: every result that is timed is exact and is checked once against another evaluator.
Read next: climbing.py.
"""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from edge_node.bench.rows import Row
from edge_node.bench.timing import Meter
from edge_node.bench.workload import (
    DENSE_NUMPY,
    SELECTION_IMAGES,
    Workload,
    base_model,
    beginner_model,
    compiled_paths,
    dense_evaluation_s,
    first_samples,
    path_name,
)
from edge_node.datasets.content import Samples
from edge_node.inference import lce, tflite_writer
from edge_node.inference.backend import Images, count_of_logits
from edge_node.inference.tflite_export import int8_file, lce_file
from edge_node.kernels.engine import Engine
from edge_node.kernels.evaluation import CompiledImages, NumpyImages, count_correct
from edge_node.kernels.numpy_engine import NumpyEngine
from edge_node.kernels.shared_object import KernelPath
from edge_node.primitives.errors import EdgeNodeError
from edge_node.spec import evaluation as law
from edge_node.spec.architecture import BINARY_4K, UINT8_1M, UINT8_94K
from edge_node.spec.model import Model

EVALUATION_GOALS_MS = {
    KernelPath.AVX512: 4.0,
    KernelPath.AVX2: 6.0,
    KernelPath.NEON: 13.0,
    KernelPath.SCALAR: 13.0,  # its words have 128 bits too: SSE2 on x86-64
}
FAMILIES = (
    ("uint8-94k", UINT8_94K, 2_000, {KernelPath.AVX2: 50_000.0, KernelPath.AVX512: 100_000.0}),
    ("uint8-1m", UINT8_1M, 250, {KernelPath.AVX2: 5_000.0, KernelPath.AVX512: 12_000.0}),
)
"""Name, architecture, images of one measurement, goals in images/s."""
REFERENCE = (("binary-4k", BINARY_4K, 0.6), ("uint8-94k", UINT8_94K, 15.0))
"""Name, architecture, goal in seconds for all of SELECTION_IMAGES."""
LCE_BATCHES = (1, 8, 50)
"""The fastest counts for LCE."""
LCE_NAME = "LCE, its fastest mode and batch"
LCE_INT8 = "lce-int8"
"""LCE on the network without LCE's binary layers, as int8 convolutions: a row of its own."""
QUICK_IMAGES_SHARE = 5


class EvaluatorsDisagree(EdgeNodeError):
    """Two evaluators count differently: their times mean nothing."""

    reason = "bench-disagreement"

    def __init__(self, *, expected: int, actual: int) -> None:
        super().__init__(
            f"evaluators count {expected} and {actual} correct images: run "
            "`edge-node model verify` and report what it says"
        )
        self.expected = expected
        self.actual = actual


def evaluation_rows(workload: Workload) -> Iterator[Row]:
    """Yield the exact evaluation of the 4,440 family on 10,000 images, in ms, for every path."""
    model, samples = base_model(workload), workload.selection
    labels = samples.labels.tobytes()
    dense_ms = dense_evaluation_s(workload) * 1_000
    expected = NumpyImages(BINARY_4K, samples.images).count_correct(model, labels)
    for path in compiled_paths():
        images = CompiledImages(BINARY_4K, samples.images, path)
        _check_equal(expected, count_correct(model, images, labels))
        seconds = workload.meter.median_s(partial(count_correct, model, images, labels))
        yield Row(
            name=f"evaluation/binary-4k/{path_name(path)}",
            value=seconds * 1_000,
            unit="ms",
            baseline=DENSE_NUMPY,
            baseline_value=dense_ms,
            goal=EVALUATION_GOALS_MS.get(path),
        )


def reference_rows(workload: Workload) -> Iterator[Row]:
    """Yield the seconds in which the law itself counts 10,000 images, slicing them included."""
    share = QUICK_IMAGES_SHARE if workload.quick else 1
    samples = first_samples(workload.selection, SELECTION_IMAGES // share)
    for name, architecture, goal_s in REFERENCE:
        model = beginner_model(workload, architecture)
        # Once each: it takes seconds, in which what is not the same every time evens out.
        actual, seconds = _timed(workload.meter, partial(_count_by_law, model, samples))
        count_by_numpy = partial(NumpyEngine(model).count_correct, samples.images, samples.labels)
        expected, numpy_s = _timed(workload.meter, count_by_numpy)
        _check_equal(expected, actual)
        yield Row(
            name=f"reference/{name}/{len(samples):,} images",
            value=seconds,
            unit="s",
            baseline=DENSE_NUMPY,
            baseline_value=numpy_s,
            goal=goal_s if len(samples) == SELECTION_IMAGES else None,
        )


def image_rows(workload: Workload) -> Iterator[Row]:
    """Yield the images/s of the families with 8-bit input: every path, then LCE with int8."""
    for name, architecture, count, goals in FAMILIES:
        model = beginner_model(workload, architecture)
        share = QUICK_IMAGES_SHARE if workload.quick else 1
        samples = first_samples(workload.evaluation, count // share)
        expected = NumpyEngine(model).count_correct(samples.images, samples.labels)
        lce_images_s = lce_images_per_s(model, samples, workload.meter, expected)
        row = partial(
            Row,
            unit="images/s",
            baseline=LCE_NAME if lce_images_s else None,
            baseline_value=lce_images_s,
        )
        for path in compiled_paths():
            engine = Engine(model, path)
            _check_equal(expected, engine.count_correct(samples.images, samples.labels))
            seconds = workload.meter.median_s(
                partial(engine.count_correct, samples.images, samples.labels)
            )
            yield row(
                name=f"images/{name}/{path_name(path)}",
                value=len(samples) / seconds,
                goal=goals.get(path),
            )
        int8_images_s = lce_images_per_s(model, samples, workload.meter, expected, int8_file)
        if int8_images_s:
            yield row(name=f"images/{name}/{LCE_INT8}", value=int8_images_s, goal=None)


def lce_images_per_s(
    model: Model,
    samples: Samples,
    meter: Meter,
    expected: int,
    author: Callable[..., bytes] = lce_file,
) -> float | None:
    """Return LCE's images/s on one thread in its best mode, or None if it is not installed.

    Fair to LCE: its interpreter runs here, in the process that measures, on images that lie ready.
    No pipe, file or start is timed, nor what is done with the logits; and the fastest counts of all
    batch sizes, with XNNPACK and without. Its other modes are three times as slow and more: the
    default ones and the reference kernels.

    Parameters
    ----------
    model : Model
    samples : Samples
    meter : Meter
    expected : int
        Images that the model classifies correctly.
    author : callable
        Makes the file of a model: lce_file, or int8_file for no binary layers.
    """
    if lce.why_unavailable() or tflite_writer.why_unavailable():
        return None
    speeds: list[float] = []
    for batch in LCE_BATCHES:
        whole = len(samples) // batch * batch
        if not whole:
            continue
        batches = [samples.images[first : first + batch] for first in range(0, whole, batch)]
        truth = samples.labels[:whole]
        file = author(model, batch=batch)
        for xnnpack in (True, False):
            interpreter = lce.LceInterpreter(file, xnnpack=xnnpack)
            logits = [interpreter.run(images) for images in batches]  # also the warm-up
            if whole == len(samples):
                _check_equal(expected, count_of_logits(np.concatenate(logits), truth))
            seconds = meter.median_s(partial(_run_all, interpreter, batches), warm_up=False)
            speeds.append(whole / seconds)
    return max(speeds)


def _run_all(interpreter: lce.LceInterpreter, batches: list[Images]) -> None:
    for images in batches:
        interpreter.run(images)


def _count_by_law(model: Model, samples: Samples) -> int:
    sliced = law.slice_images(model.architecture, samples.images.tobytes())
    return law.count_correct(model, sliced, samples.labels.tobytes())


def _timed(meter: Meter, count: Callable[[], int]) -> tuple[int, float]:
    counts: list[int] = []
    seconds = meter.once_s(lambda: counts.append(count()))
    return counts[0], seconds


def _check_equal(expected: int, actual: int) -> None:
    if actual != expected:
        raise EvaluatorsDisagree(expected=expected, actual=actual)
