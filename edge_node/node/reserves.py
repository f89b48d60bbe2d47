# SPDX-License-Identifier: Apache-2.0
"""Sealed reserves: what a node fetches, gives away and says to hold of the chain's datasets.

Rules R-53, R-60 and R-62 (spec/market.py); design, section 8. The reserve of an uploaded dataset
stays with its uploader until the reveal is on the chain, so that nobody can select on it. Until
then others fetch, hold and offer what blocks are judged by, and nobody gives a reserve away.
Law of the file: the head's state decides; nothing is read from the network.
Read next: dataset_fetch.py, chain_view.py.
"""

from edge_node.datasets.store import JUDGING, WHOLE, DatasetStore
from edge_node.primitives.types import DatasetId
from edge_node.spec import market
from edge_node.spec.constants import MAX_HAVE
from edge_node.spec.dataset import SplitName
from edge_node.spec.genesis import Parameters
from edge_node.spec.state import DatasetEntry, State


def is_sealed(head: State, dataset: DatasetId) -> bool:
    """Return True if a dataset has a reserve that its uploader has not revealed."""
    entry = head.datasets.get(dataset)
    return entry is not None and entry.bounty is not None and not entry.bounty.revealed


def wanted_splits(entry: DatasetEntry) -> tuple[SplitName, ...]:
    """Return what a node wants of one of the chain's datasets; nothing of one that is settled."""
    if entry.is_of_genesis:
        return WHOLE
    if entry.bounty is None:
        return ()
    return WHOLE if entry.bounty.revealed else JUDGING


def is_needed(head: State, dataset: DatasetId, parameters: Parameters) -> bool:
    """Return True if the next blocks can not be judged without what is wanted of a dataset."""
    entry = head.datasets[dataset]
    if entry.is_open:
        return True
    if entry.bounty is None or not entry.bounty.revealed:
        return False
    # The block that settles counts on the reserve, if so many miners hold it.
    return market.is_held(market.reserve_id(dataset), head.have[-parameters.have_window_blocks :])


def needs_blocks(head: State) -> bool:
    """Return True while a bounty is not settled: its heights come by blocks, found or not."""
    return any(entry.bounty is not None for entry in head.datasets.values())


def have_list(head: State, datasets: DatasetStore) -> list[DatasetId]:
    """Return what a block's `have` list says: what the market waits for comes first."""
    waited_for: list[DatasetId] = []
    others: list[DatasetId] = []
    for dataset, entry in sorted(head.datasets.items()):
        if not wanted_splits(entry) or not datasets.has(dataset, JUDGING):
            continue
        (others if entry.scheduled else waited_for).append(dataset)
        bounty = entry.bounty
        if bounty and bounty.revealed and datasets.has(dataset, (SplitName.RESERVE,)):
            waited_for.append(market.reserve_id(dataset))
    return (waited_for + others)[:MAX_HAVE]
