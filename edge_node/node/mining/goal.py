# SPDX-License-Identifier: Apache-2.0
"""What a miner works for where families are trained from their heads: one of them, or a new one.

Paper A, sections 4.2 and 4.4: families go in turn, and a family that comes after others has a shape
that evolved from theirs. All of it follows from a head and a rung.
Law of the file: it says for what to work, never how.
Read next: lottery.py, guiding.py.
"""

from dataclasses import dataclass

from edge_node.node.mining.miner import MinerIdentity
from edge_node.primitives.types import DatasetId
from edge_node.spec import burst, scheduling
from edge_node.spec.architecture import Architecture
from edge_node.spec.constants import MAX_RUNG, NEXT_FAMILY_RUNG
from edge_node.spec.engine import Engine, LatentSource, ModelSource
from edge_node.spec.proof.claims import new_family, siblings
from edge_node.spec.proof.errors import FamilyTooSimilar
from edge_node.spec.proof.founding import (
    ShapeOrigin,
    check_shape,
    evolved_shape,
    shape_seed,
)
from edge_node.spec.proof.rule import ProofContext
from edge_node.spec.shapes import ShapeNotEvolved
from edge_node.spec.state import Family, State
from edge_node.spec.validation import Rules

MAX_SHAPE_DRAWS = 64
"""Shapes drawn for a founder; the next head draws others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainAccess:
    """What a family's next block begins with is made of."""

    engine: Engine
    """Replays what is missing."""
    models: ModelSource
    """Models of earlier blocks."""
    latents: LatentSource
    """Latents of family heads."""

    def context(self, head: State, rules: Rules) -> ProofContext:
        """Return what a proof on top of a head is judged by."""
        return ProofContext(
            network=rules.network,
            parameters=rules.parameters,
            parent=head,
            engine=self.engine,
            models=self.models,
            latents=self.latents,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What is searched for."""

    family: Family
    """As it is before the block."""
    origin: ShapeOrigin | None
    """Where the shape of a family that is yet to be founded comes from, if it evolved."""


def choose_goal(head: State, rung: int, founder: MinerIdentity) -> Goal | None:
    """Return what to work for on top of a head; None if there is nothing.

    Raises
    ------
    InvalidInput
        A founder is due, and the miner's choice can not be founded.
    """
    turns = scheduling.turns(head, founder.rules.parameters, rung)
    if turns.due_dataset is not None:
        goal = _to_found(head, turns.due_dataset, founder)
        if goal is not None:
            return goal
    if not turns.families:
        return None
    # Where nothing came in so long a time, the next family may go; on the last rung any win.
    index = 1 if NEXT_FAMILY_RUNG <= rung < MAX_RUNG and len(turns.families) > 1 else 0
    return Goal(family=head.families[turns.families[index]], origin=None)


def _to_found(head: State, dataset: DatasetId, founder: MinerIdentity) -> Goal | None:
    """Return a family to be founded: of the miner's shape, or of one that evolves from others."""
    parameters = founder.rules.parameters
    manifest = head.datasets[dataset].manifest
    shape, origin = founder.new_family(manifest), None
    others = siblings(dataset, head)
    try:
        check_shape(shape, manifest, others, parameters)
    except FamilyTooSimilar:
        evolved = _evolved(head, dataset, founder)
        if evolved is None:
            return None
        shape, origin = evolved
    return Goal(family=new_family(dataset, shape, head, parameters), origin=origin)


def _evolved(
    head: State, dataset: DatasetId, founder: MinerIdentity
) -> tuple[Architecture, ShapeOrigin] | None:
    """Return the first shape that may be founded of the two best families' children."""
    rules = founder.rules
    families = [each for each in head.families.values() if each.dataset == dataset]
    families.sort(key=lambda each: max(m.correct_count for m in each.models), reverse=True)
    first, second = families[0], families[min(1, len(families) - 1)]
    for nonce in range(MAX_SHAPE_DRAWS):
        seed = shape_seed(rules.network, head.head, founder.public_key, nonce)
        try:
            shape = evolved_shape(
                first.architecture,
                second.architecture,
                seed,
                manifest=head.datasets[dataset].manifest,
                siblings=[each.architecture for each in families],
                parameters=rules.parameters,
            )
        except ShapeNotEvolved:
            continue
        if burst.rules_for(shape, rules.parameters).cost <= rules.parameters.max_cost:
            origin = ShapeOrigin(first=first.family_id, second=second.family_id, nonce=nonce)
            return shape, origin
    return None
