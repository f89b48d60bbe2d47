# SPDX-License-Identifier: Apache-2.0
"""Integer training in C: the fast twin of spec/training.py (rule R-9), dense and convolutional.

`train` has the law's name and arguments. A `Trainer` keeps its latents in C between calls, for
those who train the same network burst after burst.
Law of the file: it checks and calls, csrc/training_body.h computes; equal to the law in every bit.
Read next: csrc/training.h; numpy_training.py, for machines without a compiler.
"""

import ctypes
import weakref
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edge_node.kernels.arrays import flat_latents, split_latents
from edge_node.kernels.numpy_training import NumpyTrainer
from edge_node.kernels.shared_object import KernelPath, choose_path, load_library
from edge_node.kernels.training_data import (
    Indices,
    NetworkInTraining,
    Samples,
)
from edge_node.primitives.errors import EdgeNodeError
from edge_node.spec.architecture import Architecture
from edge_node.spec.training import LatentState, Trained
from edge_node.spec.training_bounds import layer_constants


class TrainerUnavailable(EdgeNodeError):
    """The compiled trainer can not be had: no library, another processor's path, no memory."""

    reason = "training"


class Trainer(NetworkInTraining):
    """A network in training, on one instruction path. One thread at a time may use it.

    Its latents and biases are 0 until `set_state`.

    Parameters
    ----------
    architecture : Architecture
    images : bytes or uint8 array
        (N, rows, columns, channels). A contiguous array is not copied and must not change.
    labels : bytes or uint8 array
        (N,).
    path : KernelPath, optional
        The fastest that this processor runs, if not given.
    library : ctypes.CDLL, optional
        The compiled kernels, if not those beside this file.

    Raises
    ------
    NotTrainable
        The law of training does not cover the architecture.
    SamplesDoNotFit
        The images are not those of the architecture and the labels.
    TrainerUnavailable
        There is no compiled library, the processor does not run the path, or memory is short.
    """

    def __init__(
        self,
        architecture: Architecture,
        images: Samples,
        labels: Samples,
        path: KernelPath | None = None,
        *,
        library: ctypes.CDLL | None = None,
    ) -> None:
        super().__init__(architecture, images, labels)
        library, self.path = choose_path(path, library, TrainerUnavailable)
        self._library = _declare(library)
        numbers = layer_numbers(architecture)
        handle = self._library.edge_training_new(
            int(self.path),
            len(numbers),
            numbers.ctypes.data,
            self._samples.images.ctypes.data,
            self._samples.labels.ctypes.data,
        )
        if not handle:
            raise TrainerUnavailable(
                "No memory for training: close other programs or choose a smaller network."
            )
        self._handle = ctypes.c_void_p(handle)
        weakref.finalize(self, self._library.edge_training_free, self._handle)

    def set_packed(self, packed: bytes) -> None:
        """Go on from packed latents; see NetworkInTraining."""
        latents, biases = flat_latents(self.architecture, packed)
        self._library.edge_training_set_state(self._handle, latents.ctypes.data, biases.ctypes.data)

    def _run(
        self, indices: npt.NDArray[np.int64], batch: int, exponents: npt.NDArray[np.int32]
    ) -> None:
        self._library.edge_training_run(
            self._handle, indices.ctypes.data, len(indices), batch, exponents.ctypes.data
        )

    def _shift(self, indices: npt.NDArray[np.int64], shift: int) -> None:
        self._library.edge_training_shift(self._handle, indices.ctypes.data, len(indices), shift)

    def _sum_gradients(self, sums: npt.NDArray[np.int64] | None) -> None:
        address = None if sums is None else sums.ctypes.data
        self._library.edge_training_sum_gradients(self._handle, address)

    def _arrays(self) -> tuple[list[npt.NDArray[np.int16]], list[npt.NDArray[np.int32]]]:
        latents = np.empty(self.architecture.weight_count, np.int16)
        biases = np.empty(self.architecture.channel_count, np.int32)
        self._library.edge_training_get_state(self._handle, latents.ctypes.data, biases.ctypes.data)
        return split_latents(self.architecture, latents, biases)


def new_trainer(
    architecture: Architecture, images: Samples, labels: Samples, path: KernelPath | None = None
) -> Trainer | NumpyTrainer:
    """Return a compiled trainer, or numpy's where the C kernels were not built.

    Raises
    ------
    NotTrainable, SamplesDoNotFit, TrainerUnavailable
        See Trainer.
    """
    library = load_library()
    if library is None and path is None:
        return NumpyTrainer(architecture, images, labels)
    return Trainer(architecture, images, labels, path, library=library)


