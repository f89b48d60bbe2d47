# SPDX-License-Identifier: Apache-2.0
"""Catching up in a simulated network: late joiners, gaps, forks, and chains that lie."""

import pytest

from edge_node.gossip import limits
from edge_node.gossip.messages import Headers, Tip
from edge_node.gossip.ports import (
    BlockReceived,
    FinalBlock,
    PeerWasBanned,
    SyncFinished,
)
from edge_node.gossip.topics import Kind, network_prefix, parse
from edge_node.primitives.types import Height
from tests.gossip.mallory import ForeignChain, LiarChain, Mallory, UnlinkedChain
from tests.gossip.simulation import (
    GENESIS,
    NETWORK,
    FakeChain,
    Faults,
    SimNetwork,
    SimNode,
    make_block,
)


def grown(count: int, *, salt: str = "", body_bytes: int = 200) -> FakeChain:
    chain = FakeChain()
    chain.grow(count, salt=salt, body_bytes=body_bytes)
    return chain


def test_a_late_joiner_gets_the_chain_in_order() -> None:
    net = SimNetwork("late")
    net.add("old", grown(50))
    late = net.add("late")
    assert net.run_until_same(3_000) < 1_500
    received = [e.block_hash for e in late.told(BlockReceived) if isinstance(e, BlockReceived)]
    assert received == late.chain.main[1:]
    assert late.told(SyncFinished) == [SyncFinished(height=late.chain.tip().height)]
    assert late.gossip.synced


@pytest.mark.parametrize("seed", ["1", "2", "3", "4"])
def test_a_late_joiner_over_a_bad_broker(seed: str) -> None:
    faults = Faults(drop_ppm=50_000, duplicate_ppm=100_000, delay_ms=80)
    net = SimNetwork(seed, faults)
    for name in ("a", "b", "c"):
        net.add(name, grown(50))
    net.add("late")
    net.run_until_same(60_000)


def test_tip_that_is_being_judged_is_no_reason_for_a_sync() -> None:
    net = SimNetwork("judged", import_ms=2 * limits.COMPARE_MS)
    miner, other = net.add("miner"), net.add("other")
    net.run(limits.COMPARE_MS)
    block_hash, block = make_block(1, GENESIS)
    miner.chain.add(block)
    net.act(miner, miner.gossip.announce_block(block_hash, block, net.now_ms))
    net.run(limits.COMPARE_MS + 1_000)
    assert other.importing, "still to be judged"
    assert other.gossip.synced, "or it would stop its own work"
    net.run_until_same(2 * limits.COMPARE_MS)


def test_pages_follow_each_other() -> None:
    net = SimNetwork("pages")
    net.add("old", grown(limits.MAX_HEADERS_PER_PAGE + 100, body_bytes=10))
    late = net.add("late")
    net.run_until_same(20_000)
    prefix = network_prefix(NETWORK)
    said = [each for each in net.log if parse(each.topic, network=prefix).kind is Kind.RESPONSE]
    pages = [each for each in map(Mallory.read, said) if isinstance(each, Headers)]
    rest = 100 + limits.HEADERS_OVERLAP
    assert [len(each.headers) for each in pages] == [limits.MAX_HEADERS_PER_PAGE, rest]
    assert late.gossip.synced


def test_bodies_come_from_several_peers() -> None:
    net = SimNetwork("several")
    for name in ("a", "b", "c"):
        net.add(name, grown(100))
    late = net.add("late")
    net.run_until_same(10_000)
    senders = {e.sender for e in late.told(BlockReceived) if isinstance(e, BlockReceived)}
    assert len(senders) == 3


def test_the_longer_fork_wins_however_deep() -> None:
    net = SimNetwork("fork")
    shared = FakeChain()
    shared.grow(20)
    ours, theirs = FakeChain(), FakeChain()
    for chain, salt, count in ((ours, "ours", 100), (theirs, "theirs", 101)):
        for block_hash in shared.main[1:]:
            chain.add(shared.blocks[block_hash])
        chain.grow(count, salt=salt)
    a, b = net.add("a", ours), net.add("b", theirs)
    net.run_until_same(10_000)
    assert a.chain.main == b.chain.main
    assert len(a.chain.main) == 122
    assert not a.told(PeerWasBanned)


def test_a_missed_announcement_is_found_by_comparing_tips() -> None:
    net = SimNetwork("missed")
    a, b = net.add("a", grown(3)), net.add("b", grown(3))
    net.run(1_000)
    # Grown without a word but the tip.
    a.chain.grow(1)
    net.act(a, a.gossip.tip_changed(net.now_ms))
    net.run_until_same(limits.TIP_GRACE_MS + 1_000)
    assert len(b.chain.main) == 5


