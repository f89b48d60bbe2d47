# SPDX-License-Identifier: Apache-2.0
"""Models of any trainer: an npz of +-1 kernels and whole thresholds, read strictly and written.

`architecture` is a text as in architecture_text.py. For each layer i from 0, `kernel_i` is (rows,
columns, input channels, channels) or (fan in, channels), +1 or -1, and `threshold_i` (channels,)
whole numbers: a channel is +1 iff its sum, of inputs +-1 or of pixel - 128, reaches the threshold.
That of the last layer is added to the logit instead. Nothing else is in the file.
Law of the file: no pickle is read; what is not exactly so is refused with its array's name.
Read next: ../trainer/folding.py, for those who have batch norms; ../datasets/npz.py.
"""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from edge_node.datasets.errors import DatasetError
from edge_node.datasets.npz import Array, read_arrays
from edge_node.kernels.arrays import weight_bits
from edge_node.node.architecture_text import architecture_text, parse_architecture
from edge_node.node.errors import NodeError
from edge_node.spec.architecture import Architecture, LayerShape
from edge_node.spec.constants import MAX_CONNECTIONS
from edge_node.spec.dataset import Manifest
from edge_node.spec.model import Model
from edge_node.trainer.folding import FloatLayer, FloatLogits, Floats, Normalize, fold

MAX_ARCHIVE_BYTES = 8 * MAX_CONNECTIONS + (1 << 20)
"""Of the arrays: every weight as the widest number that numpy has, and the thresholds."""

MAX_TEXT_CHARACTERS = 1_024
"""Of an architecture: longer than 16 layers can be."""


class ModelArchiveError(NodeError):
    """A file of a model breaks a rule of this format.

    Parameters
    ----------
    path : Path
        The file.
    name : str
        The array.
    expected, actual : object
        What the rule wants and what the file has.
    """

    wants: ClassVar[str] = "must be"

    def __init__(self, *, path: Path, name: str, expected: object, actual: object) -> None:
        super().__init__(
            f"{path}: {name} {self.wants} {expected}, not {actual}; "
            "see `edge-node model import --help` for what a file has"
        )
        self.path = path
        self.name = name
        self.expected = expected
        self.actual = actual


class ArchiveUnreadable(NodeError):
    """A file is no archive of plain arrays."""

    reason = "model-archive-unreadable"

    def __init__(self, *, path: Path, broken: DatasetError) -> None:
        super().__init__(f"no model can be read: {broken}")
        self.path = path
        self.broken = broken


class ArchitectureNotText(ModelArchiveError):
    """The architecture is no text."""

    reason = "model-archive-architecture"


class ArraysWrong(ModelArchiveError):
    """There are other arrays than the architecture has layers for."""

    reason = "model-archive-arrays"


class KernelShapeWrong(ModelArchiveError):
    """A kernel has not the size that its place gives it."""

    reason = "model-archive-kernel-shape"
    wants = "must have the shape"


class KernelNotBinary(ModelArchiveError):
    """A kernel has a weight that is neither +1 nor -1."""

    reason = "model-archive-kernel"
    wants = "must have weights"


class ThresholdShapeWrong(ModelArchiveError):
    """There is not one threshold for each channel."""

    reason = "model-archive-threshold-shape"
    wants = "must have the shape"


class ThresholdNotWhole(ModelArchiveError):
    """Thresholds are not of a type of whole numbers."""

    reason = "model-archive-threshold"


class DatasetDoesNotFit(ModelArchiveError):
    """The dataset has another number of classes than the model."""

    reason = "model-archive-classes"
    wants = "must have as many classes as the dataset:"


def read_model_archive(path: Path, manifest: Manifest) -> Model:
    """Return the model in an npz file, for the images and classes of a dataset.

    Its blob is what a family is founded with by commit and reveal.

    Parameters
    ----------
    path : Path
    manifest : Manifest
        The dataset whose images it takes.

    Raises
    ------
    ArchiveUnreadable, ModelArchiveError
        One of its classes says which array is not as it must be.
    ArchitectureTextInvalid
        The architecture is not written as architectures are.
    ArchitectureOutOfRange, ThresholdOutOfRange
        R-4, R-6.
    """
    try:
        found = read_arrays(path, max_bytes=MAX_ARCHIVE_BYTES)
    except DatasetError as error:
        raise ArchiveUnreadable(path=path, broken=error) from error
    arrays = {each.name: each.values for each in found}
    architecture = parse_architecture(
        _text(path, arrays.get("architecture")),
        height=manifest.height,
        width=manifest.width,
        channels=manifest.channels,
    )
    if architecture.classes != manifest.classes:
        raise DatasetDoesNotFit(
            path=path,
            name="architecture",
            expected=manifest.classes,
            actual=architecture.classes,
        )
    return _built(path, architecture, arrays)


