# SPDX-License-Identifier: Apache-2.0
"""An individual is its base and its recipe: by a real climb, its model is what the law makes."""

from edge_node.primitives.types import BlockHash, Hash32
from edge_node.spec.recipe import RecipeContext, apply_recipe
from edge_node.trainer.judges import KernelJudge
from edge_node.trainer.population import POPULATION_SIZE, Individual
from tests.spec import toy_chain as toy
from tests.spec.toy_data import toy_dataset
from tests.trainer.toy_tasks import ANN, Splits, task_of


def test_individual_is_the_model_that_its_recipe_makes_of_its_base() -> None:
    dataset = toy_dataset()
    chain = toy.ToyChain(toy.toy_network([dataset]))
    chain.grow(ANN, 2)
    task = task_of(chain)
    base = task.relatives[0]
    context = RecipeContext(network=task.network, base=base.block, miner=task.miner)
    rates = task.parameters.rates
    climber = KernelJudge(Splits(dataset), 150).climber(
        base.model, task.dataset, context, rates, max_steps=20
    )
    individual = Individual(base=base.block, climber=climber)
    start = individual.correct
    assert individual.model() == base.model
    climber.climb(2_000)
    assert individual.steps
    assert individual.correct >= start
    assert individual.model() == apply_recipe(base.model, (), individual.steps, rates, context)
    elsewhere = RecipeContext(
        network=task.network, base=BlockHash(Hash32(bytes(32))), miner=task.miner
    )
    assert individual.model() != apply_recipe(base.model, (), individual.steps, rates, elsewhere)


def test_population_is_that_of_the_paper() -> None:
    assert POPULATION_SIZE == 10
