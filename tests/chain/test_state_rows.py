# SPDX-License-Identifier: Apache-2.0
"""States as rows: random states come back equal, and records lead across a block and back."""

from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edge_node.chain.errors import StoreCorrupt
from edge_node.chain.state_rows import (
    Crossing,
    Rows,
    changes_between,
    record_of,
    row_hash,
    rows_of,
    state_from_rows,
)
from edge_node.primitives.hashing import tagged_hash
from edge_node.primitives.types import (
    Address,
    Amount,
    BlockHash,
    DatasetId,
    FamilyId,
    Hash32,
    Height,
    ModelHash,
    PublicKey,
    TimestampMs,
)
from edge_node.spec.dataset import Manifest, Split
from edge_node.spec.difference import WeightRecord
from edge_node.spec.merkle import MountainRange
from edge_node.spec.proof.founding import family_id
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
from tests.chain.workshop import ANN, BOB, Tree
from tests.spec.toy_chain import ARCHITECTURES, transfer

NAME = BlockHash(tagged_hash("test", b"block"))
U64 = st.integers(0, (1 << 64) - 1)
COUNT = st.integers(0, 1 << 20)
HASHES = st.integers(0, 40).map(lambda n: Hash32(tagged_hash("test", bytes([n]))))
ADDRESSES = HASHES.map(lambda name: Address(name[:20]))

accounts = st.lists(
    st.builds(Account, address=ADDRESSES, balance=U64.map(Amount), nonce=U64),
    unique_by=lambda account: account.address,
    max_size=12,
).map(lambda rows: Accounts().updated(rows))

manifests = st.builds(
    Manifest,
    name=st.text(min_size=1, max_size=16),
    height=st.integers(1, 64),
    width=st.integers(1, 64),
    channels=st.integers(1, 4),
    classes=st.integers(1, 256),
    splits=st.tuples(*(st.builds(Split, count=st.integers(1, 99), root=HASHES) for _ in range(3))),
)
debts = st.builds(Owed, family=HASHES.map(FamilyId), address=ADDRESSES, amount=U64.map(Amount))
bounties = st.builds(
    Bounty,
    uploader=ADDRESSES,
    escrow=U64.map(Amount),
    bonus=U64.map(Amount),
    bond=U64.map(Amount),
    closing_height=COUNT.map(Height),
    revealed=st.booleans(),
    owed=st.lists(debts, max_size=3).map(tuple),
)
datasets = st.lists(
    st.builds(
        DatasetEntry,
        manifest=manifests,
        height=COUNT.map(Height),
        scheduled=st.booleans(),
        closed=st.booleans(),
        bounty=st.none() | bounties,
    ),
    max_size=3,
).map(lambda entries: {entry.manifest.dataset_id(): entry for entry in entries})

models = st.builds(
    FamilyModel,
    block=HASHES.map(BlockHash),
    height=COUNT.map(Height),
    model_hash=HASHES.map(ModelHash),
    correct_count=COUNT,
    record=st.booleans(),
)


@st.composite
def families(draw: st.DrawFn) -> Family:
    architecture = draw(st.sampled_from(ARCHITECTURES))
    dataset = DatasetId(draw(HASHES))
    bits = st.integers(0, (1 << architecture.weight_count) - 1)
    return Family(
        family_id=family_id(dataset, architecture),
        dataset=dataset,
        architecture=architecture,
        join_turn=draw(COUNT),
        skips=draw(COUNT),
        idle=draw(COUNT),
        needed_gain=draw(COUNT),
        closed=draw(st.booleans()),
        models=tuple(draw(st.lists(models, max_size=5))),
        weight_record=WeightRecord(
            weight_count=architecture.weight_count,
            seen_plus=draw(bits),
            seen_minus=draw(bits),
            epoch=draw(COUNT),
        ),
    )


states = st.builds(
    State,
    height=COUNT.map(Height),
    head=HASHES.map(BlockHash),
    timestamp=U64.map(TimestampMs),
    work=st.integers(0, (1 << 200) - 1),
    history=st.builds(MountainRange, COUNT, st.lists(HASHES, max_size=6).map(tuple)),
    accounts=accounts,
    immature=st.lists(
        st.builds(Reward, due=COUNT.map(Height), address=ADDRESSES, amount=U64.map(Amount)),
        max_size=4,
    ).map(tuple),
    families=st.lists(families(), max_size=3).map(lambda fs: {f.family_id: f for f in fs}),
    datasets=datasets,
    have=st.lists(
        st.builds(
            Have,
            miner=HASHES.map(PublicKey),
            datasets=st.lists(HASHES.map(DatasetId), max_size=3).map(tuple),
        ),
        max_size=4,
    ).map(tuple),
    models=st.builds(KnownModels, hashes=st.frozensets(HASHES.map(ModelHash)), root=HASHES),
    minted=U64.map(Amount),
    burned=U64.map(Amount),
    commits=st.lists(
        st.builds(PendingCommit, address=ADDRESSES, commitment=HASHES, height=COUNT.map(Height)),
        max_size=3,
    ).map(tuple),
    punished=st.lists(
        st.builds(Punished, address=ADDRESSES, height=COUNT.map(Height)), max_size=3
    ).map(tuple),
)


def forth_and_back(before: State, after: State) -> tuple[bytes, bytes]:
    """Return the records that lead from `before` to `after`, and from `after` to `before`."""
    changes = changes_between(before, after)
    forth = record_of(
        NAME, before.head, after.head, [(change.key, change.after) for change in changes]
    )
    back = record_of(
        NAME, after.head, before.head, [(change.key, change.before) for change in changes]
    )
    return forth, back


