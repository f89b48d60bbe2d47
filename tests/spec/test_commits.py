# SPDX-License-Identifier: Apache-2.0
"""A model made elsewhere founds a family by commit and reveal, and for its miner only."""

import functools
from dataclasses import replace

import pytest

from edge_node.primitives.types import Hash32, Height
from edge_node.spec.architecture import dense
from edge_node.spec.block import Block
from edge_node.spec.commits import CommitKnown, ImportNotCommitted
from edge_node.spec.constants import COMMIT_SALT_BYTES, MAX_COMMIT_AGE_BLOCKS
from edge_node.spec.encoding import InvalidEncoding
from edge_node.spec.ledger import apply_transactions
from edge_node.spec.model import BlobMalformed, Model
from edge_node.spec.proof.errors import (
    AccuracyTooLow,
    ArchitectureNotAllowed,
    CorrectCountWrong,
    DifferenceTooSmall,
    DuplicateModel,
    HeaderDisagrees,
    ModelHashMismatch,
    OutOfTurn,
)
from edge_node.spec.proof.evolution_proof import ImportProof
from edge_node.spec.state import State
from edge_node.spec.transaction import commitment_to
from tests.spec import toy_market as market
from tests.spec.stages import ALICE, CAROL, refused
from tests.spec.toy_chain import (
    ARCHITECTURE,
    Mined,
    Miner,
    ToyChain,
    Work,
    assembled,
    founded,
    founder,
    recommitted,
    toy_dataset,
)

PARAMETERS = market.network().rules.parameters
DELAY = PARAMETERS.commit_delay_blocks
SALT = bytes(range(COMMIT_SALT_BYTES))
DATASET = toy_dataset().dataset_id


@functools.cache
def model() -> Model:
    """Return a model that was trained elsewhere: here, for another network's first block."""
    made = founder(Work(tip=ToyChain(market.network()).tip, miner=CAROL, first_nonce=500)).model
    assert made is not None
    return made


def proof(salt: bytes = SALT) -> ImportProof:
    return ImportProof(dataset=DATASET, blob=model().blob(), salt=salt)


@functools.cache
def committed() -> ToyChain:
    """Return a chain on which Alice's commitment is old enough; fork it."""
    chain = ToyChain(market.network())
    market.wait(chain, market.commit(commitment_to(model().blob(), ALICE.key, SALT)))
    market.wait(chain, until=DELAY)
    return chain


def imported(chain: ToyChain, by: Miner = ALICE, given: ImportProof | None = None) -> Mined:
    work = Work(tip=chain.tip, miner=by)
    family = founded(work, ARCHITECTURE, DATASET)
    return assembled(work, family, given or proof(), model())


def changed(block: Block, by: Miner = ALICE, **changes: object) -> Block:
    return recommitted(replace(block.header, **changes), block.body, by)  # type: ignore[arg-type]  # one field or another


def test_imported_model_founds_its_family() -> None:
    chain = committed().fork()
    chain.add(imported(chain))
    (family,) = chain.state.families.values()
    assert family.models[0].model_hash == model().model_hash()
    assert chain.state.immature[-1].address == ALICE.address
    chain.grow(CAROL, 2)
    assert chain.state.height == DELAY + 3, "its population and its children follow"


def test_r_66_commitment_is_taken_once_and_the_next_replaces_it() -> None:
    one, two = Hash32(b"1" * 32), Hash32(b"2" * 32)
    start = market.network().start()
    state, _ = apply_transactions(start, [market.commit(one)], PARAMETERS)
    with pytest.raises(CommitKnown, match="R-66"):
        apply_transactions(state, [market.commit(one, nonce=1)], PARAMETERS)
    state, _ = apply_transactions(
        state, [market.commit(one, by=CAROL), market.commit(two, nonce=1)], PARAMETERS
    )
    found = [(each.address, each.commitment) for each in state.commits]
    assert found == [(CAROL.address, one), (ALICE.address, two)]


def test_r_66_old_commitments_are_forgotten() -> None:
    start = market.network().start()
    state, _ = apply_transactions(start, [market.commit(Hash32(b"1" * 32))], PARAMETERS)

    def after(height: int) -> State:
        late = replace(state, height=Height(height - 1))
        return apply_transactions(late, [market.commit(Hash32(b"2" * 32), by=CAROL)], PARAMETERS)[0]

    assert len(after(1 + MAX_COMMIT_AGE_BLOCKS).commits) == 2
    assert len(after(2 + MAX_COMMIT_AGE_BLOCKS).commits) == 1


