# SPDX-License-Identifier: Apache-2.0
"""A dataset's life on the market, coin by coin; what breaks a rule of it changes nothing."""

from dataclasses import replace

import pytest

from edge_node.primitives.types import Amount, Height
from edge_node.spec import scheduling
from edge_node.spec.constants import MAX_DATASETS, MAX_OFFER_BLOCKS, REWARD_MATURITY_BLOCKS
from edge_node.spec.dataset import SplitName
from edge_node.spec.engine import DatasetMissing, ReferenceEngine
from edge_node.spec.errors import InvalidTransaction
from edge_node.spec.ledger import BalanceTooLow, apply_transactions
from edge_node.spec.market import (
    BondTooLow,
    BountyInvalid,
    ClosingHeightInvalid,
    DatasetKnown,
    DatasetNotAllowed,
    RevealRefused,
    is_held,
    reserve_id,
)
from edge_node.spec.proof.errors import DatasetNotOpen
from edge_node.spec.state import Bounty, DatasetEntry, Have, State
from edge_node.spec.transaction import Transaction
from tests.spec import toy_market as market
from tests.spec.stages import ALICE, BOB, CAROL, RUNG_MS, refused
from tests.spec.toy_chain import (
    ALLOCATION,
    SECOND_ARCHITECTURE,
    Miner,
    ToyChain,
    Work,
    everything,
    founder,
    toy_dataset,
)
from tests.spec.toy_market import BOND, BONUS, BOUNTY, CLOSING, TRAINER, UPLOADED, upload

NAME = UPLOADED.dataset_id
PARAMETERS = market.network().rules.parameters
START = market.network().start()
MINING_ENDS = CLOSING - PARAMETERS.reveal_blocks


def entry(state: State) -> DatasetEntry:
    return state.datasets[NAME]


def bounty(state: State) -> Bounty:
    found = entry(state).bounty
    assert found is not None
    return found


def balance(state: State, who: Miner) -> int:
    return state.accounts.get(who.address).balance


def waiting(state: State, who: Miner) -> int:
    return sum(each.amount for each in state.immature if each.address == who.address)


def is_refused(state: State, transaction: Transaction, error: type[InvalidTransaction]) -> None:
    """Check that a transaction is refused for one rule and leaves no trace."""
    root = state.root()
    with pytest.raises(InvalidTransaction) as caught:
        apply_transactions(state, [transaction], PARAMETERS)
    assert type(caught.value) is error, caught.value
    assert str(caught.value).startswith(f"{error.reason}: ")
    assert state.root() == root


def with_height(height: int) -> State:
    return replace(START, height=Height(height))


def test_upload_takes_bounty_and_bond_into_escrow() -> None:
    state, fees = apply_transactions(START, [upload()], PARAMETERS)
    assert balance(state, TRAINER) == ALLOCATION - BOUNTY - BOND - 1
    assert bounty(state).coins == BOUNTY + BOND
    assert state.supply + fees == state.minted
    assert (entry(state).height, entry(state).scheduled, entry(state).closed) == (1, False, False)


def test_r_54_dataset_that_is_known_is_refused() -> None:
    state, _ = apply_transactions(START, [upload()], PARAMETERS)
    is_refused(state, upload(nonce=1), DatasetKnown)
    is_refused(state, upload(by=ALICE), DatasetKnown)
    is_refused(START, upload(manifest=toy_dataset().manifest), DatasetKnown)


def test_r_54_dataset_that_was_settled_is_refused() -> None:
    chain = market.revealed().fork()
    market.wait(chain)
    late = upload(nonce=2, closing_height=Height(CLOSING + 99))
    is_refused(chain.state, late, DatasetKnown)