@pytest.mark.parametrize("liars", [1, 5, 20])
def test_peers_that_claim_the_most_work_and_never_answer_delay_nobody_for_long(liars: int) -> None:
    net = SimNetwork("silent")
    net.add("honest", grown(30))
    block_hash, block = make_block(1_000, GENESIS)
    for i in range(liars):
        mallory = Mallory(net, f"mallory {i}")
        tip = Tip(height=Height(1_000), block_hash=block_hash, work=10**30 + i, header=block.header)
        for kind, message in ((Kind.PRESENCE, mallory.presence()), (Kind.TIP, tip)):
            mallory.keep(kind, message)
    late = net.add("late")
    # Each of them costs a request's time-out and the pause before the next.
    net.run_until_same(3_000 + liars * (limits.REQUEST_TIMEOUT_MS + 2 * limits.RETRY_MS))
    assert len(late.chain.main) == 31
    # And what comes next is not delayed either.
    honest = net.nodes["honest"]
    honest.chain.grow(1)
    head = honest.chain.main[-1]
    net.act(honest, honest.gossip.announce_block(head, honest.chain.blocks[head], net.now_ms))
    net.run_until_same(1_000)


def test_a_higher_tip_of_the_same_work_is_fetched() -> None:
    # A fallback block adds no work: without this its announcement could be lost for good.
    net = SimNetwork("fallback")
    higher = LiarChain(claimed_work=3)
    for block_hash, block in (common := grown(3)).blocks.items():
        higher.put(block_hash, block, work=common.work[block_hash])
    higher.force(1, body=b"fallback")
    net.add("a", higher)
    net.add("b", grown(3))
    net.run_until_same(5_000)


@pytest.mark.parametrize("depth", [1, 30])
def test_two_sides_of_equal_work_that_mine_at_one_pace_come_together(depth: int) -> None:
    net = SimNetwork("tie", Faults(delay_ms=1))
    a, b = (net.add(name, grown(depth, salt=name)) for name in ("a", "b"))
    for _ in range(4):
        mine(net, a)
        mine(net, b)
        net.run(2_000)
    # Neither was ever ahead, yet each knows the other's branch: the next block is no orphan.
    assert a.chain.known(b.chain.main[-1])
    assert b.chain.known(a.chain.main[-1])
    mine(net, a)
    net.run(100)
    assert a.chain.main == b.chain.main


def mine(net: SimNetwork, node: SimNode) -> None:
    node.chain.grow(1, salt=node.name)
    head = node.chain.main[-1]
    net.act(node, node.gossip.announce_block(head, node.chain.blocks[head], net.now_ms))


def test_a_lost_tip_is_told_again() -> None:
    net = SimNetwork("refresh")
    a, _ = net.add("a", grown(3)), net.add("b", grown(3))
    net.run(1_000)
    a.chain.grow(1)
    net.run_until_same(limits.REFRESH_MS + limits.TIP_GRACE_MS + 2_000)


def test_headers_that_do_not_link_ban_their_sender() -> None:
    net = SimNetwork("unlinked")
    liar_chain = UnlinkedChain(10**30)
    liar_chain.force(40, body=b"unlinked")
    liar = net.add("liar", liar_chain)
    late = net.add("late")
    net.run(5 * limits.SYNC_BACKOFF_MS)
    assert [e.peer for e in late.told(PeerWasBanned) if isinstance(e, PeerWasBanned)] == [liar.node]
    assert late.chain.main == FakeChain().main


def test_a_foreign_chain_bans_its_sender() -> None:
    net = SimNetwork("foreign")
    foreign = ForeignChain(10**30)
    foreign.force_foreign(30)
    net.add("liar", foreign)
    late = net.add("late")
    net.run(5 * limits.SYNC_BACKOFF_MS)
    (ban,) = late.told(PeerWasBanned)
    assert isinstance(ban, PeerWasBanned)
    assert ban.reason == "G-18"
    assert late.gossip.dropped("G-10") == 0


def test_invalid_blocks_ban_their_sender_and_the_true_chain_is_fetched() -> None:
    net = SimNetwork("invalid")
    liar_chain = LiarChain(10**30)
    liar_chain.force(30, body=b"invalid")
    liar = net.add("liar", liar_chain)
    net.add("honest", grown(20))
    late = net.add("late")
    net.run(5_000)
    assert len(late.chain.main) == 21
    bans = [e.peer for e in late.told(PeerWasBanned) if isinstance(e, PeerWasBanned)]
    assert bans == [liar.node]


