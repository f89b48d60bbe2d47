# SPDX-License-Identifier: Apache-2.0
"""The dataset market: uploads, bonuses, reserves and their settlement.

Rules R-53 to R-62; paper A, section 4.7; design, sections 4 and 8. A model trainer uploads a
dataset with a bounty in escrow and a bond. Once enough miners hold it, families compete on it, and
every model that a block adds earns a bonus: half at once, half at the closing height, in the
measure in which the gain shows on the reserve, which nobody has seen before. Who does not reveal it
pays the second halves in full.
Law of the file: coins only change hands here; none comes to be and none is lost.
Read next: offences.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from edge_node.primitives.hashing import tagged_hash
from edge_node.primitives.types import Address, Amount, DatasetId, FamilyId, Height
from edge_node.spec import constants as limits
from edge_node.spec.dataset import Manifest, SplitName
from edge_node.spec.engine import Engine, ModelSource
from edge_node.spec.errors import InvalidTransaction
from edge_node.spec.genesis import Parameters
from edge_node.spec.state import Bounty, DatasetEntry, Family, Have, Owed, State
from edge_node.spec.transaction import DatasetUpload, ReserveReveal, address_of


class DatasetKnown(InvalidTransaction):
    """The dataset is on the chain already (R-54)."""

    reason: ClassVar[str] = "R-54"
    wants: ClassVar[str] = "the dataset"


class DatasetNotAllowed(InvalidTransaction):
    """The dataset is too large or its evaluation split too small, or there are too many (R-55)."""

    reason: ClassVar[str] = "R-55"
    wants: ClassVar[str] = "the dataset"


class BountyInvalid(InvalidTransaction):
    """The bounty is below the network's least, or does not pay one bonus (R-56)."""

    reason: ClassVar[str] = "R-56"
    wants: ClassVar[str] = "the bounty"


class BondTooLow(InvalidTransaction):
    """The bond would not pay all second halves (R-57)."""

    reason: ClassVar[str] = "R-57"
    wants: ClassVar[str] = "the bond"


class ClosingHeightInvalid(InvalidTransaction):
    """The dataset would close too soon to be mined on, or too late (R-58)."""

    reason: ClassVar[str] = "R-58"
    wants: ClassVar[str] = "the closing height"


class RevealRefused(InvalidTransaction):
    """A reserve is not the sender's to reveal, not yet, or not any more (R-60)."""

    reason: ClassVar[str] = "R-60"
    wants: ClassVar[str] = "the reveal"


def reserve_id(dataset: DatasetId) -> DatasetId:
    """Return what `have` lists name a dataset's revealed reserve by."""
    return DatasetId(tagged_hash("reserve", dataset))


def is_held(name: DatasetId, have: Sequence[Have]) -> bool:
    """Return True if enough miners of these blocks said that they hold a dataset (R-53)."""
    holding = [each for each in have if name in each.datasets]
    active = {each.miner for each in have}
    enough = min(limits.MIN_HOLDERS, len(active))
    return 3 * len(holding) >= 2 * len(have) and len({h.miner for h in holding}) >= enough


def mining_ends(bounty: Bounty, parameters: Parameters) -> Height:
    """Return the first height at which no block is about the dataset any more."""
    return Height(bounty.closing_height - parameters.reveal_blocks)


