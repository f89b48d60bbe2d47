# SPDX-License-Identifier: Apache-2.0
"""Pruning: what no rule can need any more goes, below a final block and a number of kept blocks.

Of the main chain up to there go bodies, transports and the records that lead back across a block;
of branches that a quorum has decided against, everything. Headers stay, and so do the models of
open families (children stand on them), the best of closed ones, and all above. It is one
transaction: a crash leaves the chain as it was, or pruned.
Law of the file: nothing goes unless a quorum of members has made a block above it final (R-51).
Read next: block_store.py, ledger_store.py.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from edge_node.chain.block_store import PRUNED, BlockStore
from edge_node.chain.database import Database
from edge_node.chain.ledger_store import LedgerStore
from edge_node.primitives.types import BlockHash, Height, ModelHash
from edge_node.spec.block import header_from_bytes
from edge_node.spec.fork_choice import Checkpoint
from edge_node.spec.state import State

MIN_KEEP_BLOCKS = 64
"""Fewer are of no use to peers that were away for a while."""

_DEAD = """
WITH RECURSIVE alive (hash, height) AS (
    SELECT hash, height FROM main_chain WHERE height = :height
    UNION
    SELECT block.hash, block.height FROM block JOIN alive ON block.previous_hash = alive.hash
)
SELECT hash FROM block
WHERE hash NOT IN (SELECT hash FROM alive) AND hash NOT IN (SELECT hash FROM main_chain)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What a pruning did."""

    height: Height
    """Up to here the chain has headers only; 0 if nothing was ever pruned."""
    bodies: int
    """Blocks whose body and transport went."""
    dead_blocks: int
    """Blocks of decided branches that went whole."""
    models: int
    """Models that went."""


def prune_height(head: State, final: Checkpoint | None, keep_blocks: int) -> Height:
    """Return up to which height a chain can be pruned; 0 for not at all.

    Parameters
    ----------
    head : State
    final : Checkpoint or None
        A checkpoint of the final block, which is on the main chain.
    keep_blocks : int
        Blocks below the head that stay.
    """
    if final is None:
        return Height(0)
    return Height(max(0, min(final.height, head.height - keep_blocks)))


def prune(
    database: Database, blocks: BlockStore, ledger: LedgerStore, head: State, height: Height
) -> Pruned:
    """Prune the main chain up to a height, and what branched off below it.

    Parameters
    ----------
    database, blocks, ledger
        The chain; the caller holds no transaction.
    head : State
        The main chain's last state.
    height : Height
        By `prune_height`; not above it.

    Raises
    ------
    StoreCorrupt, StoreUnavailable
    """
    before = blocks.pruned_height()
    if height <= before:
        return Pruned(height=before, bodies=0, dead_blocks=0, models=0)
    above = blocks.main_hashes(Height(height + 1))
    kept_state = ledger.state_across(head, tuple(reversed(above)))
    with database.transaction() as connection:
        dead = [BlockHash(row[0]) for row in database.rows(_DEAD, {"height": height})]
        for block_hash in dead:
            connection.execute("DELETE FROM block WHERE hash = ?", (block_hash,))
            connection.execute("DELETE FROM other_side WHERE hash = ?", (block_hash,))
        connection.execute(
            "DELETE FROM other_side WHERE hash IN (SELECT hash FROM main_chain WHERE height <= ?)",
            (height,),
        )
        bodies = connection.execute(
            "UPDATE block SET body = ?, transport = ? WHERE body <> ?"
            " AND hash IN (SELECT hash FROM main_chain WHERE height <= ?)",
            (PRUNED, PRUNED, PRUNED, height),
        ).rowcount
        models = blocks.keep_models(_needed(blocks, (kept_state, head), height))
        blocks.note_pruned(height)
    return Pruned(height=height, bodies=bodies, dead_blocks=len(dead), models=models)


def _needed(blocks: BlockStore, states: Iterable[State], height: Height) -> set[ModelHash]:
    """Return the models that blocks above a height can refer to or bring, and the best of all."""
    needed = {header_from_bytes(each).model_hash for each in blocks.headers_above(height)}
    for state in states:
        for family in state.families.values():
            best = max(family.models, key=lambda each: each.correct_count)
            # A bounty's settlement counts the first and the last record of families long closed.
            done = family.closed and state.datasets[family.dataset].bounty is None
            entries = (best,) if done else family.models
            needed |= {entry.model_hash for entry in entries}
    return needed
