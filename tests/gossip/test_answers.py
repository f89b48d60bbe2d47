# SPDX-License-Identifier: Apache-2.0
"""Answering: a peer gets what the chain has, within its budget, and a refusal otherwise."""

import pytest

from edge_node.gossip import codec, limits
from edge_node.gossip.answers import Answers
from edge_node.gossip.cells import Cells
from edge_node.gossip.exchange import Exchange
from edge_node.gossip.messages import (
    GetHeaders,
    GetParcels,
    GetPieces,
    GetTransactions,
    Headers,
    Message,
    Numbered,
    ObjectKind,
    ParcelAnswer,
    Piece,
    Refusal,
    Refused,
    Request,
)
from edge_node.gossip.parcels import check_data, check_piece, parcel_id
from edge_node.gossip.ports import BodyTiming, Publish
from edge_node.gossip.topics import Kind, parse
from edge_node.primitives.hashing import ZERO_HASH
from edge_node.primitives.types import Hash32, Height, ModelHash
from edge_node.spec import encoding
from tests.gossip.simulation import FakeChain, SeededRandom, identity_of


class Server:
    """An `Answers` with a chain, and one peer that asks."""

    def __init__(self) -> None:
        self.chain = FakeChain()
        identity = identity_of("ann")
        self.exchange = Exchange(identity=identity, port=self.chain, random=SeededRandom("x"))
        self.answers = Answers(self.exchange, Cells(self.exchange, BodyTiming()))
        self.peer = self.exchange.peers.admit(identity_of("bob").node)

    def ask(self, request: Request, now_ms: int = 0) -> list[Message]:
        self.answers.serve(self.peer, Numbered(number=3, request=request), now_ms)
        return [self.read(each) for each in self.exchange.drain() if isinstance(each, Publish)]

    def read(self, sent: Publish) -> Message:
        topic = parse(sent.topic, network=self.exchange.identity.network)
        assert (topic.kind, topic.recipient, topic.request) == (
            Kind.RESPONSE,
            self.peer.node,
            3,
        )
        fields = encoding.decode(sent.payload, max_bytes=limits.MAX_PACKET_BYTES)
        body = fields[5]  # type: ignore[index]  # an envelope is a list
        assert isinstance(body, bytes)
        return codec.decode(Kind.RESPONSE, body)


def test_headers_by_height() -> None:
    server = Server()
    server.chain.grow(10)
    (page,) = server.ask(GetHeaders(start=Height(4), count=3))
    assert page == Headers(headers=tuple(server.chain.headers(Height(4), 3)))
    assert server.ask(GetHeaders(start=Height(11), count=3)) == [Headers(headers=())]


def test_a_page_of_headers_is_bounded_by_bytes() -> None:
    server = Server()
    long_headers = [bytes(600)] * limits.MAX_HEADERS_PER_PAGE
    server.chain.headers = lambda *_: long_headers  # type: ignore[method-assign]  # as a port may
    (page,) = server.ask(GetHeaders(start=Height(1), count=512))
    assert isinstance(page, Headers)
    assert sum(map(len, page.headers)) <= limits.MAX_HEADERS_PAGE_BYTES
    assert len(page.headers) > 400


def test_small_content_comes_with_its_table_and_large_in_pieces() -> None:
    server = Server()
    small, large = ModelHash(Hash32(bytes([1] * 32))), ModelHash(Hash32(bytes([2] * 32)))
    server.chain.models = {small: b"small", large: bytes(limits.PIECE_BYTES + 1)}
    first, second = server.ask(GetParcels(kind=ObjectKind.MODEL, digests=(small, large)))
    assert isinstance(first, ParcelAnswer)
    check_data(first.parcel, first.data)
    assert isinstance(second, ParcelAnswer)
    assert second.data == b""
    pieces = server.ask(
        GetPieces(
            kind=ObjectKind.MODEL,
            digest=large,
            parcel_id=parcel_id(second.parcel),
            indices=(0, 1),
        )
    )
    for expected, piece in zip(second.parcel.piece_hashes, pieces, strict=True):
        assert isinstance(piece, Piece)
        check_piece(expected, piece.data)


