# SPDX-License-Identifier: Apache-2.0
"""The way in: every bad message is dropped under its rule's number and changes nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_node.gossip import codec, limits
from edge_node.gossip.envelope import max_payload_bytes, seal
from edge_node.gossip.messages import (
    Checkpoints,
    Datasets,
    Headers,
    Offer,
    Presence,
    Tip,
    Transactions,
)
from edge_node.gossip.ports import (
    CheckpointsReceived,
    DatasetsOffered,
    Incoming,
    PeerOffline,
    PeerOnline,
    SessionOutdated,
    TransactionsReceived,
)
from edge_node.gossip.topics import Kind, Topic, network_prefix, parse
from edge_node.primitives.hashing import ZERO_HASH
from edge_node.primitives.types import BlockHash, DatasetId, Height
from tests.gossip.mallory import Mallory
from tests.gossip.simulation import GENESIS, NETWORK, SimNetwork, SimNode, make_block

BATCH = Transactions(transactions=(b"transaction",))


def setup() -> tuple[SimNetwork, SimNode, Mallory]:
    net = SimNetwork("reception")
    node = net.add("node")
    net.run(500)
    node.events.clear()
    return net, node, Mallory(net)


def presence(*, online: bool, connection: int = 1) -> Presence:
    return Presence(
        online=online, connection=connection, software="m 1", capabilities=(), broker="b0"
    )


def test_good_messages_become_events() -> None:
    net, node, mallory = setup()
    offer = Offer(dataset_id=DatasetId(ZERO_HASH), total_bytes=5)
    mallory.say(Kind.TRANSACTIONS, BATCH)
    mallory.say(Kind.CHECKPOINT, Checkpoints(checkpoints=(b"signed",)))
    mallory.say(Kind.DATASETS, Datasets(offers=(offer,)))
    net.run(200)
    sender = mallory.node
    assert {type(event) for event in node.events} == {
        PeerOnline,
        TransactionsReceived,
        CheckpointsReceived,
        DatasetsOffered,
    }
    assert TransactionsReceived(transactions=(b"transaction",), sender=sender) in node.events
    assert CheckpointsReceived(checkpoints=(b"signed",), sender=sender) in node.events
    assert DatasetsOffered(sender=sender, offers=(offer,)) in node.events
    assert node.gossip.drop_reasons() == ()


def test_a_wrong_signature_is_dropped_and_charged_to_nobody() -> None:
    net, node, mallory = setup()
    for _ in range(5):
        mallory.say_unsigned(Kind.TRANSACTIONS, BATCH)
    net.run(200)
    assert node.gossip.dropped("G-8") == 5
    assert node.events == []
    assert node.gossip.peers() == ()


def test_a_message_moved_to_another_topic_is_dropped() -> None:
    net, node, mallory = setup()
    payload = mallory.seal(mallory.topic(Kind.TRANSACTIONS), codec.encode(BATCH))
    net.inject(mallory.topic(Kind.CHECKPOINT).path(), payload)
    victim = Topic(
        network=network_prefix(NETWORK), kind=Kind.TRANSACTIONS, sender=net.add("v").node
    )
    net.inject(victim.path(), payload)
    net.run(200)
    assert node.gossip.dropped("G-6") == 1
    assert node.gossip.dropped("G-7") == 1
    assert node.told(TransactionsReceived) == []


def test_another_network_on_the_broker_is_ignored() -> None:
    net, node, mallory = setup()
    path = mallory.topic(Kind.TIP).path().replace(network_prefix(NETWORK), "00000000")
    net.act(node, node.gossip.handle(Incoming(topic=path, payload=b"x"), net.now_ms))
    assert node.gossip.dropped("G-3") == 1


@pytest.mark.parametrize("kind", list(Kind))
def test_oversize_is_dropped_unread(kind: Kind) -> None:
    net, node, mallory = setup()
    topic = mallory.topic(kind, node.node)
    payload = bytes(max_payload_bytes(kind) + 1)
    net.act(node, node.gossip.handle(Incoming(topic=topic.path(), payload=payload), net.now_ms))
    assert node.gossip.dropped("G-1") == 1


def test_retained_garbage_is_counted_and_ignored() -> None:
    net = SimNetwork("garbage")
    mallory = Mallory(net)
    net.inject(mallory.topic(Kind.TIP).path(), b"garbage", retain=True)
    net.inject(f"pol/v1/{network_prefix(NETWORK)}/o/tip/nobody", b"garbage", retain=True)
    net.inject(mallory.topic(Kind.BLOCK).path(), b"garbage", retain=True)
    node = net.add("node")
    net.run(500)
    assert node.gossip.dropped("G-5") == 1
    assert node.gossip.dropped("G-2") == 1
    assert node.gossip.dropped("G-11") == 1
    assert node.gossip.synced


def test_a_cleared_retained_message_is_nothing() -> None:
    net, node, mallory = setup()
    net.inject(mallory.topic(Kind.TIP).path(), b"")
    net.run(100)
    assert node.gossip.drop_reasons() == ()


def test_signed_garbage_is_charged_and_ends_in_a_ban() -> None:
    net, node, mallory = setup()
    for _ in range(4):
        mallory.say(Kind.TIP, b"\x80")
        net.run(100)
    assert node.gossip.dropped("G-10") == 3
    assert node.gossip.dropped("G-13") == 1
    assert node.gossip.peers()[0].banned_until_ms > net.now_ms


def test_a_flood_is_dropped_and_ends_in_a_ban() -> None:
    net, node, mallory = setup()
    for i in range(500):
        mallory.say(Kind.TRANSACTIONS, Transactions(transactions=(b"%d" % i,)))
    net.run(200)
    assert len(node.told(TransactionsReceived)) <= limits.BATCHES_BURST + 2
    assert node.gossip.dropped("G-12") == -limits.BAN_SCORE
    assert node.gossip.dropped("G-13") > 0


def test_replays_are_dropped() -> None:
    net, node, mallory = setup()
    topic = mallory.topic(Kind.TRANSACTIONS)
    payload = mallory.seal(topic, codec.encode(BATCH))
    for _ in range(3):
        net.inject(topic.path(), payload)
    net.run(200)
    assert len(node.told(TransactionsReceived)) == 1
    assert node.gossip.dropped("duplicate") == 2
    newer = mallory.seal(topic, codec.encode(BATCH), session=2)
    older = mallory.seal(topic, codec.encode(BATCH), session=1)
    for payload in (newer, older):
        net.act(node, node.gossip.handle(Incoming(topic=topic.path(), payload=payload), 0))
    assert node.gossip.dropped("G-9") == 1


def test_answers_that_nobody_asked_for_are_dropped() -> None:
    net, node, mallory = setup()
    topic = mallory.topic(Kind.RESPONSE, node.node, request=5)
    payload = mallory.seal(topic, codec.encode(Headers(headers=())))
    net.inject(topic.path(), payload)
    net.run(100)
    assert node.gossip.dropped("G-19") == 1


def test_a_tip_that_is_not_its_header_is_charged() -> None:
    net, node, mallory = setup()
    block_hash, block = make_block(1, GENESIS)
    mallory.say(
        Kind.TIP,
        Tip(height=Height(2), block_hash=block_hash, work=9, header=block.header),
    )
    mallory.say(
        Kind.TIP,
        Tip(height=Height(1), block_hash=BlockHash(ZERO_HASH), work=9, header=block.header),
    )
    net.run(100)
    assert node.gossip.dropped("G-16") == 2


def test_a_late_will_does_not_kill_a_newer_connection() -> None:
    net, node, mallory = setup()
    mallory.say(Kind.PRESENCE, presence(online=True, connection=1))
    net.run(100)
    mallory.say(Kind.PRESENCE, presence(online=True, connection=2))
    net.run(100)
    mallory.say(Kind.PRESENCE, presence(online=False, connection=1))
    net.run(100)
    assert node.gossip.peers()[0].online
    assert node.told(PeerOffline) == []
    mallory.say(Kind.PRESENCE, presence(online=False, connection=2))
    net.run(100)
    assert node.told(PeerOffline) == [PeerOffline(peer=mallory.node, silent=False)]
    # Gone is gone, until the next connection.
    mallory.say(Kind.TRANSACTIONS, BATCH)
    net.run(100)
    assert not node.gossip.peers()[0].online


def test_silence_ends_a_peer_and_a_word_brings_it_back() -> None:
    net, node, mallory = setup()
    mallory.say(Kind.PRESENCE, presence(online=True))
    net.run(limits.PEER_SILENCE_MS + 1_000)
    assert node.told(PeerOffline) == [PeerOffline(peer=mallory.node, silent=True)]
    mallory.say(Kind.TRANSACTIONS, BATCH)
    net.run(100)
    assert len(node.told(PeerOnline)) == 2


def test_a_later_session_of_our_own_is_told() -> None:
    net, node, _ = setup()
    topic = Topic(network=network_prefix(NETWORK), kind=Kind.PRESENCE, sender=node.node)
    myself = Mallory(net, "node")
    payload = myself.seal(topic, codec.encode(presence(online=True)), session=41)
    message = Incoming(topic=topic.path(), payload=payload, retained=True)
    net.act(node, node.gossip.handle(message, net.now_ms))
    assert node.told(SessionOutdated) == [SessionOutdated(least=42)]


def test_a_will_of_our_own_that_came_late_is_corrected() -> None:
    net, node, _ = setup()
    assert node.will is not None
    net.inject(node.will.topic, node.will.payload, retain=True)
    net.run(200)
    topic = parse(node.will.topic, network=network_prefix(NETWORK))
    envelope_body = codec.encode(presence(online=True))
    last = node.published[-1]
    assert parse(last.topic, network=topic.network) == topic
    assert last.retain
    assert last.payload == net.retained[node.will.topic] != envelope_body


@given(st.binary(max_size=400), st.sampled_from(list(Kind)))
def test_garbage_never_raises(payload: bytes, kind: Kind) -> None:
    net, node, mallory = setup()
    to = node.node if kind in {Kind.REQUEST, Kind.RESPONSE} else mallory.node
    topic = mallory.topic(kind, to)
    signed = seal(
        topic,
        payload,
        network_id=NETWORK,
        key=mallory.identity.key,
        session=1,
        sequence=1,
        sign=mallory.identity.sign,
    )
    for each in (payload, signed):
        net.act(node, node.gossip.handle(Incoming(topic=topic.path(), payload=each), net.now_ms))
    assert node.chain.main == [GENESIS]
