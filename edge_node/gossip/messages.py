# SPDX-License-Identifier: Apache-2.0
"""The messages: what each kind's body holds, and its encoding.

Every body is one positional array of the project's strict CBOR. Blocks, headers, transactions,
manifests and checkpoints are opaque bytes here: their law is in `edge_node/spec`. What is too
large for one message travels as a `Parcel`: sizes and the hashes of its 64 KiB pieces.
Law of the file: every field is bounded before it is used; a body that breaks a bound raises
`MalformedMessage` (G-10) with the field's name.
Read next: ports.py, then parcels.py.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

from edge_node.gossip import limits
from edge_node.gossip.errors import MalformedMessage
from edge_node.gossip.fields import Fields, read_array
from edge_node.gossip.topics import MAX_BROKER_CHARACTERS, Kind
from edge_node.primitives.types import BlockHash, DatasetId, Hash32, Height
from edge_node.spec import encoding


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
    """A new block: its header, and its contents or their table."""

    header: bytes
    """The signed header."""
    parcel: Parcel
    """The table of header, body and transport."""
    data: bytes
    """Body and transport where they are small; empty otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transactions:
    """A batch of transactions."""

    transactions: tuple[bytes, ...]
    """Each an encoded transaction."""


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
class Checkpoint:
    """Signed checkpoints, opaque here."""

    data: bytes
    """As the chain encodes them."""


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


Request: TypeAlias = GetHeaders | GetParcels | GetPieces
Response: TypeAlias = Refused | Headers | ParcelAnswer | Piece


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
    | Presence
    | Datasets
    | GenesisCopy
    | Checkpoint
    | Numbered
    | Response
)

BLOCK_PARTS = 3
"""Header, body and transport."""

_GET_HEADERS, _GET_PARCELS, _GET_PIECES = 1, 2, 3
_REFUSED, _HEADERS, _PARCEL, _PIECE = 1, 2, 3, 4
_NUMBER = (1 << 64) - 1
_HASH_BYTES = 32


def _encode_parcel(parcel: Parcel) -> list[encoding.Value]:
    return [int(parcel.kind), parcel.digest, list(parcel.sizes), list(parcel.piece_hashes)]


def parcel_id_source(parcel: Parcel) -> bytes:
    """Return the canonical bytes of a table, whose hash tells one table from another."""
    return encoding.encode(_encode_parcel(parcel))


