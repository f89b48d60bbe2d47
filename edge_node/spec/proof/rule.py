# SPDX-License-Identifier: Apache-2.0
"""The port between block validation and a proof rule.

Law of the file: shapes only.
Read next: evolution.py.
"""

from dataclasses import dataclass
from typing import Protocol

from edge_node.primitives.types import NetworkId
from edge_node.spec.block import Block, Header
from edge_node.spec.engine import Engine, ModelSource
from edge_node.spec.genesis import Parameters
from edge_node.spec.model import Model
from edge_node.spec.state import Family, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What a block's proof has shown."""

    model: Model | None
    """The block's model; None for a fallback."""
    families: tuple[Family, ...]
    """Every family that the block changes, as it is after the block; the model's own first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofContext:
    """What a proof is judged by."""

    network: NetworkId
    """The network."""
    parameters: Parameters
    """Its chosen rules."""
    parent: State
    """The state after the parent block."""
    engine: Engine
    """Does the heavy work."""
    models: ModelSource
    """Models of earlier blocks."""


class ProofRule(Protocol):
    """A way to win a block."""

    def verify(self, block: Block, context: ProofContext) -> Learned:
        """Judge a block's proof, cheapest checks first.

        Raises
        ------
        InvalidInput
            A rule is broken.
        DatasetMissing
            This node can not judge yet.
        """

    def work(self, header: Header) -> int:
        """Return what a block adds to its chain's cumulative work (R-50)."""

    def next_difficulty(self, family: Family, parameters: Parameters, interval_ms: int) -> int:
        """Return the difficulty that follows a record after `interval_ms`."""
