# SPDX-License-Identifier: Apache-2.0
"""States: what the root covers, and that a new state leaves the old one as it was."""

from dataclasses import replace

import pytest

from edge_node.primitives.hashing import ZERO_HASH, tagged_hash
from edge_node.primitives.types import (
    Address,
    Amount,
    BlockHash,
    DatasetId,
    FamilyId,
    Hash32,
    Height,
    ModelHash,
    TimestampMs,
)
from edge_node.spec.constants import HAVE_WINDOW_BLOCKS
from edge_node.spec.difference import WeightRecord
from edge_node.spec.merkle import MerkleTree, MountainRange
from edge_node.spec.state import (
    Account,
    Accounts,
    Bounty,
    DatasetEntry,
    Family,
    FamilyModel,
    Have,
    KnownModels,
    Owed,
    PendingCommit,
    Punished,
    Reward,
    State,
)
from tests.spec.toy_chain import (
    ARCHITECTURE,
    GENESIS_TIME,
    SECOND_ARCHITECTURE,
    miner,
    toy_dataset,
    toy_network,
)

ALICE, BOB = miner("alice"), miner("bob")
DATASET = toy_dataset()
NETWORK = toy_network([DATASET], rich=[ALICE])
START = NETWORK.start()
ONE = tagged_hash("test", b"one")
MODEL = FamilyModel(
    block=BlockHash(ONE),
    height=Height(1),
    model_hash=ModelHash(ONE),
    correct_count=50,
    record=True,
)
FAMILY = Family(
    family_id=FamilyId(ONE),
    dataset=DATASET.dataset_id,
    architecture=ARCHITECTURE,
    join_turn=4,
    skips=2,
    idle=1,
    needed_gain=3,
    closed=False,
    models=(MODEL, replace(MODEL, record=False)),
    weight_record=WeightRecord(weight_count=144, seen_plus=5, seen_minus=6, epoch=1),
)
FULL = replace(
    START.with_family(FAMILY).with_have(Have(miner=ALICE.key, datasets=(DATASET.dataset_id,))),
    immature=(Reward(due=Height(21), address=ALICE.address, amount=Amount(9)),),
    models=KnownModels().added(ModelHash(ONE)),
)


def with_account(state: State, account: Account) -> State:
    return replace(state, accounts=state.accounts.updated([account]))


def family_variants() -> list[Family]:
    model, record = FAMILY.models[0], FAMILY.weight_record
    return [
        replace(FAMILY, dataset=DatasetId(ZERO_HASH)),
        replace(FAMILY, architecture=SECOND_ARCHITECTURE),
        replace(FAMILY, join_turn=5),
        replace(FAMILY, skips=3),
        replace(FAMILY, idle=2),
        replace(FAMILY, needed_gain=4),
        replace(FAMILY, closed=True),
        replace(FAMILY, models=(model,)),
        *(
            replace(FAMILY, models=(changed, FAMILY.models[1]))
            for changed in (
                replace(model, block=BlockHash(ZERO_HASH)),
                replace(model, height=Height(2)),
                replace(model, model_hash=ModelHash(ZERO_HASH)),
                replace(model, correct_count=51),
                replace(model, record=False),
            )
        ),
        *(
            replace(FAMILY, weight_record=changed)
            for changed in (
                replace(record, epoch=2),
                replace(record, seen_plus=4),
                replace(record, seen_minus=7),
                replace(record, seen_plus=6, seen_minus=5),
            )
        ),
    ]


def entry_variants() -> list[DatasetEntry]:
    entry = FULL.datasets[DATASET.dataset_id]
    owed = Owed(family=FAMILY.family_id, address=ALICE.address, amount=Amount(4))
    offer = Bounty(
        uploader=BOB.address,
        escrow=Amount(10),
        bonus=Amount(2),
        bond=Amount(5),
        closing_height=Height(30),
        revealed=False,
        owed=(owed,),
    )
    offers = [
        offer,
        replace(offer, uploader=ALICE.address),
        replace(offer, escrow=Amount(11)),
        replace(offer, bonus=Amount(3)),
        replace(offer, bond=Amount(6)),
        replace(offer, closing_height=Height(31)),
        replace(offer, revealed=True),
        replace(offer, owed=()),
        replace(offer, owed=(replace(owed, family=FamilyId(ZERO_HASH)),)),
        replace(offer, owed=(replace(owed, address=BOB.address),)),
        replace(offer, owed=(replace(owed, amount=Amount(5)),)),
    ]
    return [
        replace(entry, scheduled=False),
        replace(entry, closed=True),
        *(replace(entry, bounty=each) for each in offers),
    ]


