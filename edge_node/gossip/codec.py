# SPDX-License-Identifier: Apache-2.0
"""From messages to bytes and back.

Every body is one positional array of the project's strict CBOR, so there is one encoding of each
message.
Law of the file: every field is bounded before it is used; a body that breaks a bound raises
`MalformedMessage` (G-10) with the field's name.
Read next: fields.py, then parcels.py.
"""

from collections.abc import Callable

from edge_node.gossip import limits
from edge_node.gossip.errors import MalformedMessage
from edge_node.gossip.fields import Fields, read_array
from edge_node.gossip.messages import (
    BlockAnnouncement,
    Checkpoints,
    Datasets,
    FoundTransactions,
    GenesisCopy,
    GetHeaders,
    GetParcels,
    GetPieces,
    GetTransactions,
    Headers,
    Inventory,
    Message,
    Numbered,
    ObjectKind,
    Offer,
    Parcel,
    ParcelAnswer,
    Piece,
    Presence,
    Refusal,
    Refused,
    Request,
    Response,
    Tip,
    Transactions,
)
from edge_node.gossip.stamp import MAX_STAMP
from edge_node.gossip.topics import MAX_BROKER_CHARACTERS, Kind, is_broker_name
from edge_node.primitives.types import BlockHash, DatasetId, Hash32, Height
from edge_node.spec import encoding
from edge_node.spec.constants import MAX_CHECKPOINT_BYTES, MAX_GENESIS_BYTES, MAX_TRANSACTION_BYTES

BLOCK_PARTS = 3
"""Header, body and transport."""

_GET_HEADERS, _GET_PARCELS, _GET_PIECES, _GET_TRANSACTIONS = 1, 2, 3, 4
_REFUSED, _HEADERS, _PARCEL, _PIECE, _FOUND = 1, 2, 3, 4, 5
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
            hashes = list(message.piece_hashes)
            values = [message.header, list(message.sizes), hashes, message.data, message.stamp]
        case Transactions():
            values = [list(message.transactions)]
        case Inventory():
            values = [message.salt, b"".join(message.short_ids)]
        case Presence():
            capabilities = list(message.capabilities)
            online = int(message.online)
            values = [online, message.connection, message.software, capabilities, message.broker]
        case Datasets():
            values = [[[offer.dataset_id, offer.total_bytes] for offer in message.offers]]
        case GenesisCopy():
            values = [message.data]
        case Checkpoints():
            values = [list(message.checkpoints)]
        case Numbered():
            values = [message.number, *_request_values(message.request)]
        case _:
            values = _response_values(message)
    return values


def _response_values(response: Response) -> list[encoding.Value]:
    match response:
        case Refused():
            return [_REFUSED, int(response.why), response.digest]
        case Headers():
            return [_HEADERS, list(response.headers)]
        case ParcelAnswer():
            return [_PARCEL, _encode_parcel(response.parcel), response.data]
        case Piece():
            return [_PIECE, response.index, response.data]
        case FoundTransactions():
            return [_FOUND, list(response.transactions)]


def _request_values(request: Request) -> list[encoding.Value]:
    match request:
        case GetHeaders():
            return [_GET_HEADERS, request.start, request.count]
        case GetParcels():
            return [_GET_PARCELS, int(request.kind), list(request.digests)]
        case GetPieces():
            kind = int(request.kind)
            return [_GET_PIECES, kind, request.digest, request.parcel_id, list(request.indices)]
        case GetTransactions():
            return [_GET_TRANSACTIONS, request.salt, b"".join(request.short_ids)]


def encode(message: Message) -> bytes:
    """Return the body of a message."""
    return encoding.encode(_values(message))


def _parcel(fields: Fields, name: str) -> Parcel:
    inner = fields.group(name, count=4)
    parcel = Parcel(
        kind=ObjectKind(inner.number("object kind", 1, ObjectKind.MANIFEST)),
        digest=Hash32(inner.octets("digest", _HASH_BYTES, _HASH_BYTES)),
        sizes=inner.numbers("sizes", limits.MAX_PARCEL_BYTES, most=BLOCK_PARTS),
        piece_hashes=_piece_hashes(inner),
    )
    parts = BLOCK_PARTS if parcel.kind is ObjectKind.BLOCK else 1
    _check_table(parcel.sizes, parts, parcel.piece_hashes, _pieces(sum(parcel.sizes)))
    return parcel


def _piece_hashes(fields: Fields) -> tuple[Hash32, ...]:
    most = limits.MAX_PARCEL_PIECES
    hashes = fields.octet_list("piece hashes", _HASH_BYTES, _HASH_BYTES, most=most)
    return tuple(map(Hash32, hashes))


