# SPDX-License-Identifier: Apache-2.0
"""The gossip state machine: messages and time in, messages and events out.

Blocks are announced header first, tips and presence are retained by the broker, content is named
by its hash, and what the broker loses is found again by comparing tips (design, section 4).
Law of the file: no I/O, no clock, no chance of its own; a bad message is counted, its proven
sender charged, and nothing else changes.
Read next: reception.py for the way in; mqtt.py drives it all.
"""

from collections import Counter
from dataclasses import dataclass

from edge_node.gossip import codec, limits, topics
from edge_node.gossip.answers import Answers
from edge_node.gossip.blocks import BlockDesk
from edge_node.gossip.cells import Cells
from edge_node.gossip.downloads import Downloads
from edge_node.gossip.errors import (
    CheckpointRefused,
    GossipError,
    MessageTooLarge,
    TransactionRefused,
)
from edge_node.gossip.exchange import Exchange, Identity
from edge_node.gossip.messages import (
    Checkpoints,
    Datasets,
    GenesisCopy,
    GetHeaders,
    ObjectKind,
    Offer,
    Presence,
    Tip,
)
from edge_node.gossip.parcels import pack
from edge_node.gossip.peers import RecentSet
from edge_node.gossip.ports import (
    Action,
    BlockParts,
    BlockVerdict,
    BodyTiming,
    ChainPort,
    FetchFailed,
    Incoming,
    PeerOffline,
    SetWill,
    TransactionPool,
)
from edge_node.gossip.reception import Reception
from edge_node.gossip.sync import ChainSync
from edge_node.gossip.topics import DEFAULT_BROKER, Kind, NodeId
from edge_node.gossip.transactions import TransactionDesk
from edge_node.primitives.randomness import RandomSource
from edge_node.primitives.types import BlockHash, DatasetId, Hash32, ModelHash
from edge_node.spec.constants import MAX_CHECKPOINT_BYTES

