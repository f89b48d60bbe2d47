# SPDX-License-Identifier: Apache-2.0
"""Receiving: from the broker's bytes to the part of the state machine that they concern.

Checks run cheapest first: topic, size, ban, duplicate, form, signature, order, rate, fields; only
then does a message mean anything. What fails before the signature charges nobody, for anybody may
have written it.
Law of the file: one way in for every message; each ends in one call or one named error.
Read next: blocks.py, sync.py, downloads.py, answers.py.
"""

import hashlib

from edge_node.gossip import codec, limits, topics
from edge_node.gossip.answers import Answers
from edge_node.gossip.blocks import BlockDesk
from edge_node.gossip.downloads import Downloads, Fetched
from edge_node.gossip.envelope import Envelope, max_payload_bytes, open_envelope
from edge_node.gossip.errors import (
    GossipError,
    HeaderMismatch,
    MessageTooLarge,
    ParcelMismatch,
    PeerBanned,
    RetainedNotAllowed,
    StaleMessage,
    TopicNotUnderstood,
)
from edge_node.gossip.exchange import Exchange
from edge_node.gossip.messages import (
    BlockAnnouncement,
    Checkpoints,
    Datasets,
    GenesisCopy,
    GetHeaders,
    GetTransactions,
    Inventory,
    Message,
    Numbered,
    ObjectKind,
    Presence,
    Response,
    Tip,
    Transactions,
)
from edge_node.gossip.peers import Peer, RecentSet
from edge_node.gossip.ports import (
    CheckpointsReceived,
    DatasetsOffered,
    FetchFailed,
    Incoming,
    ObjectReceived,
    PeerOffline,
    PeerOnline,
    SessionOutdated,
    TransactionsReceived,
)
from edge_node.gossip.sync import ChainSync
from edge_node.gossip.topics import RETAINED, Kind, Topic
from edge_node.gossip.transactions import TransactionDesk

_DIGEST_BYTES = 16
"""Enough to tell ten thousand messages apart."""