def model_archive(model: Model) -> bytes:
    """Return a model as such a file."""
    architecture = model.architecture
    arrays: dict[str, Array] = {"architecture": np.array(architecture_text(architecture))}
    for index, (shape, bits) in enumerate(
        zip(architecture.shapes, weight_bits(model), strict=True)
    ):
        arrays[f"kernel_{index}"] = (1 - 2 * bits.T.astype(np.int8)).reshape(_whole(shape))
        thresholds = np.array(model.thresholds[index], np.int32)
        if not shape.last and not shape.eight_bit:
            # -1 iff mismatches > threshold: sum = fan_in - 2 * mismatches
            thresholds = shape.fan_in - 2 * thresholds
        arrays[f"threshold_{index}"] = thresholds.astype(np.int32)
    file = io.BytesIO()
    np.savez_compressed(file, **dict[str, Any](arrays))  # numpy 2 types a flag among the names
    return file.getvalue()


def _text(path: Path, values: Array | None) -> str:
    expected = f"one text of at most {MAX_TEXT_CHARACTERS} characters"
    actual = "missing"
    if values is not None:
        actual = f"{values.dtype} of shape {values.shape}"
        whole = values.dtype.kind == "U" and not values.shape
        if whole and values.nbytes <= 4 * MAX_TEXT_CHARACTERS:
            points = values.astype(values.dtype.newbyteorder("<")).tobytes()
            try:  # numpy itself makes a text of code points that do not exist
                return points.decode("utf-32-le").rstrip("\0")
            except UnicodeDecodeError:
                actual = "code points that do not exist"
    raise ArchitectureNotText(path=path, name="architecture", expected=expected, actual=actual)


def _built(path: Path, architecture: Architecture, arrays: Mapping[str, Array]) -> Model:
    layers = range(len(architecture.layers))
    names = {"architecture", *(f"{part}_{i}" for part in ("kernel", "threshold") for i in layers)}
    for name in sorted(names ^ set(arrays)):
        verdicts = ("missing", "there") if name in names else ("absent", "present")
        raise ArraysWrong(
            path=path,
            name=name,
            expected=verdicts[1] if name in names else verdicts[0],
            actual=verdicts[0] if name in names else verdicts[1],
        )
    kernels: list[Array] = []
    thresholds: list[Floats] = []
    for index, shape in enumerate(architecture.shapes):
        kernels.append(_kernel(path, f"kernel_{index}", shape, arrays[f"kernel_{index}"]))
        name = f"threshold_{index}"
        thresholds.append(_thresholds(path, name, shape, arrays[name]))
    return fold(
        architecture,
        [
            FloatLayer(kernel=kernel, normalize=_less(threshold))
            for kernel, threshold in zip(kernels[:-1], thresholds[:-1], strict=True)
        ],
        FloatLogits(kernel=kernels[-1], scale=np.ones(architecture.classes), offset=thresholds[-1]),
    )


def _whole(shape: LayerShape) -> tuple[int, int, int, int]:
    return shape.kernel_height, shape.kernel_width, shape.in_channels, shape.channels


def _kernel(path: Path, name: str, shape: LayerShape, values: Array) -> Array:
    flat = (shape.fan_in, shape.channels)
    if values.shape not in (_whole(shape), flat):
        raise KernelShapeWrong(
            path=path, name=name, expected=f"{_whole(shape)} or {flat}", actual=values.shape
        )
    if values.dtype.kind not in "if":
        raise KernelNotBinary(path=path, name=name, expected="+1 and -1", actual=values.dtype)
    odd = values[(values != 1) & (values != -1)]
    if odd.size:
        raise KernelNotBinary(path=path, name=name, expected="+1 and -1", actual=odd[0])
    return values


def _thresholds(path: Path, name: str, shape: LayerShape, values: Array) -> Floats:
    if values.shape != (shape.channels,):
        raise ThresholdShapeWrong(
            path=path, name=name, expected=(shape.channels,), actual=values.shape
        )
    if values.dtype.kind not in "iu":
        raise ThresholdNotWhole(path=path, name=name, expected="integers", actual=values.dtype)
    # To floats: sums are below 2**24, so what is rounded is out of their reach anyway.
    return values.astype(np.float64)


def _less(threshold: Floats) -> Normalize:
    return lambda sums: sums - threshold
