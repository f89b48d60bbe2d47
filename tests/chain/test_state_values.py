# SPDX-License-Identifier: Apache-2.0
"""Values of state rows: each comes back from what the law encodes; another form is an error."""

from dataclasses import replace

import pytest

from edge_node.chain import state_values
from edge_node.primitives.hashing import ZERO_HASH, tagged_hash
from edge_node.primitives.types import (
    Address,
    Amount,
    DatasetId,
    FamilyId,
    Hash32,
    Height,
)
from edge_node.spec.encoding import Decoded, Value, encode
from edge_node.spec.errors import InvalidInput
from edge_node.spec.state import (
    Account,
    Bounty,
    DatasetEntry,
    Family,
    Have,
    Owed,
    PendingCommit,
    Punished,
    Reward,
)
from tests.spec.lottery_stages import stages
from tests.spec.stages import ALICE, only_family
from tests.spec.toy_chain import toy_dataset

ONE = Hash32(tagged_hash("test", b"one"))
BOUNTY = Bounty(
    uploader=ALICE.address,
    escrow=Amount(7),
    bonus=Amount(2),
    bond=Amount(3),
    closing_height=Height(90),
    revealed=True,
    owed=(Owed(family=FamilyId(ONE), address=ALICE.address, amount=Amount(1)),),
)
DAMAGE = (KeyError, ValueError, TypeError, InvalidInput)
"""What state_rows.py takes as damage."""


def back(value: Value) -> Decoded:
    return state_values.decoded(encode(value))


def family() -> Family:
    """Return a family of a lottery with records, and with models that it has forgotten."""
    return replace(only_family(stages()["fallback"]), forgotten=40, skips=3, idle=2)


def test_family_of_a_lottery_comes_back() -> None:
    given = family()
    assert all(model.latent_root != ZERO_HASH for model in given.models)
    assert len(given.records) >= 2
    read = state_values.family_from(given.family_id, back(given.value()))
    assert read == given
    assert (read.model_count, read.root()) == (40 + len(given.models), given.root())


@pytest.mark.parametrize("bounty", [None, BOUNTY, replace(BOUNTY, owed=(), revealed=False)])
def test_dataset_comes_back(bounty: Bounty | None) -> None:
    entry = DatasetEntry(
        manifest=toy_dataset().manifest,
        height=Height(5),
        scheduled=False,
        closed=True,
        bounty=bounty,
    )
    assert state_values.dataset_from(back([entry.manifest.value(), entry.value()])) == entry


def test_small_values_come_back() -> None:
    account = Account(address=ALICE.address, balance=Amount(5), nonce=6)
    assert state_values.account_from(account.encode()) == account
    reward = Reward(due=Height(9), address=ALICE.address, amount=Amount(1))
    assert state_values.reward_from(back(reward.value())) == reward
    commit = PendingCommit(address=ALICE.address, commitment=ONE, height=Height(4))
    assert state_values.commit_from(back(commit.value())) == commit
    punished = Punished(address=Address(ONE[:20]), height=Height(4))
    assert state_values.punished_from(back(punished.value())) == punished
    have = Have(miner=ALICE.key, datasets=(DatasetId(ONE),))
    assert state_values.have_from(back([have.miner, list(have.datasets)])) == have


def test_family_of_another_form_is_damage() -> None:
    value = back(family().value())
    assert isinstance(value, list)
    wrong: list[Decoded] = [0, b"", [], [0], [[]], {}]
    fitting = {(0, "b''"), (3, "[]")}  # of the form; what it says is held against the state root
    for place in range(len(value)):
        for item in wrong:
            changed = [item if i == place else v for i, v in enumerate(value)]
            if (place, repr(item)) in fitting:
                continue
            with pytest.raises(DAMAGE):
                state_values.family_from(family().family_id, changed)
    for item in (value[:-1], [*value, 0], 0, b""):
        with pytest.raises(DAMAGE):
            state_values.family_from(family().family_id, item)


def test_family_without_its_last_number_is_damage() -> None:
    """As rows were before families forgot models."""
    value = back(family().value())
    assert isinstance(value, list)
    numbers = value[2]
    assert isinstance(numbers, list)
    with pytest.raises(DAMAGE):
        state_values.family_from(family().family_id, [*value[:2], numbers[:-1], *value[3:]])


@pytest.mark.parametrize(
    ("read", "wrong"),
    [
        (state_values.as_list, (0, b"", {})),
        (state_values.as_int, (b"", [], {})),
        (state_values.as_bytes, (0, [], {})),
        (state_values.as_hash, (0, [], {})),
    ],
)
def test_value_of_another_type_is_damage(read: object, wrong: tuple["Decoded", ...]) -> None:
    assert callable(read)
    for value in wrong:
        with pytest.raises(TypeError):
            read(value)
