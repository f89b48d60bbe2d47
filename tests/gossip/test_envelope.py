# SPDX-License-Identifier: Apache-2.0
"""Envelopes: what is sealed opens to the same; nothing changed, moved or truncated opens at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_node.gossip import limits
from edge_node.gossip.envelope import (
    MAX_BODY_BYTES,
    Envelope,
    max_payload_bytes,
    open_envelope,
    seal,
)
from edge_node.gossip.errors import (
    BadSignature,
    GossipError,
    KindMismatch,
    MalformedEnvelope,
    MessageTooLarge,
    SenderMismatch,
    UnknownVersion,
)
from edge_node.gossip.topics import Kind, NodeId, Topic, network_prefix
from edge_node.primitives.hashing import tagged_hash
from edge_node.primitives.types import NetworkId
from edge_node.spec import encoding
from tests.gossip.simulation import NETWORK, fake_verify, identity_of

ANN = identity_of("ann")
YOU = NodeId("0123456789abcdef")
TIP = Topic(network=network_prefix(NETWORK), kind=Kind.TIP, sender=ANN.node)
OTHER_NETWORK = NetworkId(tagged_hash("network", b"other"))


def sealed(topic: Topic = TIP, body: bytes = b"body", network_id: NetworkId = NETWORK) -> bytes:
    return seal(
        topic, body, network_id=network_id, key=ANN.key, session=7, sequence=9, sign=ANN.sign
    )


def opened(topic: Topic, payload: bytes) -> Envelope:
    return open_envelope(topic, payload, network_id=NETWORK, verify=fake_verify)


def test_opens_to_what_was_sealed() -> None:
    envelope = opened(TIP, sealed())
    assert envelope.kind is Kind.TIP
    assert (envelope.key, envelope.sender) == (ANN.key, ANN.node)
    assert (envelope.session, envelope.sequence, envelope.body) == (7, 9, b"body")


def test_overhead_is_what_the_limits_say() -> None:
    body = bytes(MAX_BODY_BYTES[Kind.RESPONSE])
    topic = Topic(network=TIP.network, kind=Kind.RESPONSE, sender=ANN.node, recipient=YOU)
    payload = sealed(topic, body)
    assert len(payload) - len(body) <= limits.ENVELOPE_BYTES
    assert opened(topic, payload).body == body


@given(st.data())
def test_no_changed_byte_opens(data: st.DataObject) -> None:
    payload = bytearray(sealed())
    position = data.draw(st.integers(0, len(payload) - 1))
    payload[position] ^= data.draw(st.integers(1, 255))
    with pytest.raises(GossipError):
        opened(TIP, bytes(payload))


def test_no_truncation_opens() -> None:
    payload = sealed()
    for size in range(len(payload)):
        with pytest.raises(MalformedEnvelope):
            opened(TIP, payload[:size])


def test_not_on_another_network() -> None:
    with pytest.raises(BadSignature):
        opened(TIP, sealed(network_id=OTHER_NETWORK))


def test_not_under_another_kind() -> None:
    blocks = Topic(network=TIP.network, kind=Kind.BLOCK, sender=ANN.node)
    with pytest.raises(KindMismatch):
        opened(blocks, sealed())


def test_not_under_another_sender() -> None:
    bob = Topic(network=TIP.network, kind=Kind.TIP, sender=identity_of("bob").node)
    with pytest.raises(SenderMismatch):
        opened(bob, sealed())


def test_not_for_another_recipient() -> None:
    first = Topic(network=TIP.network, kind=Kind.REQUEST, sender=ANN.node, recipient=YOU)
    second = Topic(network=TIP.network, kind=Kind.REQUEST, sender=ANN.node, recipient=ANN.node)
    payload = sealed(first)
    assert opened(first, payload).body == b"body"
    with pytest.raises(BadSignature):
        opened(second, payload)


@pytest.mark.parametrize("kind", list(Kind))
def test_oversize_is_refused_before_it_is_read(kind: Kind) -> None:
    topic = Topic(network=TIP.network, kind=kind, sender=ANN.node)
    with pytest.raises(MessageTooLarge) as caught:
        opened(topic, bytes(max_payload_bytes(kind) + 1))
    assert caught.value.expected == max_payload_bytes(kind)


def test_oversize_is_never_sealed() -> None:
    with pytest.raises(MessageTooLarge):
        sealed(body=bytes(MAX_BODY_BYTES[Kind.TIP] + 1))


def fields() -> list[encoding.Value]:
    value = encoding.decode(sealed(), max_bytes=1_000)
    assert isinstance(value, list)
    return list(value)


def test_unknown_version_is_named() -> None:
    changed = fields()
    changed[0] = 2
    with pytest.raises(UnknownVersion):
        opened(TIP, encoding.encode(changed))


@pytest.mark.parametrize(
    ("position", "value"),
    [
        (1, 77),
        (1, "tip"),
        (2, b"short"),
        (2, 1),
        (3, -1),
        (3, b"7"),
        (4, -1),
        (4, 2**63),
        (5, "text"),
        (6, bytes(63)),
        (6, 0),
    ],
)
def test_wrong_fields_are_malformed(position: int, value: encoding.Value) -> None:
    changed = fields()
    changed[position] = value
    with pytest.raises(MalformedEnvelope):
        opened(TIP, encoding.encode(changed))


@pytest.mark.parametrize("value", [[], [1], {0: 1}, 5, b"bytes", [1, 2, 3, 4, 5, 6, 7, 8]])
def test_other_shapes_are_malformed(value: encoding.Value) -> None:
    with pytest.raises(MalformedEnvelope):
        opened(TIP, encoding.encode(value))


@given(st.binary(max_size=300))
def test_garbage_never_opens(payload: bytes) -> None:
    with pytest.raises(GossipError):
        opened(TIP, payload)
