# SPDX-License-Identifier: Apache-2.0
"""What a node is made of, as service.py builds it and every test rig does.

Law of the file: values that are passed in; nothing runs.
Read next: node.py.
"""

from dataclasses import dataclass, field
from typing import Protocol

from edge_node.chain.block_builder import Finding, Signer
from edge_node.chain.importer import Importer
from edge_node.chain.mempool import Mempool
from edge_node.datasets.store import DatasetStore
from edge_node.gossip.mqtt import MqttLink
from edge_node.gossip.protocol import Gossip
from edge_node.node.data_directory import DataDirectory
from edge_node.node.dataset_fetch import MAX_UPLOAD_BYTES
from edge_node.node.engine import NodeEngine
from edge_node.node.held_blocks import HeldBlocks
from edge_node.node.watching import NobodyWatches, Watcher
from edge_node.primitives.clock import Clock
from edge_node.primitives.types import TimestampMs
from edge_node.spec.constants import MAX_TRANSACTIONS
from edge_node.spec.state import State
from edge_node.trainer.task import Progress


class BlockMiner(Protocol):
    """What looks for the node's blocks, by whatever rule the network runs."""

    progress: Progress | None
    """How the trainer is doing, in its own words; None until it has said so."""

    @property
    def given_up(self) -> bool:
        """True once the trainer has died too often to be started again."""

    @property
    def needs_trainer(self) -> bool:
        """True if the trainer has died and `collect` will start another."""

    def follow(self, head: State) -> None:
        """Work on top of `head` from now on."""

    def pause(self) -> None:
        """Stop working until the next head is followed."""

    def collect(self) -> None:
        """Take in what the trainer has sent; start another one if it has died."""

    def due(self, now_ms: TimestampMs, *, transactions_wait: bool) -> Finding | None:
        """Return what a block of this moment would carry, or None if none is due."""

    def refuse(self, finding: Finding) -> None:
        """Forget a finding whose block was refused."""

    def stop(self) -> None:
        """End the trainer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeParts:
    """Everything that a node is made of."""

    directory: DataDirectory
    """Its data directory, locked."""
    importer: Importer
    """The chain."""
    mempool: Mempool
    """Waiting transactions."""
    engine: NodeEngine
    """Heavy work."""
    datasets: DatasetStore
    """Datasets on the disk."""
    gossip: Gossip
    """The protocol."""
    link: MqttLink
    """The connection to the broker."""
    signer: Signer
    """The node's key."""
    clock: Clock
    """The time."""
    miner: BlockMiner | None
    """The trainer's side; None for a node that only validates."""
    keep_blocks: int = 0
    """Blocks below the head that stay whole; 0 for all."""
    watcher: Watcher = field(default_factory=NobodyWatches)
    """Whoever watches."""
    held: HeldBlocks = field(default_factory=HeldBlocks)
    """Blocks that wait; gossip's view of the chain has the same."""
    block_transactions: int = MAX_TRANSACTIONS
    """Most transactions of a block of our own."""
    max_dataset_bytes: int = MAX_UPLOAD_BYTES
    """Larger uploads are fetched only once blocks are about them."""
    auto_reveal: bool = True
    """Whether reserves of our own uploads are revealed as soon as that may be."""
