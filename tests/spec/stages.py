# SPDX-License-Identifier: Apache-2.0
"""A toy family at each stage of its life, with the honest block that comes next."""

import copy
import functools
from dataclasses import dataclass, replace

import pytest

from edge_node.primitives.types import FamilyId
from edge_node.spec import scheduling
from edge_node.spec.block import Block, Header
from edge_node.spec.errors import InvalidInput
from edge_node.spec.proof.evolution_proof import (
    ChildProof,
    FounderProof,
    PopulationProof,
    Proof,
    proof_from_bytes,
)
from edge_node.spec.state import Family
from edge_node.spec.transaction import Transfer
from edge_node.spec.validation import Verdict, validate_block
from tests.spec.toy_chain import (
    PARAMETERS,
    Mined,
    Miner,
    Network,
    Tip,
    ToyChain,
    Work,
    due,
    fallback,
    miner,
    recommitted,
    sealed,
    toy_dataset,
    toy_network,
    transfer,
)

ALICE, BOB, CAROL = miner("alice"), miner("bob"), miner("carol")
RUNG_MS = PARAMETERS.rung_ms
FALLBACK_MS = 7 * RUNG_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A parent and an honest child of it by Alice."""

    tip: Tip
    """The parent's state."""
    mined: Mined
    """A block that the law accepts there."""

    @property
    def block(self) -> Block:
        """The honest block."""
        return self.mined.block

    @property
    def header(self) -> Header:
        """Its header."""
        return self.mined.block.header


@functools.cache
def network() -> Network:
    """Return a network with one dataset, where Alice and Bob have coins."""
    return toy_network([toy_dataset()], rich=[ALICE, BOB])


@functools.cache
def stages() -> dict[str, Stage]:
    """Return the stages `founder`, `population`, `child` (of two records) and `fallback`."""
    chain = ToyChain(network())
    found: dict[str, Stage] = {}
    for name in ("founder", "population", "first child", "child"):
        transactions: tuple[Transfer, ...] = ()
        if name == "child":
            transactions = tuple(
                transfer(ALICE, CAROL.address, 10, network=network(), nonce=n) for n in range(2)
            )
        work = Work(tip=chain.tip, miner=ALICE, transactions=transactions)
        found[name] = Stage(tip=frozen(chain), mined=due(work))
        chain.add(found[name].mined)
    late = Work(tip=chain.tip, miner=ALICE, after_ms=FALLBACK_MS)
    found["fallback"] = Stage(tip=frozen(chain), mined=fallback(late))
    return found


@functools.cache
def two_families() -> ToyChain:
    """Return a chain of a dataset with two families that evolve; fork it before use."""
    rules = replace(
        PARAMETERS, min_families=2, max_idle_blocks=3, max_family_generations=64, target_ms=0
    )
    chain = ToyChain(toy_network([toy_dataset()], parameters=rules))
    while not (chain.state.families and all(f.records for f in chain.state.families.values())):
        chain.grow(ALICE)
    return chain


def in_turn(tip: Tip) -> tuple[FamilyId, FamilyId]:
    """Return the family that is due, and the next."""
    due_family, second = scheduling.turns(tip.state, tip.parameters, 5).families
    return due_family, second


def frozen(chain: ToyChain) -> Tip:
    """Return a chain's tip, cut off from what the chain does next."""
    return chain.fork().tip


def refused(tip: Tip, block: Block, error: type[InvalidInput], what: str | None = None) -> None:
    """Check that a block is refused for one rule, by number, and that nothing has changed."""
    before, root = copy.deepcopy(tip.state), tip.state.root()
    with pytest.raises(InvalidInput, match=what) as caught:
        tip.validate(block)
    assert type(caught.value) is error, caught.value
    assert str(caught.value).startswith(f"{error.reason}: ")
    assert caught.value.peer_fault
    assert tip.state == before
    assert tip.state.root() == root


def validate_with(tip: Tip, block: Block, **parameters: object) -> Verdict:
    """Judge a block by other parameters under the same network id, which no real network has."""
    rules = tip.network.rules
    changed = replace(rules.parameters, **parameters)  # type: ignore[arg-type]  # one or another
    return validate_block(
        block,
        tip.state,
        replace(rules, parameters=changed),
        tip.network.engine,
        tip.models,
        tip.latents,
    )


def resigned(header: Header, stage: Stage, signer: Miner = ALICE) -> Block:
    """Return the stage's block with another header, signed."""
    return sealed(header, stage.block.body, signer)


def changed(stage: Stage, **changes: object) -> Block:
    """Return the stage's block with other header fields, signed."""
    return resigned(replace(stage.header, **changes), stage)  # type: ignore[arg-type]  # as told


def with_proof(stage: Stage, proof: Proof | bytes, **changes: object) -> Block:
    """Return the stage's block with another proof and other fields, committed to and signed."""
    data = proof if isinstance(proof, bytes) else proof.encode()
    header = replace(stage.header, **changes)  # type: ignore[arg-type]  # as told
    return recommitted(header, replace(stage.block.body, proof=data), ALICE)


def trained_proof(stage: Stage) -> FounderProof | PopulationProof:
    """Return the proof of a founder or population stage."""
    proof = proof_from_bytes(stage.block.body.proof)
    assert isinstance(proof, FounderProof | PopulationProof)
    return proof


def child_proof() -> ChildProof:
    """Return the proof of the stage `child`."""
    proof = proof_from_bytes(stages()["child"].block.body.proof)
    assert isinstance(proof, ChildProof)
    return proof


def only_family(stage: Stage) -> Family:
    """Return the family of a stage, before its block."""
    (family,) = stage.tip.state.families.values()
    return family
