# SPDX-License-Identifier: Apache-2.0
"""Which search follows on which task, on a real toy chain."""

from dataclasses import replace

from edge_node.primitives.types import FamilyId, Hash32
from edge_node.trainer.evolve import Evolution
from edge_node.trainer.founding import Founding, ShapeSearch
from edge_node.trainer.judges import KernelJudge
from edge_node.trainer.search import MAX_RESTING, Resting, search_for
from edge_node.trainer.task import Task
from tests.spec import toy_chain as toy
from tests.spec.toy_data import toy_dataset
from tests.trainer.toy_tasks import ANN, Splits, any_task_of

DATASET = toy_dataset()
JUDGE = KernelJudge(Splits(DATASET), 150)


def test_stages_have_their_searches_and_a_climb_goes_on() -> None:
    chain = toy.ToyChain(toy.toy_network([DATASET]))
    founding = search_for(any_task_of(chain), None, JUDGE)
    assert isinstance(founding, Founding)
    chain.grow(ANN)
    populating = search_for(any_task_of(chain), founding, JUDGE)
    assert isinstance(populating, Founding)
    assert populating is not founding
    chain.grow(ANN)
    climb = search_for(any_task_of(chain), populating, JUDGE)
    assert isinstance(climb, Evolution)
    chain.grow(ANN)
    assert search_for(any_task_of(chain), climb, JUDGE) is climb
    assert search_for(None, climb, JUDGE) is None


def test_climb_rests_until_its_familys_next_turn() -> None:
    chain = toy.ToyChain(toy.toy_network([DATASET]))
    chain.grow(ANN)
    chain.grow(ANN)
    resting, task = Resting(), any_task_of(chain)
    assert isinstance(task, Task)
    climb = search_for(task, None, JUDGE, resting=resting)
    assert isinstance(climb, Evolution)
    climb.step()
    best = climb.progress.best_train_ppm
    assert search_for(None, climb, JUDGE, resting=resting) is None
    again = search_for(task, None, JUDGE, resting=resting)
    assert again is climb
    assert climb.progress.best_train_ppm == best
    climb.step()
    assert search_for(task, None, JUDGE, resting=resting) is not climb  # it rests no more


def test_of_too_many_resting_climbs_the_longest_at_rest_goes() -> None:
    chain = toy.ToyChain(toy.toy_network([DATASET]))
    chain.grow(ANN)
    chain.grow(ANN)
    task = any_task_of(chain)
    assert isinstance(task, Task)
    families = [FamilyId(Hash32(bytes([number] * 32))) for number in range(MAX_RESTING + 1)]
    resting = Resting()
    for family in families:
        resting.put(Evolution(replace(task, family=family), JUDGE))
    kept = [resting.take(family) is not None for family in families]
    assert kept == [False] + [True] * MAX_RESTING


def test_taken_shape_is_followed_by_a_search_for_shapes() -> None:
    parameters = replace(toy.PARAMETERS, min_families=2)
    chain = toy.ToyChain(toy.toy_network([DATASET], parameters=parameters))
    chain.grow(ANN)
    assert isinstance(search_for(any_task_of(chain), None, JUDGE), ShapeSearch)