class Reception:
    """The way in.

    Parameters
    ----------
    exchange, answers, downloads, sync, desk, transactions
        The parts of the state machine that messages are for.
    """

    def __init__(
        self,
        *,
        exchange: Exchange,
        answers: Answers,
        downloads: Downloads,
        sync: ChainSync,
        desk: BlockDesk,
        transactions: TransactionDesk,
    ) -> None:
        self._exchange = exchange
        self._identity = exchange.identity
        self._answers = answers
        self._downloads = downloads
        self._sync = sync
        self._desk = desk
        self._transactions = transactions
        self._recent = RecentSet(limits.MAX_RECENT_MESSAGES)
        self.presence_wrong = False
        """True if the broker keeps a presence of ours that says we are gone."""
        self.was_cleared = False
        """True if the broker has lost something that it is to keep of us."""

    def receive(self, message: Incoming, connection: int, now_ms: int) -> bool:
        """Take a message.

        Parameters
        ----------
        connection : int
            Number of our present connection.

        Returns
        -------
        bool
            False if it is a duplicate.

        Raises
        ------
        GossipError
            G-1 to G-21; the sender is charged already.
        """
        topic = topics.parse(message.topic, network=self._identity.network)
        if not message.payload:
            # A cleared retained message. Anybody can clear: what is ours we tell again.
            self.was_cleared |= topic.sender == self._identity.node
            return True
        limit = max_payload_bytes(topic.kind)
        if len(message.payload) > limit:
            raise MessageTooLarge(expected=limit, actual=len(message.payload))
        if message.retained and topic.kind not in RETAINED:
            raise RetainedNotAllowed(expected="unset", actual="set")
        if topic.recipient and topic.recipient != self._identity.node:
            raise TopicNotUnderstood(expected=self._identity.node, actual=topic.recipient)
        if topic.sender == self._identity.node:
            self._own_echo(topic, message.payload, connection)
            return True
        peers = self._exchange.peers
        if peers.is_banned(topic.sender, now_ms):
            raise PeerBanned(expected="after the ban", actual=now_ms)
        if topic.kind is not Kind.RESPONSE and self._seen(topic, message.payload):
            return False
        envelope = self._open(topic, message.payload)
        peer = peers.admit(envelope.sender)
        try:
            self._take(peer, topic, envelope, now_ms, retained=message.retained)
        except GossipError as error:
            self._exchange.blame(peer, error, now_ms)
            raise
        return True

    def _seen(self, topic: Topic, payload: bytes) -> bool:
        # With its topic: a copy under a wrong one must not make the true one a duplicate.
        digest = hashlib.sha256(topic.tail().encode() + payload).digest()[:_DIGEST_BYTES]
        return not self._recent.add(digest)

    def _open(self, topic: Topic, payload: bytes) -> Envelope:
        return open_envelope(
            topic,
            payload,
            network_id=self._identity.network_id,
            verify=self._identity.verify,
        )

    def _own_echo(self, topic: Topic, payload: bytes, connection: int) -> None:
        """Look at what the broker has of us: another session, a will that came late, our word."""
        if topic.kind is Kind.CHECKPOINT:
            # Who restored its key from a backup may have forgotten what it has signed.
            word = codec.decode(Kind.CHECKPOINT, self._open(topic, payload).body)
            if isinstance(word, Checkpoints):
                own = self._identity.node
                self._exchange.emit(CheckpointsReceived(checkpoints=word.checkpoints, sender=own))
            return
        if topic.kind is not Kind.PRESENCE:
            return
        envelope = self._open(topic, payload)
        if envelope.session > self._identity.session:
            self._exchange.emit(SessionOutdated(least=envelope.session + 1))
            return
        presence = codec.decode(Kind.PRESENCE, envelope.body)
        if isinstance(presence, Presence) and not presence.online:
            # Ours is a newer connection; who joins now would think us gone.
            self.presence_wrong = connection > 0

    def _take(
        self, peer: Peer, topic: Topic, envelope: Envelope, now_ms: int, *, retained: bool
    ) -> None:
        kind = envelope.kind
        if kind is not Kind.PRESENCE:
            peer.check_order(kind, envelope.session, envelope.sequence, retained=kind in RETAINED)
        if not retained:
            peer.check_rate(kind, now_ms)
        message = codec.decode(kind, envelope.body)
        if isinstance(message, Presence):
            self._presence(peer, message, envelope.session, now_ms)
        elif not retained:
            self._sign_of_life(peer, now_ms)
        self._dispatch(peer, topic, message, now_ms)

    def _dispatch(self, peer: Peer, topic: Topic, message: Message, now_ms: int) -> None:
        emit = self._exchange.emit
        match message:
            case Tip():
                self._tip(peer, message, now_ms)
            case BlockAnnouncement():
                self._desk.announced(peer, message, now_ms)
            case Transactions():
                emit(TransactionsReceived(transactions=message.transactions, sender=peer.node))
            case Inventory():
                self._transactions.heard(peer, message, now_ms)
            case Datasets():
                peer.offers = message.offers
                emit(DatasetsOffered(sender=peer.node, offers=message.offers))
            case Checkpoints():
                emit(CheckpointsReceived(checkpoints=message.checkpoints, sender=peer.node))
            case Numbered():
                self._answers.serve(peer, message, now_ms)
            case Presence() | GenesisCopy():
                pass
            case _:
                self._response(topic, message, now_ms)

    def _presence(self, peer: Peer, presence: Presence, session: int, now_ms: int) -> None:
        order = (session, presence.connection, not presence.online)
        if order <= peer.presence_order:
            if order == peer.presence_order:
                # A refresh.
                self._sign_of_life(peer, now_ms)
                return
            raise StaleMessage(expected=f"after {peer.presence_order}", actual=order)
        if session > peer.session:
            peer.begin_session(session)
        was_online = peer.online
        peer.presence_order = order
        peer.presence = presence
        peer.online = presence.online
        peer.heard_ms = now_ms
        if presence.online and not was_online:
            self._tell_online(peer, now_ms)
        elif was_online and not presence.online:
            self._exchange.emit(PeerOffline(peer=peer.node, silent=False))

    def _sign_of_life(self, peer: Peer, now_ms: int) -> None:
        peer.heard_ms = now_ms
        # A goodbye stands until the next presence; silence is broken by any word.
        if not peer.online and (peer.presence is None or peer.presence.online):
            peer.online = True
            self._tell_online(peer, now_ms)

    def _tell_online(self, peer: Peer, now_ms: int) -> None:
        self._transactions.remind(now_ms)
        presence = peer.presence
        self._exchange.emit(
            PeerOnline(
                peer=peer.node,
                software=presence.software if presence is not None else "",
                capabilities=presence.capabilities if presence is not None else (),
            )
        )

    def _tip(self, peer: Peer, tip: Tip, now_ms: int) -> None:
        facts = self._exchange.port.header_facts(tip.header)
        if facts is None or (facts.block_hash, facts.height) != (tip.block_hash, tip.height):
            raise HeaderMismatch(
                expected=f"height {tip.height}",
                actual="none" if facts is None else f"height {facts.height}",
            )
        peer.tip = tip
        port = self._exchange.port
        if tip.rank >= port.tip().rank and not port.known(tip.block_hash):
            self._sync.compare_by(now_ms + limits.TIP_GRACE_MS)

    def _response(self, topic: Topic, response: Response, now_ms: int) -> None:
        pending = self._exchange.match(topic)
        if isinstance(pending.request, GetHeaders):
            self._sync.headers_answered(pending, response, now_ms)
            return
        if isinstance(pending.request, GetTransactions):
            self._transactions.answered(pending, response, now_ms)
            return
        for fetched in self._downloads.answered(pending, response, now_ms):
            if fetched.kind is ObjectKind.BLOCK:
                self._desk.fetched(fetched, now_ms)
            else:
                self._object_came(fetched, now_ms)

    def _object_came(self, fetched: Fetched, now_ms: int) -> None:
        (data,) = fetched.parts
        actual = self._exchange.port.content_hash(fetched.kind, data)
        if actual != fetched.digest:
            # The table was the lie, so its giver is to blame, not who sent the last piece.
            liar = self._exchange.peers.get(fetched.sender)
            error = ParcelMismatch(expected=bytes(fetched.digest), actual=bytes(actual))
            if liar is not None:
                self._exchange.blame(liar, error, now_ms)
            if not self._downloads.refetch(fetched):
                self._exchange.emit(FetchFailed(kind=fetched.kind, digest=fetched.digest))
            return
        self._exchange.emit(
            ObjectReceived(
                kind=fetched.kind,
                digest=fetched.digest,
                data=data,
                sender=fetched.sender,
            )
        )
