# SPDX-License-Identifier: Apache-2.0
"""What both burst runners take and give: the start of a family's bursts, a trial, its latents.

Part of the fast twins of spec/burst.py (rules R-69 to R-72). Miners lose nearly every trial,
so a trial gives a few bytes, and latents only where they are asked for; they are packed bytes on
the way in and out, as nodes keep them (LatentState.packed).
Law of the file: what does not fit is refused before anything changes.
Read next: burst.py (compiled), numpy_burst.py.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_node.kernels.arrays import flat_latents
from edge_node.kernels.training_data import (
    BadTrainingInput,
    Samples,
    model_from_packed,
    step_exponents,
    training_set,
)
from edge_node.primitives.types import Hash32
from edge_node.spec.burst import BurstResult, BurstRules, BurstStart, Drawn
from edge_node.spec.model import Model
from edge_node.spec.training_bounds import check_trainable

SEED_BYTES = 32
_TICKET_BYTES = 32


class NoSamples(BadTrainingInput):
    """The train split is empty, so no batch can be drawn."""

    def __init__(self) -> None:
        super().__init__("Bursts want at least 1 image to train on, not 0: choose another dataset.")


class TooManyRequirements(BadTrainingInput):
    """No two requirements are of one neuron, so there can not be more of them than neurons."""

    def __init__(self, *, limit: int, actual: int) -> None:
        super().__init__(
            f"This architecture admits up to {limit} requirements, not {actual}: choose a larger "
            "network."
        )
        self.limit = limit
        self.actual = actual


class NoRelatives(BadTrainingInput):
    """A family that evolves has blocks to cross with."""

    def __init__(self) -> None:
        super().__init__(
            "A family that evolves wants at least 1 relative, not 0: give the models of its last "
            "blocks."
        )


class RelativeDoesNotFit(BadTrainingInput):
    """A relative is of another family."""

    def __init__(self, *, expected: int, actual: int) -> None:
        super().__init__(
            f"A relative must have the family's {expected} weights in its layers, not {actual} in "
            "its own: give models of the family."
        )
        self.expected = expected
        self.actual = actual


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What a seed has come to, but for the latents."""

    drawn: Drawn
    """Operator and partner."""
    latent_root: Hash32
    """Hash of the latents."""
    ticket: int
    """What the burst has drawn in the lottery."""
    met: bool
    """Every requirement is met; False where the ticket has lost, so that nobody looked."""


class FamilyInBursts(ABC):
    """What the compiled runner and numpy's have in common: a family under trial after trial."""

    def __init__(self, rules: BurstRules, images: Samples, labels: Samples) -> None:
        architecture = rules.architecture
        check_trainable(architecture, rules.batch)
        if rules.requirements > architecture.channel_count:
            raise TooManyRequirements(limit=architecture.channel_count, actual=rules.requirements)
        self.rules = rules
        self._samples = training_set(architecture, images, labels)
        if not len(self._samples.labels):
            raise NoSamples
        self._begun = self._tried = False

    def begin(self, start: BurstStart) -> None:
        """Let the trials that follow be on top of `start`.

        Raises
        ------
        LatentsDoNotFit, LatentOutOfRange, NoRelatives, RelativeDoesNotFit, StepTooSmall
            The trials that follow are on top of the earlier start.
        """
        rules = self.rules
        latents, biases = flat_latents(rules.architecture, start.latents)
        exponents = step_exponents(rules.schedule, start.samples_seen, rules.samples, rules.batch)
        if start.evolves and rules.weights[2] and not start.relatives:
            raise NoRelatives
        for relative in start.relatives:
            if relative.architecture != rules.architecture:
                raise RelativeDoesNotFit(
                    expected=rules.architecture.weight_count,
                    actual=relative.architecture.weight_count,
                )
        self._begin(start, latents, biases, exponents)
        self._begun, self._tried = True, False

    def trial(self, seed: bytes, below: int | None = None) -> Trial:
        """Run the burst of a seed on top of the start.

        Parameters
        ----------
        seed : bytes
            32 bytes, by spec.burst.seed_of.
        below : int, optional
            A ticket that is not below it has lost, and is not asked what it meets; miners of dense
            networks save a fifth of their time. Every trial is asked, if not given.

        Returns
        -------
        Trial
            The latents of the same trial stay at hand until the next one.
        """
        assert self._begun, "begin() comes before trial()"
        assert len(seed) == SEED_BYTES
        if below is not None and below.bit_length() > 8 * _TICKET_BYTES:
            below = None  # no ticket is so high
        limit = None if below is None else max(below, 0).to_bytes(_TICKET_BYTES, "big")
        done = self._trial(seed, limit)
        self._tried = True
        return done

    def latents(self) -> bytes:
        """Return the packed latents of the last trial."""
        assert self._tried, "trial() comes before latents()"
        return self._latents()

    def model(self) -> Model:
        """Return the network of the last trial."""
        return model_from_packed(self.rules.architecture, self.latents())

    def run(self, seed: bytes) -> BurstResult:
        """Run the burst of a seed; the law's answer."""
        done = self.trial(seed)
        return BurstResult(
            latents=self.latents(),
            latent_root=done.latent_root,
            met=done.met,
            model=self.model(),
        )

    @abstractmethod
    def _begin(
        self,
        start: BurstStart,
        latents: npt.NDArray[np.int16],
        biases: npt.NDArray[np.int32],
        exponents: npt.NDArray[np.int32],
    ) -> None:
        """Take the start, which fits; the arrays are those of all layers, the last of all steps."""

    @abstractmethod
    def _trial(self, seed: bytes, below: bytes | None) -> Trial:
        """Run the burst of a seed; `below` as a ticket's bytes."""

    @abstractmethod
    def _latents(self) -> bytes:
        """Return the packed latents of the last trial."""
