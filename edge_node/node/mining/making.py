# SPDX-License-Identifier: Apache-2.0
"""Blocks of our own: when the node mines, and what becomes of what it found.

A model that was made elsewhere goes before what the trainer offers. A finding whose block is
refused goes back to whoever made it, so that it is not tried for ever. Where two heads have equal
work, each miner waits a while of its own: if both went on at the first moment that the law allows,
block for block, no head would ever win and no quorum agree.
Law of the file: a block of our own is judged like anybody's before anyone hears of it.
Read next: miner.py, edge_node/node/intake.py.
"""

import logging
from collections.abc import Callable, Iterable, Sequence

from edge_node.chain.block_builder import Finding, build_block
from edge_node.chain.errors import AlreadySigned, ParentUnknown
from edge_node.chain.mempool import Mempool
from edge_node.datasets.errors import StoreCorrupt
from edge_node.datasets.store import DatasetStore
from edge_node.gossip.ports import Action, BlockParts
from edge_node.node.errors import BeyondLimits
from edge_node.node.imports import Imports
from edge_node.node.intake import Intake
from edge_node.node.mining.miner import Miner
from edge_node.node.parts import NodeParts
from edge_node.node.reserves import have_list, needs_blocks
from edge_node.primitives.hashing import tagged_hash
from edge_node.primitives.types import BlockHash, DatasetId, TimestampMs
from edge_node.spec.block import Block
from edge_node.spec.engine import DatasetMissing
from edge_node.spec.errors import InvalidInput
from edge_node.spec.state import State
from edge_node.spec.transaction import Transaction
from edge_node.spec.validation import BlockFromTheFuture, ProtocolNewer

_LOG = logging.getLogger(__name__)

TIE_SHARE = 2
"""A miner whose head has a rival waits for a part of the shortest interval, up to one in so many:
far longer than a block is on its way, and well before the first rung ends."""

Do = Callable[[Iterable[Action]], None]
"""Carries out what gossip says."""


def block_contents(
    mempool: Mempool, datasets: DatasetStore, most: int, head: State
) -> tuple[Sequence[Transaction], Sequence[DatasetId]]:
    """Return what a block of our own on top of a head would confirm, and which datasets are here.

    Parameters
    ----------
    mempool : Mempool
    datasets : DatasetStore
    most : int
        Transactions.
    head : State
    """
    return mempool.select(most), have_list(head, datasets)


class BlockMaker:
    """Between what is found and the chain.

    Parameters
    ----------
    parts : NodeParts
        Those of the node.
    intake : Intake
        Judges the blocks.
    imports : Imports
        Models that were made elsewhere.
    """

    def __init__(self, parts: NodeParts, intake: Intake, imports: Imports) -> None:
        self._parts = parts
        self._intake = intake
        self._imports = imports
        self._mined_on: BlockHash | None = None
        self.made = 0
        """Blocks of our own since the start."""

    def tick(self, do: Do, *, ready: bool) -> None:
        """Follow the head, and make the blocks that are due.

        Parameters
        ----------
        do : callable
            Takes the announcement of each block.
        ready : bool
            Whether the node may mine now.
        """
        parts, miner = self._parts, self._parts.miner
        if miner is None:
            return
        head = parts.importer.head
        self._follow(miner, ready=ready)
        miner.collect()
        now_ms = parts.clock.now_ms()
        finding = self._imports.due(now_ms) if ready else None
        if finding is not None and not self._publish(finding, now_ms, do):
            self._imports.refuse()
        wait = len(parts.mempool) > 0 or needs_blocks(head)
        finding = miner.due(now_ms, transactions_wait=wait)
        if finding is not None and self._yields(head, now_ms):
            return
        if finding is not None and not self._publish(finding, now_ms, do):
            miner.refuse(finding)

    def _follow(self, miner: Miner, *, ready: bool) -> None:
        head = self._parts.importer.head
        if not ready:
            self._mined_on = None
            miner.pause()
        elif self._mined_on != head.head:
            self._mined_on = head.head
            miner.follow(head)

    def _yields(self, head: State, now_ms: TimestampMs) -> bool:
        """Say whether another head, as good as ours, is to have its chance to go on first."""
        parts = self._parts
        # In a lottery the moment is in the ticket already, and ties break by themselves.
        if parts.importer.has_lottery:
            return False
        first_ms = head.timestamp + parts.importer.rules.parameters.min_interval_ms
        longest_ms = parts.importer.rules.parameters.min_interval_ms // TIE_SHARE
        if now_ms >= first_ms + longest_ms:
            return False
        draw = tagged_hash("tie-wait", head.head, parts.signer.public_key)
        wait_ms = longest_ms * int.from_bytes(draw[:4], "little") >> 32
        return now_ms < first_ms + wait_ms and len(parts.importer.blocks.at_least(head.work)) > 1

    def _publish(self, finding: Finding, timestamp: TimestampMs, do: Do) -> bool:
        """Make a block of a finding, and tell it; return False if it is refused."""
        parts = self._parts
        block = self._built(finding, timestamp)
        try:
            self._intake.take_own(block)
        except (
            InvalidInput,
            AlreadySigned,
            ParentUnknown,
            BlockFromTheFuture,
            ProtocolNewer,
            DatasetMissing,
            StoreCorrupt,
            BeyondLimits,
        ) as error:
            self._intake.dataset_lost |= isinstance(error, (DatasetMissing, StoreCorrupt))
            _LOG.warning("own block dropped: %s", error)
            return False
        self.made += 1
        block_hash = block.header.block_hash()
        stored = parts.importer.blocks.get(block_hash)
        assert stored is not None, "it was just imported"
        announced = BlockParts(header=stored.header, body=stored.body, transport=stored.transport)
        do(parts.gossip.announce_block(block_hash, announced, parts.clock.monotonic_ms()))
        return True

    def _built(self, finding: Finding, timestamp: TimestampMs) -> Block:
        parts = self._parts
        head = parts.importer.head
        transactions, have = block_contents(
            parts.mempool, parts.datasets, parts.block_transactions, head
        )
        return build_block(
            head,
            finding,
            transactions=transactions,
            have=have,
            timestamp=timestamp,
            rules=parts.importer.rules,
            signer=parts.signer,
        )
