# SPDX-License-Identifier: Apache-2.0
"""Bursts in C: the fast twin of spec/burst.py (rules R-69 to R-72).

A miner makes a `BurstRunner` once for a family, lets it `begin` at each new head, and gives it seed
after seed. Runners share nothing that changes, and C runs without Python's lock, so that a runner
for each thread keeps all cores busy. `run_burst` has the law's name and arguments.
Law of the file: it checks and calls, csrc/burst.c computes; equal to the law in every bit.
Read next: burst_data.py, csrc/burst.h; numpy_burst.py, for machines without a compiler.
"""

import ctypes
import weakref

import numpy as np
import numpy.typing as npt

from edge_node.kernels.arrays import weight_bits
from edge_node.kernels.burst_data import FamilyInBursts, Trial
from edge_node.kernels.numpy_burst import NumpyBurstRunner
from edge_node.kernels.shared_object import KernelPath, choose_path, load_library
from edge_node.kernels.training import TrainerUnavailable, layer_numbers
from edge_node.kernels.training_data import Samples
from edge_node.primitives.types import Hash32
from edge_node.spec.burst import BurstResult, BurstRules, BurstStart, Drawn, Operator


class BurstRunner(FamilyInBursts):
    """A family under trial after trial, on one instruction path. One thread at a time may use it.

    Parameters
    ----------
    rules : BurstRules
    images : bytes or uint8 array
        (N, rows, columns, channels), the train split. A contiguous array is not copied and must not
        change.
    labels : bytes or uint8 array
        (N,).
    path : KernelPath, optional
        The fastest that this processor runs, if not given.
    library : ctypes.CDLL, optional
        The compiled kernels, if not those beside this file.

    Raises
    ------
    NotTrainable
        The law of training does not cover the architecture or the batch.
    TooManyRequirements
        There are not so many neurons.
    SamplesDoNotFit, NoSamples
        The images are not those of the architecture and the labels, or there are none.
    TrainerUnavailable
        There is no compiled library, the processor does not run the path, or memory is short.
    """

    def __init__(
        self,
        rules: BurstRules,
        images: Samples,
        labels: Samples,
        path: KernelPath | None = None,
        *,
        library: ctypes.CDLL | None = None,
    ) -> None:
        super().__init__(rules, images, labels)
        library, self.path = choose_path(path, library, TrainerUnavailable)
        self._library = _declare(library)
        numbers = layer_numbers(rules.architecture)
        handle = self._library.edge_burst_new(
            int(self.path),
            len(numbers),
            numbers.ctypes.data,
            self._samples.images.ctypes.data,
            self._samples.labels.ctypes.data,
            len(self._samples.labels),
            ctypes.byref(_rules(rules)),
        )
        if not handle:
            raise TrainerUnavailable(
                "No memory for bursts: close other programs or choose a smaller network."
            )
        self._handle = ctypes.c_void_p(handle)
        self._relatives = np.zeros(0, np.uint8)  # which C does not copy
        weakref.finalize(self, self._library.edge_burst_free, self._handle)

    def _begin(
        self,
        start: BurstStart,
        latents: npt.NDArray[np.int16],
        biases: npt.NDArray[np.int32],
        exponents: npt.NDArray[np.int32],
    ) -> None:
        relatives = np.concatenate(
            [np.zeros(0, np.uint8)]
            + [layer.reshape(-1) for model in start.relatives for layer in weight_bits(model)]
        )
        self._library.edge_burst_begin(
            self._handle,
            latents.ctypes.data,
            biases.ctypes.data,
            exponents.ctypes.data,
            int(start.evolves),
            relatives.ctypes.data,
            len(start.relatives),
        )
        self._relatives = relatives

    def _trial(self, seed: bytes, below: bytes | None) -> Trial:
        result = _Result()
        self._library.edge_burst_run(self._handle, seed, below, ctypes.byref(result))
        return Trial(
            drawn=Drawn(operator=Operator(result.drawn), partner=result.partner),
            latent_root=Hash32(bytes(result.latent_root)),
            ticket=int.from_bytes(bytes(result.ticket), "big"),
            met=bool(result.met),
        )

    def _latents(self) -> bytes:
        architecture = self.rules.architecture
        packed = ctypes.create_string_buffer(
            2 * architecture.weight_count + 4 * architecture.channel_count
        )
        self._library.edge_burst_latents(self._handle, packed)
        return packed.raw


