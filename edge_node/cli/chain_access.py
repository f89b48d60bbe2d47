# SPDX-License-Identifier: Apache-2.0
"""Reading the chain of a data directory, whether or not its node runs.

sqlite lets readers in beside the node. Law of the file: nothing is written here.
Read next: edge_node/chain/importer.py.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from edge_node.chain.block_store import BlockStore, StoredBlock
from edge_node.chain.database import Database, is_made
from edge_node.chain.ledger_store import LedgerStore
from edge_node.cli.session import Session
from edge_node.node.errors import NodeError
from edge_node.primitives.types import Height
from edge_node.spec.fork_choice import Checkpoint, quorum_checkpoint
from edge_node.spec.genesis import Genesis
from edge_node.spec.state import State
from edge_node.spec.validation import first_state

PAGE_BLOCKS = 500
"""Blocks that are read at once."""


class ChainEmpty(NodeError):
    """The node of the data directory has not run yet."""

    reason = "chain-empty"

    def __init__(self, root: Path) -> None:
        super().__init__(f"there is no chain in {root} yet; start the node with `edge-node run`")
        self.root = root


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadChain:
    """A chain to read."""

    genesis: Genesis
    """Its first page."""
    state: State
    """The state of the head."""
    database: Database
    """Its file."""
    blocks: BlockStore
    """Its blocks and models."""
    ledger: LedgerStore
    """Its states."""

    def final_checkpoint(self) -> Checkpoint | None:
        """Return a checkpoint of the main chain's block that members have made final, if any."""
        final = quorum_checkpoint(self.genesis.deciding_members, self.blocks.checkpoints())
        if final is None or self.blocks.main_hash(final.height) != final.block:
            return None
        return final

    def final_height(self) -> int:
        """Return the height up to which members have made the main chain final; 0 for none."""
        final = self.final_checkpoint()
        return 0 if final is None else final.height

    def first_state(self) -> State:
        """Return the state below the first block that is whole: the genesis, unless pruned."""
        pruned = self.blocks.pruned_height()
        if not pruned:
            return first_state(self.genesis)
        above = self.blocks.main_hashes(Height(pruned + 1))
        return self.ledger.state_across(self.ledger.load(), tuple(reversed(above)))

    def main_chain(self) -> Iterator[StoredBlock]:
        """Yield the blocks of the main chain that are whole, lowest first, up to `state`.

        A node that runs may add others while these are looked at.
        """
        height, last = self.blocks.pruned_height() + 1, self.state.height
        while page := self.blocks.main_blocks(height, min(PAGE_BLOCKS, max(0, last + 1 - height))):
            yield from page
            height += len(page)


@contextmanager
def open_chain(session: Session) -> Iterator[ReadChain]:
    """Open the chain of the session's data directory.

    Raises
    ------
    NotInitialised, ChainEmpty, StoreCorrupt, StoreFormatNewer, WrongNetwork
    """
    directory = session.directory
    genesis = directory.genesis()
    if not is_made(directory.chain):
        raise ChainEmpty(directory.root)
    database = Database(directory.chain, genesis.network_id())
    try:
        ledger = LedgerStore(database, first_state(genesis))
        blocks = BlockStore(database)
        yield ReadChain(
            genesis=genesis, state=ledger.load(), database=database, blocks=blocks, ledger=ledger
        )
    finally:
        database.close()