def test_r_55_dataset_beyond_the_networks_limits_is_refused() -> None:
    few = toy_dataset("few", sizes=(200, 49, 50)).manifest
    is_refused(START, upload(manifest=few), DatasetNotAllowed)
    largest = replace(PARAMETERS, max_dataset_bytes=UPLOADED.manifest.total_bytes)
    apply_transactions(START, [upload()], largest)
    small = replace(PARAMETERS, max_dataset_bytes=UPLOADED.manifest.total_bytes - 1)
    with pytest.raises(DatasetNotAllowed, match="R-55"):
        apply_transactions(START, [upload()], small)


def test_r_55_open_datasets_are_limited_and_settled_ones_make_room() -> None:
    state = START
    for number in range(MAX_DATASETS - 1):
        manifest = replace(UPLOADED.manifest, name=f"number {number}")
        one = upload(nonce=number, manifest=manifest)
        state, _ = apply_transactions(state, [one], PARAMETERS)
    is_refused(state, upload(nonce=MAX_DATASETS - 1), DatasetNotAllowed)
    last = replace(UPLOADED.manifest, name="number 0").dataset_id()
    settled = replace(state.datasets[last], closed=True, bounty=None)
    room = state.with_dataset(last, settled)
    apply_transactions(room, [upload(nonce=MAX_DATASETS - 1)], PARAMETERS)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"bounty": 999, "bonus": 1}, BountyInvalid),
        ({"bonus": 0}, BountyInvalid),
        ({"bonus": BOUNTY + 1}, BountyInvalid),
        ({"bond": BOND - 1}, BondTooLow),
        ({"bounty": BOUNTY + 1}, BondTooLow),
        ({"closing_height": PARAMETERS.reveal_blocks + 1}, ClosingHeightInvalid),
        ({"closing_height": MAX_OFFER_BLOCKS + 2}, ClosingHeightInvalid),
        ({"bounty": ALLOCATION, "bond": ALLOCATION}, BalanceTooLow),
    ],
)
def test_r_56_r_57_r_58_offer_that_does_not_hold_is_refused(
    changes: dict[str, object], error: type[InvalidTransaction]
) -> None:
    is_refused(START, upload(**changes), error)  # type: ignore[arg-type]  # one field or another


def test_r_58_earliest_and_latest_closing_heights_are_allowed() -> None:
    for height in (PARAMETERS.reveal_blocks + 2, MAX_OFFER_BLOCKS + 1):
        apply_transactions(START, [upload(closing_height=Height(height))], PARAMETERS)


def test_r_53_dataset_is_held_by_two_thirds_of_blocks_and_three_keys() -> None:
    def have(*names: str) -> list[Have]:
        """Return lists in which a capital is a miner that holds the dataset."""
        keys = {"a": ALICE.key, "b": BOB.key, "c": CAROL.key, "d": market.TRAINER.key[::-1]}
        return [
            Have(
                miner=keys[name.lower()],  # type: ignore[arg-type]  # 32 bytes
                datasets=(NAME,) if name.isupper() else (),
            )
            for name in names
        ]

    assert is_held(NAME, have("A"))
    assert not is_held(NAME, have("a"))
    assert is_held(NAME, have("A", "B", "a"))
    assert not is_held(NAME, have("A", "a"))
    assert is_held(NAME, have("A", "B", "C", "d"))
    assert not is_held(NAME, have("A", "A", "B", "c")), "two keys of three"
    assert is_held(NAME, have("A", "B", "A", "B")), "all keys there are"
    assert not is_held(NAME, have("A", "A", "A", "b")), "one key of two"


def test_r_53_families_are_founded_once_the_dataset_is_held() -> None:
    chain = market.uploaded().fork()
    for _ in range(3):
        market.wait(chain, have=(toy_dataset().dataset_id,))
        assert not entry(chain.state).scheduled
    waits = 0
    while not entry(chain.state).scheduled:
        market.wait(chain)
        waits += 1
    assert waits == 3, "of a window of four blocks, three carried it: two thirds and more"
    assert scheduling.turns(chain.state, PARAMETERS, 0).due_dataset == toy_dataset().dataset_id
    market.grow(chain)
    assert scheduling.turns(chain.state, PARAMETERS, 0).due_dataset == NAME


