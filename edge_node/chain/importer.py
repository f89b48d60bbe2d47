# SPDX-License-Identifier: Apache-2.0
"""Importing: from a block's bytes to a new head, or to the name of the rule that it breaks.

The main path: bytes -> header -> parent -> validate_block (the law) -> store -> fork choice. A
block is stored, with what it changes, in one transaction; so an own block is never lost, one of
others only to a power cut and only if the database was told not to sync each, and an invalid one
leaves no trace. No block is judged twice: branches are left and followed by the records of what
their blocks changed.
Law of the file: what is valid is the law's word; what is the head is fork_choice's.
Read next: reorg.py.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from edge_node.chain.attestation import attested_block
from edge_node.chain.block_store import BlockStore, StoredBlock
from edge_node.chain.database import Database
from edge_node.chain.errors import (
    BlocksNotReplayed,
    KnownInvalid,
    ParentPruned,
    ParentUnknown,
    StoreCorrupt,
)
from edge_node.chain.latent_store import LatentStore
from edge_node.chain.ledger_store import LedgerStore
from edge_node.chain.offload import EvaluatingRule, FetchedModels, NoLatents
from edge_node.chain.pruning import Pruned, prune, prune_height
from edge_node.chain.reorg import ForkTracker
from edge_node.primitives.types import BlockHash, Height, TimestampMs
from edge_node.spec.block import Block, Body, Header, body_from_bytes, header_from_bytes
from edge_node.spec.engine import Engine, LatentSource
from edge_node.spec.errors import InvalidInput
from edge_node.spec.fork_choice import (
    MAX_CHECKPOINT_HEIGHT,
    Candidate,
    Checkpoint,
    check_checkpoint,
)
from edge_node.spec.genesis import EVOLUTION, LOTTERIES, Genesis
from edge_node.spec.proof.evolution_proof import ChildProof, ImportProof, proof_from_bytes
from edge_node.spec.state import State
from edge_node.spec.transaction import Transaction
from edge_node.spec.transport import encode_delta, encode_full
from edge_node.spec.validation import (
    BlockSignatureInvalid,
    BodyMismatch,
    Rules,
    Verdict,
    check_not_early,
    check_signature,
    first_state,
    rules_of,
    validate_block,
)

STATE_CACHE = 32
"""States kept in memory: the head's, its last parents', and those of side branches."""
INVALID_CACHE = 10_000
"""Hashes of blocks found invalid, so that they are not judged again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an import did."""

    block_hash: BlockHash
    """The block."""
    known: bool
    """It was here already; nothing was done."""
    head_changed: bool
    """The head is another one now."""
    disconnected: tuple[BlockHash, ...]
    """Blocks that left the main chain, newest first."""


class Importer:
    """A node's chain: the head's state, and the way in for blocks.

    Parameters
    ----------
    database : Database
    genesis : Genesis
    engine : Engine
        Does the heavy work of validation.
    fetched : FetchedModels or None, optional
        For a node that evaluates these models in the place of replaying bursts: blocks are stored,
        and only `follow` moves the head.

    Raises
    ------
    BlocksNotReplayed
        Such a node has stored blocks here, and this one is to replay.
    StoreCorrupt
    """

    def __init__(
        self,
        database: Database,
        genesis: Genesis,
        engine: Engine,
        fetched: FetchedModels | None = None,
    ) -> None:
        self.rules: Rules = rules_of(genesis)
        if fetched is not None:
            self.rules = replace(self.rules, proof_rule=EvaluatingRule(fetched))
        self.blocks = BlockStore(database)
        if fetched is None and self.blocks.unreplayed():
            raise BlocksNotReplayed
        self.fetched = fetched
        self._database = database
        self.proof = genesis.proof
        self.members = genesis.deciding_members
        self._engine = engine
        self.latents = LatentStore(database, self.blocks, self.rules, engine)
        self._latent_source: LatentSource = self.latents if fetched is None else NoLatents()
        self._genesis = first_state(genesis)
        self._ledger = LedgerStore(database, self._genesis)
        self._head = self._ledger.load()
        self._check_is_head(self._head)
        self._states: OrderedDict[BlockHash, State] = OrderedDict()
        self._invalid: OrderedDict[BlockHash, None] = OrderedDict()
        self._forks = ForkTracker(self.blocks, self.members, self._genesis.head)
        # A cut between storing a better branch and following it is made good here.
        self._follow_best()

    @property
    def has_lottery(self) -> bool:
        """True if blocks win by a ticket."""
        return self.proof in LOTTERIES

    @property
    def replays(self) -> bool:
        """False for a node that evaluates only."""
        return self.fetched is None

    @property
    def replays_bursts(self) -> bool:
        """True if blocks win by a ticket, and are replayed here before that counts."""
        return self.has_lottery and self.replays

    @property
    def head(self) -> State:
        """The state after the main chain's last block."""
        return self._head

    def import_block(
        self,
        header_bytes: bytes,
        body_bytes: bytes,
        now_ms: TimestampMs,
        backend: str,
        *,
        own: bool = False,
    ) -> Imported:
        """Judge a block and, if it is valid, store it and follow the better chain.

        Parameters
        ----------
        header_bytes, body_bytes : bytes
            Canonical bytes.
        now_ms : TimestampMs
            The local clock.
        backend : str
            Name of what evaluates models here, for the record.
        own : bool
            This node signed it: remembered with the block, so before anyone can see it.

        Raises
        ------
        InvalidInput
            The first rule that the block breaks.
        AlreadySigned
            This node signed another block of this model on this parent.
        ParentUnknown, ParentPruned, BlockFromTheFuture, DatasetMissing
            It can not be judged yet.
        StoreCorrupt
        """
        header = header_from_bytes(header_bytes)
        if self.blocks.has(header.block_hash()):
            return _known(header)
        self.check_header(header)
        block = Block(header=header, body=body_from_bytes(body_bytes))
        return self.import_parsed(block, now_ms, lambda: backend, own=own)

    def import_parsed(
        self, block: Block, now_ms: TimestampMs, used: Callable[[], str], *, own: bool = False
    ) -> Imported:
        """Do as `import_block` for a block that was read from its bytes already.

        What evaluated its model is asked when that has been done: one back end may have stepped in
        for another.
        """
        header = block.header
        if self.blocks.has(header.block_hash()):
            return _known(header)
        self.check_header(header)
        check_not_early(header, now_ms, self.rules.parameters)
        parent = self.state_at(header.previous_hash)
        verdict = self._judge(block, parent)
        stored = self._stored(block, parent, verdict, now_ms, used())
        return self._accept(block, parent, verdict, stored, own=own)

    def is_known(self, block_hash: BlockHash) -> bool:
        """Return True if the block is stored, or is the genesis."""
        return block_hash == self._genesis.head or self.blocks.has(block_hash)

    def is_refused(self, block_hash: BlockHash) -> bool:
        """Return True if the block was found invalid, as far as that is remembered."""
        return block_hash in self._invalid

    def check_header(self, header: Header) -> None:
        """Check what a header shows by itself, before its body is worth fetching.

        Raises
        ------
        KnownInvalid, BlockSignatureInvalid
        ParentUnknown, ParentPruned
        InvalidInput
            By what the proof rule sees without a body.
        """
        block_hash = header.block_hash()
        if block_hash in self._invalid:
            raise KnownInvalid(block_hash)
        # Unsigned, it is worth neither a place in the cache nor a question for its parent.
        check_signature(header, self._engine)
        if header.previous_hash in self._invalid:
            self._note_invalid(block_hash)
            raise KnownInvalid(block_hash)
        if not self.is_known(header.previous_hash):
            raise ParentUnknown(header.previous_hash)
        self._check_kept(header.previous_hash)
        try:
            self.rules.proof_rule.check_header(header)
        except InvalidInput:
            self._note_invalid(block_hash)
            raise

    def state_at(self, block_hash: BlockHash) -> State:
        """Return the state after a stored block, or before the first one.

        Raises
        ------
        ParentUnknown, ParentPruned
        StoreCorrupt
        """
        if block_hash == self._head.head:
            return self._head
        if block_hash in self._states:
            self._states.move_to_end(block_hash)
            return self._states[block_hash]
        self._check_kept(block_hash)
        if block_hash == self._genesis.head:
            return self._genesis
        if not self.blocks.has(block_hash):
            raise ParentUnknown(block_hash)
        way = self._forks.way(self._head.head, block_hash)
        state = self._ledger.state_across(self._head, way.blocks)
        if state.head != block_hash:
            raise StoreCorrupt(f"the records lead to {state.head.hex()}, not {block_hash.hex()}")
        self._remember(state)
        return state

    def transactions_of(self, blocks: Iterable[BlockHash]) -> list[Transaction]:
        """Return the transactions of stored blocks, such as those that left the main chain.

        Raises
        ------
        ParentUnknown
            One of them is not stored.
        StoreCorrupt
        """
        found: list[Transaction] = []
        for block_hash in blocks:
            stored = self.blocks.get(block_hash)
            if stored is None:
                raise ParentUnknown(block_hash)
            try:
                found += body_from_bytes(stored.body).transactions
            except InvalidInput as error:
                raise StoreCorrupt(f"block {block_hash.hex()}: {error}") from error
        return found

    def add_checkpoint(self, checkpoint: Checkpoint) -> tuple[BlockHash, ...] | None:
        """Keep a member's checkpoint and follow it once a quorum agrees (R-51).

        Returns
        -------
        tuple of BlockHash or None
            Blocks that left the main chain; None if the head stays.

        Raises
        ------
        CheckpointInvalid
        """
        if checkpoint.height <= MAX_CHECKPOINT_HEIGHT and self._forks.holds(checkpoint):
            return None
        check_checkpoint(checkpoint, self.members, self.rules.network, self._engine.verify)
        return self._follow_best() if self._forks.add_checkpoint(checkpoint) else None

    @property
    def final(self) -> Checkpoint | None:
        """One checkpoint of the highest block that a quorum has signed; it need not be here."""
        return self._forks.final

    def quorum(self) -> tuple[Checkpoint, ...]:
        """Return the checkpoints that make the final block final; none without one."""
        return self._forks.quorum()

    def follow(self, tip: BlockHash) -> tuple[BlockHash, ...]:
        """Make a stored block the head, whatever work others have; return what left the chain.

        Raises
        ------
        ParentUnknown
            It is not stored.
        StoreCorrupt
        """
        if not self.is_known(tip):
            raise ParentUnknown(tip)
        return () if tip == self._head.head else self._switch_to(tip)

    def attested(self, tips: Sequence[BlockHash], quorum: int) -> Candidate | None:
        """Return the stored block of most work that so many of some stored tips stand on."""
        return attested_block(tips, quorum, self.blocks, self._genesis.head)

    def descends(self, block: BlockHash, ancestor: BlockHash) -> bool:
        """Return True if both blocks are stored and the first is, or stands above, the second."""
        here = self.is_known(block) and self.is_known(ancestor)
        return here and self._forks.descends(block, ancestor)

    def prune_height(self, keep_blocks: int) -> Height:
        """Return up to which height `prune` would go; 0 for not at all."""
        final = self.final
        settled = final is not None and self.blocks.main_hash(final.height) == final.block
        return prune_height(self._head, final if settled else None, keep_blocks)

    def prune(self, keep_blocks: int) -> Pruned:
        """Let go what no rule can need any more (pruning.py).

        Parameters
        ----------
        keep_blocks : int
            Blocks below the head that stay whole.

        Raises
        ------
        StoreCorrupt, StoreUnavailable
        """
        height = self.prune_height(keep_blocks)
        pruned = prune(self._database, self.blocks, self._ledger, self._head, height)
        self._states.clear()
        return pruned

    def shrink(self) -> bool:
        """Give the disk back what is free in the file, if that is half of it or more.

        Raises
        ------
        StoreCorrupt, StoreUnavailable
        """
        return self._database.shrink(always=False)

    def _check_kept(self, block_hash: BlockHash) -> None:
        """Check that the state after a known block can still be had."""
        pruned = self.blocks.pruned_height()
        if not pruned:
            return
        link = self.blocks.link(block_hash)
        height = Height(0) if link is None else link.height
        if height < pruned and (link is not None or block_hash == self._genesis.head):
            raise ParentPruned(expected=pruned, actual=height)

    def _follow_best(self) -> tuple[BlockHash, ...] | None:
        if not self.replays:
            return None
        best = self._forks.best_tip(self._head.head)
        return None if best == self._head.head else self._switch_to(best)

    def _check_is_head(self, head: State) -> None:
        """Check that a state is that of the main chain's last block, as it is stored."""
        if head.head == self._genesis.head:
            agree = self.blocks.main_height() == 0
        else:
            tip = self.blocks.candidate(head.head)
            agree = (
                tip is not None
                and (tip.height, tip.work) == (head.height, head.work)
                and self.blocks.main_height() == head.height
                and self.blocks.main_hash(head.height) == head.head
            )
        if not agree:
            raise StoreCorrupt("the state is not that of the main chain's last block")

    def _note_invalid(self, block_hash: BlockHash) -> None:
        self._invalid[block_hash] = None
        while len(self._invalid) > INVALID_CACHE:
            self._invalid.popitem(last=False)

    def _judge(self, block: Block, parent: State) -> Verdict:
        try:
            return validate_block(
                block, parent, self.rules, self._engine, self.blocks, self._latent_source
            )
        except (BlockSignatureInvalid, BodyMismatch):
            raise  # a bad message: the hash covers neither, so it stays open
        except InvalidInput:
            self._note_invalid(block.header.block_hash())
            raise

    def _stored(
        self, block: Block, parent: State, verdict: Verdict, now_ms: TimestampMs, backend: str
    ) -> StoredBlock:
        state = verdict.state
        return StoredBlock(
            block_hash=state.head,
            height=state.height,
            previous_hash=block.header.previous_hash,
            work=state.work,
            header=block.header.encode(),
            body=block.body.encode(),
            transport=self._transport(block.header, block.body, verdict, parent),
            backend=backend,
            arrived_ms=now_ms,
        )

    def _accept(
        self, block: Block, parent: State, verdict: Verdict, stored: StoredBlock, *, own: bool
    ) -> Imported:
        state = verdict.state
        leads = self.replays and block.header.previous_hash == self._head.head
        # What this node signed must never be forgotten; what peers sent they can send again.
        with self._database.transaction(durable=own):
            if own:
                self.blocks.note_signed(block.header)
            self.blocks.add(stored, verdict.model)
            if not self.replays:
                self.blocks.note_unreplayed()
            if verdict.latents:
                self.latents.add(state.families[block.header.family], verdict.latents)
            if leads:
                self._ledger.advance(parent, state)
                self.blocks.set_main(state.height, state.head)
            else:
                self._ledger.add_side(parent, state)
        self._remember(state)
        disconnected: tuple[BlockHash, ...] = ()
        if leads:
            self._head = state
        elif self.replays and self._forks.better(state.head, self._head.head):
            disconnected = self._switch_to(state.head)
            leads = True
        return Imported(
            block_hash=state.head, known=False, head_changed=leads, disconnected=disconnected
        )

    def _switch_to(self, tip: BlockHash) -> tuple[BlockHash, ...]:
        """Make another branch the main chain."""
        way = self._forks.way(self._head.head, tip)
        with self._database.transaction(durable=False):
            self.blocks.cut_main(way.fork)
            for height, block_hash in enumerate(way.connected, start=way.fork + 1):
                self.blocks.set_main(Height(height), block_hash)
            state = self._ledger.move(self._head, way.blocks)
            self._check_is_head(state)
        self._head = state
        self._remember(state)
        return way.disconnected

    def _transport(self, header: Header, body: Body, verdict: Verdict, parent: State) -> bytes:
        """Return the shortest transport of a block's model; the full one on a tie (R-16)."""
        model = verdict.model
        if model is None or self.proof != EVOLUTION:
            return b""  # bursts and walks are replayed, and latents do not travel
        proof = proof_from_bytes(body.proof)
        if isinstance(proof, ImportProof):
            return b""  # the proof is the model
        full = encode_full(model)
        if not isinstance(proof, ChildProof):
            return full
        base = parent.families[header.family].models[proof.base]
        delta = encode_delta(self.blocks.model(base.model_hash), model)
        return min(full, delta, key=len)

    def _remember(self, state: State) -> None:
        self._states[state.head] = state
        self._states.move_to_end(state.head)
        while len(self._states) > STATE_CACHE:
            self._states.popitem(last=False)


def _known(header: Header) -> Imported:
    return Imported(block_hash=header.block_hash(), known=True, head_changed=False, disconnected=())