def upload(
    state: State, transaction: DatasetUpload, parameters: Parameters, height: Height
) -> State:
    """Return the state in which a dataset waits for enough miners to hold it.

    Raises
    ------
    DatasetKnown, DatasetNotAllowed, BountyInvalid, BondTooLow, ClosingHeightInvalid
        R-54, R-55, R-56, R-57, R-58.
    """
    dataset = transaction.manifest.dataset_id()
    # a dataset has one offer, ever: it would pay twice for the same models.
    if dataset in state.datasets:
        raise DatasetKnown(expected="a new dataset", actual=dataset)
    _check_manifest(transaction.manifest, state, parameters)
    # an offer that pays for something.
    if transaction.bounty < parameters.min_bounty:
        raise BountyInvalid(expected=f"at least {parameters.min_bounty}", actual=transaction.bounty)
    if not 1 <= transaction.bonus <= transaction.bounty:
        raise BountyInvalid(
            expected=f"at least the bonus, itself 1 or more ({transaction.bonus})",
            actual=transaction.bounty,
        )
    # at most half of the bounty is ever owed.
    if transaction.bond < -(-transaction.bounty // 2):
        raise BondTooLow(
            expected=f"at least {-(-transaction.bounty // 2)}", actual=transaction.bond
        )
    # time to mine before the reserve is shown.
    least, most = height + parameters.reveal_blocks + 1, height + limits.MAX_OFFER_BLOCKS
    if not least <= transaction.closing_height <= most:
        raise ClosingHeightInvalid(
            expected=f"in {least}..{most}", actual=transaction.closing_height
        )
    entry = DatasetEntry(
        manifest=transaction.manifest,
        height=height,
        scheduled=False,
        bounty=Bounty(
            uploader=address_of(transaction.sender),
            escrow=transaction.bounty,
            bonus=transaction.bonus,
            bond=transaction.bond,
            closing_height=transaction.closing_height,
            revealed=False,
            owed=(),
        ),
    )
    return state.with_dataset(dataset, entry)


def _check_manifest(manifest: Manifest, state: State, parameters: Parameters) -> None:
    # what every node of the network can hold and judge by.
    images = manifest.splits[SplitName.EVALUATION].count
    if images < parameters.min_evaluation_images:
        raise DatasetNotAllowed(
            expected=f"of at least {parameters.min_evaluation_images} evaluation images",
            actual=images,
        )
    if manifest.total_bytes > parameters.max_dataset_bytes:
        raise DatasetNotAllowed(
            expected=f"of at most {parameters.max_dataset_bytes} bytes",
            actual=manifest.total_bytes,
        )
    held = sum(entry.bounty is not None or entry.is_open for entry in state.datasets.values())
    if held >= limits.MAX_DATASETS:
        raise DatasetNotAllowed(expected=f"one of {limits.MAX_DATASETS} at most", actual=held + 1)


def reveal(
    state: State, transaction: ReserveReveal, parameters: Parameters, height: Height
) -> State:
    """Return the state in which miners may say that they hold the reserve.

    Raises
    ------
    RevealRefused
        R-60.
    """
    # by the uploader, once, after the last block on the dataset: before it, miners would
    # select on the reserve.
    entry = state.datasets.get(transaction.dataset)
    if entry is None or entry.bounty is None:
        raise RevealRefused(expected="of a dataset with a bounty", actual=transaction.dataset)
    bounty, sender = entry.bounty, address_of(transaction.sender)
    if sender != bounty.uploader:
        raise RevealRefused(expected=f"by {bounty.uploader.hex()}", actual=sender)
    if bounty.revealed:
        raise RevealRefused(expected="the first", actual="a second one")
    if height < mining_ends(bounty, parameters):
        raise RevealRefused(
            expected=f"at height {mining_ends(bounty, parameters)} or later", actual=height
        )
    return state.with_dataset(
        transaction.dataset, replace(entry, bounty=replace(bounty, revealed=True))
    )


def pay_bonus(
    state: State, family: Family, miner: Address, parameters: Parameters, height: Height
) -> State:
    """Return the state after the bonus for a block that added a model to a family (R-61).

    A record is worth a bonus, and so is a whole population: each of its models an equal share. Half
    is a reward like any other, half is owed until the closing height.

    Parameters
    ----------
    state : State
    family : Family
        As it is after the block.
    miner : Address
    parameters : Parameters
    height : Height
        The block's.
    """
    entry = state.datasets[family.dataset]
    bounty = entry.bounty
    if bounty is None:
        return state
    is_child = family.model_count > parameters.min_population
    share = bounty.bonus if is_child else bounty.bonus // parameters.min_population
    earned = min(share, bounty.escrow)
    later = earned // 2
    paid = replace(
        bounty,
        escrow=Amount(bounty.escrow - earned),
        owed=_owing(bounty.owed, family.family_id, miner, later),
    )
    state = state.with_dataset(family.dataset, replace(entry, bounty=paid))
    return state.with_reward(miner, earned - later, height)


def _owing(
    owed: tuple[Owed, ...], family: FamilyId, miner: Address, amount: int
) -> tuple[Owed, ...]:
    if amount == 0:
        return owed
    for index, each in enumerate(owed):
        if (each.family, each.address) == (family, miner):
            more = replace(each, amount=Amount(each.amount + amount))
            return (*owed[:index], more, *owed[index + 1 :])
    return (*owed, Owed(family=family, address=miner, amount=Amount(amount)))


def after_block(
    state: State, parameters: Parameters, height: Height, engine: Engine, models: ModelSource
) -> State:
    """Return the state after what is due at a block's end: datasets open, close and are settled.

    Raises
    ------
    DatasetMissing
        A reserve was revealed, and this node does not hold it yet.
    """
    have = state.have[-parameters.have_window_blocks :]
    for dataset, entry in sorted(state.datasets.items()):
        bounty = entry.bounty
        if bounty is None:
            continue
        if height + 1 >= mining_ends(bounty, parameters):
            state = _closed(state, dataset)
        elif not entry.scheduled and is_held(dataset, have):
            state = state.with_dataset(dataset, replace(entry, scheduled=True))
        if height >= bounty.closing_height:
            shown = bounty.revealed and is_held(reserve_id(dataset), have)
            shares = _reserve_shares(state, bounty, engine, models) if shown else {}
            state = _settled(state, dataset, bounty, shares, height)
    return state


def _closed(state: State, dataset: DatasetId) -> State:
    """Return the state in which no block is about a dataset any more."""
    entry = state.datasets[dataset]
    if entry.closed:
        return state
    for family in state.families.values():
        if family.dataset == dataset and not family.closed:
            state = state.with_family(replace(family, closed=True))
    return state.with_dataset(dataset, replace(entry, closed=True))


def _settled(
    state: State,
    dataset: DatasetId,
    bounty: Bounty,
    shares: Mapping[FamilyId, tuple[int, int]],
    height: Height,
) -> State:
    """Return the state after the one settlement of a bounty (R-62).

    A family without a share is paid in full: nobody showed that its gain is less worth.
    """
    back = bounty.coins
    for owed in bounty.owed:
        gained, of = shares.get(owed.family, (1, 1))
        amount = owed.amount * gained // of
        state = state.with_reward(owed.address, amount, height)
        back -= amount
    state = state.with_reward(bounty.uploader, back, height)
    return state.with_dataset(dataset, replace(state.datasets[dataset], bounty=None))


def _reserve_shares(
    state: State, bounty: Bounty, engine: Engine, models: ModelSource
) -> dict[FamilyId, tuple[int, int]]:
    """Return min(1, reserve gain / evaluation gain) of each family, as numerator, denominator."""
    shares: dict[FamilyId, tuple[int, int]] = {}
    for family_id in {owed.family: None for owed in bounty.owed}:
        family = state.families[family_id]
        if len(family.records) < 2:
            continue
        first, best = family.records[0], family.records[-1]
        before, after = (
            engine.count_correct(models.model(each.model_hash), family.dataset, SplitName.RESERVE)
            for each in (first, best)
        )
        splits = state.datasets[family.dataset].manifest.splits
        gain = (after - before) * splits[SplitName.EVALUATION].count
        most = (best.correct_count - first.correct_count) * splits[SplitName.RESERVE].count
        shares[family_id] = (min(max(gain, 0), most), most)
    return shares