def new_burst_runner(
    rules: BurstRules, images: Samples, labels: Samples, path: KernelPath | None = None
) -> BurstRunner | NumpyBurstRunner:
    """Return a compiled runner, or numpy's where the C kernels were not built.

    Raises
    ------
    NotTrainable, TooManyRequirements, SamplesDoNotFit, NoSamples, TrainerUnavailable
        See BurstRunner.
    """
    library = load_library()
    if library is None and path is None:
        return NumpyBurstRunner(rules, images, labels)
    return BurstRunner(rules, images, labels, path, library=library)


def run_burst(
    seed: bytes,
    rules: BurstRules,
    start: BurstStart,
    images: Samples,
    labels: Samples,
    *,
    path: KernelPath | None = None,
) -> BurstResult:
    """Return what the burst of a seed comes to: spec.burst.run_burst, fast.

    Parameters
    ----------
    seed, rules, start, images, labels
        See spec.burst.run_burst.
    path : KernelPath, optional
        The fastest that this processor runs, if not given; numpy without the C kernels.

    Raises
    ------
    NotTrainable, TooManyRequirements, SamplesDoNotFit, NoSamples, TrainerUnavailable
        See BurstRunner.
    LatentsDoNotFit, LatentOutOfRange, NoRelatives, RelativeDoesNotFit, StepTooSmall
        See FamilyInBursts.begin.
    """
    runner = new_burst_runner(rules, images, labels, path)
    runner.begin(start)
    return runner.run(seed)


class _Rules(ctypes.Structure):
    """struct edge_burst_rules of csrc/burst.h."""

    _fields_ = (
        ("steps", ctypes.c_int32),
        ("batch", ctypes.c_int32),
        ("requirements", ctypes.c_int32),
        ("mutate_ppm", ctypes.c_uint32),
        ("cross_ppm", ctypes.c_uint32),
        ("chances", ctypes.c_uint32 * 3),
    )


class _Result(ctypes.Structure):
    """struct edge_burst_result of csrc/burst.h."""

    _fields_ = (
        ("latent_root", ctypes.c_uint8 * 32),
        ("ticket", ctypes.c_uint8 * 32),
        ("met", ctypes.c_int32),
        ("drawn", ctypes.c_int32),
        ("partner", ctypes.c_uint32),
    )


def _rules(rules: BurstRules) -> _Rules:
    return _Rules(
        rules.steps,
        rules.batch,
        rules.requirements,
        rules.mutate_ppm,
        rules.cross_ppm,
        rules.weights,
    )


def _declare(library: ctypes.CDLL) -> ctypes.CDLL:
    """Tell ctypes the types of csrc/burst.h."""
    pointer = ctypes.c_void_p
    library.edge_burst_new.argtypes = (
        ctypes.c_int,
        ctypes.c_int32,
        pointer,
        pointer,
        pointer,
        ctypes.c_uint32,
        pointer,
    )
    library.edge_burst_new.restype = pointer
    library.edge_burst_free.argtypes = (pointer,)
    library.edge_burst_free.restype = None
    library.edge_burst_begin.argtypes = (
        pointer,
        pointer,
        pointer,
        pointer,
        ctypes.c_int,
        pointer,
        ctypes.c_uint32,
    )
    library.edge_burst_begin.restype = None
    library.edge_burst_run.argtypes = (pointer, ctypes.c_char_p, ctypes.c_char_p, pointer)
    library.edge_burst_run.restype = None
    library.edge_burst_latents.argtypes = (pointer, pointer)
    library.edge_burst_latents.restype = None
    return library
