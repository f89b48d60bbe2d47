# SPDX-License-Identifier: Apache-2.0
"""Offload: a node that evaluates but can not replay, and follows what q full nodes have signed.

Design, section 7. Tips are signed messages, so a full node's tip is its word for all blocks below
it, whose bursts it has replayed. The head is the block of most work that q of the configured nodes
stand on; it never goes to less work than it had. While they are silent or do not agree, it stays.
Law of the file: blocks come from full nodes only, and nothing but their quorum moves the head.
Read next: edge_node/chain/offload.py, edge_node/chain/attestation.py.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from edge_node.chain.importer import Importer
from edge_node.chain.offload import FetchedModels
from edge_node.gossip.messages import ObjectKind
from edge_node.gossip.ports import (
    Action,
    BlockReceived,
    BlockVerdict,
    FetchFailed,
    ObjectReceived,
    TransactionsReceived,
)
from edge_node.gossip.protocol import Gossip
from edge_node.gossip.topics import NodeId, node_id
from edge_node.node.errors import OffloadImpossible
from edge_node.node.held_blocks import HeldBlocks
from edge_node.node.intake import Intake
from edge_node.node.status import OffloadStatus
from edge_node.primitives.counting import counted
from edge_node.primitives.hashing import ZERO_HASH
from edge_node.primitives.types import BlockHash, Height, ModelHash, PublicKey
from edge_node.spec.block import header_from_bytes
from edge_node.spec.errors import InvalidInput
from edge_node.spec.fork_choice import Candidate
from edge_node.spec.genesis import LOTTERIES
from edge_node.spec.model import model_from_blob

_LOG = logging.getLogger(__name__)

CAPABILITY = "offload"
"""What the node's presence says, for people to read."""
LOOK_MS = 200
"""How often the full nodes' tips are looked at, and models asked for."""
LAPSED_MS = 60_000
"""Without agreement for so long, the log says so."""
MAX_ASKED_MODELS = 24
"""Models that are asked for at a time: gossip has room for a few more."""
MAX_HELD_BLOCKS = 192
"""Blocks that may wait for their models, while a chain is caught up with."""
MAX_HELD_OF_FULL_NODE = 144
"""Of these, from one full node."""
MAX_TOLD_HELD = 64
"""With so many, gossip is not told that others are held: what it fetches comes no faster then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FullNodes:
    """Whose word a node takes."""

    keys: tuple[PublicKey, ...]
    """Their public keys."""
    quorum: int
    """How many of them must stand on a block."""

    @property
    def nodes(self) -> frozenset[NodeId]:
        """Their ids."""
        return frozenset(map(node_id, self.keys))


def check_offload(proof: str, own_key: PublicKey, full_nodes: FullNodes) -> None:
    """Check that a node may follow full nodes on a network.

    Raises
    ------
    OffloadImpossible
    """
    if proof not in LOTTERIES:
        raise OffloadImpossible(
            f"only bursts are replayed by others, and this network runs `{proof}`; remove [offload]"
        )
    if own_key in full_nodes.keys:
        raise OffloadImpossible(
            f"{own_key.hex()} in offload.full_nodes is this node's own key; name other nodes"
        )


def held_blocks(full_nodes: FullNodes | None) -> HeldBlocks:
    """Return where a node's blocks wait: there is more room for those of few that are trusted."""
    if full_nodes is None:
        return HeldBlocks()
    return HeldBlocks(most=MAX_HELD_BLOCKS, most_of_sender=MAX_HELD_OF_FULL_NODE)


