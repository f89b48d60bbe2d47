# SPDX-License-Identifier: Apache-2.0
"""Asking and telling: sealed messages go out here, requests are numbered, timed and matched.

Rule G-19 (answers must be asked for). One object is shared by the parts of the state machine, so
that all their actions leave in the order in which they arose.
Law of the file: no decisions; who is asked what is decided in sync.py and downloads.py.
Read next: answers.py.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from edge_node.gossip import codec, limits, messages
from edge_node.gossip.envelope import Sign, Verify, seal
from edge_node.gossip.errors import GossipError, UnrequestedResponse
from edge_node.gossip.messages import GetParcels, GetPieces, Message, Request, Response
from edge_node.gossip.peers import Peer, PeerTable
from edge_node.gossip.ports import (
    Action,
    ChainPort,
    Event,
    PeerWasBanned,
    Publish,
    SetWill,
    TransactionPool,
)
from edge_node.gossip.topics import (
    RETAINED,
    Kind,
    NodeId,
    Topic,
    network_prefix,
    node_id,
)
from edge_node.primitives.randomness import RandomSource
from edge_node.primitives.types import Hash32, NetworkId, PublicKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who we are on which network."""

    network_id: NetworkId
    """Hash of the genesis."""
    key: PublicKey
    """Our node key; it need not be the miner's."""
    sign: Sign
    """Signs with that key."""
    verify: Verify
    """Checks any key's signature."""
    session: int
    """Grows with every start: a counter in the data directory, or the start time in ms."""

    @property
    def node(self) -> NodeId:
        """Our id in topics."""
        return node_id(self.key)

    @property
    def network(self) -> str:
        """The network's prefix in topics."""
        return network_prefix(self.network_id)


@dataclass(slots=True, kw_only=True)
class Pending:
    """A request without its answer, or without all of its pieces."""

    number: int
    """In the answer's topic."""
    peer: Peer
    """Who was asked."""
    request: Request
    """What was asked."""
    deadline_ms: int
    """When it counts as lost."""
    pieces: set[int] = field(default_factory=set)
    """Pieces still to come."""
    parcels: set[Hash32] = field(default_factory=set)
    """Parcels still to come."""
    allowed_bytes: int = 0
    """What the answers may still take of the peer's pace."""