@given(states)
@settings(max_examples=50)
@pytest.mark.slow
def test_random_state_comes_back_from_its_rows(state: State) -> None:
    returned = state_from_rows(rows_of(state))
    assert returned == state
    assert returned.root() == state.root()


@given(states, states)
@settings(max_examples=25)
@pytest.mark.slow
def test_records_lead_from_any_state_to_any_other_and_back(before: State, after: State) -> None:
    forth, back = forth_and_back(before, after)
    crossing = Crossing(before)
    assert crossing.cross(NAME, forth) == back
    assert crossing.state() == after
    assert crossing.state().root() == after.root()
    assert crossing.cross(NAME, back) == forth
    assert crossing.state() == before
    assert crossing.changes() == []


@given(states, states)
@settings(max_examples=25)
@pytest.mark.slow
def test_changes_are_the_rows_that_differ_and_their_check_follows(
    before: State, after: State
) -> None:
    changes = changes_between(before, after)
    old, new = rows_of(before), rows_of(after)
    assert len({change.key for change in changes}) == len(changes)
    for key, left, right in changes:
        assert (left, right) == (old.get(key), new.get(key))
    differing = {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}
    assert differing <= {change.key for change in changes}
    moved = check_of(old)
    for key, left, right in changes:
        moved ^= row_hash(key, left) ^ row_hash(key, right)
    assert moved == check_of(new)


def check_of(rows: Rows) -> int:
    check = 0
    for key, value in rows.items():
        check ^= row_hash(key, value)
    return check


def test_check_tells_rows_apart_however_their_bytes_are_cut() -> None:
    rows = [(b"a", b""), (b"", b"a"), (b"ab", b"c"), (b"a", b"bc"), (b"abc", b""), (b"", b"abc")]
    assert len({row_hash(*row) for row in rows}) == len(rows)
    assert row_hash(b"a", None) == 0


def test_block_changes_its_own_rows_only(tree: Tree) -> None:
    parent = tree.branch(None, 3)[-1]
    payment = transfer(ANN, BOB.address, 5, network=tree.network)
    child = tree.grow(parent.block_hash, transactions=(payment,))
    keys = [change.key[:1] for change in changes_between(parent.state, child.state)]
    # Two accounts, the family, the new model, the rest.
    assert sorted(keys) == [b"a", b"a", b"f", b"m", b"s"]


def test_record_of_another_block_is_damage(tree: Tree) -> None:
    block = tree.grow()
    _, back = forth_and_back(tree.start, block.state)
    crossing = Crossing(block.state)
    with pytest.raises(StoreCorrupt, match="the record of block"):
        crossing.cross(block.block_hash, back)
    assert crossing.state() == block.state


def test_record_is_for_the_state_that_it_begins_in(tree: Tree) -> None:
    parent = tree.grow()
    block, twin = tree.grow(parent.block_hash), tree.grow(parent.block_hash, BOB)
    forth, back = forth_and_back(parent.state, block.state)
    for state, record in ((tree.start, forth), (twin.state, forth), (twin.state, back)):
        crossing = Crossing(state)
        with pytest.raises(StoreCorrupt, match="begins in another state"):
            crossing.cross(NAME, record)
        assert crossing.state() == state


def test_record_with_any_bit_turned_is_damage(tree: Tree) -> None:
    block = tree.grow()
    _, back = forth_and_back(tree.start, block.state)
    crossing = Crossing(block.state)
    for place in range(len(back)):
        turned = bytearray(back)
        turned[place] ^= 1 << place % 8
        with pytest.raises(StoreCorrupt):
            crossing.cross(NAME, bytes(turned))
    for end in (0, 31, 32, 33, len(back) - 1):
        with pytest.raises(StoreCorrupt):
            crossing.cross(NAME, back[:end])
    assert crossing.state() == block.state


@given(states, st.data())
@settings(max_examples=50)
@pytest.mark.slow
def test_rows_that_are_no_state_are_damage_and_nothing_else(
    state: State, data: st.DataObject
) -> None:
    rows = rows_of(state)
    key = data.draw(st.sampled_from(sorted(rows)))
    kind = data.draw(st.sampled_from(("value", "key", "gone")))
    value = rows.pop(key)
    if kind == "value":
        rows[key] = data.draw(st.binary(max_size=len(value) + 1))
    elif kind == "key":
        rows[key[:-1]] = value
    try:
        state_from_rows(rows)
    except StoreCorrupt as damage:
        assert "the rows of the state" in str(damage)  # noqa: PT017 - a damaged row may pass


@example(b"")
@example(b"\x80")
@given(st.binary(max_size=64))
def test_rest_that_is_no_rest_is_damage(tree: Tree, value: bytes) -> None:
    with pytest.raises(StoreCorrupt, match="the rows of the state"):
        state_from_rows({**rows_of(tree.start), b"s": value})


def test_states_of_a_chain_come_back(tree: Tree) -> None:
    for block in tree.branch(tree.grow(nonce=7).block_hash, 3, BOB):
        assert state_from_rows(rows_of(block.state)) == block.state


def test_account_numbers_keep_their_order_beyond_one_byte(tree: Tree) -> None:
    many = (
        Account(
            address=Address(tagged_hash("n", n.to_bytes(4, "big"))[:20]), balance=Amount(n), nonce=n
        )
        for n in range(600)
    )
    state = replace(tree.start, accounts=Accounts().updated(many))
    assert state_from_rows(rows_of(state)) == state
