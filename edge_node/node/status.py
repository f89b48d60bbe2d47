# SPDX-License-Identifier: Apache-2.0
"""What a running node tells about itself.

Law of the file: values for people and scripts; the keys of `as_json` are stable.
Read next: control.py.
"""

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerStatus:
    """One peer."""

    node: str
    """Its id."""
    online: bool
    """Whether it counts as here."""
    height: int
    """Height of its tip."""
    software: str
    """Name and version that it tells."""
    banned: bool
    """Whether it is ignored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyStatus:
    """One family."""

    family: str
    """Its id."""
    dataset: str
    """The dataset's name."""
    models: int
    """Blocks of the family."""
    generations: int
    """Records."""
    evaluation_ppm: int
    """Accuracy of the last record, or of the best of the population."""
    coverage_ppm: int
    """Share of the weights that have held both values in records."""
    needed_gain: int
    """Images by which the next record must beat the last."""
    closed: bool
    """No more blocks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OffloadStatus:
    """Whom a node follows that does not replay."""

    words: str
    """What it does, for people."""
    following: bool
    """Whether a quorum of full nodes, heard now, stands on the head."""
    quorum: int
    """How many must agree."""
    attested_height: int
    """Height of the block on which a quorum of those that are heard stands; 0 for none."""
    heard: tuple[str, ...]
    """Ids of the full nodes that are here."""
    silent: tuple[str, ...]
    """Ids of the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStatus:
    """A node at one moment."""

    node: str
    """Its id on the broker."""
    public_key: str
    """Key that it mines under."""
    address: str
    """Address of that key's account."""
    network: str
    """Network id."""
    network_name: str
    """The network's name."""
    height: int
    """Height of the head."""
    head: str
    """Hash of the head."""
    final_height: int
    """Height of the block that a quorum of members has made final; 0 for none."""
    final: str
    """Its hash; empty for none."""
    member: bool
    """Whether this node's key may sign checkpoints."""
    signed_height: int
    """Height of the last block that it has signed as final; 0 for none."""
    connected: bool
    """Whether a broker has accepted it."""
    synced: bool
    """Whether nobody is known to be ahead."""
    backend: str
    """What evaluates models."""
    imported: int
    """Blocks that it has judged valid since it started."""
    mined: int
    """Blocks of its own among them."""
    held_blocks: int
    """Blocks that wait for the clock, for a dataset or for a model."""
    waiting_blocks: int
    """Blocks that wait to be replayed."""
    waiting_transactions: int
    """Transactions in its mempool."""
    waiting_models: int
    """Models made elsewhere that are to found a family."""
    balance: int
    """Coins that it can spend."""
    immature: int
    """Rewards that wait for their maturity."""
    trainer: str
    """What the trainer does, in words."""
    temperature: str
    """How hot the machine is, in words; empty if nobody looks."""
    reasons: tuple[str, ...]
    """What is wrong with it, in words; none for a healthy node."""
    offload: OffloadStatus | None
    """For a node that evaluates and does not replay; None for a full node."""
    families: tuple[FamilyStatus, ...]
    """Families of the chain."""
    peers: tuple[PeerStatus, ...]
    """Known peers."""

    def as_json(self) -> dict[str, object]:
        """Return the status as plain values."""
        return asdict(self)
