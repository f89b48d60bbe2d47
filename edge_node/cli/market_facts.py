# SPDX-License-Identifier: Apache-2.0
"""What the market's commands tell of a dataset, from the head's state and the block of its upload.

Rules R-53 to R-62; paper A, section 4.7.
Law of the file: it reads, and says in words what the law would say next.
Read next: edge_node/spec/market.py, market_commands.py.
"""

from dataclasses import dataclass

from edge_node.chain.block_store import PRUNED
from edge_node.cli.chain_access import ReadChain
from edge_node.primitives.counting import counted
from edge_node.primitives.types import DatasetId, FamilyId
from edge_node.spec import market
from edge_node.spec.block import body_from_bytes
from edge_node.spec.constants import MIN_HOLDERS, PPM
from edge_node.spec.dataset import SplitName
from edge_node.spec.genesis import Parameters
from edge_node.spec.state import DatasetEntry, Family, State
from edge_node.spec.transaction import DatasetUpload, address_of


@dataclass(frozen=True, slots=True, kw_only=True)
class OwedFact:
    """Second halves that wait for the closing height."""

    address: str
    """Whose."""
    family: str
    """Earned in which family."""
    amount: int
    """Coins at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyFact:
    """A family of a dataset."""

    family: str
    """Its id."""
    models: int
    """Blocks."""
    generations: int
    """Records."""
    best_ppm: int
    """Accuracy of its best model on the evaluation split."""
    best_model: str
    """That model."""
    closed: bool
    """Whether it takes no more models."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holders:
    """How far the `have` lists are that open a dataset, or show its reserve (R-53)."""

    blocks: int
    """Of the last blocks, those whose miners hold it."""
    blocks_needed: int
    """Two thirds of them."""
    miners: int
    """Keys that say so."""
    miners_needed: int
    """Three, or all that mine if they are fewer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketFacts:
    """A dataset of the chain, as who mines on it or pays for it wants to know it."""

    dataset: str
    """Its id."""
    name: str
    """For people."""
    state: str
    """genesis, waiting, open, closed, revealed or settled."""
    words: str
    """The state in words."""
    uploader: str
    """Address; empty for one of the genesis."""
    bounty: int | None
    """Coins that were offered; None if that block is pruned, or nothing was."""
    bounty_left: int
    """Of these, those that still pay bonuses."""
    bonus: int | None
    """Coins for each record; None as for bounty."""
    bond: int | None
    """Coins that stand for the reveal; None as for bounty."""
    owed: tuple[OwedFact, ...]
    """Second halves."""
    reveal_height: int | None
    """First height at which the reserve may be revealed; None as for bounty."""
    closing_height: int | None
    """The block that settles; None as for bounty."""
    holders: Holders | None
    """Of the dataset while it waits, of the reserve once it is revealed; None otherwise."""
    families: tuple[FamilyFact, ...]
    """Best first."""

    @property
    def best_ppm(self) -> int | None:
        """Accuracy of the dataset's best model; None without any."""
        return self.families[0].best_ppm if self.families else None


def market_facts(chain: ReadChain, dataset: DatasetId) -> MarketFacts:
    """Return what there is to know of one of the chain's datasets."""
    state, parameters = chain.state, chain.genesis.parameters
    entry = state.datasets[dataset]
    bounty, upload = entry.bounty, _upload(chain, dataset, entry)
    closing = upload.closing_height if upload else bounty.closing_height if bounty else None
    name, holders = _stage(state, dataset, parameters)
    uploader = address_of(upload.sender) if upload else bounty.uploader if bounty else b""
    return MarketFacts(
        dataset=dataset.hex(),
        name=entry.manifest.name,
        state=name,
        words=_words(name, holders),
        uploader=uploader.hex(),
        bounty=upload.bounty if upload else None,
        bounty_left=bounty.escrow if bounty else 0,
        bonus=upload.bonus if upload else bounty.bonus if bounty else None,
        bond=upload.bond if upload else bounty.bond if bounty else None,
        owed=tuple(
            OwedFact(address=each.address.hex(), family=each.family.hex(), amount=each.amount)
            for each in (bounty.owed if bounty else ())
        ),
        reveal_height=None if closing is None else closing - parameters.reveal_blocks,
        closing_height=closing,
        holders=holders,
        families=_families(state, dataset),
    )


def _upload(chain: ReadChain, dataset: DatasetId, entry: DatasetEntry) -> DatasetUpload | None:
    """Return the transaction that offered a dataset, if its block is still whole."""
    if entry.is_of_genesis:
        return None
    for stored in chain.blocks.main_blocks(entry.height, 1):
        if stored.body == PRUNED:
            continue
        for each in body_from_bytes(stored.body).transactions:
            if isinstance(each, DatasetUpload) and each.manifest.dataset_id() == dataset:
                return each
    return None


def _stage(state: State, dataset: DatasetId, parameters: Parameters) -> tuple[str, Holders | None]:
    entry = state.datasets[dataset]
    if entry.is_of_genesis:
        return "genesis", None
    if entry.bounty is None:
        return "settled", None
    if entry.bounty.revealed:
        return "revealed", _holders(state, market.reserve_id(dataset), parameters)
    if entry.closed:
        return "closed", None
    if entry.scheduled:
        return "open", None
    return "waiting", _holders(state, dataset, parameters)


def _holders(state: State, name: DatasetId, parameters: Parameters) -> Holders:
    have = state.have[-parameters.have_window_blocks :]
    holding = [each for each in have if name in each.datasets]
    return Holders(
        blocks=len(holding),
        blocks_needed=-(-2 * len(have) // 3),
        miners=len({each.miner for each in holding}),
        miners_needed=min(MIN_HOLDERS, len({each.miner for each in have})),
    )


def _words(name: str, holders: Holders | None) -> str:
    if holders is None:
        return {"closed": "closed, reveal due"}.get(name, name)
    held = (
        f"{holders.blocks} of {counted(holders.blocks_needed, 'block')},"
        f" {holders.miners} of {counted(holders.miners_needed, 'miner')}"
    )
    return f"waiting for holders: {held}" if name == "waiting" else f"revealed, held by {held}"


def _families(state: State, dataset: DatasetId) -> tuple[FamilyFact, ...]:
    images = state.datasets[dataset].manifest.splits[SplitName.EVALUATION].count
    found = [
        _family(family_id, family, images)
        for family_id, family in state.families.items()
        if family.dataset == dataset
    ]
    return tuple(sorted(found, key=lambda each: -each.best_ppm))


def _family(family_id: FamilyId, family: Family, images: int) -> FamilyFact:
    best = max(family.models, key=lambda model: model.correct_count)
    return FamilyFact(
        family=family_id.hex(),
        models=family.model_count,
        generations=len(family.records),
        best_ppm=best.correct_count * PPM // images,
        best_model=best.model_hash.hex(),
        closed=family.closed,
    )
