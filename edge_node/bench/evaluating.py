# SPDX-License-Identifier: Apache-2.0
"""How fast models are evaluated: exact counts of the 4,440 family, images/s of the large families.

Law of the file: every result that is timed is exact and is checked once against another evaluator.
Read next: climbing.py.
"""

from collections.abc import Iterator
from functools import partial

import numpy as np

from edge_node.bench.rows import Row
from edge_node.bench.timing import Meter
from edge_node.bench.workload import (
    DENSE_NUMPY,
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
from edge_node.inference.backend import Images
from edge_node.inference.tflite_export import lce_file
from edge_node.kernels.engine import Engine
from edge_node.kernels.evaluation import CompiledImages, NumpyImages, count_correct
from edge_node.kernels.numpy_engine import NumpyEngine
from edge_node.kernels.shared_object import KernelPath
from edge_node.primitives.errors import EdgeNodeError
from edge_node.spec.architecture import BINARY_4K, UINT8_1M, UINT8_94K
from edge_node.spec.model import Model

EVALUATION_GOALS_MS = {KernelPath.AVX2: 6.0, KernelPath.AVX512: 4.0, KernelPath.NEON: 13.0}
FAMILIES = (
    ("uint8-94k", UINT8_94K, 2_000, {KernelPath.AVX2: 50_000.0, KernelPath.AVX512: 100_000.0}),
    ("uint8-1m", UINT8_1M, 256, {KernelPath.AVX2: 5_000.0, KernelPath.AVX512: 12_000.0}),
)
"""Name, architecture, images of one measurement, goals in images/s."""
LCE_BATCHES = (1, 8)
"""The faster of both counts for LCE."""
LCE_NAME = "LCE, indirect bgemm and XNNPACK"


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


def image_rows(workload: Workload) -> Iterator[Row]:
    """Yield the images/s of the families with 8-bit input, for every path."""
    for name, architecture, count, goals in FAMILIES:
        model = beginner_model(workload, architecture)
        samples = first_samples(workload.evaluation, count)
        expected = NumpyEngine(model).count_correct(samples.images, samples.labels)
        lce_images_s = lce_images_per_s(model, samples, workload.meter, expected)
        for path in compiled_paths():
            engine = Engine(model, path)
            _check_equal(expected, engine.count_correct(samples.images, samples.labels))
            seconds = workload.meter.median_s(
                partial(engine.count_correct, samples.images, samples.labels)
            )
            yield Row(
                name=f"images/{name}/{path_name(path)}",
                value=len(samples) / seconds,
                unit="images/s",
                baseline=LCE_NAME if lce_images_s else None,
                baseline_value=lce_images_s,
                goal=goals.get(path),
            )


def lce_images_per_s(model: Model, samples: Samples, meter: Meter, expected: int) -> float | None:
    """Return LCE's images/s on one thread in its best mode, or None if it is not installed.

    Fair to LCE: its interpreter runs here, in the process that measures, on images that lie ready;
    neither a pipe nor a file nor a start is timed, and the better batch size counts.
    """
    if lce.why_unavailable() or tflite_writer.why_unavailable():
        return None
    speeds = []
    for batch in LCE_BATCHES:
        interpreter = lce.LceInterpreter(lce_file(model, batch=batch))
        whole = len(samples) // batch * batch
        if not whole:
            continue
        batches = [samples.images[first : first + batch] for first in range(0, whole, batch)]
        classes = _classes(interpreter, batches)
        if whole == len(samples):
            _check_equal(expected, int(np.count_nonzero(samples.labels == classes)))
        seconds = meter.median_s(partial(_classes, interpreter, batches), warm_up=False)
        speeds.append(whole / seconds)
    return max(speeds)


def _classes(interpreter: lce.LceInterpreter, batches: list[Images]) -> list[int]:
    return [int(c) for images in batches for c in interpreter.run(images).argmax(axis=1)]


def _check_equal(expected: int, actual: int) -> None:
    if actual != expected:
        raise EvaluatorsDisagree(expected=expected, actual=actual)
