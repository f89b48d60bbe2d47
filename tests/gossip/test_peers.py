# SPDX-License-Identifier: Apache-2.0
"""Peers: token buckets, order of messages, scores and bans, all on a clock of the test's own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_node.gossip import limits
from edge_node.gossip.errors import BlockRefused, MalformedMessage, RateExceeded, StaleMessage
from edge_node.gossip.peers import Peer, PeerTable, RecentSet, TokenBucket
from edge_node.gossip.topics import Kind, NodeId

ANN = NodeId("aaaaaaaaaaaaaaaa")


def test_bucket_gives_its_burst_then_its_rate() -> None:
    bucket = TokenBucket(rate_per_s=2, burst=3)
    assert [bucket.take(1, 0) for _ in range(4)] == [True, True, True, False]
    assert not bucket.take(1, 499)
    assert bucket.take(1, 500)
    assert [bucket.take(1, 10_000) for _ in range(4)] == [True, True, True, False]


def test_bucket_takes_all_or_nothing_and_takes_back() -> None:
    bucket = TokenBucket(rate_per_s=1, burst=10)
    assert not bucket.take(11, 0)
    assert bucket.take(10, 0)
    bucket.give_back(4)
    assert bucket.take(4, 0)
    bucket.give_back(100)
    assert not bucket.take(11, 0)


def test_a_clock_that_goes_back_gives_nothing() -> None:
    bucket = TokenBucket(rate_per_s=1, burst=1)
    assert bucket.take(1, 5_000)
    assert not bucket.take(1, 1_000)
    assert not bucket.take(1, 5_999)
    assert bucket.take(1, 6_000)


def test_recent_set_forgets_the_oldest() -> None:
    recent = RecentSet(2)
    assert [recent.add(key) for key in (b"a", b"b", b"a", b"c")] == [True, True, False, True]
    assert (b"a" in recent, b"b" in recent, b"c" in recent) == (True, False, True)
    assert len(recent) == 2


def test_order_within_a_session() -> None:
    peer = Peer(node=ANN)
    for sequence in (5, 7, 6):
        peer.check_order(Kind.BLOCK, 1, sequence, retained=False)
    for sequence in (5, 6, 7):
        with pytest.raises(StaleMessage):
            peer.check_order(Kind.BLOCK, 1, sequence, retained=False)
    peer.check_order(Kind.BLOCK, 1, 7 + limits.REPLAY_WINDOW, retained=False)
    with pytest.raises(StaleMessage):
        peer.check_order(Kind.BLOCK, 1, 4, retained=False)


def test_a_new_session_ends_the_old() -> None:
    peer = Peer(node=ANN)
    peer.check_order(Kind.BLOCK, 1, 1_000, retained=False)
    peer.check_order(Kind.BLOCK, 2, 1, retained=False)
    with pytest.raises(StaleMessage):
        peer.check_order(Kind.BLOCK, 1, 1_001, retained=False)


def test_of_retained_kinds_the_newest_counts_however_old() -> None:
    peer = Peer(node=ANN)
    peer.check_order(Kind.BLOCK, 1, 1_000_000, retained=False)
    peer.check_order(Kind.TIP, 1, 3, retained=True)
    peer.check_order(Kind.DATASETS, 1, 2, retained=True)
    with pytest.raises(StaleMessage):
        peer.check_order(Kind.TIP, 1, 3, retained=True)


@given(st.lists(st.integers(0, 2**63 - 1), max_size=60))
def test_no_sequence_is_taken_twice(sequences: list[int]) -> None:
    peer = Peer(node=ANN)
    taken = []
    for sequence in [*sequences, *sequences]:
        try:
            peer.check_order(Kind.BLOCK, 1, sequence, retained=False)
        except StaleMessage:
            continue
        taken.append(sequence)
    assert len(taken) == len(set(taken))
    assert peer.seen.bit_length() <= limits.REPLAY_WINDOW


@pytest.mark.parametrize(
    ("kind", "burst"),
    [
        (Kind.BLOCK, limits.ANNOUNCES_BURST),
        (Kind.TRANSACTIONS, limits.BATCHES_BURST),
        (Kind.REQUEST, limits.REQUESTS_BURST),
    ],
)
def test_each_kind_has_its_rate(kind: Kind, burst: int) -> None:
    peer = Peer(node=ANN)
    for _ in range(burst):
        peer.check_rate(kind, 0)
    with pytest.raises(RateExceeded):
        peer.check_rate(kind, 0)
    peer.check_rate(Kind.RESPONSE, 0)


def test_grave_faults_ban_for_ten_minutes() -> None:
    table = PeerTable()
    peer = table.admit(ANN)
    error = BlockRefused(expected="valid", actual="not")
    assert table.penalise(peer, error, 1_000)
    assert table.is_banned(ANN, 1_000 + limits.BAN_MS - 1)
    assert not table.is_banned(ANN, 1_000 + limits.BAN_MS)
    peer.online = True
    assert table.online(2_000) == []
    assert table.online(1_000 + limits.BAN_MS) == [peer]


def test_small_faults_add_up_and_are_forgiven() -> None:
    table = PeerTable()
    peer = table.admit(ANN)
    error = MalformedMessage(expected="", actual="")
    assert not table.penalise(peer, error, 0)
    assert not table.penalise(peer, error, 0)
    assert table.penalise(peer, error, 0)
    later = PeerTable()
    patient = later.admit(ANN)
    for i in range(10):
        assert not later.penalise(patient, error, i * 34 * limits.SCORE_RECOVERY_MS)


def test_a_full_table_drops_who_is_longest_gone_but_no_ban() -> None:
    table = PeerTable()
    for i in range(limits.MAX_PEERS):
        peer = table.admit(NodeId(f"{i:016x}"))
        peer.heard_ms = i
        peer.online = i == 1
    banned, here, gone = (table.get(NodeId(f"{i:016x}")) for i in range(3))
    assert banned is not None
    table.penalise(banned, BlockRefused(expected="", actual=""), 5)
    table.admit(ANN)
    assert table.get(NodeId(f"{0:016x}")) is banned
    assert table.get(NodeId(f"{1:016x}")) is here
    assert gone is not None
    assert table.get(NodeId(f"{2:016x}")) is None
    assert len(table.everyone()) == limits.MAX_PEERS


def test_silent_peers_count_as_gone() -> None:
    table = PeerTable()
    peer = table.admit(ANN)
    peer.online, peer.heard_ms = True, 1_000
    assert table.silence(1_000 + limits.PEER_SILENCE_MS) == []
    assert table.silence(1_001 + limits.PEER_SILENCE_MS) == [peer]
    assert table.silence(1_001 + limits.PEER_SILENCE_MS) == []


def test_who_does_not_answer_is_left_alone_for_longer_each_time() -> None:
    peer = Peer(node=ANN, online=True)
    pauses = []
    now_ms = 0
    for _ in range(6):
        peer.answered_late(now_ms)
        peer.answered_late(now_ms)
        assert not peer.may_be_asked(now_ms, 0)
        pauses.append(peer.quiet_until_ms - now_ms)
        now_ms = peer.quiet_until_ms
        assert peer.may_be_asked(now_ms, 0)
    assert pauses == [2_000, 4_000, 8_000, 16_000, 16_000, 16_000]
