# SPDX-License-Identifier: Apache-2.0
"""Blocks that break one rule of the law each, on a chain at the stage they are made for."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace

from edge_node.primitives.types import Hash32, ModelHash, Signature, TimestampMs
from edge_node.spec.architecture import (
    ArchitectureMalformed,
    ArchitectureOutOfRange,
    conv,
    dense,
)
from edge_node.spec.block import Block
from edge_node.spec.encoding import InvalidEncoding, Value, encode
from edge_node.spec.errors import InvalidInput
from edge_node.spec.ledger import BalanceTooLow, NonceMismatch
from edge_node.spec.proof import errors as evolution
from edge_node.spec.proof.errors import ProofMalformed
from edge_node.spec.proof.evolution_proof import (
    ChildProof,
    FallbackProof,
    FounderProof,
    PopulationProof,
    Proof,
)
from edge_node.spec.proof.founding import family_id
from edge_node.spec.recipe import RecipeContext, Step, StepKind, StepMalformed, apply_recipe
from edge_node.spec.state import Family
from edge_node.spec.training_bounds import NotTrainable
from edge_node.spec.transaction import TransactionSignatureInvalid, Transfer
from edge_node.spec.validation import (
    BlockSignatureInvalid,
    BodyMismatch,
    HeaderOutOfPlace,
    TimestampInvalid,
)
from tests.spec import stages as spec
from tests.spec import toy_chain as toy
from tests.spec.stages import ALICE, BOB, CAROL, RUNG_MS, Stage
from tests.spec.toy_chain import ARCHITECTURE, Work

ORDER = ("founder", "population", "first child", "child", "fallback")
"""The stages; each one's honest block is the parent of the next."""

Breaker = Callable[[Stage], Block]


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A way to break one rule."""

    stage: str
    """Where in the chain."""
    error: type[InvalidInput]
    """The rule."""
    build: Breaker
    """Makes the block of the honest one."""


def header(**changes: object) -> Breaker:
    """Change the honest header and sign it again."""

    def build(stage: Stage) -> Block:
        return spec.resigned(replace(stage.header, **changes), stage)  # type: ignore[arg-type]  # one field or another

    return build


def raw_proof(*proof: Value) -> Breaker:
    """Put another value where the honest proof is."""

    def build(stage: Stage) -> Block:
        body = replace(stage.block.body, proof=encode(proof))
        return toy.recommitted(stage.header, body, ALICE)

    return build


def transactions(*confirmed: Transfer) -> Breaker:
    """Put other transactions where the honest ones are."""

    def build(stage: Stage) -> Block:
        body = replace(stage.block.body, transactions=confirmed)
        return toy.recommitted(stage.header, body, ALICE)

    return build


def send(amount: int = 5, nonce: int = 2) -> Transfer:
    """Return a transfer by Alice, who has sent two before the fallback."""
    return toy.transfer(ALICE, CAROL.address, amount, network=spec.network(), nonce=nonce)


def proof(given: Proof, after_ms: int = toy.BLOCK_MS) -> Breaker:
    """Assemble a block with another proof around the honest block's model."""

    def build(stage: Stage) -> Block:
        family = next(iter(stage.tip.state.families.values()), None)
        if isinstance(given, FounderProof):
            family = founded(stage, given)
        work = Work(tip=stage.tip, miner=ALICE, after_ms=after_ms)
        return toy.assembled(work, family, given, stage.mined.model).block

    return build


def founded(stage: Stage, given: FounderProof) -> Family:
    """Return the family that a founder claims to begin, as far as a header shows it."""
    honest = stage.tip.validate(stage.block).state.families[stage.header.family]
    return replace(
        honest,
        family_id=family_id(given.dataset, given.architecture),
        architecture=given.architecture,
        models=(),
    )


def founder(after_ms: int = toy.BLOCK_MS, **changes: object) -> Breaker:
    """Found a family of another shape than the honest one."""

    def build(stage: Stage) -> Block:
        (dataset,) = stage.tip.state.datasets
        shape = replace(ARCHITECTURE, **changes)  # type: ignore[arg-type]  # one field or another
        given = FounderProof(architecture=shape, dataset=dataset, steps=6)
        return proof(given, after_ms)(stage)

    return build


def genome(value: Value) -> Breaker:
    """Found a family by a genome that no architecture has."""

    def build(stage: Stage) -> Block:
        (dataset,) = stage.tip.state.datasets
        return raw_proof(0, dataset, value, 6, [])(stage)

    return build


def forged(stage: Stage) -> Block:
    return replace(stage.block, header=replace(stage.header, signature=Signature(bytes(64))))


def swapped_body(stage: Stage) -> Block:
    return replace(stage.block, body=replace(stage.block.body, have=()))


def early(stage: Stage) -> Block:
    timestamp = TimestampMs(stage.tip.state.timestamp + 1)
    return header(timestamp=timestamp)(stage)


def false_claim(stage: Stage) -> Block:
    return header(correct_count=stage.header.correct_count + 1)(stage)


def known_model(stage: Stage) -> Block:
    (family,) = stage.tip.state.families.values()
    return header(model_hash=family.models[0].model_hash)(stage)