def _values(message: Message) -> list[encoding.Value]:
    values: list[encoding.Value]
    match message:
        case Tip():
            work = message.work.to_bytes(-(-message.work.bit_length() // 8), "big")
            values = [message.height, message.block_hash, work, message.header]
        case BlockAnnouncement():
            values = [message.header, _encode_parcel(message.parcel), message.data]
        case Transactions():
            values = [list(message.transactions)]
        case Presence():
            capabilities = list(message.capabilities)
            online = int(message.online)
            values = [online, message.connection, message.software, capabilities, message.broker]
        case Datasets():
            values = [[[offer.dataset_id, offer.total_bytes] for offer in message.offers]]
        case GenesisCopy() | Checkpoint():
            values = [message.data]
        case Numbered():
            values = [message.number, *_request_values(message.request)]
        case Refused():
            values = [_REFUSED, int(message.why), message.digest]
        case Headers():
            values = [_HEADERS, list(message.headers)]
        case ParcelAnswer():
            values = [_PARCEL, _encode_parcel(message.parcel), message.data]
        case Piece():
            values = [_PIECE, message.index, message.data]
    return values


def _request_values(request: Request) -> list[encoding.Value]:
    match request:
        case GetHeaders():
            return [_GET_HEADERS, request.start, request.count]
        case GetParcels():
            return [_GET_PARCELS, int(request.kind), list(request.digests)]
        case GetPieces():
            kind = int(request.kind)
            return [_GET_PIECES, kind, request.digest, request.parcel_id, list(request.indices)]


def encode(message: Message) -> bytes:
    """Return the body of a message."""
    return encoding.encode(_values(message))


def _parcel(fields: Fields, name: str) -> Parcel:
    inner = fields.group(name, count=4)
    parcel = Parcel(
        kind=ObjectKind(inner.number("object kind", 1, ObjectKind.MANIFEST)),
        digest=Hash32(inner.octets("digest", _HASH_BYTES, _HASH_BYTES)),
        sizes=inner.numbers("sizes", limits.MAX_PARCEL_BYTES, most=BLOCK_PARTS),
        piece_hashes=tuple(
            map(
                Hash32,
                inner.octet_list(
                    "piece hashes", _HASH_BYTES, _HASH_BYTES, most=limits.MAX_PARCEL_PIECES
                ),
            )
        ),
    )
    parts = BLOCK_PARTS if parcel.kind is ObjectKind.BLOCK else 1
    pieces = -(-sum(parcel.sizes) // limits.PIECE_BYTES)
    if len(parcel.sizes) != parts or len(parcel.piece_hashes) != pieces:
        raise MalformedMessage(
            expected=f"{parts} sizes and {pieces} piece hashes",
            actual=f"{len(parcel.sizes)} and {len(parcel.piece_hashes)}",
        )
    return parcel


def _tip(fields: Fields) -> Tip:
    height = Height(fields.number("height", 0, _NUMBER))
    block_hash = BlockHash(Hash32(fields.octets("block hash", _HASH_BYTES, _HASH_BYTES)))
    work = fields.octets("work", 0, limits.MAX_WORK_BYTES)
    if work[:1] == b"\x00":
        raise MalformedMessage(expected="work without leading zeros", actual=work)
    header = fields.octets("header", 1, limits.MAX_ANNOUNCED_HEADER_BYTES)
    return Tip(
        height=height, block_hash=block_hash, work=int.from_bytes(work, "big"), header=header
    )


def _block(fields: Fields) -> BlockAnnouncement:
    header = fields.octets("header", 1, limits.MAX_ANNOUNCED_HEADER_BYTES)
    parcel = _parcel(fields, "parcel")
    if parcel.kind is not ObjectKind.BLOCK:
        raise MalformedMessage(expected="a block's parcel", actual=parcel.kind.name)
    data = fields.octets("block data", 0, limits.INLINE_BYTES)
    return BlockAnnouncement(header=header, parcel=parcel, data=data)


def _transactions(fields: Fields) -> Transactions:
    return Transactions(
        transactions=fields.octet_list(
            "transactions",
            1,
            limits.MAX_TRANSACTION_BYTES,
            most=limits.MAX_BATCH_TRANSACTIONS,
        )
    )


def _presence(fields: Fields) -> Presence:
    return Presence(
        online=fields.number("online", 0, 1) == 1,
        connection=fields.number("connection", 0, _NUMBER),
        software=fields.text("software", limits.MAX_SOFTWARE_BYTES),
        capabilities=fields.text_list(
            "capabilities", limits.MAX_CAPABILITY_BYTES, most=limits.MAX_CAPABILITIES
        ),
        broker=fields.text("broker", MAX_BROKER_CHARACTERS),
    )


def _datasets(fields: Fields) -> Datasets:
    offers = []
    for item in fields.array("offers", most=limits.MAX_OFFERS):
        each = Fields(item, "offer", count=2)
        dataset_id = DatasetId(Hash32(each.octets("dataset id", _HASH_BYTES, _HASH_BYTES)))
        offers.append(Offer(dataset_id=dataset_id, total_bytes=each.number("bytes", 0, _NUMBER)))
    return Datasets(offers=tuple(offers))


def _numbered(fields: Fields) -> Numbered:
    return Numbered(number=fields.number("number", 0, _NUMBER), request=_request(fields))


def _request(fields: Fields) -> Request:
    code = fields.number("request", _GET_HEADERS, _GET_PIECES)
    if code == _GET_HEADERS:
        return GetHeaders(
            start=Height(fields.number("start", 0, _NUMBER)),
            count=fields.number("count", 1, limits.MAX_HEADERS_PER_PAGE),
        )
    most = ObjectKind.MANIFEST if code == _GET_PARCELS else ObjectKind.DATASET
    kind = ObjectKind(fields.number("object kind", 1, most))
    if code == _GET_PARCELS:
        digests = fields.octet_list(
            "digests", _HASH_BYTES, _HASH_BYTES, most=limits.PARCELS_PER_REQUEST
        )
        return GetParcels(kind=kind, digests=tuple(map(Hash32, digests)))
    digest = Hash32(fields.octets("digest", _HASH_BYTES, _HASH_BYTES))
    parcel_id = fields.octets("parcel id", 0, _HASH_BYTES)
    indices = fields.numbers("indices", _NUMBER, most=limits.PIECES_PER_REQUEST)
    return GetPieces(kind=kind, digest=digest, parcel_id=parcel_id, indices=indices)


def _response(fields: Fields) -> Response:
    code = fields.number("response", _REFUSED, _PIECE)
    if code == _REFUSED:
        why = Refusal(fields.number("refusal", 1, len(Refusal)))
        return Refused(why=why, digest=fields.octets("digest", 0, _HASH_BYTES))
    if code == _HEADERS:
        headers = fields.octet_list(
            "headers", 1, limits.MAX_ANNOUNCED_HEADER_BYTES, most=limits.MAX_HEADERS_PER_PAGE
        )
        return Headers(headers=headers)
    if code == _PARCEL:
        parcel = _parcel(fields, "parcel")
        return ParcelAnswer(parcel=parcel, data=fields.octets("data", 0, limits.PIECE_BYTES))
    index = fields.number("index", 0, _NUMBER)
    return Piece(index=index, data=fields.octets("data", 1, limits.PIECE_BYTES))


_READERS: dict[Kind, Callable[[Fields], Message]] = {
    Kind.TIP: _tip,
    Kind.BLOCK: _block,
    Kind.TRANSACTIONS: _transactions,
    Kind.PRESENCE: _presence,
    Kind.DATASETS: _datasets,
    Kind.GENESIS: lambda fields: GenesisCopy(
        data=fields.octets("genesis", 1, limits.MAX_GENESIS_BYTES)
    ),
    Kind.REQUEST: _numbered,
    Kind.RESPONSE: _response,
    Kind.CHECKPOINT: lambda fields: Checkpoint(
        data=fields.octets("checkpoint", 1, limits.MAX_CHECKPOINT_BYTES)
    ),
}


def decode(kind: Kind, body: bytes) -> Message:
    """Return the message in a body.

    Raises
    ------
    MalformedMessage
        G-10: not canonical, or a field outside its bounds.
    """
    fields = read_array(body)
    message = _READERS[kind](fields)
    fields.finish()
    return message