class Exchange:
    """Messages out, requests and answers matched.

    Parameters
    ----------
    identity : Identity
        Who we are.
    port : ChainPort
        The chain.
    random : RandomSource
        Chooses between peers that will do equally well.
    pool : TransactionPool or None
        The waiting transactions; None for a node that keeps none.
    sources : frozenset of NodeId or None
        Who gives us blocks and models; None for anybody.
    """

    def __init__(
        self,
        *,
        identity: Identity,
        port: ChainPort,
        random: RandomSource,
        pool: TransactionPool | None = None,
        sources: frozenset[NodeId] | None = None,
    ) -> None:
        self.identity = identity
        self.port = port
        self.random = random
        self._pool = pool
        self._sources = sources
        self.peers = PeerTable()
        self._actions: list[Action] = []
        self._sequence = 0
        self._pending: dict[int, Pending] = {}
        # Numbers of an earlier session never return: a late answer to it finds no request.
        self._number = (identity.session & 0xFFFF_FFFF) << 32

    def waiting_transactions(self) -> Sequence[bytes]:
        """Return the transactions that wait here."""
        return () if self._pool is None else self._pool.waiting()

    def is_source(self, peer: Peer) -> bool:
        """Say whether blocks and models are taken from a peer."""
        return self._sources is None or peer.node in self._sources

    def emit(self, event: Event) -> None:
        """Tell the node something."""
        self._actions.append(event)

    def drain(self) -> list[Action]:
        """Return the actions so far, in order."""
        actions, self._actions = self._actions, []
        return actions

    def seal(self, topic: Topic, message: Message) -> bytes:
        """Return the signed payload of a message."""
        self._sequence += 1
        return seal(
            topic,
            codec.encode(message),
            network_id=self.identity.network_id,
            key=self.identity.key,
            session=self.identity.session,
            sequence=self._sequence,
            sign=self.identity.sign,
        )

    def topic(self, kind: Kind, *, local: bool = False) -> Topic:
        """Return our own topic of a kind that goes to all, or to our cell only."""
        identity = self.identity
        return Topic(network=identity.network, kind=kind, sender=identity.node, local=local)

    def publish(self, kind: Kind, message: Message, *, qos: int = 1, local: bool = False) -> None:
        """Tell all nodes something, or those of our cell only."""
        topic = self.topic(kind, local=local)
        payload = self.seal(topic, message)
        self._publish(topic, payload, qos=qos)

    def _publish(self, topic: Topic, payload: bytes, *, qos: int = 1) -> None:
        retain = topic.kind in RETAINED
        self._actions.append(Publish(topic=topic.path(), payload=payload, qos=qos, retain=retain))

    def clear(self, node: NodeId, kinds: Collection[Kind] = RETAINED) -> None:
        """Have the broker forget what it keeps of a node, or some of it."""
        for kind in sorted(kinds):
            topic = Topic(network=self.identity.network, kind=kind, sender=node)
            self._publish(topic, b"")

    def tell_will(self, will: SetWill) -> None:
        """Have the broker told our last will with the next connect."""
        self._actions.append(will)

    def ask(self, peer: Peer, request: Request, *, size_bytes: int, now_ms: int) -> Pending:
        """Send a request to a peer that `may_be_asked`.

        Parameters
        ----------
        size_bytes : int
            What the answer may take; counted against the peer's pace.
        """
        self._number += 1
        peer.paced_requests.take(1, now_ms)
        peer.paced_bytes.take(size_bytes, now_ms)
        peer.in_flight += 1
        pending = Pending(
            number=self._number,
            peer=peer,
            request=request,
            deadline_ms=now_ms + limits.REQUEST_TIMEOUT_MS,
            allowed_bytes=size_bytes,
        )
        if isinstance(request, GetPieces):
            pending.pieces.update(request.indices)
        elif isinstance(request, GetParcels):
            pending.parcels.update(request.digests)
        self._pending[pending.number] = pending
        topic = Topic(
            network=self.identity.network,
            kind=Kind.REQUEST,
            sender=self.identity.node,
            recipient=peer.node,
        )
        numbered = messages.Numbered(number=pending.number, request=request)
        self._publish(topic, self.seal(topic, numbered))
        return pending

    def answer(self, peer: Peer, number: int, response: Response) -> None:
        """Answer a peer's request."""
        topic = Topic(
            network=self.identity.network,
            kind=Kind.RESPONSE,
            sender=self.identity.node,
            recipient=peer.node,
            request=number,
            broker=peer.broker,
        )
        self._publish(topic, self.seal(topic, response))

    def match(self, topic: Topic) -> Pending:
        """Return the request that an answer belongs to.

        Raises
        ------
        UnrequestedResponse
            G-19.
        """
        pending = self._pending.get(topic.request)
        if pending is None or pending.peer.node != topic.sender:
            raise UnrequestedResponse(expected="a number in use", actual=topic.request)
        return pending

    def is_asked(self, peer: Peer, kind: type[Request]) -> bool:
        """Say whether a request of a kind is under way to a peer."""
        return any(
            each.peer is peer and isinstance(each.request, kind) for each in self._pending.values()
        )

    def progress(self, pending: Pending, size_bytes: int, now_ms: int) -> None:
        """Take note of a part of an answer; close the request if it was the last.

        Parameters
        ----------
        size_bytes : int
            What the part took.
        """
        pending.deadline_ms = now_ms + limits.REQUEST_TIMEOUT_MS
        pending.allowed_bytes = max(0, pending.allowed_bytes - size_bytes)
        pending.peer.unanswered = 0
        if not pending.pieces and not pending.parcels:
            self.settle(pending)

    def settle(self, pending: Pending) -> None:
        """Close a request: answered in full, or not wanted any more."""
        if self._pending.pop(pending.number, None) is not None:
            pending.peer.in_flight -= 1
            pending.peer.paced_bytes.give_back(pending.allowed_bytes)

    def expire(self, now_ms: int) -> list[Pending]:
        """Close and return the requests that were not answered in time."""
        late = [each for each in self._pending.values() if now_ms >= each.deadline_ms]
        for pending in late:
            self.settle(pending)
            pending.peer.answered_late(now_ms)
        return late

    def forget_requests(self) -> list[Pending]:
        """Close and return all requests: the connection broke, nobody is to blame."""
        lost = list(self._pending.values())
        for pending in lost:
            self.settle(pending)
        return lost

    def blame(self, peer: Peer, error: GossipError, now_ms: int) -> None:
        """Charge a peer for a broken rule."""
        if self.peers.penalise(peer, error, now_ms):
            self.emit(
                PeerWasBanned(peer=peer.node, reason=error.reason, until_ms=peer.banned_until_ms)
            )