class Offload:
    """The part of a node that takes the place of replay.

    Parameters
    ----------
    importer : Importer
        One that evaluates.
    fetched : FetchedModels
        The importer's.
    gossip : Gossip
    intake : Intake
        Judges the blocks, and moves the head.
    full_nodes : FullNodes
    """

    def __init__(
        self,
        *,
        importer: Importer,
        fetched: FetchedModels,
        gossip: Gossip,
        intake: Intake,
        full_nodes: FullNodes,
    ) -> None:
        self._importer = importer
        self._fetched = fetched
        self._gossip = gossip
        self._intake = intake
        self._full_nodes = full_nodes
        self._nodes = full_nodes.nodes
        self._voices: dict[NodeId, BlockHash] = {}  # of each, the newest tip that is stored here
        self._heard: tuple[NodeId, ...] = ()
        self._looked: tuple[BlockHash, ...] = ()
        self._attested: Candidate | None = None
        self._look_at_ms = 0
        self._agreed_ms: int | None = None
        self._lapsed = False
        _LOG.info(
            "offload: evaluation and signatures only; the head is what %d of %d full nodes have"
            " signed; this node replays nothing and never mines, attests or relays",
            full_nodes.quorum,
            len(full_nodes.keys),
        )

    @property
    def agreed(self) -> bool:
        """True while a quorum of full nodes, heard now, stands on the head."""
        attested = self._attested
        return (
            len(self._heard) >= self._full_nodes.quorum
            and attested is not None
            and attested.head == self._importer.head.head
        )

    def status(self) -> OffloadStatus:
        """Return whom the node follows, and whether it can."""
        count, quorum = len(self._nodes), self._full_nodes.quorum
        heard = f"{len(self._heard)} of {count} full nodes"
        if self.agreed:
            words = f"follows {heard}, {quorum} must agree"
        elif len(self._heard) < quorum:
            words = f"waits: {heard} are heard, {quorum} must agree"
        else:
            words = f"waits: {heard} are heard, {quorum} do not agree on the head yet"
        return OffloadStatus(
            words=words,
            following=self.agreed,
            quorum=quorum,
            attested_height=Height(0) if self._attested is None else self._attested.height,
            heard=tuple(map(str, self._heard)),
            silent=tuple(sorted(self._nodes - set(self._heard))),
        )

    def take(self, event: Action, now_ms: int) -> list[Action] | None:
        """Do what follows from an event here; None if it is the node's own business."""
        if isinstance(event, BlockReceived):
            return self._take_block(event, now_ms)
        if isinstance(event, TransactionsReceived):
            return []  # to keep them would be to pass them on
        if isinstance(event, (ObjectReceived, FetchFailed)) and event.kind is ObjectKind.MODEL:
            self._take_model(event)
            return []
        return None

    def tick(self, now_ms: int) -> list[Action]:
        """Ask for models, hear the full nodes, and follow where their quorum stands."""
        if now_ms < self._look_at_ms:
            return []
        self._look_at_ms = now_ms + LOOK_MS
        actions: list[Action] = []
        for model_hash in self._fetched.wanted(MAX_ASKED_MODELS):
            actions += self._gossip.want_model(model_hash, now_ms)
        actions += self._follow(self._tips(now_ms))
        self._say(now_ms)
        return actions

    def _take_block(self, block: BlockReceived, now_ms: int) -> list[Action]:
        """Judge a block if a full node gave it, and wish for its model at once."""
        if block.sender not in self._nodes:
            _LOG.warning(
                "block %s of %s is not looked at: it is none of the full nodes",
                block.block_hash.hex()[:8],
                block.sender,
            )
            return self._gossip.block_result(
                block.block_hash, BlockVerdict.HELD, block.sender, now_ms
            )
        if not self._importer.is_known(block.block_hash):
            self._wish(block)
        silent = self._intake.held_count >= MAX_TOLD_HELD
        return self._intake.take_block(block, silent=silent)

    def _take_model(self, event: ObjectReceived | FetchFailed) -> None:
        """Take a model that was wished for, or that nobody gave it."""
        model_hash = ModelHash(event.digest)
        if isinstance(event, FetchFailed):
            # A held block wishes for it again, behind all others.
            self._fetched.forget(model_hash)
            return
        try:
            model = model_from_blob(event.data)
        except InvalidInput as error:
            _LOG.warning("model of %s: %s", event.sender, error)
            return
        if self._fetched.put(event.data, model):
            self._intake.retry_soon()

    def _wish(self, block: BlockReceived) -> None:
        try:
            model_hash = header_from_bytes(block.header).model_hash
        except InvalidInput:
            return  # judging says what is wrong
        if model_hash != ZERO_HASH:
            self._fetched.want(model_hash)

    def _tips(self, now_ms: int) -> Sequence[BlockHash]:
        """Return the newest stored tip of each full node that is here."""
        here = [
            peer
            for peer in self._gossip.peers()
            if peer.node in self._nodes and peer.online and now_ms >= peer.banned_until_ms
        ]
        for peer in here:
            is_new = peer.head is not None and peer.head != self._voices.get(peer.node)
            if is_new and peer.head is not None and self._importer.is_known(peer.head):
                self._voices[peer.node] = peer.head
        self._heard = tuple(peer.node for peer in here)
        return [self._voices[node] for node in self._heard if node in self._voices]

    def _follow(self, tips: Sequence[BlockHash]) -> list[Action]:
        importer = self._importer
        looked = (importer.head.head, *sorted(tips))
        if looked == self._looked:
            return []
        attested = importer.attested(tips, self._full_nodes.quorum)
        self._attested = attested
        actions: list[Action] = []
        head = importer.head
        if attested is not None and (attested.work, attested.height) > (head.work, head.height):
            actions = self._intake.follow(attested.head)
            _LOG.info(
                "offload: height %d is signed by %s; followed",
                attested.height,
                counted(self._full_nodes.quorum, "full node"),
            )
        self._looked = (importer.head.head, *sorted(tips))
        return actions

    def _say(self, now_ms: int) -> None:
        """Tell the log once that the head stands still for want of agreement, and once the end."""
        if self.agreed:
            if self._lapsed:
                _LOG.info("offload: %s again", self.status().words)
            self._agreed_ms, self._lapsed = now_ms, False
            return
        if self._agreed_ms is None:
            self._agreed_ms = now_ms
        if not self._lapsed and now_ms >= self._agreed_ms + LAPSED_MS:
            self._lapsed = True
            _LOG.warning(
                "offload: for %d s no quorum stands on the head, which stays at height %d; %s",
                LAPSED_MS // 1_000,
                self._importer.head.height,
                self.status().words,
            )


def offload_of(
    full_nodes: FullNodes | None, importer: Importer, gossip: Gossip, intake: Intake
) -> Offload | None:
    """Return what takes the place of replay in a node; None for one that replays."""
    if full_nodes is None:
        return None
    assert importer.fetched is not None, "who follows full nodes has an importer that evaluates"
    return Offload(
        importer=importer,
        fetched=importer.fetched,
        gossip=gossip,
        intake=intake,
        full_nodes=full_nodes,
    )
