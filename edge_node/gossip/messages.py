# SPDX-License-Identifier: Apache-2.0
"""The messages: what each kind's body holds.

Blocks, headers, transactions, manifests and checkpoints are opaque bytes here: their law is in
`edge_node/spec`. What is too large for one message travels as a `Parcel`: sizes and the hashes of
its 64 KiB pieces.
Law of the file: values only; their bounds stand in limits.py and are checked in codec.py.
Read next: codec.py.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

from edge_node.primitives.types import BlockHash, DatasetId, Hash32, Height


class ObjectKind(IntEnum):
    """What a hash names, in requests for content."""

    BLOCK = 1  # body and transport of a block, by block hash
    MODEL = 2  # a full model blob, by model hash
    MANIFEST = 3  # a dataset's manifest, by dataset id
    DATASET = 4  # a dataset's chunks, by dataset id; pieces only


class Refusal(IntEnum):
    """Why a request got no content."""

    NOT_FOUND = 1  # the peer does not have it
    BUSY = 2  # the peer has answered enough; ask later


@dataclass(frozen=True, slots=True, kw_only=True)
class Tip:
    """A node's head: a hint for others, never a truth."""

    height: Height
    """The head's height."""
    block_hash: BlockHash
    """The head's hash."""
    work: int
    """Cumulative work that the node claims for it."""
    header: bytes
    """The head's header."""

    @property
    def rank(self) -> tuple[int, int]:
        """What fork choice looks at: the most work, then the greatest height."""
        return self.work, self.height


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """The table of contents of something that travels in pieces."""

    kind: ObjectKind
    """What it is."""
    digest: Hash32
    """What names it: block hash, model hash, dataset id."""
    sizes: tuple[int, ...]
    """Bytes of its parts: header, body and transport of a block; one part otherwise."""
    piece_hashes: tuple[Hash32, ...]
    """SHA-256 of each piece of 64 KiB; the last may be shorter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockAnnouncement:
    """A new block: its header, and its contents or the hashes of their pieces.

    Nothing is said twice: the block's hash follows from the header, and what rides along in a
    signed message needs no hash to be asked for by.
    """

    header: bytes
    """The signed header."""
    sizes: tuple[int, ...]
    """Bytes of body and transport."""
    piece_hashes: tuple[Hash32, ...]
    """Of header, body and transport, as of a Parcel; none if the data is here."""
    data: bytes
    """Body and transport where they are small; empty otherwise."""
    stamp: int = 0
    """Work for the header, where the network asks for it (stamp.py)."""

    def parcel(self, block_hash: BlockHash) -> Parcel:
        """Return the table of the block, whose header has this hash."""
        return Parcel(
            kind=ObjectKind.BLOCK,
            digest=block_hash,
            sizes=(len(self.header), *self.sizes),
            piece_hashes=self.piece_hashes,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Transactions:
    """A batch of transactions."""

    transactions: tuple[bytes, ...]
    """Each an encoded transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """Which transactions wait at a node."""

    salt: bytes
    """What the ids are hashed with; another one in each inventory."""
    short_ids: tuple[bytes, ...]
    """See transactions.py."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """A node is here, or gone."""

    online: bool
    """False in a goodbye and in the last will."""
    connection: int
    """Number of the connection within the session: a late will names an old one."""
    software: str
    """Name and version."""
    capabilities: tuple[str, ...]
    """Back ends and devices, for people to read."""
    broker: str
    """The node's broker, where answers go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A dataset that a node holds completely."""

    dataset_id: DatasetId
    """Hash of its manifest."""
    total_bytes: int
    """Bytes of all its chunks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Datasets:
    """All datasets that a node serves."""

    offers: tuple[Offer, ...]
    """In any order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenesisCopy:
    """The network's genesis, for a node that has only the network id."""

    data: bytes
    """Canonical genesis bytes; their hash is the network id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoints:
    """Signed checkpoints, opaque here."""

    checkpoints: tuple[bytes, ...]
    """Each as the chain encodes it: the last quorum's, and the sender's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetHeaders:
    """Ask for headers of a node's main chain."""

    start: Height
    """Height of the first."""
    count: int
    """At most so many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetParcels:
    """Ask for tables of contents, and for the contents of those that fit in one piece."""

    kind: ObjectKind
    """What is wanted."""
    digests: tuple[Hash32, ...]
    """What names each, at most `limits.PARCELS_PER_REQUEST`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetPieces:
    """Ask for pieces; each comes in an answer of its own."""

    kind: ObjectKind
    """What they belong to."""
    digest: Hash32
    """What names it."""
    parcel_id: bytes
    """Hash of the table they are counted in; empty for a dataset, whose manifest is its table."""
    indices: tuple[int, ...]
    """Which pieces, at most `limits.PIECES_PER_REQUEST`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetTransactions:
    """Ask for transactions of an inventory."""

    salt: bytes
    """The inventory's."""
    short_ids: tuple[bytes, ...]
    """Which, at most `limits.MAX_TRANSACTIONS_PER_REQUEST`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The answer that there is no answer."""

    why: Refusal
    """The reason."""
    digest: bytes = b""
    """Which parcel; empty if it holds for all that was asked and not answered yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Headers:
    """A page of headers, consecutive on the answering node's main chain."""

    headers: tuple[bytes, ...]
    """Lowest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParcelAnswer:
    """A table of contents, with the contents where they fit in one piece."""

    parcel: Parcel
    """The table."""
    data: bytes
    """All parts, concatenated, or empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One piece."""

    index: int
    """Which."""
    data: bytes
    """At most 64 KiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundTransactions:
    """Those of the transactions asked for that still wait here."""

    transactions: tuple[bytes, ...]
    """Each encoded, in the order in which they can be applied."""


Request: TypeAlias = GetHeaders | GetParcels | GetPieces | GetTransactions
Response: TypeAlias = Refused | Headers | ParcelAnswer | Piece | FoundTransactions


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbered:
    """A request with the number that its answers carry in their topic."""

    number: int
    """Chosen by the asking node."""
    request: Request
    """What it asks."""


Message: TypeAlias = (
    Tip
    | BlockAnnouncement
    | Transactions
    | Inventory
    | Presence
    | Datasets
    | GenesisCopy
    | Checkpoints
    | Numbered
    | Response
)
