# SPDX-License-Identifier: Apache-2.0
"""The uploader's duty: its node reveals the reserve by itself, as soon as the law allows.

Rule R-60; paper A, section 4.7. Who forgets it pays the second halves out of the bond. What is due
follows from the head and the mempool alone, so it is sent once and survives any restart.
Law of the file: it signs nothing but reveals of datasets that this node's key has uploaded.
Read next: reserves.py.
"""

import logging
from collections.abc import Callable

from edge_node.chain.errors import MempoolRejected
from edge_node.chain.importer import Importer
from edge_node.chain.mempool import Mempool
from edge_node.datasets.store import DatasetStore
from edge_node.node.purse import Purse
from edge_node.primitives.types import BlockHash, DatasetId
from edge_node.spec import market
from edge_node.spec.dataset import SplitName
from edge_node.spec.errors import InvalidInput
from edge_node.spec.state import DatasetEntry, State
from edge_node.spec.transaction import ReserveReveal, Transaction

_LOG = logging.getLogger(__name__)


class AutoReveal:
    """Reveals of a node's own uploads.

    Parameters
    ----------
    importer : Importer
    mempool : Mempool
    datasets : DatasetStore
    purse : Purse
        The node's account.
    """

    def __init__(
        self, importer: Importer, mempool: Mempool, datasets: DatasetStore, purse: Purse
    ) -> None:
        self._importer = importer
        self._mempool = mempool
        self._datasets = datasets
        self._purse = purse
        self._looked_at: BlockHash | None = None

    def tick(self, submit: Callable[[Transaction], None]) -> None:
        """Send what is due on a head that was not looked at yet.

        Parameters
        ----------
        submit : callable
            Takes a transaction in and tells it; what it refuses is tried again on the next head.
        """
        head = self._importer.head
        if head.head == self._looked_at:
            return
        self._looked_at = head.head
        for dataset in self._due(head):
            try:
                submit(self._purse.make(ReserveReveal, dataset=dataset))
            except (InvalidInput, MempoolRejected) as error:
                _LOG.warning("the reserve of %s is not revealed yet: %s", dataset.hex()[:8], error)
            else:
                _LOG.info("the reserve of dataset %s is revealed", dataset.hex()[:8])

    def _due(self, head: State) -> list[DatasetId]:
        waiting = {
            each.dataset
            for each in self._mempool.waiting_of(self._purse.public_key)
            if isinstance(each, ReserveReveal)
        }
        own = [each for each, entry in head.datasets.items() if self._may_reveal(head, entry)]
        due = sorted(set(own) - waiting)
        # Who can not serve it must not say so: the bond pays, as for any reserve that nobody gets.
        return [each for each in due if self._datasets.has(each, (SplitName.RESERVE,))]

    def _may_reveal(self, head: State, entry: DatasetEntry) -> bool:
        bounty = entry.bounty
        if bounty is None or bounty.revealed:
            return False
        ends = market.mining_ends(bounty, self._importer.rules.parameters)
        own = bounty.uploader == self._purse.address
        return own and head.height + 1 >= ends
