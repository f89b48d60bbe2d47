# SPDX-License-Identifier: Apache-2.0
"""Ordinary training of a dense binary network in floats: what the integer trainer is held against.

Latent float32 weights, their signs forward, the straight-through estimator back, Adam with a rate
that falls to zero at the end of its time, and numpy's matrix products: the usual way, with no
framework in between.
Law of the file: a baseline only, nothing of it enters a block; it is made as fast as numpy lets it.
Read next: learning.py.
"""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from edge_node.bench.timing import NS_PER_S, CpuClock
from edge_node.datasets.content import Bytes, Samples
from edge_node.spec.bnn import PIXEL_ZERO

Floats: TypeAlias = "npt.NDArray[np.floating[Any]]"
"""float32 of any shape; numpy's own types do not follow that through every product."""

BATCH = 100
RATE = 0.002
"""Adam's, at the begin."""
FIRST_DECAY, SECOND_DECAY = 0.9, 0.999
EPSILON = 1e-7
INITIAL_SPREAD = 0.1
"""Of latent weights, which are kept within -1 and 1."""
MAX_STEPS = 1_000_000
"""Of one training, however slowly its clock goes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FloatRun:
    """What a training took."""

    samples: int
    """Samples trained on, repeated ones too."""
    seconds: float
    """Processor time."""

    @property
    def samples_per_s(self) -> float:
        """Samples per second."""
        return self.samples / self.seconds


class FloatTrainer:
    """A network of one hidden binary layer, and Adam's memory of it.

    Parameters
    ----------
    samples : Samples
        To train on.
    hidden, classes : int
        Channels of the two layers.
    seed : int
        Of the first weights and of the order of samples.
    """

    def __init__(self, samples: Samples, *, hidden: int, classes: int, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self._signs = _signs(samples.images)
        self._targets = np.eye(classes, dtype=np.float32)[samples.labels]
        inputs = self._signs.shape[1]
        self._weights = [
            self._random.normal(0, INITIAL_SPREAD, shape).astype(np.float32)
            for shape in ((inputs, hidden), (hidden, classes))
        ]
        self._biases = [np.zeros(count, np.float32) for count in (hidden, classes)]
        # Sums of so many signs, brought to about one.
        self._scales = [np.float32(count**-0.5) for count in (inputs, hidden)]
        self._moments = [
            (np.zeros_like(each), np.zeros_like(each)) for each in (*self._weights, *self._biases)
        ]
        self._steps = 0

    def train_for(self, budget_s: float, clock: CpuClock) -> FloatRun:
        """Train for so many seconds of a clock.

        Parameters
        ----------
        budget_s : float
            The last step begins before they are over.
        clock : CpuClock
        """
        count, batch = len(self._signs), min(BATCH, len(self._signs))
        budget_ns, started_ns = int(budget_s * NS_PER_S), clock()
        elapsed_ns = steps = 0
        order = np.empty(0, np.int64)
        while steps == 0 or (elapsed_ns < budget_ns and steps < MAX_STEPS):
            if len(order) < batch:
                order = self._random.permutation(count)
            self.step(order[:batch], RATE * max(0.0, 1 - elapsed_ns / max(1, budget_ns)))
            order = order[batch:]
            steps += 1
            elapsed_ns = clock() - started_ns
        return FloatRun(samples=steps * batch, seconds=elapsed_ns / NS_PER_S)

    def step(self, indices: npt.NDArray[np.int64], rate: float) -> None:
        """Train on one batch.

        Parameters
        ----------
        indices : int64 array
            Of the samples.
        rate : float
            Adam's.
        """
        inputs = self._signs[indices].astype(np.float32)
        binary = [_sign(each) for each in self._weights]
        sums = inputs @ binary[0] * self._scales[0] + self._biases[0]
        hidden = _sign(sums)
        logits = hidden @ binary[1] * self._scales[1] + self._biases[1]
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        errors = (shares - self._targets[indices]) / np.float32(len(indices))
        # Straight through a sign, but not where its input lies beyond -1 and 1.
        back = errors @ binary[1].T * self._scales[1] * (np.abs(sums) <= 1)
        gradients = (
            inputs.T @ back * self._scales[0],
            hidden.T @ errors * self._scales[1],
            back.sum(axis=0),
            errors.sum(axis=0),
        )
        self._adam(gradients, rate)

    def accuracy(self, samples: Samples) -> float:
        """Return the share of samples that the binary network classifies correctly."""
        binary = [_sign(each) for each in self._weights]
        inputs = _signs(samples.images).astype(np.float32)
        hidden = _sign(inputs @ binary[0] * self._scales[0] + self._biases[0])
        logits = hidden @ binary[1] * self._scales[1] + self._biases[1]
        return float(np.mean(logits.argmax(axis=1) == samples.labels))

    def _adam(self, gradients: tuple[Floats, ...], rate: float) -> None:
        self._steps += 1
        unbiased = (1 - SECOND_DECAY**self._steps) ** 0.5 / (1 - FIRST_DECAY**self._steps)
        size = np.float32(rate * unbiased)
        latents = (*self._weights, *self._biases)
        for latent, gradient, moments in zip(latents, gradients, self._moments, strict=True):
            _follow(latent, gradient, moments, size)
        for latent in self._weights:
            np.clip(latent, -1, 1, out=latent)


def _follow(
    latent: Floats, gradient: Floats, moments: tuple[Floats, Floats], size: np.float32
) -> None:
    first, second = moments
    first *= np.float32(FIRST_DECAY)
    first += np.float32(1 - FIRST_DECAY) * gradient
    second *= np.float32(SECOND_DECAY)
    second += np.float32(1 - SECOND_DECAY) * (gradient * gradient)
    change = np.sqrt(second)
    change += np.float32(EPSILON)
    np.divide(first, change, out=change)
    latent -= size * change


def _signs(images: Bytes) -> npt.NDArray[np.int8]:
    rows = images.reshape(len(images), -1)
    return np.where(rows < PIXEL_ZERO, np.int8(-1), np.int8(1))


def _sign(values: Floats) -> Floats:
    return np.where(values < 0, np.float32(-1), np.float32(1))