__all__ = ["Gossip", "Identity", "PeerView", "Profile"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What a node tells of itself."""

    software: str
    """Name and version."""
    capabilities: tuple[str, ...] = ()
    """Back ends and devices."""
    genesis: bytes = b""
    """Canonical genesis bytes for who joins; none are told if empty."""
    sources: frozenset[NodeId] | None = None
    """Only these give us blocks and models, and we tell no tip of our own; None for anybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerView:
    """A peer, for status output."""

    node: NodeId
    """Its id."""
    online: bool
    """Whether it counts as here."""
    height: int
    """Height of its tip; 0 if unknown."""
    head: BlockHash | None
    """The tip itself; None if unknown."""
    software: str
    """What it tells of itself."""
    score: int
    """0 or less."""
    banned_until_ms: int
    """0 if it never was."""


class Gossip:
    """One node's side of the protocol.

    Every method that takes a time returns the actions to take, in order; `tick` is to be called
    about every 50 ms.

    Parameters
    ----------
    identity : Identity
        Key, network and session.
    port : ChainPort
        The chain.
    random : RandomSource
        Chooses among peers that will do equally well.
    profile : Profile
        What to tell of ourselves.
    pool : TransactionPool or None
        The waiting transactions; None for a node that keeps none.
    stamp_bits : int, optional
        Work that an announcement shows, as a lottery asks for; 0 for none.
    timing : BodyTiming or None
        When bodies of new blocks travel; None for what fits a LAN.

    Raises
    ------
    MalformedMessage
        G-10: the profile is beyond its bounds; other nodes would ban us for it.
    """

    def __init__(
        self,
        *,
        identity: Identity,
        port: ChainPort,
        random: RandomSource,
        profile: Profile,
        pool: TransactionPool | None = None,
        timing: BodyTiming | None = None,
        stamp_bits: int = 0,
    ) -> None:
        self._identity = identity
        self._port = port
        self._profile = profile
        timing = timing if timing is not None else BodyTiming()
        self._exchange = Exchange(
            identity=identity, port=port, random=random, pool=pool, sources=profile.sources
        )
        self._cells = Cells(self._exchange, timing)
        self._answers = Answers(self._exchange, self._cells)
        self._downloads = Downloads(self._exchange)
        rejected = RecentSet(limits.MAX_REJECTED_BLOCKS)
        judging = RecentSet(limits.MAX_JUDGING_BLOCKS)
        self._sync = ChainSync(self._exchange, self._downloads, rejected=rejected, judging=judging)
        self._desk = BlockDesk(
            self._exchange,
            self._downloads,
            self._sync,
            rejected=rejected,
            judging=judging,
            timing=timing,
            cells=self._cells,
            stamp_bits=stamp_bits,
        )
        self._transactions = TransactionDesk(self._exchange)
        self._reception = Reception(
            exchange=self._exchange,
            answers=self._answers,
            downloads=self._downloads,
            sync=self._sync,
            desk=self._desk,
            transactions=self._transactions,
        )
        self._check_profile()
        self._counts: Counter[str] = Counter()
        self._offers: tuple[Offer, ...] = ()
        self._checkpoints: tuple[bytes, ...] = ()
        self._connected = False
        self._connection = 0
        self._head = port.tip().block_hash
        self._tip_due = False
        self._tip_at_ms = 0
        self._refresh_at_ms = 0

    @property
    def node(self) -> NodeId:
        """Our id in topics."""
        return self._identity.node

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """The filters to subscribe to, at every connect."""
        return topics.subscriptions(self._identity.network, self.node)

    @property
    def synced(self) -> bool:
        """Whether tips were compared since the connect and nobody was found ahead."""
        return self._sync.finished

    @property
    def sync_target(self) -> NodeId | None:
        """The peer whose chain is being fetched, if any."""
        return self._sync.target

    def expects(self, block_hash: BlockHash) -> bool:
        """Say whether a block is part of the sync under way."""
        return self._sync.expects(block_hash)

    def peers(self) -> tuple[PeerView, ...]:
        """Return all known peers in the order of their ids."""
        return tuple(
            PeerView(
                node=peer.node,
                online=peer.online,
                height=peer.tip.height if peer.tip is not None else 0,
                head=peer.tip.block_hash if peer.tip is not None else None,
                software=peer.presence.software if peer.presence is not None else "",
                score=peer.score,
                banned_until_ms=peer.banned_until_ms,
            )
            for peer in self._exchange.peers.everyone()
        )

    def dropped(self, reason: str) -> int:
        """Return how many messages were dropped under a rule number, or as "duplicate"."""
        return self._counts[reason]

    def drop_reasons(self) -> tuple[tuple[str, int], ...]:
        """Return all rule numbers with how many messages each dropped."""
        return tuple(sorted(self._counts.items()))

    # The connection

    def will(self) -> SetWill:
        """Return the last will for the next connect."""
        topic = self._exchange.topic(Kind.PRESENCE)
        presence = self._presence(online=False, connection=self._connection + 1)
        return SetWill(topic=topic.path(), payload=self._exchange.seal(topic, presence))

    def connected(self, now_ms: int, cell: str = DEFAULT_BROKER) -> list[Action]:
        """Begin, once the broker has acknowledged our subscriptions.

        Parameters
        ----------
        cell : str
            The broker's name in its cluster; others send their answers there.
        """
        self._connected = True
        self._cells.own = cell
        self._connection += 1
        self._exchange.tell_will(self.will())
        self._publish_retained(now_ms)
        if self._profile.sources is not None:
            self._exchange.clear(self.node, (Kind.TIP,))  # told when this key had a word of its own
        self._refresh_at_ms = now_ms + limits.REFRESH_MS
        self._sync.finished = False
        self._sync.compare_by(now_ms + limits.SETTLE_MS)
        self._transactions.remind(now_ms)
        return self._finish(now_ms)

    def disconnected(self, now_ms: int) -> list[Action]:
        """Stop asking and telling until the next connect; fetches go on then."""
        self._connected = False
        self._sync.finished = False
        for pending in self._exchange.forget_requests():
            self._downloads.timed_out(pending)
        self._sync.stop()
        return self._finish(now_ms)

    def goodbye(self, now_ms: int) -> list[Action]:
        """Tell that we leave; publish what this returns before the connection is closed."""
        if self._connected:
            self._publish_presence(online=False)
        self._connected = False
        return self._finish(now_ms)

    # Messages and time

    def handle(self, message: Incoming, now_ms: int) -> list[Action]:
        """Take a message from the broker."""
        try:
            if not self._reception.receive(message, self._connection, now_ms):
                self._counts["duplicate"] += 1
        except GossipError as error:
            self._counts[error.reason] += 1
        return self._finish(now_ms)

    def tick(self, now_ms: int) -> list[Action]:
        """Let time pass: time-outs, repairs, refreshes and batches."""
        for peer in self._exchange.peers.silence(now_ms):
            self._exchange.emit(PeerOffline(peer=peer.node, silent=True))
        if not self._connected:
            return self._finish(now_ms)
        for pending in self._exchange.expire(now_ms):
            if isinstance(pending.request, GetHeaders):
                self._sync.headers_timed_out(pending, now_ms)
            else:
                self._downloads.timed_out(pending)
        self._desk.tick(now_ms)
        self._transactions.tick(now_ms)
        if now_ms >= self._refresh_at_ms:
            self._refresh(now_ms)
        if self._reception.presence_wrong:
            self._reception.presence_wrong = False
            self._publish_presence(online=True)
        if self._tip_due and now_ms >= self._tip_at_ms:
            self._publish_tip(now_ms)
        return self._finish(now_ms)

    def _finish(self, now_ms: int) -> list[Action]:
        if self._connected:
            self._sync.pump(now_ms)
            for given_up in self._downloads.pump(now_ms):
                if given_up.kind is ObjectKind.BLOCK:
                    self._desk.given_up(BlockHash(given_up.digest), now_ms)
                else:
                    self._exchange.emit(FetchFailed(kind=given_up.kind, digest=given_up.digest))
        return self._exchange.drain()

    # What the node tells

    def announce_block(self, block_hash: BlockHash, block: BlockParts, now_ms: int) -> list[Action]:
        """Announce a block of our own, and the tip that it makes.

        Raises
        ------
        ParcelMismatch
            G-15: the block is too large to travel.
        """
        parts = (block.header, block.body, block.transport)
        packed = pack(ObjectKind.BLOCK, block_hash, parts)
        self._answers.keep(packed)
        if self._connected:
            self._desk.announce(block, packed, now_ms)
            self._publish_tip(now_ms)
        return self._finish(now_ms)

    def tip_changed(self, now_ms: int) -> list[Action]:
        """Tell our new head, at most one each `limits.TIP_INTERVAL_MS`."""
        tip = self._port.tip()
        facts = self._port.header_facts(tip.header)
        if facts is not None and facts.parent != self._head:
            # Another branch leads: what only the old one had confirmed waits again.
            self._transactions.remind(now_ms)
        self._head = tip.block_hash
        self._tip_due = True
        if self._connected and now_ms >= self._tip_at_ms:
            self._publish_tip(now_ms)
        return self._finish(now_ms)

    def announce_transactions(self, transactions: tuple[bytes, ...], now_ms: int) -> list[Action]:
        """Tell transactions; they wait `limits.BATCH_DELAY_MS` for company.

        Raises
        ------
        MessageTooLarge
            G-1: one of them is empty or fits in no message; none is told.
        """
        self._transactions.announce(transactions, now_ms)
        return self._finish(now_ms)

    def offer_datasets(self, offers: tuple[Offer, ...], now_ms: int) -> list[Action]:
        """Tell which datasets we hold completely, at most `limits.MAX_OFFERS`."""
        self._offers = offers[: limits.MAX_OFFERS]
        if self._connected:
            self._exchange.publish(Kind.DATASETS, Datasets(offers=self._offers))
        return self._finish(now_ms)

    def announce_checkpoints(self, checkpoints: tuple[bytes, ...], now_ms: int) -> list[Action]:
        """Tell signed checkpoints, in the place of those told before.

        Raises
        ------
        MessageTooLarge
            G-1.
        """
        longest = max(map(len, checkpoints), default=0)
        if longest > MAX_CHECKPOINT_BYTES or len(checkpoints) > limits.MAX_CHECKPOINTS:
            raise MessageTooLarge(
                expected=f"{limits.MAX_CHECKPOINTS} of {MAX_CHECKPOINT_BYTES}",
                actual=f"{len(checkpoints)} of {longest}",
            )
        self._checkpoints = checkpoints
        if self._connected:
            self._exchange.publish(Kind.CHECKPOINT, Checkpoints(checkpoints=checkpoints))
        return self._finish(now_ms)

    def block_result(
        self, block_hash: BlockHash, verdict: BlockVerdict, sender: NodeId, now_ms: int
    ) -> list[Action]:
        """Tell what came of a `BlockReceived`; follow with `tip_changed` if the head moved."""
        self._desk.judged(block_hash, verdict, sender, now_ms)
        return self._finish(now_ms)

    def transactions_refused(self, sender: NodeId, now_ms: int) -> list[Action]:
        """Tell that a batch held a malformed or wrongly signed transaction."""
        peer = self._exchange.peers.get(sender)
        if peer is not None:
            error = TransactionRefused(expected="well formed and signed", actual="not")
            self._exchange.blame(peer, error, now_ms)
        return self._finish(now_ms)

    def checkpoints_refused(self, sender: NodeId, now_ms: int) -> list[Action]:
        """Tell that one of a peer's checkpoints was malformed or not a member's."""
        peer = self._exchange.peers.get(sender)
        if peer is not None:
            error = CheckpointRefused(expected="a member's", actual="not")
            self._exchange.blame(peer, error, now_ms)
        return self._finish(now_ms)

    # What the node wants

    def want_model(self, model_hash: ModelHash, now_ms: int) -> list[Action]:
        """Fetch a full model blob; it comes as `ObjectReceived`."""
        self._downloads.want_own(ObjectKind.MODEL, model_hash)
        return self._finish(now_ms)

    def want_manifest(self, dataset_id: DatasetId, now_ms: int) -> list[Action]:
        """Fetch a dataset's manifest; it comes as `ObjectReceived`."""
        self._downloads.want_own(ObjectKind.MANIFEST, dataset_id)
        return self._finish(now_ms)

    def want_dataset(
        self,
        dataset_id: DatasetId,
        chunk_hashes: tuple[Hash32, ...],
        missing: list[int],
        now_ms: int,
    ) -> list[Action]:
        """Fetch chunks of a dataset, until `DatasetComplete`.

        Parameters
        ----------
        chunk_hashes : tuple of Hash32
            The law's hash of every chunk, from the manifest.
        missing : list of int
            The chunks to fetch, by their place among the hashes.
        """
        self._downloads.want_dataset(dataset_id, chunk_hashes, missing)
        return self._finish(now_ms)

    def forget_dataset(self, dataset_id: DatasetId) -> None:
        """Stop fetching a dataset."""
        self._downloads.cancel(ObjectKind.DATASET, dataset_id)

    # Own messages

    def _refresh(self, now_ms: int) -> None:
        """Tell again what brokers forget, and have them forget who is long gone."""
        self._refresh_at_ms = now_ms + limits.REFRESH_MS
        for peer in self._exchange.peers.forget(now_ms):
            self._exchange.clear(peer.node)
        if self._reception.was_cleared:
            self._reception.was_cleared = False
            self._publish_retained(now_ms)
        else:
            self._tip_due = True
            self._publish_presence(online=True)

    def _publish_retained(self, now_ms: int) -> None:
        self._publish_presence(online=True)
        if self._profile.genesis:
            self._exchange.publish(Kind.GENESIS, GenesisCopy(data=self._profile.genesis))
        if self._offers:
            self._exchange.publish(Kind.DATASETS, Datasets(offers=self._offers))
        if self._checkpoints:
            self._exchange.publish(Kind.CHECKPOINT, Checkpoints(checkpoints=self._checkpoints))
        self._publish_tip(now_ms)

    def _publish_presence(self, *, online: bool) -> None:
        presence = self._presence(online=online, connection=self._connection)
        self._exchange.publish(Kind.PRESENCE, presence)

    def _presence(self, *, online: bool, connection: int) -> Presence:
        profile = self._profile
        return Presence(
            online=online,
            connection=connection,
            software=profile.software,
            capabilities=profile.capabilities,
            broker=self._cells.own,
        )

    def _check_profile(self) -> None:
        """Read our own words as others will."""
        presence = self._presence(online=True, connection=1)
        codec.decode(Kind.PRESENCE, codec.encode(presence))
        if self._profile.genesis:
            genesis = GenesisCopy(data=self._profile.genesis)
            codec.decode(Kind.GENESIS, codec.encode(genesis))

    def _publish_tip(self, now_ms: int) -> None:
        tip = self._port.tip()
        self._tip_due = False
        self._tip_at_ms = now_ms + limits.TIP_INTERVAL_MS
        if not tip.header or self._profile.sources is not None:
            # At the genesis there is nothing to tell; who takes others' word has none of its own.
            return
        self._exchange.publish(
            Kind.TIP,
            Tip(
                height=tip.height,
                block_hash=tip.block_hash,
                work=tip.work,
                header=tip.header,
            ),
        )
