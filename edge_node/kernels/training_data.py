# SPDX-License-Identifier: Apache-2.0
"""What both trainers take and give: images and labels, the plan of a run, the network at its end.

Part of the fast twins of spec/training.py (rule R-9).
Law of the file: what does not fit is refused before anything changes.
Read next: training.py (compiled), numpy_training.py.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_node.kernels.arrays import (
    flat_latents,
    model_from_arrays,
    packed_from_state,
    packed_latents,
    split_latents,
    state_from_arrays,
)
from edge_node.primitives.errors import EdgeNodeError
from edge_node.spec import constants as limits
from edge_node.spec.architecture import Architecture, LayerShape
from edge_node.spec.model import Model
from edge_node.spec.training import LatentState, Trained, step_exponent
from edge_node.spec.training_bounds import check_trainable

Samples = bytes | npt.NDArray[np.uint8]
"""Images or labels: bytes as the law takes them, or an array of any shape in the same order."""
Indices = Sequence[int] | npt.NDArray[np.int64]
"""Sample indices in the order of the batches."""

MAX_EXPONENT = 23
"""From 2**23 on a step reaches the end of any latent's range, so greater ones are the same."""


class BadTrainingInput(EdgeNodeError):
    """What a trainer is given does not fit together; the trainer's state is unchanged."""

    reason = "training"


class SamplesDoNotFit(BadTrainingInput):
    """The images are not a whole number of inputs, or not one for each label."""

    def __init__(self, *, expected: int, actual: int) -> None:
        super().__init__(
            f"The labels and the architecture want {expected} bytes of images, not {actual}: "
            "choose the dataset that the family is for."
        )
        self.expected = expected
        self.actual = actual


class SampleOutOfRange(BadTrainingInput):
    """An index names no sample."""

    def __init__(self, *, limit: int, actual: int) -> None:
        super().__init__(f"Sample indices must be in 0..{limit - 1}, not {actual}.")
        self.limit = limit
        self.actual = actual


class StepTooSmall(BadTrainingInput):
    """A schedule asks for a step of less than 1."""

    def __init__(self, *, actual: int) -> None:
        super().__init__(f"Step exponents of a schedule must be 0 or more, not {actual}.")
        self.actual = actual


class ShiftOutOfRange(BadTrainingInput):
    """A learning rate of plain gradient descent is out of its range."""

    def __init__(self, *, limit: int, actual: int) -> None:
        super().__init__(f"Learning shifts must be in 0..{limit}, not {actual}.")
        self.limit = limit
        self.actual = actual


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainingSet:
    """Images with their labels, as contiguous arrays."""

    images: npt.NDArray[np.uint8]
    """(N, image_bytes)."""
    labels: npt.NDArray[np.uint8]
    """(N,)."""

    def check_indices(self, indices: Indices) -> npt.NDArray[np.int64]:
        """Return the indices, int64 (count,).

        Raises
        ------
        SampleOutOfRange
            One of them names no sample.
        """
        checked = np.ascontiguousarray(indices, dtype=np.int64)
        wrong = checked[(checked < 0) | (checked >= len(self.labels))]
        if wrong.size:
            raise SampleOutOfRange(limit=len(self.labels), actual=int(wrong[0]))
        return checked


