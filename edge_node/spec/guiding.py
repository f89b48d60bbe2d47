# SPDX-License-Identifier: Apache-2.0
"""Paper B's walk and requirements: what `guiding_gradient` as published computes.

Algorithms 1 and 2. A walk takes steps of plain gradient descent, each on a batch of its miner's
free choice; the way that some weights moved in the last of them is what wins. Which weights, and
which way, follows from the block before alone, so all miners know it before they begin.
Law of the file: as in the paper, weaknesses included; docs of proof/guiding_gradient.py name them.
Read next: proof/guiding_gradient.py; burst.py for the hardened rule.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edge_node.primitives.hashing import Prf
from edge_node.primitives.types import BlockHash
from edge_node.spec import training
from edge_node.spec.architecture import Architecture
from edge_node.spec.burst import directed_weights
from edge_node.spec.model import Model

_LATENT_BYTES = 2

Batch = tuple[int, ...]
"""Indices into the train split; one may stand there twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """Where some steps have led."""

    before: bytes
    """Packed latents before the last step: the paper's W."""
    latents: bytes
    """Packed latents after it: W'."""
    model: Model
    """The network that W' stands for."""


def run_walk(
    architecture: Architecture,
    latents: bytes,
    images: bytes,
    labels: bytes,
    batches: Sequence[Batch],
    shift: int,
) -> Walk:
    """Return where one step per batch leads from packed latents (paper B, Algorithm 1, line 6).

    Parameters
    ----------
    architecture : Architecture
    latents : bytes
        Packed.
    images : bytes
        uint8 (N, rows, columns, channels), the train split.
    labels : bytes
        u8 (N,).
    batches : sequence of Batch
        At least one.
    shift : int
        See training.shifted_step.

    Raises
    ------
    NotTrainable
        R-9.
    """
    before = state = training.state_from_packed(architecture, latents)
    for batch in batches:
        before = state
        state = training.shifted_step(architecture, state, images, labels, batch, shift)
    return Walk(
        before=before.packed(),
        latents=state.packed(),
        model=training.model_from_state(architecture, state),
    )


def requirements(
    previous_hash: BlockHash, architecture: Architecture, count: int
) -> list[tuple[int, int]]:
    """Return R, which the hash of the block before draws (R-83).

    Returns
    -------
    list of (int, int)
        See burst.directed_weights: the paper's "collision avoidance" is that no two weights are of
        one neuron.
    """
    return directed_weights(Prf("guiding-requirements", previous_hash), architecture, count)


def first_unmet(
    required: Iterable[tuple[int, int]], before: bytes, after: bytes
) -> tuple[int, int] | None:
    """Return the first requirement that a step does not meet; None if it meets all (R-83).

    As published, a weight that stands still meets either (paper B, Algorithm 1, lines 9 to 21).

    Parameters
    ----------
    required : iterable of (int, int)
        By `requirements`.
    before, after : bytes
        Packed latents before and after the step: these are the paper's w and w'.
    """
    for weight, direction in required:
        if (_latent(after, weight) - _latent(before, weight)) * direction < 0:
            return weight, direction
    return None


def _latent(packed: bytes, weight: int) -> int:
    start = _LATENT_BYTES * weight
    return int.from_bytes(packed[start : start + _LATENT_BYTES], "little", signed=True)
