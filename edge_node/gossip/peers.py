# SPDX-License-Identifier: Apache-2.0
"""What is known of the other nodes: presence, tips, datasets, rates, scores and bans.

Rules G-9 (order), G-12 (rates) and G-13 (bans). Everything here was proved by a signature before
it got here, so a peer can only harm its own record.
Law of the file: no clock (time is a parameter) and a bound on every table.
Read next: reception.py.
"""

from collections import OrderedDict
from dataclasses import dataclass, field

from edge_node.gossip import limits
from edge_node.gossip.errors import GossipError, RateExceeded, StaleMessage
from edge_node.gossip.messages import Offer, Presence, Tip
from edge_node.gossip.topics import DEFAULT_BROKER, Kind, NodeId
from edge_node.primitives.types import DatasetId

_MILLI = 1_000


class TokenBucket:
    """Allows `rate_per_s` on average and `burst` at once; integers only.

    Parameters
    ----------
    rate_per_s, burst : int
        Tokens.
    """

    __slots__ = ("_burst_milli", "_level_milli", "_rate_per_s", "_then_ms")

    def __init__(self, *, rate_per_s: int, burst: int) -> None:
        self._rate_per_s = rate_per_s
        self._burst_milli = burst * _MILLI
        self._level_milli = self._burst_milli
        self._then_ms: int | None = None

    def has(self, amount: int, now_ms: int) -> bool:
        """Say whether `amount` tokens could be taken."""
        if self._then_ms is not None and now_ms > self._then_ms:
            grown = self._level_milli + self._rate_per_s * (now_ms - self._then_ms)
            self._level_milli = min(self._burst_milli, grown)
        if self._then_ms is None or now_ms > self._then_ms:
            self._then_ms = now_ms
        return self._level_milli >= amount * _MILLI

    def take(self, amount: int, now_ms: int) -> bool:
        """Take `amount` tokens if there are so many."""
        if not self.has(amount, now_ms):
            return False
        self._level_milli -= amount * _MILLI
        return True

    def spend(self, amount: int, now_ms: int) -> None:
        """Take `amount` tokens even if they are not there: what is owed is waited for."""
        self.has(0, now_ms)
        self._level_milli -= amount * _MILLI

    def give_back(self, amount: int) -> None:
        """Return tokens that were taken and not needed."""
        self._level_milli = min(self._burst_milli, self._level_milli + amount * _MILLI)


class RecentSet:
    """The last `limit` keys, least recently added out first.

    Parameters
    ----------
    limit : int
        Keys kept.
    """

    __slots__ = ("_keys", "_limit")

    def __init__(self, limit: int) -> None:
        self._keys: OrderedDict[bytes, None] = OrderedDict()
        self._limit = limit

    def __contains__(self, key: bytes) -> bool:
        return key in self._keys

    def __len__(self) -> int:
        return len(self._keys)

    def discard(self, key: bytes) -> None:
        """Forget a key."""
        self._keys.pop(key, None)

    def add(self, key: bytes) -> bool:
        """Add a key; return False if it was there."""
        fresh = key not in self._keys
        self._keys[key] = None
        self._keys.move_to_end(key)
        if len(self._keys) > self._limit:
            self._keys.popitem(last=False)
        return fresh


def _announces() -> TokenBucket:
    return TokenBucket(rate_per_s=limits.ANNOUNCES_PER_S, burst=limits.ANNOUNCES_BURST)


def _batches() -> TokenBucket:
    return TokenBucket(rate_per_s=limits.BATCHES_PER_S, burst=limits.BATCHES_BURST)


def _requests() -> TokenBucket:
    return TokenBucket(rate_per_s=limits.REQUESTS_PER_S, burst=limits.REQUESTS_BURST)


def _answered() -> TokenBucket:
    return TokenBucket(rate_per_s=limits.ANSWERED_BYTES_PER_S, burst=limits.ANSWERED_BYTES_BURST)


def _paced_requests() -> TokenBucket:
    return TokenBucket(rate_per_s=limits.PACED_REQUESTS_PER_S, burst=limits.PACED_REQUESTS_BURST)


def _paced_bytes() -> TokenBucket:
    return TokenBucket(rate_per_s=limits.PACED_BYTES_PER_S, burst=limits.PACED_BYTES_BURST)


