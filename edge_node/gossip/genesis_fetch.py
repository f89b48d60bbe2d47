# SPDX-License-Identifier: Apache-2.0
"""Fetching the genesis of a network by its id, from the broker of a join line.

Every node of a network keeps its genesis on the broker as a retained message. Any copy will do,
for its hash must be the network id: no signature is needed and no node trusted.
Law of the file: waits at most the time it is given; returns verified bytes or a named error.
Read next: join_line.py.
"""

from collections.abc import Callable

from edge_node.gossip import codec, topics
from edge_node.gossip.envelope import open_envelope
from edge_node.gossip.errors import GenesisNotFound, GossipError
from edge_node.gossip.inbox import LinkRefused
from edge_node.gossip.join_line import JoinLine
from edge_node.gossip.messages import GenesisCopy
from edge_node.gossip.mqtt import LinkOptions, MqttLink, TlsOptions
from edge_node.gossip.ports import Incoming
from edge_node.gossip.topics import Kind
from edge_node.primitives.clock import Clock
from edge_node.primitives.types import NetworkId
from edge_node.spec.errors import InvalidInput

_POLL_MS = 100


def genesis_filter(network_id: NetworkId) -> str:
    """Return the filter under which the genesis of a network is retained."""
    prefix = topics.network_prefix(network_id)
    return f"{topics.ROOT}/{prefix}/+/{topics.WORDS[Kind.GENESIS]}/+"


def read_genesis(
    message: Incoming, network_id: NetworkId, genesis_id: Callable[[bytes], NetworkId]
) -> bytes | None:
    """Return the genesis in a message, or None if it is not the one."""
    try:
        topic = topics.parse(message.topic, network=topics.network_prefix(network_id))
        # The content proves itself; who passed it on does not matter.
        envelope = open_envelope(
            topic, message.payload, network_id=network_id, verify=lambda *_: True
        )
        copy = codec.decode(envelope.kind, envelope.body)
        if isinstance(copy, GenesisCopy) and genesis_id(copy.data) == network_id:
            return copy.data
    except (GossipError, InvalidInput):
        # One node's garbage must not hide the true copies of the others.
        pass
    return None


def fetch_genesis(
    line: JoinLine,
    *,
    client_id: str,
    genesis_id: Callable[[bytes], NetworkId],
    clock: Clock,
    timeout_ms: int,
    tls: TlsOptions | None = None,
) -> bytes:
    """Connect and return the genesis bytes whose hash is the line's network id.

    Parameters
    ----------
    client_id : str
        The joining node's.
    genesis_id : callable
        The law's hash of genesis bytes; it may raise InvalidInput for what is no genesis.
    clock : Clock
        For the time-out.
    timeout_ms : int
        To connect and to find it.
    tls : TlsOptions or None
        Own certificates, for brokers that speak TLS; those of the system if None.

    Raises
    ------
    GenesisNotFound
        Not within the time: no broker, not let in, or no node of that network was ever on it.
    LinkOptionInvalid
        A certificate file can not be read.
    """
    link = MqttLink(
        LinkOptions(
            brokers=line.brokers,
            client_id=client_id,
            user=line.user,
            password=line.password,
            tls=tls or TlsOptions(),
            subscriptions=(genesis_filter(line.network_id),),
        )
    )
    last = (
        f"nothing from {line.brokers[0]} in {timeout_ms} ms; the network's first node must have"
        " been on it (`edge-node run`)"
    )
    end_ms = clock.monotonic_ms() + timeout_ms
    link.start()
    try:
        while clock.monotonic_ms() < end_ms:
            for event in link.poll(_POLL_MS):
                if isinstance(event, LinkRefused):
                    last = f"refused by {event.broker}: {event.reason}"
                elif isinstance(event, Incoming):
                    genesis = read_genesis(event, line.network_id, genesis_id)
                    if genesis is not None:
                        return genesis
    finally:
        link.stop(0)
    raise GenesisNotFound(expected=line.network_id.hex(), actual=last)
