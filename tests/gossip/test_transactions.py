# SPDX-License-Identifier: Apache-2.0
"""Transactions reach everybody: told in batches, and by inventory to who missed the batch."""

import pytest

from edge_node.gossip import limits
from edge_node.gossip.messages import FoundTransactions, GetTransactions, Inventory, Numbered
from edge_node.gossip.ports import Incoming, TransactionsReceived
from edge_node.gossip.topics import Kind, Topic, network_prefix, parse
from edge_node.gossip.transactions import short_id
from tests.gossip.mallory import Mallory
from tests.gossip.simulation import NETWORK, FakeChain, Faults, SimNetwork, SimNode

SALT = bytes(limits.SALT_BYTES)


def numbered(count: int, *, size_bytes: int = 150) -> list[bytes]:
    return [b"transaction %05d" % i + bytes(size_bytes) for i in range(count)]


def told(net: SimNetwork, kind: Kind) -> int:
    prefix = network_prefix(NETWORK)
    return sum(parse(each.topic, network=prefix).kind is kind for each in net.log)


def test_who_comes_later_gets_what_waits_in_order() -> None:
    net = SimNetwork("later")
    a = net.add("a")
    net.run(5_000)
    a.chain.pool = numbered(3)
    late = net.add("late")
    net.run(limits.INVENTORY_SPREAD_MS + 1_000)
    assert late.chain.pool == a.chain.pool
    assert told(net, Kind.TRANSACTIONS) == 0


def test_who_returns_after_an_absence_gets_what_waits() -> None:
    net = SimNetwork("absence")
    a, b = net.add("a"), net.add("b")
    net.run(10_000)
    net.cut(b)
    a.chain.pool = numbered(3)
    net.act(a, a.gossip.announce_transactions(tuple(a.chain.pool), net.now_ms))
    net.run(10_000)
    assert b.chain.pool == []
    net.connect(b)
    net.run(limits.INVENTORY_SPREAD_MS + 1_000)
    assert b.chain.pool == a.chain.pool


def test_a_lost_batch_is_made_good() -> None:
    net = SimNetwork("lost")
    a, b = net.add("a"), net.add("b")
    net.run(5_000)
    net.faults = Faults(drop_ppm=1_000_000)
    a.chain.pool = numbered(2)
    net.act(a, a.gossip.announce_transactions(tuple(a.chain.pool), net.now_ms))
    net.run(1_000)
    net.faults = Faults()
    net.run(limits.REFRESH_MS + 2_000)
    assert b.chain.pool == a.chain.pool


def test_a_reorg_reminds_of_what_waits_again() -> None:
    net = SimNetwork("reorg")
    ours, theirs = FakeChain(), FakeChain()
    ours.grow(3, salt="ours")
    theirs.grow(5, salt="theirs")
    a = net.add("a", ours)
    net.run(20_000)
    a.chain.pool = numbered(1)
    before = told(net, Kind.INVENTORY)
    for block_hash in theirs.main[1:]:
        a.chain.add(theirs.blocks[block_hash])
    net.act(a, a.gossip.tip_changed(net.now_ms))
    net.run(limits.INVENTORY_SPREAD_MS + 100)
    assert told(net, Kind.INVENTORY) == before + 1
    # A block on the head is no reorg.
    net.run(limits.INVENTORY_INTERVAL_MS)
    a.chain.grow(1)
    net.act(a, a.gossip.tip_changed(net.now_ms))
    net.run(limits.INVENTORY_SPREAD_MS + 100)
    assert told(net, Kind.INVENTORY) == before + 1


def test_nothing_is_told_of_an_empty_pool_and_nothing_asked_of_a_full_one() -> None:
    net = SimNetwork("quiet")
    a, b = net.add("a"), net.add("b")
    net.run(limits.REFRESH_MS * 2)
    assert told(net, Kind.INVENTORY) == 0
    a.chain.pool = numbered(9)
    b.chain.pool = numbered(9)
    net.run(limits.REFRESH_MS * 2)
    assert 0 < told(net, Kind.INVENTORY) <= 6
    assert told(net, Kind.REQUEST) == 0