@dataclass(slots=True, kw_only=True)
class Peer:
    """One other node."""

    node: NodeId
    """Its id."""
    session: int = -1
    """Its latest session."""
    newest: int = -1
    """Highest sequence number of that session."""
    seen: int = 0
    """Bit i set: sequence `newest - i` has arrived."""
    latest: dict[Kind, int] = field(default_factory=dict)
    """Highest sequence number of each retained kind."""
    presence: Presence | None = None
    """Its last presence."""
    presence_order: tuple[int, int, bool] = (-1, -1, False)
    """Session, connection and whether offline: what a newer presence must exceed."""
    tip: Tip | None = None
    """Its last tip."""
    offers: tuple[Offer, ...] = ()
    """The datasets it serves."""
    heard_ms: int = 0
    """When it last said something that the broker had not kept."""
    online: bool = False
    """Whether it counts as here."""
    score: int = 0
    """0 or less; at `limits.BAN_SCORE` it is banned."""
    scored_ms: int = 0
    """When the score last changed."""
    banned_until_ms: int = 0
    """Nothing of it is heeded before."""
    quiet_until_ms: int = 0
    """It is not asked before: busy, or it did not answer."""
    sync_after_ms: int = 0
    """Its chain led nowhere: no sync with it before."""
    sync_failures: int = 0
    """Syncs in a row with it that came to nothing."""
    unanswered: int = 0
    """Requests in a row that it did not answer."""
    in_flight: int = 0
    """Requests to it without an answer."""
    announces: TokenBucket = field(default_factory=_announces)
    """What it may announce."""
    batches: TokenBucket = field(default_factory=_batches)
    """Transaction batches it may send."""
    requests: TokenBucket = field(default_factory=_requests)
    """What it may ask."""
    answered: TokenBucket = field(default_factory=_answered)
    """Bytes it may be answered, and what its requests cost besides, as bytes."""
    paced_requests: TokenBucket = field(default_factory=_paced_requests)
    """What we may ask of it."""
    paced_bytes: TokenBucket = field(default_factory=_paced_bytes)
    """Bytes we may ask of it."""

    @property
    def broker(self) -> str:
        """Name of the broker where answers for it go."""
        return self.presence.broker if self.presence is not None else DEFAULT_BROKER

    def offers_dataset(self, dataset_id: DatasetId) -> bool:
        """Say whether it serves a dataset."""
        return any(offer.dataset_id == dataset_id for offer in self.offers)

    def may_be_asked(self, now_ms: int, size_bytes: int) -> bool:
        """Say whether a request whose answer takes `size_bytes` may go to it now."""
        return (
            self.online
            and now_ms >= self.banned_until_ms
            and now_ms >= self.quiet_until_ms
            and self.in_flight < limits.MAX_IN_FLIGHT_PER_PEER
            and self.paced_requests.has(1, now_ms)
            and self.paced_bytes.has(size_bytes, now_ms)
        )

    def answered_late(self, now_ms: int) -> None:
        """Leave it alone for a while, for longer each time: it may be slow, or gone."""
        if now_ms < self.quiet_until_ms:
            return
        pause_ms = min(limits.REQUEST_TIMEOUT_MS << self.unanswered, limits.MAX_QUIET_MS)
        self.quiet_until_ms = now_ms + pause_ms
        self.unanswered = min(self.unanswered + 1, 8)

    def check_order(self, kind: Kind, session: int, sequence: int, *, retained: bool) -> None:
        """Take note of a message's place; refuse one that is out of date.

        Parameters
        ----------
        kind : Kind
            What the message is. Presence has an order of its own and is not checked here.
        session, sequence : int
            Its place.
        retained : bool
            True for kinds of which only the newest counts.

        Raises
        ------
        StaleMessage
            G-9: of an old session, a replay, or older than what is known.
        """
        if session < self.session:
            raise StaleMessage(expected=f"session {self.session}", actual=session)
        if session > self.session:
            self.begin_session(session)
        if retained:
            if sequence <= self.latest.get(kind, -1):
                raise StaleMessage(expected=f"above {self.latest[kind]}", actual=sequence)
            self.latest[kind] = sequence
            return
        behind = self.newest - sequence
        if behind < 0:
            # A sender may jump by 2**62: the shift is bounded, not its honesty.
            shift = min(-behind, limits.REPLAY_WINDOW)
            self.seen = (self.seen << shift | 1) & ((1 << limits.REPLAY_WINDOW) - 1)
            self.newest = sequence
        elif behind >= limits.REPLAY_WINDOW or self.seen >> behind & 1:
            raise StaleMessage(expected=f"new, about {self.newest}", actual=sequence)
        else:
            self.seen |= 1 << behind

    def begin_session(self, session: int) -> None:
        """Forget the order of an older session."""
        self.session = session
        self.newest = -1
        self.seen = 0
        self.latest.clear()

    def check_rate(self, kind: Kind, now_ms: int) -> None:
        """Take a token for a message.

        Raises
        ------
        RateExceeded
            G-12.
        """
        if kind is Kind.RESPONSE:
            return
        if kind is Kind.REQUEST:
            bucket, rate = self.requests, limits.REQUESTS_PER_S
        elif kind is Kind.TRANSACTIONS:
            bucket, rate = self.batches, limits.BATCHES_PER_S
        else:
            bucket, rate = self.announces, limits.ANNOUNCES_PER_S
        if not bucket.take(1, now_ms):
            raise RateExceeded(expected=f"<= {rate}", actual="more")


