# SPDX-License-Identifier: Apache-2.0
"""What gossip needs from the rest of the node, and the events it hands back.

`ChainPort` is everything that gossip may ask of the chain; the node builds one and passes it in.
`Action` is everything that the state machine tells its owner to do: publish, or act on an event.
Law of the file: declarations only; blocks, headers and datasets are opaque bytes.
Read next: protocol.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, TypeAlias

from edge_node.gossip.messages import ObjectKind, Offer
from edge_node.gossip.topics import NodeId
from edge_node.primitives.types import BlockHash, DatasetId, Hash32, Height, ModelHash


class HeaderVerdict(Enum):
    """What the node says of a header before it spends bandwidth on the body."""

    PLAUSIBLE = "plausible"  # the parent is stored or being imported, nothing cheap is wrong
    ORPHAN = "orphan"  # the parent is not known, or there is no place to wait for its replay
    INVALID = "invalid"  # breaks a rule


class BlockVerdict(Enum):
    """What the node says of a block that gossip delivered."""

    ACCEPTED = "accepted"  # valid, on the main chain or not
    ORPHAN = "orphan"  # the parent is not known, or there was no place to wait
    HELD = "held"  # kept for later, or not judged: nobody is to blame
    INVALID = "invalid"  # the hash stands for an invalid block, whatever came with it
    BAD_MESSAGE = "bad message"  # transport or signature wrong; the hash is not to blame


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderFacts:
    """What gossip must know of a header."""

    block_hash: BlockHash
    """Its hash."""
    parent: BlockHash
    """Its parent's hash."""
    height: Height
    """Its height."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainTip:
    """The head of our main chain."""

    height: Height
    """Its height."""
    block_hash: BlockHash
    """Its hash."""
    work: int
    """Cumulative work, genesis included."""
    header: bytes
    """Its signed header; empty at the genesis."""

    @property
    def rank(self) -> tuple[int, int]:
        """What fork choice looks at: the most work, then the greatest height."""
        return self.work, self.height


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalBlock:
    """The highest block that a quorum of members has signed; no other chain will do."""

    height: Height
    """Its height."""
    block_hash: BlockHash
    """Its hash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyTiming:
    """When the bodies of new blocks travel (design, section 5): relay policy, not validity.

    The default is for a LAN, where bandwidth is cheap: at once, and for as long as anybody may
    have them.
    """

    settle_ms: int = 0
    """A body is asked for this long after its header; small ones ride along if it is 0."""
    timeout_ms: int | None = None
    """A body that has not come this long after its header has lapsed; None for never."""
    lbc_quorum: int = 0
    """Members of the author's cell, or all if they are fewer, that must have a block below their
    tips before its body leaves the cell; 0 for no Local Block Consensus."""
    lbc_timeout_ms: int = 2_000
    """The body leaves in any case this long after the header."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockParts:
    """A block as it travels."""

    header: bytes
    """The signed header."""
    body: bytes
    """Transactions, `have` list and proof."""
    transport: bytes
    """The weights, full or as a delta; may be empty."""


class ChainPort(Protocol):
    """What gossip may ask of the chain and the dataset store. Calls are quick and do not block."""

    def header_facts(self, header: bytes) -> HeaderFacts | None:
        """Return hash, parent and height of a header, or None if it is malformed."""

    def precheck_header(self, header: bytes) -> HeaderVerdict:
        """Judge a header by what is cheap: parent, size, target, signature."""

    def known(self, block_hash: BlockHash) -> bool:
        """Say whether the block is stored; always true for the genesis block."""

    def tip(self) -> ChainTip:
        """Return the head of the main chain."""

    def final(self) -> FinalBlock | None:
        """Return the final block that is known, whether or not it is here."""

    def headers(self, start: Height, count: int) -> list[bytes]:
        """Return main-chain headers from `start` upwards, at most `count`; genesis has none.

        The header of height 1 is the first that there is.
        """

    def block(self, block_hash: BlockHash) -> BlockParts | None:
        """Return a stored block; None for the genesis."""

    def model_blob(self, model_hash: ModelHash) -> bytes | None:
        """Return a stored model."""

    def manifest(self, dataset_id: DatasetId) -> bytes | None:
        """Return the manifest of a dataset that we hold and may give away."""

    def chunk(self, dataset_id: DatasetId, index: int) -> bytes | None:
        """Return a chunk that we hold and may give away, at most 64 KiB."""

    def content_hash(self, kind: ObjectKind, data: bytes) -> Hash32:
        """Return the hash that names a model blob or a manifest."""


class TransactionPool(Protocol):
    """What gossip may ask of the waiting transactions. Calls are quick and do not block."""

    def waiting(self) -> Sequence[bytes]:
        """Return the transactions that the next block should carry, encoded.

        Those of one sender in the order in which they can be applied.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A message as it comes from the broker."""

    topic: str
    """Where it was published."""
    payload: bytes
    """What was published."""
    retained: bool = False
    """True if the broker kept it from earlier."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Publish:
    """Publish this."""

    topic: str
    """Where."""
    payload: bytes
    """What."""
    qos: int
    """0 or 1."""
    retain: bool
    """True if the broker is to keep it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetWill:
    """Give this to the broker as last will with the next connect."""

    topic: str
    """Where."""
    payload: bytes
    """What."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockReceived:
    """A block to import; tell `block_result` what came of it."""

    block_hash: BlockHash
    """The header's hash."""
    header: bytes
    """The signed header."""
    body: bytes
    """Transactions, `have` list and proof."""
    transport: bytes
    """The weights, or empty."""
    sender: NodeId
    """Who delivered body and transport."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionsReceived:
    """Transactions for the mempool."""

    transactions: tuple[bytes, ...]
    """Each encoded, not yet judged."""
    sender: NodeId
    """Who sent them; blame with `transactions_refused`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncFinished:
    """No peer is known to have more work than we."""

    height: Height
    """Our head's height."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectReceived:
    """A manifest or a model that was wanted; its hash is checked."""

    kind: ObjectKind
    """MANIFEST or MODEL."""
    digest: Hash32
    """What names it."""
    data: bytes
    """The content."""
    sender: NodeId
    """Who delivered it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkReceived:
    """A chunk of a wanted dataset; its hash is checked."""

    dataset_id: DatasetId
    """The dataset."""
    index: int
    """Which chunk."""
    data: bytes
    """At most 64 KiB."""
    sender: NodeId
    """Who delivered it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetComplete:
    """Every chunk of a wanted dataset was delivered."""

    dataset_id: DatasetId
    """The dataset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetsOffered:
    """A peer told which datasets it serves."""

    sender: NodeId
    """Who."""
    offers: tuple[Offer, ...]
    """All that it serves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointsReceived:
    """Signed checkpoints, those of the quorum that the sender follows among them."""

    checkpoints: tuple[bytes, ...]
    """Each opaque here."""
    sender: NodeId
    """Who passed them on; blame with `checkpoints_refused`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchFailed:
    """Nobody delivers this; it is given up until wanted again."""

    kind: ObjectKind
    """What it is."""
    digest: Hash32
    """What names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerOnline:
    """A node is here."""

    peer: NodeId
    """Who."""
    software: str
    """Name and version that it tells."""
    capabilities: tuple[str, ...]
    """What it tells it can do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerOffline:
    """A node is gone."""

    peer: NodeId
    """Who."""
    silent: bool
    """True if it was not heard for too long, False if its presence says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerWasBanned:
    """A peer broke rules until nothing of it is heeded for ten minutes."""

    peer: NodeId
    """Who."""
    reason: str
    """Rule number of the last straw."""
    until_ms: int
    """On the clock of `now_ms`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOutdated:
    """Our own presence on the broker has a later session: restart gossip with a higher one."""

    least: int
    """The lowest session number that will do."""


Event: TypeAlias = (
    BlockReceived
    | TransactionsReceived
    | SyncFinished
    | ObjectReceived
    | ChunkReceived
    | DatasetComplete
    | DatasetsOffered
    | CheckpointsReceived
    | FetchFailed
    | PeerOnline
    | PeerOffline
    | PeerWasBanned
    | SessionOutdated
)
Action: TypeAlias = Publish | SetWill | Event