def test_a_chain_without_bodies_is_left_alone() -> None:
    class Bodiless(LiarChain):
        def block(self, block_hash: object) -> None:
            return None

    net = SimNetwork("bodiless")
    liar_chain = Bodiless(10**30)
    liar_chain.force(30, body=b"never seen")
    net.add("liar", liar_chain)
    net.add("honest", grown(20))
    late = net.add("late")
    net.run(15_000)
    assert len(late.chain.main) == 21


def test_a_dispute_is_settled_one_block_at_a_time() -> None:
    net = SimNetwork("dispute")
    liar_chain = LiarChain(10**30)
    liar_chain.force(30, body=b"invalid")
    net.add("liar", liar_chain)
    net.add("honest", grown(30))
    late = net.add("late")
    net.run(600)
    # The witness told other hashes: at most one of the liar's blocks was judged.
    false = [
        e for e in late.told(BlockReceived) if isinstance(e, BlockReceived) and e.body == b"invalid"
    ]
    assert len(false) <= 1


def test_a_target_that_vanishes_is_replaced() -> None:
    net = SimNetwork("vanish")
    first, _ = net.add("first", grown(80)), net.add("second", grown(80))
    late = net.add("late")
    net.run(350)
    assert late.gossip.sync_target is not None
    target = first if late.gossip.sync_target == first.node else net.nodes["second"]
    net.cut(target)
    net.run(10_000)
    assert len(late.chain.main) == 81


def test_a_chain_without_the_final_block_is_not_followed_whatever_its_work() -> None:
    net = SimNetwork("final")
    heavy = net.add("heavy", grown(30, salt="heavy"))
    light = net.add("light", grown(12, salt="light"))
    final = light.chain.main[8]
    light.chain.final_block = FinalBlock(height=Height(8), block_hash=final)
    late = net.add("late")
    late.chain.final_block = light.chain.final_block
    net.run(40_000)
    assert late.chain.main == light.chain.main, "less work, but the quorum's"
    assert not late.chain.known(heavy.chain.main[1]), "not even its first body was fetched"
    assert [peer.score for peer in late.gossip.peers()] == [0, 0], "to be behind is no fault"
    assert light.chain.main[8] == final


def test_peers_below_the_final_block_are_no_help_in_finding_it() -> None:
    net = SimNetwork("below")
    low, late = net.add("low", grown(5)), net.add("late", grown(7, salt="own"))
    theirs, unknown = low.chain.main[1], make_block(9, low.chain.main[-1])[0]
    late.chain.final_block = FinalBlock(height=Height(9), block_hash=unknown)
    net.run(30_000)
    assert late.gossip.synced
    assert not late.chain.known(theirs)


def test_node_with_sources_takes_blocks_of_these_only_and_tells_no_tip() -> None:
    net = SimNetwork("sources")
    source, stranger = net.add("source"), net.add("stranger")
    light = net.add("light", sources=frozenset({source.node}))
    stranger.chain.grow(5, salt="stranger")
    net.act(stranger, stranger.gossip.tip_changed(net.now_ms))
    net.cut(source)
    net.run(30_000)
    assert len(light.chain.main) == 1, "a stranger's chain is not fetched"
    block_hash, block = make_block(1, GENESIS, salt="announced")
    stranger.chain.add(block)
    net.act(stranger, stranger.gossip.announce_block(block_hash, block, net.now_ms))
    net.run(2_000)
    assert not light.chain.known(block_hash), "nor is one that it announces"
    net.connect(source)
    net.run_until_same(60_000)
    assert len(light.chain.main) == 6, "it comes by the source"
    senders = {each.sender for each in light.events if isinstance(each, BlockReceived)}
    assert senders == {source.node}
    tips = [each for each in net.log if each.topic.endswith(f"/tip/{light.node}")]
    assert not any(each.payload for each in tips)


def test_tip_that_a_key_told_before_it_had_sources_is_forgotten() -> None:
    net = SimNetwork("before")
    source, full = net.add("source"), net.add("light")
    full.chain.grow(2)
    net.act(full, full.gossip.tip_changed(net.now_ms))
    net.run_until_same(60_000)
    kept = [topic for topic in net.retained if topic.endswith(f"/tip/{full.node}")]
    assert len(kept) == 1
    net.cut(full)
    light = net.add("light", full.chain, session=2, sources=frozenset({source.node}))
    net.run(limits.REFRESH_MS + 1_000)
    assert not net.retained.get(kept[0])
    assert light.gossip.synced
