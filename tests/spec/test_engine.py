# SPDX-License-Identifier: Apache-2.0
"""The reference engine is the law itself, and says which dataset it lacks."""

import pytest

from edge_node.primitives.hashing import tagged_hash
from edge_node.primitives.types import BlockHash, DatasetId
from edge_node.spec import bnn, guiding, recipe, signature, training
from edge_node.spec.dataset import SplitName
from edge_node.spec.engine import DatasetMissing, Engine, ReferenceEngine
from edge_node.spec.errors import InvalidInput
from edge_node.spec.recipe import EvolutionRates, RecipeContext, Step, StepKind
from tests.spec.samples import random_model
from tests.spec.toy_chain import ARCHITECTURE, miner, toy_dataset, toy_network

ALICE = miner("alice")
DATASET = toy_dataset()
NETWORK = toy_network([DATASET])
ENGINE: Engine = NETWORK.engine
EMPTY: Engine = ReferenceEngine(splits={})
MODEL = random_model(ARCHITECTURE, "engine")


def test_count_is_over_the_evaluation_split() -> None:
    split = DATASET.splits[SplitName.EVALUATION]
    right = sum(
        bnn.classify(bnn.logits(MODEL, split.images[64 * i : 64 * i + 64])) == label
        for i, label in enumerate(split.labels)
    )
    assert ENGINE.count_correct(MODEL, DATASET.dataset_id) == right


def test_training_is_on_the_train_split() -> None:
    split = DATASET.splits[SplitName.TRAIN]
    state = training.initial_state(ARCHITECTURE, b"engine")
    trained = ENGINE.train(ARCHITECTURE, state, DATASET.dataset_id, [3, 1, 4, 1], 2, [(1, 6)])
    assert trained == training.train(
        ARCHITECTURE, state, split.images, split.labels, [3, 1, 4, 1], 2, [(1, 6)]
    )


def test_walk_is_on_the_train_split() -> None:
    split = DATASET.splits[SplitName.TRAIN]
    start, batches = training.initial_state(ARCHITECTURE, b"engine").packed(), ((3, 1), (4, 1))
    walk = ENGINE.walk(ARCHITECTURE, start, DATASET.dataset_id, batches, 1)
    assert walk == guiding.run_walk(ARCHITECTURE, start, split.images, split.labels, batches, 1)
    with pytest.raises(DatasetMissing):
        EMPTY.walk(ARCHITECTURE, start, DATASET.dataset_id, batches, 1)


def test_signatures_and_recipes_are_the_laws() -> None:
    signed = ALICE.sign(b"message")
    assert ENGINE.verify(ALICE.key, b"message", signed)
    assert not ENGINE.verify(ALICE.key, b"massage", signed)
    assert signature.verify(ALICE.key, b"message", signed)
    context = RecipeContext(
        network=NETWORK.rules.network, base=BlockHash(NETWORK.rules.network), miner=ALICE.key
    )
    rates = EvolutionRates(mutate_ppm=100_000, cross_ppm=100_000)
    steps = [Step(kind=StepKind.CROSS, nonce=1, partner=0), Step(kind=StepKind.FLIP, nonce=2)]
    partners = [random_model(ARCHITECTURE, "partner")]
    assert ENGINE.apply_recipe(MODEL, partners, steps, rates, context) == recipe.apply_recipe(
        MODEL, partners, steps, rates, context
    )


def test_missing_dataset_is_named_and_is_nobodys_fault() -> None:
    unknown = DatasetId(tagged_hash("test", b"unknown"))
    state = training.initial_state(ARCHITECTURE, b"engine")
    for engine in (ENGINE, EMPTY):
        with pytest.raises(DatasetMissing, match=unknown.hex()) as caught:
            engine.count_correct(MODEL, unknown)
        assert caught.value.dataset == unknown
        assert not caught.value.peer_fault
        assert not isinstance(caught.value, InvalidInput)
        with pytest.raises(DatasetMissing):
            engine.train(ARCHITECTURE, state, unknown, [0], 1, [(1, 6)])
