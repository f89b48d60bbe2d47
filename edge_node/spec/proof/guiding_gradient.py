# SPDX-License-Identifier: Apache-2.0
"""Proof rule `guiding_gradient_paper`: paper B's proof of learning as published, made exact.

Rules R-80 to R-84; paper B, Algorithms 1 and 2. A block wins by one training step that meets
requirements R, drawn from the hash of the block before, and by an accuracy that rises. It is there
to be studied, not to be trusted: weights that stand still meet R, R is known before the work, and
the miner chooses every batch, so that a table of gradients finds what no training would.
Departures: W is reached from the family's head by steps that the proof lists (in the paper it is
free, so no validator could know it); W and W' are integers; a founder has no accuracy to beat.
Law of the file: published weaknesses stay; `guiding_gradient` (recipe.py) is without them.
Read next: edge_node/spec/guiding.py, guiding_gradient_proof.py.
"""

from typing import ClassVar

from edge_node.primitives.hashing import ZERO_HASH
from edge_node.primitives.types import Hash32
from edge_node.spec import guiding, scheduling
from edge_node.spec.block import Block, Header
from edge_node.spec.dataset import SplitName
from edge_node.spec.errors import InvalidProof
from edge_node.spec.genesis import Parameters
from edge_node.spec.guiding import Walk
from edge_node.spec.proof.claims import (
    agree,
    check_evolved,
    check_fallback,
    check_family,
    check_new,
    skipped,
)
from edge_node.spec.proof.evolution_proof import FallbackProof
from edge_node.spec.proof.guiding_gradient_proof import (
    WalkFounderProof,
    WalkProof,
    check_batches,
    guiding_proof_from_bytes,
)
from edge_node.spec.proof.rule import FamilyBefore, Learned, ProofContext, ReplaySources
from edge_node.spec.proof.trained import check_model, check_root, founded, grown, head_latents
from edge_node.spec.scheduling import Turns
from edge_node.spec.state import Family


class RequirementViolated(InvalidProof):
    """The last step moved a weight against the requirements of its block (R-83).

    Paper B, Algorithm 1.
    """

    reason: ClassVar[str] = "R-83"
    wants: ClassVar[str] = "the requirements"


class AccuracyNotRisen(InvalidProof):
    """The model is no better than its family's head (R-84).

    Paper B, Algorithm 2.
    """

    reason: ClassVar[str] = "R-84"
    wants: ClassVar[str] = "the correct count"


class GuidingGradientPaperRule:
    """Paper B's rule behind the ProofRule port.

    Parameters
    ----------
    requirements : int
        k, by the genesis.
    """

    def __init__(self, requirements: int) -> None:
        self._work = 1 << requirements

    def verify(self, block: Block, context: ProofContext) -> Learned:
        """See ProofRule; every block but a family's first may be a record, as it is better."""
        header = block.header
        proof = guiding_proof_from_bytes(block.body.proof)
        turns = scheduling.turns(context.parent, context.parameters, header.rung)
        if isinstance(proof, FallbackProof):
            check_fallback(header, turns)
            return Learned(model=None, families=())
        family = _family_of(header, proof, turns, context)
        splits = context.parent.datasets[family.dataset].manifest.splits
        check_batches(proof.batches, context.parameters, splits[SplitName.TRAIN].count)
        agree("nonce", 0, header.nonce)
        check_new(header, context.parent)
        _check_claim(header, family)
        walk = _replayed(header, proof, family, context)
        check_model(header, walk.model, family, context)
        after = grown(header, walk.model, family, context, may_be_record=bool(family.models))
        return Learned(
            model=walk.model,
            families=(after, *skipped(turns, after, context)),
            latents=walk.latents,
            earns_bonus=after.models[-1].record,
        )

    def replay(self, block: Block, before: FamilyBefore, sources: ReplaySources) -> bytes:
        """See ProofRule: the walk of its proof."""
        proof = guiding_proof_from_bytes(block.body.proof)
        assert not isinstance(proof, FallbackProof), "a fallback is of no family"
        return sources.engine.walk(
            before.architecture,
            before.latents,
            before.dataset,
            proof.batches,
            sources.parameters.learning_shift,
        ).latents

    def check_header(self, header: Header) -> None:
        """See ProofRule: a header alone shows nothing."""

    def work(self, header: Header) -> int:
        """See ProofRule: 2**k whatever the rung, nothing for a fallback (R-50)."""
        return 0 if header.model_hash == ZERO_HASH else self._work

    def first_target(self, parameters: Parameters) -> Hash32:  # noqa: ARG002 - the port's
        """See ProofRule."""
        return ZERO_HASH

    def next_difficulty(
        self,
        target: Hash32,
        interval_ms: int,  # noqa: ARG002 - the port's
        parameters: Parameters,  # noqa: ARG002 - the port's
    ) -> Hash32:
        """See ProofRule: k is the genesis', and the paper has no retarget."""
        return target


def _family_of(
    header: Header, proof: WalkFounderProof | WalkProof, turns: Turns, context: ProofContext
) -> Family:
    """Return the family as it is before the block."""
    if not isinstance(proof, WalkFounderProof):
        return check_family(header, turns, context.parent)
    family = founded(header, proof.dataset, proof.architecture, turns, context)
    if proof.origin is not None:
        check_evolved(header, proof.dataset, proof.architecture, proof.origin, context)
    return family


def least_correct(family: Family) -> int:
    """Return how many images a family's next model must have correct (R-84)."""
    return family.models[-1].correct_count + 1 if family.models else 0


def _check_claim(header: Header, family: Family) -> None:
    least = least_correct(family)
    # R-84: accuracy(W') > accuracy(W), at every rung: as published, a family can come to a stand.
    if header.correct_count < least:
        raise AccuracyNotRisen(expected=f"at least {least}", actual=header.correct_count)


def _replayed(
    header: Header, proof: WalkFounderProof | WalkProof, family: Family, context: ProofContext
) -> Walk:
    parameters = context.parameters
    walk = context.engine.walk(
        family.architecture,
        head_latents(family, context),
        family.dataset,
        proof.batches,
        parameters.learning_shift,
    )
    check_root(header, walk.latents)
    required = guiding.requirements(
        header.previous_hash, family.architecture, parameters.requirements
    )
    unmet = guiding.first_unmet(required, walk.before, walk.latents)
    # the last step alone, and a weight that stands still passes.
    if unmet is not None:
        weight, direction = unmet
        falls, rises = f"a fall of weight {weight}", f"a rise of weight {weight}"
        raise RequirementViolated(
            expected=f"without {falls if direction > 0 else rises}", actual="with it"
        )
    return walk