def variants() -> list[State]:
    account, reward = FULL.accounts.rows[0], FULL.immature[0]
    commit = PendingCommit(address=ALICE.address, commitment=ONE, height=Height(2))
    offence = Punished(address=ALICE.address, height=Height(2))
    return [
        with_account(FULL, replace(account, balance=Amount(account.balance + 1))),
        with_account(FULL, replace(account, nonce=1)),
        with_account(FULL, Account(address=BOB.address, balance=Amount(0), nonce=0)),
        replace(FULL, immature=()),
        replace(FULL, immature=(replace(reward, due=Height(22)),)),
        replace(FULL, immature=(replace(reward, address=BOB.address),)),
        replace(FULL, immature=(replace(reward, amount=Amount(8)),)),
        replace(FULL, immature=(reward, reward)),
        replace(FULL, families={}),
        *(replace(FULL, families={FAMILY.family_id: family}) for family in family_variants()),
        replace(FULL, datasets={}),
        replace(
            FULL,
            datasets={
                DATASET.dataset_id: DatasetEntry(manifest=DATASET.manifest, height=Height(1))
            },
        ),
        replace(FULL, have=()),
        replace(FULL, have=(Have(miner=BOB.key, datasets=(DATASET.dataset_id,)),)),
        replace(FULL, have=(Have(miner=ALICE.key, datasets=()),)),
        replace(FULL, models=KnownModels()),
        replace(FULL, models=FULL.models.added(ModelHash(ZERO_HASH))),
        replace(FULL, minted=Amount(FULL.minted + 1)),
        replace(FULL, burned=Amount(1)),
        *(replace(FULL, datasets={DATASET.dataset_id: entry}) for entry in entry_variants()),
        replace(FULL, commits=(commit,)),
        replace(FULL, commits=(replace(commit, address=BOB.address),)),
        replace(FULL, commits=(replace(commit, commitment=ZERO_HASH),)),
        replace(FULL, commits=(replace(commit, height=Height(3)),)),
        replace(FULL, punished=(offence,)),
        replace(FULL, punished=(replace(offence, address=BOB.address),)),
        replace(FULL, punished=(replace(offence, height=Height(3)),)),
    ]


def test_r_25_root_changes_with_every_part() -> None:
    roots = [state.root() for state in [FULL, *variants()]]
    assert len(set(roots)) == len(roots)


def test_r_25_root_leaves_out_what_the_header_says_itself() -> None:
    for other in (
        replace(FULL, height=Height(9)),
        replace(FULL, head=BlockHash(ONE)),
        replace(FULL, timestamp=TimestampMs(9)),
        replace(FULL, work=9),
        replace(FULL, history=MountainRange()),
    ):
        assert other.root() == FULL.root()


def test_r_25_root_does_not_depend_on_the_order_of_a_mapping() -> None:
    other = replace(FAMILY, family_id=FamilyId(tagged_hash("test", b"two")), skips=7)
    one = replace(START, families={FAMILY.family_id: FAMILY, other.family_id: other})
    two = replace(START, families={other.family_id: other, FAMILY.family_id: FAMILY})
    assert one.root() == two.root()


def test_start_follows_from_the_genesis() -> None:
    assert START.height == 0
    assert START.head == BlockHash(NETWORK.rules.network)
    assert START.timestamp == GENESIS_TIME
    assert START.accounts.get(ALICE.address).balance == 1_000_000
    assert START.history == MountainRange().appended(NETWORK.rules.network)
    assert START.datasets[DATASET.dataset_id].height == 0
    assert (START.work, START.families, START.have, START.immature) == (0, {}, (), ())


def account(number: int, balance: int = 1) -> Account:
    return Account(address=Address(bytes([number]) * 20), balance=Amount(balance), nonce=0)


def test_accounts_keep_the_number_that_they_first_got() -> None:
    first = Accounts().updated([account(9), account(3)])
    second = first.updated([account(5), account(9, 7), account(1)])
    assert [row.address[0] for row in second.rows] == [9, 3, 5, 1]
    assert [row.balance for row in second.rows] == [7, 1, 1, 1]
    assert second.numbers == {row.address: i for i, row in enumerate(second.rows)}
    assert second.tree == MerkleTree.build([row.encode() for row in second.rows])
    assert [row.balance for row in first.rows] == [1, 1]  # as it was


def test_unknown_account_is_empty_and_not_put_in() -> None:
    accounts = Accounts()
    empty = Account(address=ALICE.address, balance=Amount(0), nonce=0)
    assert accounts.get(ALICE.address) == empty
    assert accounts.rows == ()


def test_turn_of_a_family_counts_models_and_skips() -> None:
    assert FAMILY.model_count == 2
    assert FAMILY.turn == 4 + 2 + 2
    assert FAMILY.records == (MODEL,)
    assert FAMILY.head == MODEL.block


def test_have_lists_are_forgotten_after_their_window() -> None:
    state = START
    for number in range(HAVE_WINDOW_BLOCKS + 3):
        state = state.with_have(Have(miner=ALICE.key, datasets=(DatasetId(_hash(number)),)))
    assert len(state.have) == HAVE_WINDOW_BLOCKS
    assert state.have[0].datasets == (_hash(3),)


def test_known_models_are_a_set_and_a_chain_of_hashes() -> None:
    one, two = ModelHash(_hash(1)), ModelHash(_hash(2))
    known = KnownModels().added(one).added(two)
    assert known.hashes == {one, two}
    assert known.root == tagged_hash(
        "known-models", tagged_hash("known-models", ZERO_HASH, one), two
    )
    assert KnownModels().added(two).added(one).root != known.root


def test_state_is_a_value() -> None:
    before = START.root()
    changed = START.with_family(FAMILY)
    assert START.families == {}
    assert START.root() == before != changed.root()
    with pytest.raises(AttributeError):
        START.height = Height(1)  # type: ignore[misc]  # frozen


def _hash(number: int) -> Hash32:
    return tagged_hash("test", bytes([number]))
