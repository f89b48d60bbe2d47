# SPDX-License-Identifier: Apache-2.0
"""What became of the datasets that were uploaded: offered, mined on, revealed and settled.

Rules R-53 to R-62; paper A, section 4.7. All of it is read from the chain's states and blocks.
Law of the file: every coin that a settlement names is a reward of the state after it.
Read next: market.py, edge_node/spec/market.py.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from edge_node.chain.block_store import StoredBlock
from edge_node.primitives.types import Address, DatasetId
from edge_node.spec.block import Header, body_from_bytes
from edge_node.spec.constants import REWARD_MATURITY_BLOCKS
from edge_node.spec.dataset import SplitName
from edge_node.spec.state import Bounty, Reward, State
from edge_node.spec.transaction import DatasetUpload, ReserveReveal, address_of


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadReport:
    """A dataset that somebody uploaded with a bounty."""

    height: int
    """Block of the upload."""
    dataset: str
    """Its name."""
    uploader: str
    """Name of the node whose key pays."""
    bounty: int
    """Coins for bonuses."""
    bonus: int
    """Coins for a record, or for a whole population."""
    bond: int
    """Coins that stand for the reveal."""
    scheduled: int | None
    """Height from which blocks could be about it: enough miners held it; None if never."""
    holders: int
    """Miners that have said in a block that they hold it."""
    ended: int | None
    """Height after which no block was about it; None if that did not come."""
    closing: int
    """Height that settles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BountyReport:
    """A bonus that a block earned from the bounty for its dataset (R-61)."""

    height: int
    """The block."""
    dataset: str
    """Name of the dataset that it was offered for."""
    receiver: str
    """Name of the node that got it."""
    amount: int
    """Coins: half at once, half at most when the dataset closes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RevealReport:
    """A sealed reserve that was revealed."""

    height: int
    """Block with the reveal."""
    dataset: str
    """Name of the dataset."""
    images: int
    """Images of the reserve."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareReport:
    """What a miner got of its second halves."""

    receiver: str
    """Name of the node."""
    owed: int
    """Coins that waited for the settlement."""
    paid: int
    """Of these, as many as its families' gains were worth on the reserve."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementReport:
    """The end of a bounty (R-62)."""

    height: int
    """The block."""
    dataset: str
    """Name of the dataset."""
    shares: tuple[ShareReport, ...]
    """One for each miner with second halves."""
    returned: int
    """Coins that the uploader got back: escrow, bond and what was not earned."""


class Names:
    """What nodes are called, by their addresses.

    Parameters
    ----------
    headers : sequence of Header
        Of the main chain.
    miners : dict
        Name of each height's miner; without one a key stands for itself.
    """

    def __init__(self, headers: Sequence[Header], miners: Mapping[int, str]) -> None:
        self._names = {
            address_of(header.miner): miners[header.height]
            for header in headers
            if header.height in miners
        }

    def __getitem__(self, address: Address) -> str:
        """Return the name of an address."""
        return self._names.get(address, address.hex()[:8])


def uploads(
    chain: Sequence[StoredBlock], states: Sequence[State], names: Names
) -> Iterator[UploadReport]:
    """Yield the datasets that were uploaded, in the order of their blocks.

    Parameters
    ----------
    chain : sequence of StoredBlock
        The main chain.
    states : sequence of State
        From the genesis to its head: one more than blocks.
    names : Names
    """
    for block in chain:
        for each in body_from_bytes(block.body).transactions:
            if not isinstance(each, DatasetUpload):
                continue
            dataset = each.manifest.dataset_id()
            entries = [(state.height, state.datasets.get(dataset)) for state in states]
            holders = {
                have.miner for state in states for have in state.have if dataset in have.datasets
            }
            yield UploadReport(
                height=block.height,
                dataset=each.manifest.name,
                uploader=names[address_of(each.sender)],
                bounty=each.bounty,
                bonus=each.bonus,
                bond=each.bond,
                scheduled=next((at for at, entry in entries if entry and entry.scheduled), None),
                holders=len(holders),
                ended=next((at for at, entry in entries if entry and entry.closed), None),
                closing=each.closing_height,
            )


def bonuses(
    headers: Sequence[Header], states: Sequence[State], names: Names
) -> Iterator[BountyReport]:
    """Yield what blocks earned from bounties; parameters as of `uploads`."""
    for header, (before, after) in zip(headers, pairwise(states), strict=True):
        family = after.families.get(header.family)
        old = before.datasets[family.dataset].bounty if family else None
        if family is None or old is None:
            continue
        # A bounty that ends with the block pays no bonus in it: nobody mines on it any more.
        new = after.datasets[family.dataset].bounty
        if new is not None and new.escrow < old.escrow:
            yield BountyReport(
                height=header.height,
                dataset=after.datasets[family.dataset].manifest.name,
                receiver=names[address_of(header.miner)],
                amount=old.escrow - new.escrow,
            )


def reveals(chain: Sequence[StoredBlock], head: State) -> Iterator[RevealReport]:
    """Yield the reserves that were revealed on a chain with this head."""
    for block in chain:
        for transaction in body_from_bytes(block.body).transactions:
            if isinstance(transaction, ReserveReveal):
                manifest = head.datasets[transaction.dataset].manifest
                yield RevealReport(
                    height=block.height,
                    dataset=manifest.name,
                    images=manifest.splits[SplitName.RESERVE].count,
                )


def settlements(states: Sequence[State], names: Names) -> Iterator[SettlementReport]:
    """Yield how bounties ended; parameters as of `uploads`."""
    for before, after in pairwise(states):
        due = after.height + REWARD_MATURITY_BLOCKS
        paid = [reward for reward in after.immature if reward.due == due]
        found = [
            _settlement(after, dataset, bounty, paid, names)
            # The law settles by ascending id, and last in a block: so it is read from the end.
            for dataset, bounty in reversed(_settled(before, after))
        ]
        yield from reversed(found)


def _settled(before: State, after: State) -> list[tuple[DatasetId, Bounty]]:
    return [
        (dataset, entry.bounty)
        for dataset, entry in sorted(before.datasets.items())
        if entry.bounty is not None and after.datasets[dataset].bounty is None
    ]


def _settlement(
    after: State, dataset: DatasetId, bounty: Bounty, paid: list[Reward], names: Names
) -> SettlementReport:
    """Take a settlement's rewards off the end of a block's; the uploader's is the last of them."""
    returned = paid.pop().amount
    left, received = bounty.coins - returned, dict[Address, int]()
    while left and paid:
        reward = paid.pop()
        received[reward.address] = received.get(reward.address, 0) + reward.amount
        left -= reward.amount
    owed: dict[Address, int] = {}
    for each in bounty.owed:
        owed[each.address] = owed.get(each.address, 0) + each.amount
    return SettlementReport(
        height=after.height,
        dataset=after.datasets[dataset].manifest.name,
        shares=tuple(
            ShareReport(receiver=names[address], owed=amount, paid=received.get(address, 0))
            for address, amount in owed.items()
        ),
        returned=returned,
    )