def test_r_67_model_without_a_commitment_is_refused() -> None:
    chain = ToyChain(market.network())
    market.wait(chain, until=DELAY)
    refused(chain.tip, imported(chain).block, ImportNotCommitted)


def test_r_67_commitment_must_be_old_enough() -> None:
    chain = ToyChain(market.network())
    market.wait(chain, market.commit(commitment_to(model().blob(), ALICE.key, SALT)))
    for _ in range(DELAY - 1):
        refused(chain.tip, imported(chain).block, ImportNotCommitted)
        market.wait(chain)
    chain.add(imported(chain))


def test_r_67_commitment_must_not_be_forgotten() -> None:
    chain = committed().fork()
    late = MAX_COMMIT_AGE_BLOCKS + 1
    chain.state = replace(chain.state, height=Height(late))
    refused(chain.tip, imported(chain).block, ImportNotCommitted)


def test_r_67_who_copies_a_shown_model_has_not_committed_to_it() -> None:
    chain = committed().fork()
    refused(chain.tip, imported(chain, by=CAROL).block, ImportNotCommitted)
    salted = imported(chain, given=proof(bytes(COMMIT_SALT_BYTES)))
    refused(chain.tip, salted.block, ImportNotCommitted)


def test_r_67_copied_commitment_is_of_no_use() -> None:
    chain = ToyChain(market.network())
    seen = commitment_to(model().blob(), ALICE.key, SALT)
    market.wait(chain, market.commit(seen, by=CAROL), market.commit(seen))
    market.wait(chain, until=DELAY)
    refused(chain.tip, imported(chain, by=CAROL).block, ImportNotCommitted)
    chain.add(imported(chain))


def test_import_is_held_to_every_rule_of_a_founder() -> None:
    chain = committed().fork()
    block = imported(chain).block
    one = Hash32(bytes(31) + b"\1")
    refused(chain.tip, changed(block, nonce=1), HeaderDisagrees)
    refused(chain.tip, changed(block, latent_root=one), HeaderDisagrees)
    refused(chain.tip, changed(block, family=one), HeaderDisagrees)
    refused(chain.tip, changed(block, model_hash=one), ModelHashMismatch)
    refused(chain.tip, changed(block, correct_count=1), AccuracyTooLow)
    refused(
        chain.tip, changed(block, correct_count=block.header.correct_count + 1), CorrectCountWrong
    )
    chain.add(imported(chain))
    refused(chain.tip, imported(chain).block, OutOfTurn)


def test_import_of_a_model_that_was_in_a_block_is_refused() -> None:
    chain = committed().fork()
    known = chain.state.models.added(model().model_hash())
    chain.state = replace(chain.state, models=known)
    refused(chain.tip, imported(chain).block, DuplicateModel)


def test_r_45_import_of_a_model_of_another_dataset_is_refused() -> None:
    chain = ToyChain(market.network())
    other = market.UPLOADED.dataset_id
    market.wait(chain, market.upload())
    market.wait(chain, until=4)
    chain.grow(CAROL)
    (family,) = chain.state.families.values()
    taken = chain.models.model(family.models[0].model_hash)
    moved = tuple(bias + 1 for bias in taken.thresholds[-1])
    copied = replace(taken, thresholds=(*taken.thresholds[:-1], moved))
    given = ImportProof(dataset=other, blob=copied.blob(), salt=SALT)
    market.wait(chain, market.commit(commitment_to(given.blob, ALICE.key, SALT)))
    market.wait(chain, until=chain.state.height + DELAY)
    work = Work(tip=chain.tip, miner=ALICE)
    family_there = founded(work, taken.architecture, other)
    block = assembled(work, family_there, given, copied).block
    claimed = replace(block.header, correct_count=50)
    refused(chain.tip, recommitted(claimed, block.body, ALICE), DifferenceTooSmall)


def test_blob_that_is_no_model_is_refused_before_anything_is_asked() -> None:
    chain = committed().fork()
    for blob, error in ((model().blob()[:-1], InvalidEncoding), (b"\0", BlobMalformed)):
        cut = ImportProof(dataset=DATASET, blob=blob, salt=SALT)
        refused(chain.tip, imported(chain, given=cut).block, error)


def test_import_for_other_classes_is_refused() -> None:
    chain = committed().fork()
    shape = replace(ARCHITECTURE, layers=(dense(4),))
    other = Model(architecture=shape, weights=((0, 0, 0, 0),), thresholds=((0, 0, 0, 0),))
    given = ImportProof(dataset=DATASET, blob=other.blob(), salt=SALT)
    refused(chain.tip, imported(chain, given=given).block, ArchitectureNotAllowed)
