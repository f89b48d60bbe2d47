# SPDX-License-Identifier: Apache-2.0
"""The topic grammar: `pol/v1/<network>/<scope>/<kind>/...`, parsed and formatted.

A node publishes below `o/` and subscribes to `+/`, so that a mesh of brokers can carry `o/` of one
to `i/` of the others without a loop. Answers go below `x/<broker>/`, to one broker only; what is
below `c/` stays with the nodes of one broker, its cell. The tail behind the scope is what a
signature covers: a bridge may change the scope, never the tail.
Law of the file: strings only; what a payload says is none of its business.
Read next: envelope.py.
"""

import hashlib
from dataclasses import dataclass
from enum import IntEnum
from typing import NewType

from edge_node.gossip import limits
from edge_node.gossip.errors import TopicNotUnderstood, WrongNetwork
from edge_node.primitives.types import NetworkId, PublicKey

NodeId = NewType("NodeId", str)
"""The first 16 hex digits of SHA-256 of a node's public key."""

ALL = NodeId("")
"""The recipient of what is for everyone."""

ROOT = "pol/v1"
BRIDGE_ROOT = "edge-node/bridge"
"""Below it is what microcontrollers predict: plain JSON for people's own programs, not gossip."""
DISCOVERY_ROOT = "homeassistant"
"""Where Home Assistant looks for what it could show."""
NODE_ID_DIGITS = 16
NETWORK_DIGITS = 8
REQUEST_DIGITS = 16
DEFAULT_BROKER = "b0"
"""Name of the broker where there is only one."""
MAX_BROKER_CHARACTERS = 8

_HEX = frozenset("0123456789abcdef")


class Kind(IntEnum):
    """What a message is; the number stands in its envelope."""

    TIP = 1  # a node's head; retained
    BLOCK = 2  # a new block, header first
    TRANSACTIONS = 3  # a batch
    PRESENCE = 4  # here or gone; retained, and the last will
    DATASETS = 5  # the datasets a node holds; retained
    GENESIS = 6  # the network's genesis, for who joins; retained
    REQUEST = 7  # to one node
    RESPONSE = 8  # to one node
    CHECKPOINT = 9  # signed checkpoints, opaque here; retained
    INVENTORY = 10  # short ids of waiting transactions


WORDS = {
    Kind.TIP: "tip",
    Kind.BLOCK: "blk",
    Kind.TRANSACTIONS: "tx",
    Kind.PRESENCE: "pres",
    Kind.DATASETS: "ds",
    Kind.GENESIS: "gen",
    Kind.REQUEST: "req",
    Kind.RESPONSE: "res",
    Kind.CHECKPOINT: "cp",
    Kind.INVENTORY: "inv",
}
"""The topic's word for each kind."""

KINDS = {word: kind for kind, word in WORDS.items()}

RETAINED = frozenset({Kind.TIP, Kind.PRESENCE, Kind.DATASETS, Kind.GENESIS, Kind.CHECKPOINT})
"""Kinds whose last message the broker keeps for who comes later."""

BROADCAST = tuple(kind for kind in Kind if kind not in {Kind.REQUEST, Kind.RESPONSE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """Where a message goes."""

    network: str
    """First 8 hex digits of the network id."""
    kind: Kind
    """What the message is."""
    sender: NodeId
    """Who publishes; proved by the envelope."""
    recipient: NodeId = ALL
    """Whom a request or an answer is for; empty for all."""
    request: int = 0
    """Number of the request that an answer belongs to."""
    broker: str = DEFAULT_BROKER
    """The recipient's broker, for an answer."""
    local: bool = False
    """True for a block that stays in its cell: no bridge carries it."""

    def tail(self) -> str:
        """Return the part behind the scope: what the signature covers."""
        word = WORDS[self.kind]
        if self.kind is Kind.RESPONSE:
            return f"{word}/{self.recipient}/{self.sender}/{self.request:0{REQUEST_DIGITS}x}"
        if self.kind is Kind.REQUEST:
            return f"{word}/{self.recipient}/{self.sender}"
        return f"{word}/{self.sender}"

    def path(self) -> str:
        """Return the whole topic, as published."""
        scope = "c" if self.local else "o"
        if self.kind is Kind.RESPONSE:
            scope = f"x/{self.broker}"
        return f"{ROOT}/{self.network}/{scope}/{self.tail()}"


def node_id(public_key: PublicKey) -> NodeId:
    """Return the id that stands for a key in topics."""
    return NodeId(hashlib.sha256(public_key).hexdigest()[:NODE_ID_DIGITS])


def network_prefix(network_id: NetworkId) -> str:
    """Return the part of the network id that stands in topics."""
    return network_id.hex()[:NETWORK_DIGITS]


def is_node_id(text: str) -> bool:
    """Return True if a text is a node's id."""
    return len(text) == NODE_ID_DIGITS and _HEX.issuperset(text)


def is_broker_name(text: str) -> bool:
    """Return True if a text can stand for a broker in an answer's topic."""
    return len(text) <= MAX_BROKER_CHARACTERS and text.isascii() and text.isalnum()


def subscriptions(network: str, node: NodeId) -> tuple[str, ...]:
    """Return the filters that a node subscribes to."""
    base = f"{ROOT}/{network}"
    shared = tuple(f"{base}/+/{WORDS[kind]}/+" for kind in BROADCAST)
    return (*shared, f"{base}/+/req/{node}/+", f"{base}/x/+/res/{node}/#")


def parse(path: str, *, network: str) -> Topic:
    """Return what a topic says.

    Raises
    ------
    TopicNotUnderstood
        G-2: not of this grammar.
    WrongNetwork
        G-3: of another network.
    """
    levels = path.split("/") if len(path) <= limits.MAX_TOPIC_BYTES else []
    broker = DEFAULT_BROKER
    if len(levels) > 4 and levels[3] == "x":
        broker = levels.pop(4)
    # pol / v1 / network / scope / word / names...
    if len(levels) < 6 or "/".join(levels[:2]) != ROOT:
        raise TopicNotUnderstood(expected=f"{ROOT}/...", actual=path[: limits.MAX_TOPIC_BYTES])
    if levels[2] != network:
        raise WrongNetwork(expected=network, actual=levels[2])
    kind = KINDS.get(levels[4])
    names = levels[5:]
    well_formed = (
        kind is not None
        and (levels[3] == "x") == (kind is Kind.RESPONSE)
        and levels[3] in {"o", "i", "x", "c"}
        and (levels[3] != "c" or kind is Kind.BLOCK)
        and is_broker_name(broker)
        and len(names) == {Kind.REQUEST: 2, Kind.RESPONSE: 3}.get(kind, 1)
        and all(map(is_node_id, names))
    )
    if kind is None or not well_formed:
        raise TopicNotUnderstood(expected="a known kind and node ids", actual=path)
    if kind is Kind.RESPONSE:
        return Topic(
            network=network,
            kind=kind,
            recipient=NodeId(names[0]),
            sender=NodeId(names[1]),
            request=int(names[2], 16),
            broker=broker,
        )
    if kind is Kind.REQUEST:
        return Topic(
            network=network, kind=kind, recipient=NodeId(names[0]), sender=NodeId(names[1])
        )
    local = levels[3] == "c"
    return Topic(network=network, kind=kind, sender=NodeId(names[0]), local=local)
