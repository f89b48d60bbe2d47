# SPDX-License-Identifier: Apache-2.0
"""The port between block validation and a proof rule.

Law of the file: shapes only.
Read next: evolution.py.
"""

from dataclasses import dataclass
from typing import Protocol

from edge_node.primitives.types import DatasetId, Hash32, ModelHash, NetworkId
from edge_node.spec.architecture import Architecture
from edge_node.spec.block import Block, Header
from edge_node.spec.engine import Engine, LatentSource, ModelSource
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
    earns_bonus: bool = True
    """Its miner gets the dataset's bonus."""
    latents: bytes = b""
    """Packed latents of the model's family after the block; empty if nothing was trained on."""


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
    latents: LatentSource
    """Latents of family heads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyBefore:
    """A family as the latents of one of its blocks were made from it."""

    architecture: Architecture
    """Of the family."""
    dataset: DatasetId
    """What it learns."""
    latents: bytes
    """Packed latents of the block before; the family's first ones for its founder."""
    model_count: int
    """Blocks of the family before."""
    relatives: tuple[ModelHash, ...]
    """Models of the last MAX_RELATIVES of these, the oldest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaySources:
    """With what latents are made anew."""

    parameters: Parameters
    """The network's chosen rules."""
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

    def replay(self, block: Block, before: FamilyBefore, sources: ReplaySources) -> bytes:
        """Return the latents that `verify` has found with a valid block of a family.

        Raises
        ------
        DatasetMissing
        """

    def check_header(self, header: Header) -> None:
        """Check what a header shows of its proof without its body, by a few hashes.

        Raises
        ------
        InvalidInput
            No body could make the block valid.
        """

    def work(self, header: Header) -> int:
        """Return what a block adds to its chain's cumulative work (R-50)."""

    def first_target(self, parameters: Parameters) -> Hash32:
        """Return the target of a network's first block; zeros if the rule has no lottery."""

    def next_difficulty(self, target: Hash32, interval_ms: int, parameters: Parameters) -> Hash32:
        """Return the target that follows a block which came `interval_ms` after its parent."""