def _pieces(size: int) -> int:
    return -(-size // limits.PIECE_BYTES)


def _check_table(
    sizes: tuple[int, ...], parts: int, piece_hashes: tuple[Hash32, ...], pieces: int
) -> None:
    if len(sizes) != parts or len(piece_hashes) != pieces:
        raise MalformedMessage(
            expected=f"{parts} sizes and {pieces} piece hashes",
            actual=f"{len(sizes)} and {len(piece_hashes)}",
        )


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
    sizes = fields.numbers("sizes", limits.MAX_PARCEL_BYTES, most=BLOCK_PARTS - 1)
    piece_hashes = _piece_hashes(fields)
    data = fields.octets("block data", 0, limits.INLINE_BYTES)
    pieces = 0 if data else _pieces(len(header) + sum(sizes))
    _check_table(sizes, BLOCK_PARTS - 1, piece_hashes, pieces)
    return BlockAnnouncement(
        header=header,
        sizes=sizes,
        piece_hashes=piece_hashes,
        data=data,
        stamp=fields.number("stamp", 0, MAX_STAMP),
    )


def _transactions(fields: Fields) -> Transactions:
    return Transactions(
        transactions=fields.octet_list(
            "transactions",
            1,
            MAX_TRANSACTION_BYTES,
            most=limits.MAX_BATCH_TRANSACTIONS,
        )
    )


def _short_ids(fields: Fields, most: int) -> tuple[bytes, ...]:
    size = limits.SHORT_ID_BYTES
    joined = fields.octets("short ids", size, size * most)
    if len(joined) % size:
        raise MalformedMessage(expected=f"short ids of {size} bytes", actual=len(joined))
    return tuple(joined[start : start + size] for start in range(0, len(joined), size))


def _inventory(fields: Fields) -> Inventory:
    return Inventory(
        salt=fields.octets("salt", limits.SALT_BYTES, limits.SALT_BYTES),
        short_ids=_short_ids(fields, limits.MAX_INVENTORY),
    )


def _presence(fields: Fields) -> Presence:
    return Presence(
        online=fields.number("online", 0, 1) == 1,
        connection=fields.number("connection", 0, _NUMBER),
        software=fields.text("software", limits.MAX_SOFTWARE_BYTES),
        capabilities=fields.text_list(
            "capabilities", limits.MAX_CAPABILITY_BYTES, most=limits.MAX_CAPABILITIES
        ),
        broker=_broker(fields),
    )


def _broker(fields: Fields) -> str:
    # Our answers to its sender have it in their topic, which a client refuses with a wildcard.
    name = fields.text("broker", MAX_BROKER_CHARACTERS)
    if not is_broker_name(name):
        raise MalformedMessage(expected="broker: a name without / + #", actual=name or "nothing")
    return name


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
    code = fields.number("request", _GET_HEADERS, _GET_TRANSACTIONS)
    if code == _GET_HEADERS:
        return GetHeaders(
            start=Height(fields.number("start", 0, _NUMBER)),
            count=fields.number("count", 1, limits.MAX_HEADERS_PER_PAGE),
        )
    if code == _GET_TRANSACTIONS:
        return GetTransactions(
            salt=fields.octets("salt", limits.SALT_BYTES, limits.SALT_BYTES),
            short_ids=_short_ids(fields, limits.MAX_TRANSACTIONS_PER_REQUEST),
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
    code = fields.number("response", _REFUSED, _FOUND)
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
    if code == _FOUND:
        found = fields.octet_list(
            "transactions",
            1,
            MAX_TRANSACTION_BYTES,
            most=limits.MAX_TRANSACTIONS_PER_REQUEST,
        )
        return FoundTransactions(transactions=found)
    index = fields.number("index", 0, _NUMBER)
    return Piece(index=index, data=fields.octets("data", 1, limits.PIECE_BYTES))


_READERS: dict[Kind, Callable[[Fields], Message]] = {
    Kind.TIP: _tip,
    Kind.BLOCK: _block,
    Kind.TRANSACTIONS: _transactions,
    Kind.INVENTORY: _inventory,
    Kind.PRESENCE: _presence,
    Kind.DATASETS: _datasets,
    Kind.GENESIS: lambda fields: GenesisCopy(data=fields.octets("genesis", 1, MAX_GENESIS_BYTES)),
    Kind.REQUEST: _numbered,
    Kind.RESPONSE: _response,
    Kind.CHECKPOINT: lambda fields: Checkpoints(
        checkpoints=fields.octet_list(
            "checkpoints", 1, MAX_CHECKPOINT_BYTES, most=limits.MAX_CHECKPOINTS
        )
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
