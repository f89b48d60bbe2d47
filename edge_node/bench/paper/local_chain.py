# SPDX-License-Identifier: Apache-2.0
"""A chain on a real store that mines for itself, one light population model after the other.

Law of the file: every block is mined and imported by the functions that a node uses; only the time
is made up, one interval a block.
Read next: conflicts.py, capacity.py.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from edge_node.bench.paper.errors import MeasurementFailed
from edge_node.chain.block_builder import build_block
from edge_node.chain.database import Database
from edge_node.chain.importer import Importer
from edge_node.datasets.store import DatasetStore
from edge_node.inference.select import select_backend
from edge_node.kernels.libsodium import load_ed25519
from edge_node.node.architecture_text import family_for
from edge_node.node.engine import NodeEngine, StoredSplits
from edge_node.node.mining.offers import finding_of
from edge_node.node.signer import KeySigner
from edge_node.primitives.types import TimestampMs
from edge_node.spec.block import Block
from edge_node.spec.genesis import Genesis
from edge_node.spec.transaction import Transfer
from edge_node.trainer.founding import Founding
from edge_node.trainer.judges import KernelJudge
from edge_node.trainer.task import Task, next_task

FAMILY = "binary-4k"
SELECTION_IMAGES = 1_000
MAX_TRIES = 64
"""Nonces for one model; the second usually differs enough from all before it."""


class LocalChain:
    """One node's chain, without a network.

    Parameters
    ----------
    path : Path
        Of its database.
    genesis : Genesis
    datasets : DatasetStore
    seed : bytes
        Secret key of its miner.
    """

    def __init__(self, path: Path, genesis: Genesis, datasets: DatasetStore, seed: bytes) -> None:
        ed25519 = load_ed25519()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._database = Database(path, genesis.network_id())
        self._backend = select_backend()
        self._engine = NodeEngine(ed25519, [self._backend], datasets)
        self._signer = KeySigner(ed25519, seed)
        self._judge = KernelJudge(StoredSplits(datasets), SELECTION_IMAGES)
        self.importer = Importer(self._database, genesis, self._engine)
        interval_ms = max(1, genesis.parameters.min_interval_ms)
        self._interval_ms = interval_ms
        self._latest = TimestampMs(genesis.timestamp + 1_000 * interval_ms)

    def mine(self, transactions: Sequence[Transfer] = ()) -> Block:
        """Return a block on top of the head; it is not imported.

        Raises
        ------
        MeasurementFailed
            No model came out that differs enough from those before it.
        """
        importer = self.importer
        head, rules = importer.head, importer.rules
        task = next_task(
            head,
            network=rules.network,
            parameters=rules.parameters,
            miner=self._signer.public_key,
            models=importer.blocks,
            new_family=partial(family_for, FAMILY),
        )
        if not isinstance(task, Task):
            raise MeasurementFailed("there is nothing to found")
        founding = Founding(task, self._judge)
        for _ in range(MAX_TRIES):
            offer = founding.step()
            if offer is not None:
                return build_block(
                    head,
                    finding_of(offer),
                    transactions=transactions,
                    have=(),
                    timestamp=TimestampMs(head.timestamp + self._interval_ms),
                    rules=rules,
                    signer=self._signer,
                )
        raise MeasurementFailed(f"no model for a block in {MAX_TRIES} tries")

    def take(self, block: Block) -> bool:
        """Import a block; return whether the head moved.

        Raises
        ------
        InvalidInput
        """
        imported = self.importer.import_block(
            block.header.encode(), block.body.encode(), self._latest, self._backend.name
        )
        return imported.head_changed

    def grow(self, blocks: int, transactions: Sequence[Sequence[Transfer]] = ()) -> list[Block]:
        """Mine and import blocks; return them."""
        mined: list[Block] = []
        for number in range(blocks):
            block = self.mine(transactions[number] if number < len(transactions) else ())
            self.take(block)
            mined.append(block)
        return mined

    def close(self) -> None:
        """Give everything back."""
        self._engine.close()
        self._database.close()