class PeerTable:
    """All peers, at most `limits.MAX_PEERS`."""

    __slots__ = ("_peers",)

    def __init__(self) -> None:
        self._peers: dict[NodeId, Peer] = {}

    def get(self, node: NodeId) -> Peer | None:
        """Return a peer if it is known."""
        return self._peers.get(node)

    def admit(self, node: NodeId) -> Peer:
        """Return a peer, entered if need be; the one that is longest gone makes room."""
        peer = self._peers.get(node)
        if peer is not None:
            return peer
        if len(self._peers) >= limits.MAX_PEERS:
            # The banned stay: leaving the table would be their pardon.
            leaving = min(
                self._peers.values(),
                key=lambda each: (each.banned_until_ms, each.online, each.heard_ms, each.node),
            )
            del self._peers[leaving.node]
        peer = self._peers[node] = Peer(node=node)
        return peer

    def everyone(self) -> list[Peer]:
        """Return all peers in the order of their ids."""
        return sorted(self._peers.values(), key=lambda peer: peer.node)

    def online(self, now_ms: int) -> list[Peer]:
        """Return the peers that are here and not banned, in the order of their ids."""
        return [peer for peer in self.everyone() if peer.online and now_ms >= peer.banned_until_ms]

    def is_banned(self, node: NodeId, now_ms: int) -> bool:
        """Say whether a node is banned."""
        peer = self._peers.get(node)
        return peer is not None and now_ms < peer.banned_until_ms

    def penalise(self, peer: Peer, error: GossipError, now_ms: int) -> bool:
        """Charge a peer for a broken rule; return True if that bans it."""
        if error.penalty == 0 or now_ms < peer.banned_until_ms:
            return False
        forgiven = (now_ms - peer.scored_ms) // limits.SCORE_RECOVERY_MS
        peer.score = min(0, peer.score + max(0, forgiven)) - error.penalty
        peer.scored_ms = now_ms
        if peer.score > limits.BAN_SCORE:
            return False
        # On its return it has half the credit of a stranger.
        peer.score = limits.BAN_SCORE // 2
        peer.scored_ms = peer.banned_until_ms = now_ms + limits.BAN_MS
        return True

    def forget(self, now_ms: int) -> list[Peer]:
        """Drop the peers that said that they were here, and are gone for long; return them."""
        gone = [
            peer
            for peer in self.everyone()
            if peer.presence is not None
            and not peer.online
            and now_ms - max(peer.heard_ms, peer.banned_until_ms) > limits.FORGET_MS
        ]
        for peer in gone:
            del self._peers[peer.node]
        return gone

    def silence(self, now_ms: int) -> list[Peer]:
        """Mark the peers that were not heard for too long as gone, and return them."""
        gone = [
            peer
            for peer in self.everyone()
            if peer.online and now_ms - peer.heard_ms > limits.PEER_SILENCE_MS
        ]
        for peer in gone:
            peer.online = False
        return gone
