# SPDX-License-Identifier: Apache-2.0
"""What a node is made of, as service.py builds it and every test rig does.

Law of the file: values that are passed in; nothing runs.
Read next: node.py.
"""

from dataclasses import dataclass, field

from edge_node.chain.block_builder import Signer
from edge_node.chain.importer import Importer
from edge_node.chain.mempool import Mempool
from edge_node.datasets.store import DatasetStore
from edge_node.gossip.mqtt import MqttLink
from edge_node.gossip.protocol import Gossip
from edge_node.node.data_directory import DataDirectory
from edge_node.node.disk_room import DiskRoom
from edge_node.node.engine import NodeEngine
from edge_node.node.held_blocks import HeldBlocks
from edge_node.node.limits import MAX_UPLOAD_BYTES, BlockTime
from edge_node.node.mining.miner import Miner
from edge_node.node.offload import FullNodes
from edge_node.node.replay_queue import ReplayQueue
from edge_node.node.thermal import Thermometer
from edge_node.node.watching import NobodyWatches, Watcher
from edge_node.primitives.clock import Clock
from edge_node.spec.constants import MAX_TRANSACTIONS


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
    miner: Miner | None
    """The trainer's side; None for a node that only validates."""
    keep_blocks: int = 0
    """Blocks below the head that stay whole; 0 for all."""
    watcher: Watcher = field(default_factory=NobodyWatches)
    """Whoever watches."""
    held: HeldBlocks = field(default_factory=HeldBlocks)
    """Blocks that wait; gossip's view of the chain has the same."""
    replays: ReplayQueue | None = None
    """Blocks that wait for their replay, as gossip's view of the chain has them too; None where
    blocks are judged as they come."""
    block_transactions: int = MAX_TRANSACTIONS
    """Most transactions of a block of our own."""
    max_dataset_bytes: int = MAX_UPLOAD_BYTES
    """Larger uploads are fetched only once blocks are about them."""
    auto_reveal: bool = True
    """Whether reserves of our own uploads are revealed as soon as that may be."""
    block_time: BlockTime | None = None
    """Limits to what judging a block may take; the engine has the same. None for no limits."""
    thermometer: Thermometer | None = None
    """Says when it is too hot to mine; None where nobody looks."""
    disk_room: DiskRoom | None = None
    """Says when the disk is too full to mine; None where nobody looks."""
    full_nodes: FullNodes | None = None
    """Whose word is taken in the place of replay; None for a full node."""