def test_many_come_in_several_rounds() -> None:
    net = SimNetwork("many")
    a = net.add("a")
    a.chain.pool = numbered(3 * limits.MAX_TRANSACTIONS_PER_REQUEST)
    late = net.add("late")
    net.run(limits.REFRESH_MS * 4)
    assert sorted(late.chain.pool) == sorted(a.chain.pool)


def test_an_answer_is_bounded_in_bytes() -> None:
    net = SimNetwork("bytes")
    a = net.add("a")
    a.chain.pool = numbered(180, size_bytes=490)
    late = net.add("late")
    net.run(limits.INVENTORY_SPREAD_MS + 1_000)
    assert 0 < sum(map(len, late.chain.pool)) <= limits.PIECE_BYTES


def test_cause_after_cause_makes_one_inventory() -> None:
    net = SimNetwork("causes")
    a = net.add("a")
    a.chain.pool = numbered(1)
    net.run(limits.INVENTORY_SPREAD_MS + 100)
    before = told(net, Kind.INVENTORY)
    for _ in range(8):
        net.cut(a)
        net.connect(a)
        net.run(400)
    assert told(net, Kind.INVENTORY) <= before + 1


def hearing() -> tuple[SimNetwork, SimNode, Mallory]:
    net = SimNetwork("mallory")
    node = net.add("node")
    net.run(500)
    return net, node, Mallory(net)


def last_request(net: SimNetwork) -> tuple[Topic, GetTransactions]:
    prefix = network_prefix(NETWORK)
    sent = [m for m in net.log if parse(m.topic, network=prefix).kind is Kind.REQUEST][-1]
    message = Mallory.read(sent)
    assert isinstance(message, Numbered)
    assert isinstance(message.request, GetTransactions)
    return (
        Topic(
            network=prefix,
            kind=Kind.RESPONSE,
            sender=parse(sent.topic, network=prefix).recipient,
            recipient=parse(sent.topic, network=prefix).sender,
            request=message.number,
        ),
        message.request,
    )


@pytest.mark.parametrize(
    ("answer", "dropped"), [((b"lie",), 1), ((b"true", b"lie"), 1), ((b"true",), 0), ((), 0)]
)
def test_only_what_was_asked_for_is_taken(answer: tuple[bytes, ...], dropped: int) -> None:
    net, node, mallory = hearing()
    mallory.come()
    mallory.say(Kind.INVENTORY, Inventory(salt=SALT, short_ids=(short_id(SALT, b"true"),)))
    net.run(100)
    topic, _ = last_request(net)
    mallory.answer(topic, FoundTransactions(transactions=answer))
    net.run(100)
    assert node.gossip.dropped("G-15") == dropped
    assert bool(node.told(TransactionsReceived)) == (answer == (b"true",))


def test_a_peer_is_asked_once_at_a_time() -> None:
    net, _, mallory = hearing()
    mallory.come()
    for i in range(10):
        ids = tuple(b"%06d" % (1_000 * i + j) for j in range(limits.MAX_INVENTORY))
        mallory.say(Kind.INVENTORY, Inventory(salt=SALT, short_ids=ids))
    net.run(200)
    assert told(net, Kind.REQUEST) == 1
    _, request = last_request(net)
    assert len(request.short_ids) == limits.MAX_TRANSACTIONS_PER_REQUEST


def test_retained_inventories_are_refused() -> None:
    net, node, mallory = hearing()
    topic = mallory.topic(Kind.INVENTORY)
    message = Incoming(topic=topic.path(), payload=b"anything", retained=True)
    net.act(node, node.gossip.handle(message, net.now_ms))
    assert node.gossip.dropped("G-11") == 1