def near_twin(stage: Stage) -> Block:
    """Evolve a child by a threshold alone: no weight differs from its parent's."""
    (family,) = stage.tip.state.families.values()
    base = family.records[-1]
    step = Step(kind=StepKind.THRESHOLD, nonce=1)
    context = RecipeContext(network=stage.header.network, base=base.block, miner=stage.header.miner)
    parent = stage.tip.models.model(base.model_hash)
    rates = stage.tip.parameters.rates
    child = apply_recipe(parent, (), (step,), rates, context)
    body = replace(
        stage.block.body,
        proof=ChildProof(base=family.models.index(base), steps=(step,)).encode(),
    )
    changed = replace(stage.header, model_hash=child.model_hash())
    return toy.recommitted(changed, body, ALICE)


ONE = Hash32(bytes(31) + b"\1")
SAME_PADDING = (replace(conv(4), same_padding=True), dense(toy.CLASSES))

BROKEN: dict[str, Broken] = {
    name: Broken(stage=stage, error=error, build=build)
    for name, stage, error, build in (
        ("R-2 proof", "population", InvalidEncoding, lambda s: _raw(s, b"\x81")),
        ("R-3 genome", "founder", ArchitectureMalformed, genome(0)),
        ("R-4 size", "founder", ArchitectureOutOfRange, genome([0, 8, 1, 1, [[1, 3]]])),
        ("R-9 training", "founder", NotTrainable, founder(layers=SAME_PADDING)),
        ("R-10 step", "child", StepMalformed, raw_proof(2, 0, [3])),
        (
            "R-20 signature",
            "fallback",
            TransactionSignatureInvalid,
            transactions(replace(send(), signature=BOB.sign(b"another"))),
        ),
        ("R-26 nonce", "fallback", NonceMismatch, transactions(send(nonce=3))),
        ("R-26 replay", "fallback", NonceMismatch, transactions(send(), send())),
        ("R-27 balance", "fallback", BalanceTooLow, transactions(send(toy.ALLOCATION))),
        ("R-30 height", "child", HeaderOutOfPlace, header(height=9)),
        ("R-30 network", "child", HeaderOutOfPlace, header(network=ONE)),
        ("R-30 state", "child", HeaderOutOfPlace, header(state_root=ONE)),
        ("R-30 history", "child", HeaderOutOfPlace, header(history_root=ONE)),
        ("R-33 proof", "child", ProofMalformed, raw_proof(9)),
        ("R-34 fallback", "child", evolution.OutOfTurn, proof(FallbackProof())),
        ("R-34 founder", "child", evolution.OutOfTurn, founder(layers=(dense(toy.CLASSES),))),
        ("R-35 population", "child", evolution.WrongStage, proof(PopulationProof(steps=6))),
        ("R-35 child", "population", evolution.WrongStage, proof(ChildProof(base=0, steps=()))),
        ("R-36 generation", "child", evolution.HeaderDisagrees, header(generation=9)),
        ("R-36 nonce", "child", evolution.HeaderDisagrees, header(nonce=1)),
        ("R-36 model link", "child", evolution.HeaderDisagrees, header(previous_model_hash=ONE)),
        ("R-37 classes", "founder", evolution.ArchitectureNotAllowed, founder(layers=(dense(4),))),
        ("R-38 family", "child", evolution.FamilyTooSimilar, founder(6 * RUNG_MS)),
        ("R-39 steps", "population", evolution.ReplayTooLong, proof(PopulationProof(steps=17))),
        ("R-39 no step", "child", evolution.ReplayTooLong, proof(ChildProof(base=0, steps=()))),
        (
            "R-40 base",
            "child",
            evolution.UnknownParent,
            proof(ChildProof(base=99, steps=(Step(kind=StepKind.FLIP, nonce=1),))),
        ),
        ("R-41 accuracy", "child", evolution.AccuracyTooLow, header(correct_count=1)),
        ("R-42 model", "child", evolution.DuplicateModel, known_model),
        ("R-43 latents", "population", evolution.LatentRootMismatch, header(latent_root=ONE)),
        ("R-44 model", "child", evolution.ModelHashMismatch, header(model_hash=ModelHash(ONE))),
        ("R-45 distance", "child", evolution.DifferenceTooSmall, near_twin),
        ("R-46 claim", "child", evolution.CorrectCountWrong, false_claim),
        ("R-47 time", "child", TimestampInvalid, early),
        ("R-47 rung", "child", TimestampInvalid, header(rung=1)),
        ("R-48 signature", "child", BlockSignatureInvalid, forged),
        ("R-49 body", "child", BodyMismatch, swapped_body),
    )
}
"""Every rule that a block which has the form of one can break."""


def _raw(stage: Stage, data: bytes) -> Block:
    body = replace(stage.block.body, proof=data)
    return toy.recommitted(stage.header, body, ALICE)


@functools.cache
def broken_block(name: str) -> Block:
    """Return the block that breaks a rule."""
    broken = BROKEN[name]
    return broken.build(spec.stages()[broken.stage])


def chain_before(stage: str) -> list[Block]:
    """Return the honest blocks up to a stage's parent."""
    return [spec.stages()[name].block for name in ORDER[: ORDER.index(stage)]]
