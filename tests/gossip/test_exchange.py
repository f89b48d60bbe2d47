# SPDX-License-Identifier: Apache-2.0
"""Asking and telling: numbers match answers to requests, time-outs close them, nothing leaks."""

import pytest

from edge_node.gossip import limits
from edge_node.gossip.errors import BlockRefused, UnrequestedResponse
from edge_node.gossip.exchange import Exchange
from edge_node.gossip.messages import Checkpoints, GetHeaders, GetPieces, ObjectKind
from edge_node.gossip.peers import Peer
from edge_node.gossip.ports import PeerWasBanned, Publish
from edge_node.gossip.topics import Kind, Topic, parse
from edge_node.primitives.hashing import ZERO_HASH
from edge_node.primitives.types import Height
from tests.gossip.simulation import FakeChain, SeededRandom, identity_of

ASK = GetHeaders(start=Height(1), count=5)


def make_exchange(session: int = 1) -> tuple[Exchange, Peer]:
    identity = identity_of("ann", session=session)
    exchange = Exchange(identity=identity, port=FakeChain(), random=SeededRandom("x"))
    peer = exchange.peers.admit(identity_of("bob").node)
    peer.online = True
    return exchange, peer


def answer_topic(exchange: Exchange, peer: Peer, number: int) -> Topic:
    return Topic(
        network=exchange.identity.network,
        kind=Kind.RESPONSE,
        sender=peer.node,
        recipient=exchange.identity.node,
        request=number,
    )


def test_answers_are_matched_by_number_and_sender() -> None:
    exchange, peer = make_exchange()
    pending = exchange.ask(peer, ASK, size_bytes=0, now_ms=0)
    assert exchange.match(answer_topic(exchange, peer, pending.number)) is pending
    with pytest.raises(UnrequestedResponse):
        exchange.match(answer_topic(exchange, peer, pending.number + 1))
    other = exchange.peers.admit(identity_of("eve").node)
    with pytest.raises(UnrequestedResponse):
        exchange.match(answer_topic(exchange, other, pending.number))
    exchange.settle(pending)
    with pytest.raises(UnrequestedResponse):
        exchange.match(answer_topic(exchange, peer, pending.number))


def test_numbers_of_an_earlier_session_do_not_return() -> None:
    first, peer = make_exchange(session=1)
    second, _ = make_exchange(session=2)
    a = first.ask(peer, ASK, size_bytes=0, now_ms=0)
    b = second.ask(peer, ASK, size_bytes=0, now_ms=0)
    assert a.number != b.number


def test_a_late_answer_closes_the_request_and_rests_the_peer() -> None:
    exchange, peer = make_exchange()
    pending = exchange.ask(peer, ASK, size_bytes=100, now_ms=0)
    assert exchange.expire(limits.REQUEST_TIMEOUT_MS - 1) == []
    assert exchange.expire(limits.REQUEST_TIMEOUT_MS) == [pending]
    assert peer.in_flight == 0
    assert not peer.may_be_asked(limits.REQUEST_TIMEOUT_MS, 0)
    assert exchange.expire(10**9) == []


def test_each_piece_gives_the_rest_more_time() -> None:
    exchange, peer = make_exchange()
    request = GetPieces(kind=ObjectKind.MODEL, digest=ZERO_HASH, parcel_id=b"", indices=(0, 1))
    pending = exchange.ask(peer, request, size_bytes=100, now_ms=0)
    pending.pieces.discard(0)
    exchange.progress(pending, 50, 1_500)
    assert exchange.expire(limits.REQUEST_TIMEOUT_MS) == []
    pending.pieces.discard(1)
    exchange.progress(pending, 50, 1_600)
    assert peer.in_flight == 0


def test_requests_in_flight_are_bounded_and_bytes_given_back() -> None:
    exchange, peer = make_exchange()
    pendings = []
    size_bytes = limits.PACED_BYTES_BURST // limits.MAX_IN_FLIGHT_PER_PEER
    while peer.may_be_asked(0, size_bytes):
        pendings.append(exchange.ask(peer, ASK, size_bytes=size_bytes, now_ms=0))
    assert len(pendings) == limits.MAX_IN_FLIGHT_PER_PEER
    for pending in pendings:
        exchange.progress(pending, 10, 0)
    assert peer.may_be_asked(0, limits.PACED_BYTES_BURST - 10 * len(pendings))


def test_a_broken_connection_blames_nobody() -> None:
    exchange, peer = make_exchange()
    pending = exchange.ask(peer, ASK, size_bytes=0, now_ms=0)
    assert exchange.forget_requests() == [pending]
    assert (peer.in_flight, peer.unanswered, peer.quiet_until_ms) == (0, 0, 0)


def test_only_retained_kinds_are_published_to_be_kept() -> None:
    exchange, peer = make_exchange()
    exchange.publish(Kind.CHECKPOINT, Checkpoints(checkpoints=(b"c",)))
    exchange.ask(peer, ASK, size_bytes=0, now_ms=0)
    kept = {
        parse(each.topic, network=exchange.identity.network).kind: each.retain
        for each in exchange.drain()
        if isinstance(each, Publish)
    }
    assert kept == {Kind.CHECKPOINT: True, Kind.REQUEST: False}
    assert exchange.drain() == []


def test_a_ban_is_told_once() -> None:
    exchange, peer = make_exchange()
    for _ in range(3):
        exchange.blame(peer, BlockRefused(expected="", actual=""), 7)
    assert exchange.drain() == [
        PeerWasBanned(peer=peer.node, reason="G-20", until_ms=7 + limits.BAN_MS)
    ]
