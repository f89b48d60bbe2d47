# SPDX-License-Identifier: Apache-2.0
"""The envelope around every message: who sent it, in which order, and the proof.

`[version, kind, key, session, sequence, body, signature]` in the project's strict CBOR. The
signature covers the network id, the topic's tail, session, sequence and the body's hash, so a
message can not be replayed on another network, under another kind or to another node.
Law of the file: cheapest check first (size, form, names, then the signature); the body stays
bytes until its sender is proved.
Read next: messages.py.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from edge_node.gossip import limits
from edge_node.gossip.errors import (
    BadSignature,
    KindMismatch,
    MalformedEnvelope,
    MessageTooLarge,
    SenderMismatch,
    UnknownVersion,
)
from edge_node.gossip.topics import Kind, NodeId, Topic, node_id
from edge_node.primitives.types import NetworkId, PublicKey, Signature
from edge_node.spec import encoding
from edge_node.spec.constants import MAX_CHECKPOINT_BYTES, MAX_GENESIS_BYTES

VERSION = 1
KEY_BYTES = 32
SIGNATURE_BYTES = 64
MAX_NUMBER = (1 << 63) - 1
_SIGNING_TAG = b"edge-node/gossip/v1\x00"
_FIELDS = 7

_SMALL_BYTES = 1_536
MAX_BODY_BYTES = {
    Kind.TIP: _SMALL_BYTES,
    Kind.BLOCK: limits.INLINE_BYTES + 40 * limits.MAX_PARCEL_PIECES + _SMALL_BYTES,
    Kind.TRANSACTIONS: limits.MAX_BATCH_BYTES + _SMALL_BYTES,
    Kind.PRESENCE: _SMALL_BYTES,
    Kind.DATASETS: 64 * limits.MAX_OFFERS + _SMALL_BYTES,
    Kind.GENESIS: MAX_GENESIS_BYTES + _SMALL_BYTES,
    Kind.REQUEST: _SMALL_BYTES,
    Kind.RESPONSE: limits.MAX_MESSAGE_BYTES - limits.ENVELOPE_BYTES,
    Kind.CHECKPOINT: MAX_CHECKPOINT_BYTES * limits.MAX_CHECKPOINTS + _SMALL_BYTES,
    Kind.INVENTORY: limits.SHORT_ID_BYTES * limits.MAX_INVENTORY + _SMALL_BYTES,
}
"""The largest body of each kind; an envelope adds at most `limits.ENVELOPE_BYTES`."""

Sign = Callable[[bytes], bytes]
Verify = Callable[[PublicKey, bytes, Signature], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A message whose sender is proved."""

    kind: Kind
    """What the body is."""
    key: PublicKey
    """The sender's key."""
    sender: NodeId
    """The sender's id, from its key."""
    session: int
    """Grows with every start of the sender."""
    sequence: int
    """Grows with every message of a session."""
    body: bytes
    """The encoded message."""


def max_payload_bytes(kind: Kind) -> int:
    """Return the size in bytes above which a payload of this kind is refused unread."""
    return MAX_BODY_BYTES[kind] + limits.ENVELOPE_BYTES


def seal(
    topic: Topic,
    body: bytes,
    *,
    network_id: NetworkId,
    key: PublicKey,
    session: int,
    sequence: int,
    sign: Sign,
) -> bytes:
    """Return the payload of a message to `topic`.

    Raises
    ------
    MessageTooLarge
        G-1: our own message is above its kind's limit; a broker would lose it in silence.
    """
    if len(body) > MAX_BODY_BYTES[topic.kind]:
        raise MessageTooLarge(expected=MAX_BODY_BYTES[topic.kind], actual=len(body))
    signature = sign(_signed_bytes(topic, body, network_id, session, sequence))
    return encoding.encode([VERSION, int(topic.kind), key, session, sequence, body, signature])


def open_envelope(
    topic: Topic, payload: bytes, *, network_id: NetworkId, verify: Verify
) -> Envelope:
    """Return the envelope in a payload, its sender proved.

    Raises
    ------
    MessageTooLarge, MalformedEnvelope, UnknownVersion, KindMismatch, SenderMismatch, BadSignature
        G-1 and G-4 to G-8.
    """
    limit = max_payload_bytes(topic.kind)
    if len(payload) > limit:
        raise MessageTooLarge(expected=limit, actual=len(payload))
    envelope, signature = _read(payload, limit)
    if envelope.kind is not topic.kind:
        raise KindMismatch(expected=int(topic.kind), actual=int(envelope.kind))
    if envelope.sender != topic.sender:
        raise SenderMismatch(expected=topic.sender, actual=envelope.sender)
    signed = _signed_bytes(topic, envelope.body, network_id, envelope.session, envelope.sequence)
    if not verify(envelope.key, signed, signature):
        raise BadSignature(expected=f"made by {envelope.sender}", actual=bytes(signature))
    return envelope


def _signed_bytes(
    topic: Topic, body: bytes, network_id: NetworkId, session: int, sequence: int
) -> bytes:
    digest = hashlib.sha256(body).digest()
    return _SIGNING_TAG + encoding.encode([network_id, topic.tail(), session, sequence, digest])


def _read(payload: bytes, limit: int) -> tuple[Envelope, Signature]:
    try:
        fields = encoding.decode(
            payload, max_bytes=limit, max_items=limits.MAX_ENVELOPE_ITEMS, max_depth=1
        )
    except encoding.InvalidEncoding as error:
        raise MalformedEnvelope(expected="canonical CBOR", actual=error.what) from error
    if not isinstance(fields, list) or not fields:
        raise MalformedEnvelope(expected="an array", actual=type(fields).__name__)
    if fields[0] != VERSION:
        raise UnknownVersion(expected=VERSION, actual=fields[0])
    if len(fields) != _FIELDS:
        raise MalformedEnvelope(expected=f"{_FIELDS} fields", actual=len(fields))
    _, kind, key, session, sequence, body, signature = fields
    if not isinstance(kind, int) or kind not in set(Kind):
        raise MalformedEnvelope(expected="a kind", actual=kind)
    if not isinstance(key, bytes) or len(key) != KEY_BYTES:
        raise MalformedEnvelope(expected=f"a key of {KEY_BYTES} bytes", actual=type(key).__name__)
    if not isinstance(signature, bytes) or len(signature) != SIGNATURE_BYTES:
        raise MalformedEnvelope(
            expected=f"a signature of {SIGNATURE_BYTES} bytes", actual=type(signature).__name__
        )
    if not isinstance(session, int) or not 0 <= session <= MAX_NUMBER:
        raise MalformedEnvelope(expected="a session number", actual=session)
    if not isinstance(sequence, int) or not 0 <= sequence <= MAX_NUMBER:
        raise MalformedEnvelope(expected="a sequence number", actual=sequence)
    if not isinstance(body, bytes):
        raise MalformedEnvelope(expected="a body", actual=type(body).__name__)
    public_key = PublicKey(key)
    return (
        Envelope(
            kind=Kind(kind),
            key=public_key,
            sender=node_id(public_key),
            session=session,
            sequence=sequence,
            body=body,
        ),
        Signature(signature),
    )