def test_what_is_not_there_is_refused_one_by_one() -> None:
    server = Server()
    server.chain.grow(1)
    head = server.chain.main[-1]
    missing, found = server.ask(GetParcels(kind=ObjectKind.BLOCK, digests=(ZERO_HASH, head)))
    assert missing == Refused(why=Refusal.NOT_FOUND, digest=ZERO_HASH)
    assert isinstance(found, ParcelAnswer)


@pytest.mark.parametrize("index", [2, 10**18])
def test_pieces_beyond_the_end_are_refused(index: int) -> None:
    server = Server()
    dataset_id = server.chain.add_dataset("d", 2)
    request = GetPieces(
        kind=ObjectKind.DATASET, digest=dataset_id, parcel_id=b"", indices=(index, 0)
    )
    assert server.ask(request) == [Refused(why=Refusal.NOT_FOUND)]


def test_pieces_of_another_cut_are_refused() -> None:
    server = Server()
    server.chain.grow(1)
    head = server.chain.main[-1]
    request = GetPieces(kind=ObjectKind.BLOCK, digest=head, parcel_id=ZERO_HASH, indices=(0,))
    assert server.ask(request) == [Refused(why=Refusal.NOT_FOUND)]


def test_over_budget_is_busy_until_time_passes() -> None:
    server = Server()
    dataset_id = server.chain.add_dataset("d", 1)
    request = GetPieces(
        kind=ObjectKind.DATASET, digest=dataset_id, parcel_id=b"", indices=(0, 0, 0, 0)
    )
    answers: list[Message] = []
    while not answers or isinstance(answers[-1], Piece):
        answers += server.ask(request)
    assert answers[-1] == Refused(why=Refusal.BUSY)
    sent = sum(isinstance(each, Piece) for each in answers)
    assert sent == -(-limits.ANSWERED_BYTES_BURST // (limits.PIECE_BYTES + limits.PIECE_COST_BYTES))
    assert isinstance(server.ask(request, now_ms=1_000)[0], Piece)


NOTHING = (
    (GetHeaders(start=Height(9), count=1), limits.HEADERS_COST_BYTES),
    (GetParcels(kind=ObjectKind.BLOCK, digests=(ZERO_HASH,)), limits.PARCEL_COST_BYTES),
    (
        GetPieces(kind=ObjectKind.DATASET, digest=ZERO_HASH, parcel_id=b"", indices=(0,)),
        limits.PIECE_COST_BYTES,
    ),
    (
        GetTransactions(salt=bytes(limits.SALT_BYTES), short_ids=(b"nobody",)),
        limits.TRANSACTIONS_COST_BYTES,
    ),
)


@pytest.mark.parametrize(("request_", "cost"), NOTHING, ids=lambda value: type(value).__name__)
def test_asking_for_what_is_not_there_is_paid_for_before_the_work(
    request_: Request, cost: int
) -> None:
    server = Server()
    for _ in range(limits.ANSWERED_BYTES_BURST // cost):
        assert server.ask(request_) != [Refused(why=Refusal.BUSY)]
    # What it is asked for is not even looked up now.
    server.exchange.port = None  # type: ignore[assignment]  # any look at the chain would fail
    assert server.ask(request_) == [Refused(why=Refusal.BUSY)]


def test_cutting_large_content_is_paid_for_though_its_table_is_small() -> None:
    server = Server()
    size = limits.MAX_PARCEL_BYTES
    models = [ModelHash(Hash32(bytes([i] * 32))) for i in range(limits.MAX_SERVED_PARCELS + 1)]
    server.chain.models = {model: bytes([i]) * size for i, model in enumerate(models)}
    cut = 0
    for model in 4 * models:
        (answer,) = server.ask(GetParcels(kind=ObjectKind.MODEL, digests=(model,)))
        cut += isinstance(answer, ParcelAnswer)
    each = size // limits.READ_PER_COST + limits.PARCEL_COST_BYTES
    assert cut == -(-limits.ANSWERED_BYTES_BURST // each) < 4 * len(models)
