# SPDX-License-Identifier: Apache-2.0
"""What people read of a proof, by each rule."""

import pytest

from edge_node.demo.proofs import proof_of, way_of
from edge_node.primitives.types import DatasetId, Hash32
from edge_node.spec.burst import Drawn, Operator
from edge_node.spec.errors import InvalidInput
from edge_node.spec.genesis import EVOLUTION, GUIDING_GRADIENT, GUIDING_GRADIENT_PAPER, RECIPE
from edge_node.spec.proof.evolution_proof import FallbackProof, FounderProof, PopulationProof
from edge_node.spec.proof.guiding_gradient_proof import WalkProof
from edge_node.spec.proof.recipe_proof import BurntProof, LotteryFounderProof, Recipe, StepProof
from tests.spec.toy_chain import ARCHITECTURE

DATASET = DatasetId(Hash32(bytes(32)))


def recipe(operator: Operator) -> Recipe:
    return Recipe(drawn=Drawn(operator=operator), steps=2, batch=4)


@pytest.mark.parametrize(
    ("rule", "proof", "way"),
    [
        (
            EVOLUTION,
            FounderProof(architecture=ARCHITECTURE, dataset=DATASET, steps=3),
            "founder",
        ),
        (EVOLUTION, PopulationProof(steps=3), "population"),
        (EVOLUTION, FallbackProof(), "fallback"),
        (RECIPE, StepProof(recipe=recipe(Operator.CROSS)), "cross"),
        (GUIDING_GRADIENT, StepProof(recipe=recipe(Operator.MUTATE)), "mutate"),
        (RECIPE, BurntProof(recipe=recipe(Operator.CONTINUE)), "fallback"),
        (
            RECIPE,
            LotteryFounderProof(
                recipe=recipe(Operator.CONTINUE), architecture=ARCHITECTURE, dataset=DATASET
            ),
            "founder, continue",
        ),
        (GUIDING_GRADIENT_PAPER, WalkProof(batches=((1, 2), (3, 4))), "2 batches"),
    ],
)
def test_every_proof_is_read_and_told(
    rule: str, proof: FounderProof | StepProof | WalkProof, way: str
) -> None:
    read = proof_of(proof.encode(), rule)
    assert read == proof
    assert way_of(read) == way


def test_proof_of_another_rule_is_none() -> None:
    with pytest.raises(InvalidInput):
        proof_of(StepProof(recipe=recipe(Operator.CROSS)).encode(), EVOLUTION)
