# SPDX-License-Identifier: Apache-2.0
"""Paper B's walk and requirements: against single steps of the law, and as they are published."""

import pytest

from edge_node.primitives.types import BlockHash, Hash32
from edge_node.spec import guiding, training
from edge_node.spec.training import LatentState
from tests.spec.toy_chain import ARCHITECTURE
from tests.spec.toy_data import toy_dataset

SPLIT = toy_dataset().splits[0]
START = training.initial_state(ARCHITECTURE, b"start")
BATCHES = ((0, 1, 2, 3), (7, 7, 7, 7), (199, 0, 5, 11))
SHIFT = 2
HEADS = [BlockHash(Hash32(bytes([n]) * 32)) for n in range(40)]
NEURON_ENDS = (9, 18, 27, 36, 72, 108, 144)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_walk_is_one_step_after_the_other(count: int) -> None:
    states = [START]
    for batch in BATCHES[:count]:
        states.append(
            training.shifted_step(
                ARCHITECTURE, states[-1], SPLIT.images, SPLIT.labels, batch, SHIFT
            )
        )
    walk = guiding.run_walk(
        ARCHITECTURE, START.packed(), SPLIT.images, SPLIT.labels, BATCHES[:count], SHIFT
    )
    assert (walk.before, walk.latents) == (states[-2].packed(), states[-1].packed())
    assert walk.before != walk.latents
    assert walk.model == training.model_from_state(ARCHITECTURE, states[-1])


def test_r_83_requirements_are_of_distinct_neurons_and_follow_from_the_block_before() -> None:
    drawn = [guiding.requirements(head, ARCHITECTURE, 7) for head in HEADS]
    assert len(set(map(tuple, drawn))) == len(HEADS)
    for each in drawn:
        owners = [next(n for n, end in enumerate(NEURON_ENDS) if w < end) for w, _ in each]
        assert sorted(owners) == list(range(7)), "collision avoidance"
    assert {sign for each in drawn for _, sign in each} == {1, -1}
    assert guiding.requirements(HEADS[3], ARCHITECTURE, 2) == drawn[3][:2]


def moved(weight: int, by: int) -> bytes:
    """Return START with one latent moved."""
    flat = [latent for layer in START.latents for latent in layer]
    flat[weight] += by
    return LatentState(latents=(tuple(flat),), biases=START.biases).packed()


@pytest.mark.parametrize("weight", [0, 35, 36, 143])
@pytest.mark.parametrize("by", [1, -1, 300, -300])
def test_r_83_weight_may_go_its_way_and_no_other(weight: int, by: int) -> None:
    before, after = START.packed(), moved(weight, by)
    way = 1 if by > 0 else -1
    others = [(1, 1), (1, -1), (100, 1), (100, -1)]
    assert guiding.first_unmet([*others, (weight, way)], before, after) is None
    assert guiding.first_unmet([*others, (weight, -way)], before, after) == (weight, -way)


def test_r_83_weights_that_stand_still_pass_whatever_is_required() -> None:
    """As published, and a weakness: a step that moves nothing meets every R."""
    every = [(weight, sign) for weight in range(144) for sign in (1, -1)]
    assert guiding.first_unmet(every, START.packed(), START.packed()) is None
