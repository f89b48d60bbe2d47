# SPDX-License-Identifier: Apache-2.0
"""Answering other nodes: headers, tables of contents and pieces.

A peer gets at most `limits.ANSWERED_BYTES_PER_S`; above that it is told BUSY, which costs us a
hundred bytes and saves it a time-out. Each request is charged for the work before it is done, found
or not, and then for the bytes of the answer.
Law of the file: reads from the chain port, changes nothing but the asking peer's budget.
Read next: downloads.py, the other end.
"""

from collections import OrderedDict

from edge_node.gossip import limits
from edge_node.gossip.cells import Cells
from edge_node.gossip.exchange import Exchange
from edge_node.gossip.messages import (
    FoundTransactions,
    GetHeaders,
    GetParcels,
    GetPieces,
    GetTransactions,
    Headers,
    Numbered,
    ObjectKind,
    ParcelAnswer,
    Piece,
    Refusal,
    Refused,
    Response,
)
from edge_node.gossip.parcels import Packed, pack, parcel_id
from edge_node.gossip.peers import Peer
from edge_node.gossip.transactions import short_id
from edge_node.primitives.types import BlockHash, DatasetId, Hash32, ModelHash


class Answers:
    """Serves what the chain port has.

    Parameters
    ----------
    exchange : Exchange
        Where answers go.
    cells : Cells
        Knows which bodies are not for everybody yet.
    """

    def __init__(self, exchange: Exchange, cells: Cells) -> None:
        self._exchange = exchange
        self._cells = cells
        self._packed: OrderedDict[tuple[ObjectKind, Hash32], Packed] = OrderedDict()

    def serve(self, peer: Peer, numbered: Numbered, now_ms: int) -> None:
        """Answer a request."""
        request = numbered.request
        match request:
            case GetHeaders():
                if self._pays(peer, numbered.number, limits.HEADERS_COST_BYTES, now_ms):
                    self._answer(peer, numbered.number, self._headers(request), now_ms)
            case GetTransactions():
                if self._pays(peer, numbered.number, limits.TRANSACTIONS_COST_BYTES, now_ms):
                    self._answer(peer, numbered.number, self._transactions(request), now_ms)
            case GetParcels():
                for digest in request.digests:
                    if not self._pays(peer, numbered.number, limits.PARCEL_COST_BYTES, now_ms):
                        return
                    response = self._parcel(peer, request.kind, digest, now_ms)
                    self._answer(peer, numbered.number, response, now_ms)
            case GetPieces():
                for index in request.indices:
                    if not self._pays(peer, numbered.number, limits.PIECE_COST_BYTES, now_ms):
                        return
                    response = self._piece(peer, request, index, now_ms)
                    self._answer(peer, numbered.number, response, now_ms)
                    if isinstance(response, Refused):
                        return  # it stands for all that would follow

    def keep(self, packed: Packed) -> None:
        """Keep a parcel at hand: it was announced and will be asked for."""
        key = (packed.parcel.kind, packed.parcel.digest)
        self._packed[key] = packed
        self._packed.move_to_end(key)
        if len(self._packed) > limits.MAX_SERVED_PARCELS:
            self._packed.popitem(last=False)

    def _pays(self, peer: Peer, number: int, cost_bytes: int, now_ms: int) -> bool:
        """Charge a request before it is looked into; say BUSY and return False if it can not be."""
        if peer.answered.take(cost_bytes, now_ms):
            return True
        self._exchange.answer(peer, number, Refused(why=Refusal.BUSY))
        return False

    def _answer(self, peer: Peer, number: int, response: Response, now_ms: int) -> None:
        """Send an answer; its bytes may leave the peer in debt, the work being done."""
        peer.answered.spend(_size_bytes(response), now_ms)
        self._exchange.answer(peer, number, response)

    def _headers(self, request: GetHeaders) -> Response:
        page: list[bytes] = []
        total = 0
        headers = self._exchange.port.headers(request.start, request.count)
        for header in headers[: request.count]:
            total += len(header) + 3
            if total > limits.MAX_HEADERS_PAGE_BYTES:
                break
            page.append(header)
        return Headers(headers=tuple(page))

    def _transactions(self, request: GetTransactions) -> Response:
        wanted = frozenset(request.short_ids)
        found: list[bytes] = []
        total = 0
        for transaction in self._exchange.waiting_transactions():
            if short_id(request.salt, transaction) in wanted:
                total += len(transaction)
                if total > limits.PIECE_BYTES or len(found) == len(wanted):
                    break
                found.append(transaction)
        return FoundTransactions(transactions=tuple(found))

    def _parcel(self, peer: Peer, kind: ObjectKind, digest: Hash32, now_ms: int) -> Response:
        if self._stays(peer, kind, digest, now_ms):
            return Refused(why=Refusal.BUSY, digest=digest)
        packed = self._find(peer, kind, digest, now_ms)
        if packed is None:
            return Refused(why=Refusal.NOT_FOUND, digest=digest)
        whole = len(packed.data) <= limits.PIECE_BYTES
        return ParcelAnswer(parcel=packed.parcel, data=packed.data if whole else b"")

    def _piece(self, peer: Peer, request: GetPieces, index: int, now_ms: int) -> Response:
        if request.kind is ObjectKind.DATASET:
            data = self._exchange.port.chunk(DatasetId(request.digest), index)
        elif self._stays(peer, request.kind, request.digest, now_ms):
            return Refused(why=Refusal.BUSY)
        else:
            packed = self._find(peer, request.kind, request.digest, now_ms)
            # Another transport of the same block has another table: its pieces would look wrong.
            if packed is None or parcel_id(packed.parcel) != request.parcel_id:
                return Refused(why=Refusal.NOT_FOUND)
            data = packed.piece(index)
        if not data or len(data) > limits.PIECE_BYTES:
            return Refused(why=Refusal.NOT_FOUND)
        return Piece(index=index, data=data)

    def _stays(self, peer: Peer, kind: ObjectKind, digest: Hash32, now_ms: int) -> bool:
        """Say whether the cell of a block has not agreed on it, and the peer is of another."""
        return kind is ObjectKind.BLOCK and bool(
            self._cells.wait_until_ms(BlockHash(digest), peer.broker, now_ms)
        )

    def _find(self, peer: Peer, kind: ObjectKind, digest: Hash32, now_ms: int) -> Packed | None:
        packed = self._packed.get((kind, digest))
        if packed is not None:
            return packed
        parts = self._parts(kind, digest)
        if parts is None:
            return None
        size_bytes = sum(map(len, parts))
        peer.answered.spend(size_bytes // limits.READ_PER_COST, now_ms)
        if size_bytes > limits.MAX_PARCEL_BYTES:
            return None
        packed = pack(kind, digest, parts)
        self.keep(packed)
        return packed

    def _parts(self, kind: ObjectKind, digest: Hash32) -> tuple[bytes, ...] | None:
        port = self._exchange.port
        if kind is ObjectKind.BLOCK:
            block = port.block(BlockHash(digest))
            return None if block is None else (block.header, block.body, block.transport)
        if kind is ObjectKind.MODEL:
            blob = port.model_blob(ModelHash(digest))
        else:
            blob = port.manifest(DatasetId(digest))
        return None if blob is None else (blob,)


def _size_bytes(response: Response) -> int:
    match response:
        case Headers():
            return sum(map(len, response.headers))
        case ParcelAnswer() | Piece():
            return len(response.data)
        case FoundTransactions():
            return sum(map(len, response.transactions))
        case Refused():
            return 0