def train(  # noqa: PLR0913 - the law's arguments, in its order
    architecture: Architecture,
    state: LatentState,
    images: Samples,
    labels: Samples,
    indices: Indices,
    batch: int,
    schedule: Sequence[tuple[int, int]],
    samples_seen: int = 0,
    *,
    path: KernelPath | None = None,
) -> LatentState:
    """Return the state after one step per `batch` indices: spec.training.train, fast.

    Parameters
    ----------
    architecture, state, images, labels, indices, batch, schedule, samples_seen
        See spec.training.train.
    path : KernelPath, optional
        The fastest that this processor runs, if not given; numpy without the C kernels.

    Raises
    ------
    NotTrainable, SamplesDoNotFit, SampleOutOfRange, StepTooSmall, TrainerUnavailable
        See Trainer.
    """
    trainer = new_trainer(architecture, images, labels, path)
    return trainer.train(state, indices, batch, schedule, samples_seen)


def train_summed(  # noqa: PLR0913 - the law's arguments, in its order
    architecture: Architecture,
    state: LatentState,
    images: Samples,
    labels: Samples,
    indices: Indices,
    batch: int,
    schedule: Sequence[tuple[int, int]],
    samples_seen: int = 0,
    *,
    path: KernelPath | None = None,
) -> Trained:
    """Do as `train`, and say what the gradients were in all: spec.training.train_summed, fast.

    Raises
    ------
    NotTrainable, SamplesDoNotFit, SampleOutOfRange, StepTooSmall, TrainerUnavailable
        See Trainer.
    """
    trainer = new_trainer(architecture, images, labels, path)
    return trainer.train_summed(state, indices, batch, schedule, samples_seen)


def shifted_step(
    architecture: Architecture,
    state: LatentState,
    images: Samples,
    labels: Samples,
    indices: Indices,
    shift: int,
    *,
    path: KernelPath | None = None,
) -> LatentState:
    """Return the state after one step of plain gradient descent: spec.training's, fast.

    Parameters
    ----------
    architecture, state, images, labels, indices, shift
        See spec.training.shifted_step.
    path : KernelPath, optional
        See train.

    Raises
    ------
    NotTrainable, SamplesDoNotFit, SampleOutOfRange, ShiftOutOfRange, TrainerUnavailable
        See Trainer.
    """
    return new_trainer(architecture, images, labels, path).shifted_step(state, indices, shift)


def layer_numbers(architecture: Architecture) -> npt.NDArray[np.int32]:
    """Return int32 (layers, 14) in the order of csrc/training.c."""
    rows = [
        (
            shape.in_height,
            shape.in_width,
            shape.in_channels,
            shape.kernel_height,
            shape.kernel_width,
            shape.channels,
            shape.out_height,
            shape.out_width,
            int(shape.layer.pool),
            int(shape.eight_bit),
            constants.window,
            constants.signal_shift,
            constants.clamp,
            constants.threshold_slowdown,
        )
        for shape, constants in zip(architecture.shapes, layer_constants(architecture), strict=True)
    ]
    return np.array(rows, np.int32)


def _declare(library: ctypes.CDLL) -> ctypes.CDLL:
    """Tell ctypes the types of csrc/training.h."""
    pointer = ctypes.c_void_p
    library.edge_training_new.argtypes = (ctypes.c_int, ctypes.c_int32, pointer, pointer, pointer)
    library.edge_training_new.restype = pointer
    library.edge_training_free.argtypes = (pointer,)
    library.edge_training_free.restype = None
    library.edge_training_set_state.argtypes = (pointer, pointer, pointer)
    library.edge_training_set_state.restype = None
    library.edge_training_get_state.argtypes = (pointer, pointer, pointer)
    library.edge_training_get_state.restype = None
    library.edge_training_run.argtypes = (
        pointer,
        pointer,
        ctypes.c_int64,
        ctypes.c_int32,
        pointer,
    )
    library.edge_training_run.restype = None
    library.edge_training_shift.argtypes = (pointer, pointer, ctypes.c_int64, ctypes.c_int32)
    library.edge_training_shift.restype = None
    library.edge_training_sum_gradients.argtypes = (pointer, pointer)
    library.edge_training_sum_gradients.restype = None
    return library
