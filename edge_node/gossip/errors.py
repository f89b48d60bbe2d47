# SPDX-License-Identifier: Apache-2.0
"""The rules of gossip, G-1 to G-24: one class for each, with both of the values that disagree.

A message that breaks one is dropped and counted, and nothing else changes. `penalty` is what it
costs its sender, once the signature has proved who that is: an unsigned claim costs nobody.
Law of the file: classes only; guards stand in topics.py, envelope.py, messages.py and peers.py,
those of the broker and the link in embedded_broker.py, join_line.py and mqtt.py.
Read next: envelope.py.
"""

from typing import ClassVar

from edge_node.primitives.errors import Mismatch

_OWN_SHOWN = 1_000
"""Characters of a value that this machine gives and no stranger: paths, the end of a log."""


class GossipError(Mismatch):
    """A message breaks a rule of gossip.

    Parameters
    ----------
    expected, actual : object
        What the rule wants and what the message has.
    """

    penalty: ClassVar[int] = 0
    """Points that the proven sender loses; 100 are a ban."""


class MessageTooLarge(GossipError):
    """A payload is larger than its kind allows (G-1)."""

    reason = "G-1"
    wants = "message size in bytes"
    peer_fault = True
    penalty = 20


class TopicNotUnderstood(GossipError):
    """A topic does not follow the grammar (G-2)."""

    reason = "G-2"
    wants = "topic"


class WrongNetwork(GossipError):
    """A topic belongs to another network on the same broker (G-3)."""

    reason = "G-3"
    wants = "network"


class UnknownVersion(GossipError):
    """An envelope has a version that this software does not know (G-4)."""

    reason = "G-4"
    wants = "gossip version"


class MalformedEnvelope(GossipError):
    """An envelope is not canonical or lacks a field (G-5)."""

    reason = "G-5"
    wants = "envelope"


class KindMismatch(GossipError):
    """The envelope's kind is not its topic's (G-6)."""

    reason = "G-6"
    wants = "message kind"


class SenderMismatch(GossipError):
    """The envelope's key does not belong to the node that the topic names (G-7)."""

    reason = "G-7"
    wants = "sender"


class BadSignature(GossipError):
    """The signature does not fit key, network, topic and body (G-8)."""

    reason = "G-8"
    wants = "signature"


class StaleMessage(GossipError):
    """A newer message of the same sender was seen: a replay, or one overtaken (G-9)."""

    reason = "G-9"
    wants = "session and sequence"


class MalformedMessage(GossipError):
    """A signed body is not canonical, or a field breaks its bounds (G-10)."""

    reason = "G-10"
    wants = "message field"
    peer_fault = True
    penalty = 34


class RetainedNotAllowed(GossipError):
    """The broker kept a message of a kind that is never retained (G-11)."""

    reason = "G-11"
    wants = "retain flag"


class RateExceeded(GossipError):
    """A peer sends more than its token bucket holds (G-12)."""

    reason = "G-12"
    wants = "rate in messages per second"
    peer_fault = True
    penalty = 1


class PeerBanned(GossipError):
    """The sender is banned for some time yet (G-13)."""

    reason = "G-13"
    wants = "time of the message in ms"


class PieceMismatch(GossipError):
    """A piece does not have the hash that names it (G-14)."""

    reason = "G-14"
    wants = "hash of the piece"
    peer_fault = True
    penalty = 50


class ParcelMismatch(GossipError):
    """A parcel has the wrong size, or is not what its hash names (G-15)."""

    reason = "G-15"
    wants = "parcel"
    peer_fault = True
    penalty = 50


class HeaderMismatch(GossipError):
    """A header is malformed, or not the one that the message claims (G-16)."""

    reason = "G-16"
    wants = "header"
    peer_fault = True
    penalty = 50


class HeadersNotLinked(GossipError):
    """A page of headers does not hang together or holds an invalid block (G-17)."""

    reason = "G-17"
    wants = "parent of the header"
    peer_fault = True
    penalty = 50


class ForeignChain(GossipError):
    """A peer's chain has no block in common with ours (G-18)."""

    reason = "G-18"
    wants = "first header"
    peer_fault = True
    penalty = 50


class UnrequestedResponse(GossipError):
    """An answer that nobody waits for: late, or made up (G-19)."""

    reason = "G-19"
    wants = "request"


class BlockRefused(GossipError):
    """The node found a relayed block invalid (G-20)."""

    reason = "G-20"
    wants = "block"
    peer_fault = True
    penalty = 100


class TransportRefused(GossipError):
    """A relayed block's transport or signature is wrong; its hash is not to blame (G-21)."""

    reason = "G-21"
    wants = "block transport"
    peer_fault = True
    penalty = 34


class TransactionRefused(GossipError):
    """The node found relayed transactions malformed or wrongly signed (G-22)."""

    reason = "G-22"
    wants = "transaction"
    peer_fault = True
    penalty = 10


class CheckpointRefused(GossipError):
    """The node found a relayed checkpoint malformed, or not a member's (G-23)."""

    reason = "G-23"
    wants = "checkpoint"
    peer_fault = True
    penalty = 34


class StampMissing(GossipError):
    """A header is announced without the work that a lottery asks for (G-24)."""

    reason = "G-24"
    wants = "stamp"
    peer_fault = True
    penalty = 34


class JoinLineInvalid(GossipError):
    """A join line is not complete or not one."""

    reason = "join-line"
    wants = "join line"

    def __init__(self, *, expected: object, actual: object) -> None:
        super().__init__(expected=expected, actual=actual)
        self.args = (f"{self}; copy the whole line that `edge-node broker run` printed",)


class BrokerAddressInvalid(GossipError):
    """Something else stands where a broker is named."""

    reason = "broker-address"
    wants = "broker"


class BrokerMissing(GossipError):
    """No broker program is installed."""

    reason = "broker-missing"
    wants = "broker program"


class BrokerDidNotStart(GossipError):
    """The broker program ended or did not listen in time."""

    reason = "broker-start"
    wants = "broker"
    most_shown = _OWN_SHOWN


class BrokerOptionInvalid(GossipError):
    """A listen address, user or size for the broker is not possible."""

    reason = "broker-option"
    wants = "broker option"


class GenesisNotFound(GossipError):
    """No node of the network answers on the broker with its genesis."""

    reason = "genesis-missing"
    wants = "genesis of the network"


class LinkOptionInvalid(GossipError):
    """An option of the connection to the broker is not possible."""

    reason = "link-option"
    wants = "connection option"
    most_shown = _OWN_SHOWN


class CertificateNotMade(GossipError):
    """The openssl program is missing, or has refused to make a certificate."""

    reason = "certificate"
    wants = "certificate"
    most_shown = _OWN_SHOWN


class ClusterOptionInvalid(GossipError):
    """A broker cluster can not be made of what was named."""

    reason = "cluster-option"
    wants = "broker cluster"
    most_shown = _OWN_SHOWN
