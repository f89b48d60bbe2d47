# SPDX-License-Identifier: Apache-2.0
"""What a board can take: how large a model, how much memory, how long a block.

The network does not know a node's limits, and what is valid does not depend on them. So a block
that goes beyond them is neither valid nor invalid here: it waits, the node says that it can not
follow, and nobody is blamed. Nor does the node mine what it could not judge.
Law of the file: limits are this node's own; none of them ever decides what is valid.
Read next: engine.py, intake.py, mining/slot.py, which ask.
"""

from dataclasses import dataclass
from typing import Final

from edge_node.node.errors import BlockBeyondTime, MiningBeyondMemory, ModelBeyondLimit
from edge_node.primitives.clock import Clock
from edge_node.spec.architecture import Architecture
from edge_node.spec.dataset import Manifest, SplitName
from edge_node.spec.model import packed_bytes

_THRESHOLD_BYTES = 4
_MIB = 1 << 20

MAX_UPLOAD_BYTES: Final = 1 << 28
"""Larger uploads are not fetched until so many others hold them that blocks are about them."""
NODE_BYTES: Final = 72 * _MIB
"""What a node takes; 70,204 kB were resident on x86-64 with Python 3.11."""
WORKER_BYTES: Final = 48 * _MIB
"""What a process that searches takes beside its images: 40 MiB there, and its sliced images."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a node may take; 0 for whatever comes."""

    model_bytes: int = 0
    """Weights and thresholds of a model that is evaluated or mined."""
    memory_bytes: int = 0
    """Memory of node and trainer."""
    block_ms: int = 0
    """Time to judge a block."""


def model_bytes(architecture: Architecture) -> int:
    """Return the bytes of a network's weights, in whole words, and thresholds."""
    shapes = architecture.shapes
    return sum(packed_bytes(each) + _THRESHOLD_BYTES * each.channels for each in shapes)


def mining_bytes(manifest: Manifest, workers: int) -> int:
    """Return the memory that mining on a dataset takes: each worker holds its images.

    Parameters
    ----------
    manifest : Manifest
    workers : int
        Processes that search.
    """
    images = sum(manifest.splits[name].count for name in (SplitName.TRAIN, SplitName.EVALUATION))
    return NODE_BYTES + workers * (WORKER_BYTES + images * manifest.image_bytes)


def check_model(architecture: Architecture, limits: Limits) -> None:
    """Check that a model is not too large.

    Raises
    ------
    ModelBeyondLimit
    """
    actual = model_bytes(architecture)
    if 0 < limits.model_bytes < actual:
        raise ModelBeyondLimit(expected=limits.model_bytes, actual=actual)


def check_memory(manifest: Manifest, workers: int, limits: Limits) -> None:
    """Check that mining on a dataset does not take too much memory.

    Raises
    ------
    MiningBeyondMemory
    """
    actual = mining_bytes(manifest, workers)
    if 0 < limits.memory_bytes < actual:
        raise MiningBeyondMemory(dataset=manifest.name, expected=limits.memory_bytes, actual=actual)


class BlockTime:
    """The time that judging one block has taken, against its limit.

    Parameters
    ----------
    limits : Limits
    clock : Clock
    """

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self._limits = limits
        self._clock = clock
        self._begun_ms: int | None = None

    def begin(self) -> None:
        """Begin to judge a block."""
        self._begun_ms = self._clock.monotonic_ms()

    def end(self) -> None:
        """Be done with it: what is computed from here on has no limit."""
        self._begun_ms = None

    def check(self) -> None:
        """Check that there is time left.

        Raises
        ------
        BlockBeyondTime
        """
        if self._begun_ms is None or not self._limits.block_ms:
            return
        took_ms = self._clock.monotonic_ms() - self._begun_ms
        if took_ms > self._limits.block_ms:
            raise BlockBeyondTime(expected=self._limits.block_ms, actual=took_ms)

    def check_model(self, architecture: Architecture) -> None:
        """Check that a model is not too large.

        Raises
        ------
        ModelBeyondLimit
        """
        check_model(architecture, self._limits)