def test_r_53_dataset_stays_scheduled() -> None:
    chain = market.uploaded().fork()
    while not entry(chain.state).scheduled:
        market.wait(chain)
    market.wait(chain, have=(), until=chain.state.height + 5)
    assert entry(chain.state).is_open


def test_r_59_founder_for_a_dataset_that_few_hold_is_refused_at_any_rung() -> None:
    chain = market.uploaded().fork()
    work = Work(tip=chain.tip, miner=ALICE, after_ms=6 * RUNG_MS)
    mined = founder(work, SECOND_ARCHITECTURE, NAME)
    refused(chain.tip, mined.block, DatasetNotOpen)


def test_r_59_founder_for_a_closed_dataset_is_refused() -> None:
    chain = market.competing().fork()
    work = Work(tip=chain.tip, miner=ALICE, after_ms=6 * RUNG_MS)
    refused(chain.tip, founder(work, SECOND_ARCHITECTURE, NAME).block, DatasetNotOpen)
    families = [f for f in chain.state.families.values() if f.dataset == NAME]
    assert families
    assert all(family.closed for family in families)


def test_r_61_models_earn_bonuses_half_at_once_and_no_base_reward() -> None:
    chain = market.uploaded().fork()
    market.wait(chain, until=4)
    while True:
        before = chain.state
        due = scheduling.turns(before, PARAMETERS, 0)
        turn = before.families[due.due_family].dataset if due.due_family else due.due_dataset
        market.grow(chain)
        if turn != NAME:
            assert chain.state.datasets == before.datasets or not entry(before).scheduled
            continue
        grown = next(f for f in chain.state.families.values() if f.dataset == NAME)
        assert chain.state.minted == before.minted, "coins out of the escrow, none minted"
        population = PARAMETERS.min_population
        share = BONUS if grown.model_count > population else BONUS // population
        assert bounty(before).escrow - bounty(chain.state).escrow == share
        paid = chain.state.immature[-1]
        assert paid.amount == share - share // 2
        assert paid.due == chain.state.height + REWARD_MATURITY_BLOCKS
        assert chain.state.supply == chain.state.minted
        if grown.model_count > population + 1:
            break
    owed = bounty(chain.state).owed
    assert sum(each.amount for each in owed) == 2 * (BONUS // population // 2) + 2 * (BONUS // 2)
    assert len({(each.family, each.address) for each in owed}) == len(owed)


def test_r_61_empty_escrow_pays_what_it_has() -> None:
    chain = market.uploaded().fork()
    offer = bounty(chain.state)
    poor = replace(entry(chain.state), bounty=replace(offer, escrow=Amount(7)))
    chain.state = replace(
        chain.state.with_dataset(NAME, poor), minted=Amount(chain.state.minted - BOUNTY + 7)
    )
    market.wait(chain, until=4)
    market.grow(chain)
    market.grow(chain)
    assert bounty(chain.state).escrow == 0
    assert sum(each.amount for each in bounty(chain.state).owed) == 3
    assert chain.state.supply == chain.state.minted


def test_r_60_reserve_is_revealed_by_its_uploader_once_and_in_time() -> None:
    early = market.uploaded().state
    is_refused(early, market.reveal(), RevealRefused)
    state = market.competing().state
    assert state.height + 1 == MINING_ENDS
    is_refused(state, market.reveal(nonce=0, by=ALICE), RevealRefused)
    is_refused(state, market.reveal(dataset=toy_dataset().dataset_id), RevealRefused)
    is_refused(state, market.reveal(dataset=reserve_id(NAME)), RevealRefused)
    state, _ = apply_transactions(state, [market.reveal()], PARAMETERS)
    assert bounty(state).revealed
    is_refused(state, market.reveal(nonce=2), RevealRefused)


def test_r_60_settled_dataset_has_nothing_to_reveal() -> None:
    chain = market.competing().fork()
    market.wait(chain, until=CLOSING)
    is_refused(chain.state, market.reveal(), RevealRefused)


def expected_share(chain: ToyChain) -> tuple[int, int]:
    """Return reserve gain over evaluation gain of the only family, counted here."""
    family = next(f for f in chain.state.families.values() if f.dataset == NAME)
    engine = chain.network.engine
    counts = [
        [
            engine.count_correct(chain.models.model(each.model_hash), NAME, split)
            for split in (SplitName.EVALUATION, SplitName.RESERVE)
        ]
        for each in (family.records[0], family.records[-1])
    ]
    gain = (counts[1][1] - counts[0][1]) * UPLOADED.manifest.splits[SplitName.EVALUATION].count
    most = (counts[1][0] - counts[0][0]) * UPLOADED.manifest.splits[SplitName.RESERVE].count
    assert most > 0
    return min(max(gain, 0), most), most


def test_r_62_revealed_reserve_scales_the_second_halves() -> None:
    chain = market.revealed().fork()
    before, offer = chain.state, bounty(chain.state)
    gained, of = expected_share(chain)
    market.wait(chain)
    assert chain.state.height == CLOSING
    assert entry(chain.state).bounty is None
    assert entry(chain.state).closed
    paid = 0
    for owed in offer.owed:
        amount = owed.amount * gained // of
        paid += amount
    new = [r for r in chain.state.immature if r.due == CLOSING + REWARD_MATURITY_BLOCKS]
    back = sum(each.amount for each in new if each.address == TRAINER.address)
    assert back == offer.escrow + offer.bond + sum(each.amount for each in offer.owed) - paid
    assert chain.state.supply == chain.state.minted
    assert before.minted <= chain.state.minted


def test_r_62_reserve_that_is_never_revealed_costs_all_second_halves() -> None:
    chain = market.competing().fork()
    market.wait(chain, until=CLOSING - 1)
    offer = bounty(chain.state)
    market.wait(chain)
    new = [r for r in chain.state.immature if r.due == CLOSING + REWARD_MATURITY_BLOCKS]
    back = sum(each.amount for each in new if each.address == TRAINER.address)
    assert back == offer.escrow + offer.bond
    assert sum(o.amount for o in offer.owed) > 0
    assert chain.state.supply == chain.state.minted


def test_r_62_reserve_that_few_hold_does_not_count_as_revealed() -> None:
    chain = market.competing().fork()
    only_datasets = tuple(sorted(chain.state.datasets))
    market.wait(chain, market.reveal(), have=only_datasets, until=CLOSING - 1)
    offer = bounty(chain.state)
    market.wait(chain, have=only_datasets)
    new = [r for r in chain.state.immature if r.due == CLOSING + REWARD_MATURITY_BLOCKS]
    back = sum(each.amount for each in new if each.address == TRAINER.address)
    assert back == offer.escrow + offer.bond


def test_r_62_dataset_that_nobody_held_gives_everything_back() -> None:
    chain = market.uploaded().fork()
    market.wait(chain, have=(toy_dataset().dataset_id,), until=CLOSING)
    new = [r for r in chain.state.immature if r.due == CLOSING + REWARD_MATURITY_BLOCKS]
    assert sum(each.amount for each in new if each.address == TRAINER.address) == BOUNTY + BOND
    assert not any(family.dataset == NAME for family in chain.state.families.values())


def test_r_62_who_lacks_the_reserve_can_not_judge_the_settlement() -> None:
    chain = market.revealed().fork()
    judge = chain.fork()
    engine = judge.network.engine
    assert isinstance(engine, ReferenceEngine)
    sealed = {
        name: {k: v for k, v in splits.items() if name != NAME or k != SplitName.RESERVE}
        for name, splits in engine.splits.items()
    }
    judge.network = replace(judge.network, engine=ReferenceEngine(splits=sealed))
    market.wait(chain)
    with pytest.raises(DatasetMissing):
        judge.add(chain.mined[-1])
    assert everything(judge.state) == everything(market.revealed().state)