class NetworkInTraining(ABC):
    """What the compiled trainer and numpy's have in common."""

    def __init__(self, architecture: Architecture, images: Samples, labels: Samples) -> None:
        check_trainable(architecture, 1)
        self.architecture = architecture
        self._samples = training_set(architecture, images, labels)

    def set_state(self, state: LatentState) -> None:
        """Go on from `state`."""
        self.set_packed(packed_from_state(state))

    @abstractmethod
    def set_packed(self, packed: bytes) -> None:
        """Go on from packed latents: the same as set_state, without the law's tuples.

        Raises
        ------
        LatentsDoNotFit, LatentOutOfRange
            They are not those of a state of the architecture; nothing changes.
        """

    def state(self) -> LatentState:
        """Return what training remembers."""
        return state_from_arrays(*self._arrays())

    def packed(self) -> bytes:
        """Return the same as LatentState.packed does."""
        return packed_latents(*self._arrays())

    def model(self) -> Model:
        """Return the network as it stands."""
        return model_from_latents(self.architecture, *self._arrays())

    def run(
        self,
        indices: Indices,
        batch: int,
        schedule: Sequence[tuple[int, int]],
        samples_seen: int = 0,
    ) -> None:
        """Train on the samples that `indices` name; see spec.training.train.

        Raises
        ------
        NotTrainable, SampleOutOfRange, StepTooSmall
            Nothing was trained.
        """
        check_trainable(self.architecture, batch)
        checked = self._samples.check_indices(indices)
        self._run(checked, batch, step_exponents(schedule, samples_seen, len(checked), batch))

    def run_summed(
        self,
        indices: Indices,
        batch: int,
        schedule: Sequence[tuple[int, int]],
        samples_seen: int = 0,
    ) -> npt.NDArray[np.int64]:
        """Do as `run`, and return the sum of each weight's gradients over all steps, (weights,).

        Raises
        ------
        NotTrainable, SampleOutOfRange, StepTooSmall
            Nothing was trained.
        """
        sums = np.zeros(self.architecture.weight_count, np.int64)
        self._sum_gradients(sums)
        try:
            self.run(indices, batch, schedule, samples_seen)
        finally:
            self._sum_gradients(None)
        return sums

    def shift(self, indices: Indices, shift: int) -> None:
        """Take one step of plain gradient descent; see spec.training.shifted_step.

        Raises
        ------
        NotTrainable, SampleOutOfRange, ShiftOutOfRange
            Nothing was trained.
        """
        check_trainable(self.architecture, len(indices))
        if not 0 <= shift <= limits.MAX_LEARNING_SHIFT:
            raise ShiftOutOfRange(limit=limits.MAX_LEARNING_SHIFT, actual=shift)
        self._shift(self._samples.check_indices(indices), shift)

    def train(
        self,
        state: LatentState,
        indices: Indices,
        batch: int,
        schedule: Sequence[tuple[int, int]],
        samples_seen: int = 0,
    ) -> LatentState:
        """Return where `run` leads from a state: spec.training.train."""
        self.set_state(state)
        self.run(indices, batch, schedule, samples_seen)
        return self.state()

    def train_summed(
        self,
        state: LatentState,
        indices: Indices,
        batch: int,
        schedule: Sequence[tuple[int, int]],
        samples_seen: int = 0,
    ) -> Trained:
        """Return where `run_summed` leads from a state, and the sums: spec.training's."""
        self.set_state(state)
        sums = self.run_summed(indices, batch, schedule, samples_seen)
        ends = np.cumsum([shape.weight_count for shape in self.architecture.shapes])[:-1]
        layers = tuple(tuple(layer.tolist()) for layer in np.split(sums, ends))
        return Trained(state=self.state(), gradient_sums=layers)

    def shifted_step(self, state: LatentState, indices: Indices, shift: int) -> LatentState:
        """Return where `shift` leads from a state: spec.training.shifted_step."""
        self.set_state(state)
        self.shift(indices, shift)
        return self.state()

    @abstractmethod
    def _run(
        self, indices: npt.NDArray[np.int64], batch: int, exponents: npt.NDArray[np.int32]
    ) -> None:
        """Take a step for each exponent."""

    @abstractmethod
    def _shift(self, indices: npt.NDArray[np.int64], shift: int) -> None:
        """Take one shifted step."""

    @abstractmethod
    def _sum_gradients(self, sums: npt.NDArray[np.int64] | None) -> None:
        """Add the gradients of all steps to `sums`, (weights,), until told otherwise."""

    @abstractmethod
    def _arrays(self) -> tuple[list[npt.NDArray[np.int16]], list[npt.NDArray[np.int32]]]:
        """Return latents and biases of each layer."""


def training_set(architecture: Architecture, images: Samples, labels: Samples) -> TrainingSet:
    """Return the samples as arrays; contiguous ones are not copied.

    Raises
    ------
    SamplesDoNotFit
        Not one image of the architecture's size for each label.
    """
    flat_images, flat_labels = _flat(images), _flat(labels)
    expected = len(flat_labels) * architecture.image_bytes
    if len(flat_images) != expected:
        raise SamplesDoNotFit(expected=expected, actual=len(flat_images))
    shape = (len(flat_labels), architecture.image_bytes)
    return TrainingSet(images=flat_images.reshape(shape), labels=flat_labels)


def _flat(samples: Samples) -> npt.NDArray[np.uint8]:
    if isinstance(samples, np.ndarray):
        assert samples.dtype == np.uint8
        return np.ascontiguousarray(samples).reshape(-1)
    return np.frombuffer(samples, dtype=np.uint8)


def step_exponents(
    schedule: Sequence[tuple[int, int]], samples_seen: int, count: int, batch: int
) -> npt.NDArray[np.int32]:
    """Return u of each step, int32 (steps,), at most MAX_EXPONENT.

    Raises
    ------
    StepTooSmall
        A negative u.
    """
    exponents = [step_exponent(schedule, samples_seen + start) for start in range(0, count, batch)]
    if exponents and min(exponents) < 0:
        raise StepTooSmall(actual=min(exponents))
    return np.array([min(u, MAX_EXPONENT) for u in exponents], dtype=np.int32)


def model_from_packed(architecture: Architecture, packed: bytes) -> Model:
    """Return the network that packed latents stand for: spec.training.model_from_state, fast.

    Raises
    ------
    LatentsDoNotFit, LatentOutOfRange
        See arrays.flat_latents.
    """
    flat = flat_latents(architecture, packed)
    return model_from_latents(architecture, *split_latents(architecture, *flat))


def model_from_latents(
    architecture: Architecture,
    latents: Sequence[npt.NDArray[np.int16]],
    biases: Sequence[npt.NDArray[np.int32]],
) -> Model:
    """Return the network that latents stand for: spec.training.model_from_state on arrays.

    Parameters
    ----------
    architecture : Architecture
    latents : sequence of int16 arrays
        (weights,) of each layer.
    biases : sequence of int32 arrays
        (channels,) of each layer.
    """
    shapes = architecture.shapes
    bits = [
        (layer < 0).astype(np.uint8).reshape(shape.channels, shape.fan_in)
        for shape, layer in zip(shapes, latents, strict=True)
    ]
    thresholds = [_thresholds(shape, b) for shape, b in zip(shapes, biases, strict=True)]
    return model_from_arrays(architecture, bits, thresholds)


def _thresholds(shape: LayerShape, biases: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    shifted = biases >> limits.BIAS_SHIFT
    if shape.last:
        thresholds = shifted
    elif shape.eight_bit:
        thresholds = -shifted  # sum + bias >= 0
    else:
        thresholds = (shape.fan_in + shifted) >> 1  # fan_in - 2 * mismatches + bias >= 0
    kept: npt.NDArray[np.int32] = np.clip(thresholds, *shape.threshold_range).astype(np.int32)
    return kept
