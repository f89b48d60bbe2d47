# SPDX-License-Identifier: Apache-2.0
"""One fetch under way: what is wanted, what is here, who may have it, who failed.

Law of the file: bookkeeping only; requests are sent by downloads.py.
Read next: downloads.py.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from edge_node.gossip import limits
from edge_node.gossip.messages import ObjectKind, Parcel
from edge_node.gossip.parcels import parcel_id
from edge_node.gossip.peers import Peer
from edge_node.gossip.topics import NodeId
from edge_node.primitives.types import DatasetId, Hash32, Height


@dataclass(slots=True, kw_only=True)
class Job:
    """A block, model, manifest or dataset on its way."""

    kind: ObjectKind
    """What it is."""
    digest: Hash32
    """What names it."""
    hints: set[NodeId] = field(default_factory=set)
    """Who should have it."""
    height: Height | None = None
    """Of a block on a chain that is being synced: whoever's tip is as high may have it."""
    origin: NodeId | None = None
    """Whose announcement or bad copy it began with; None for a wish of our own."""
    parcel: Parcel | None = None
    """The table; None until it is here, and for a dataset."""
    source: NodeId | None = None
    """Who gave the table."""
    table_id: bytes = b""
    """Hash of the table; empty for a dataset."""
    hashes: tuple[Hash32, ...] | None = None
    """Hashes of the pieces; None until they are known."""
    waiting: deque[int] = field(default_factory=deque)
    """Pieces to ask for, next first."""
    asked: set[int] = field(default_factory=set)
    """Pieces on their way."""
    have: dict[int, bytes] = field(default_factory=dict)
    """Pieces that are here; of datasets the node keeps them."""
    asking_table: bool = False
    """Whether the table is on its way."""
    tried: set[NodeId] = field(default_factory=set)
    """Who failed in this round."""
    rounds: int = 0
    """Times in a row that all who may have it failed."""
    not_before_ms: int = 0
    """Nobody is asked before."""
    until_ms: int | None = None
    """It lapses then, whoever may still have it."""

    @property
    def needs_table(self) -> bool:
        """Whether the table is still to be asked for."""
        return self.hashes is None and not self.asking_table

    def use_table(self, parcel: Parcel, source: NodeId) -> None:
        """Count pieces by this table from now on."""
        self.parcel, self.source = parcel, source
        self.table_id = parcel_id(parcel)
        self.hashes = parcel.piece_hashes
        self.waiting = deque(range(len(parcel.piece_hashes)))
        # Pieces of another table fitted that one's hashes, not these.
        self.asked.clear()
        self.have.clear()

    @property
    def wants_pieces(self) -> bool:
        """Whether the window has room for one more request."""
        count = min(limits.PIECES_PER_REQUEST, len(self.waiting))
        return 0 < count <= limits.PIECE_WINDOW - len(self.asked)

    def next_pieces(self) -> tuple[int, ...]:
        """Take the pieces for one more request."""
        count = min(limits.PIECES_PER_REQUEST, len(self.waiting))
        indices = tuple(self.waiting.popleft() for _ in range(count))
        self.asked.update(indices)
        return indices

    def give_back(self, indices: Iterable[int]) -> None:
        """Have these asked for again."""
        for index in sorted(indices, reverse=True):
            if index in self.asked:
                self.asked.discard(index)
                self.waiting.appendleft(index)

    def may_have(self, peer: Peer) -> bool:
        """Say whether a peer may hold what is wanted."""
        if peer.node in self.tried:
            return False
        if self.kind in {ObjectKind.DATASET, ObjectKind.MANIFEST}:
            return peer.offers_dataset(DatasetId(self.digest))
        if peer.node in self.hints or self.kind is ObjectKind.MODEL:
            return True
        if peer.tip is None:
            return False
        if self.height is not None and peer.tip.height >= self.height:
            return True
        # Nobody who surely has it delivered: from the second round on, ask whoever has a chain.
        return peer.tip.block_hash == self.digest or self.rounds > 0

    def end_round(self, now_ms: int) -> None:
        """Begin again with all holders, after a pause: each has failed, or is gone."""
        if self.asked or self.asking_table:
            return
        self.rounds += 1
        self.tried.clear()
        self.not_before_ms = now_ms + limits.RETRY_MS
        # The table may be a lie, or its only holder gone: the next round takes any.
        if self.parcel is not None and (not self.have or self.rounds > 1):
            self.parcel = self.hashes = None
            self.waiting.clear()
            self.have.clear()
