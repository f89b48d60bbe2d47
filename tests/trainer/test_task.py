# SPDX-License-Identifier: Apache-2.0
"""Tasks on a real toy chain: what is due at each stage, and which task goes on with which."""

from dataclasses import replace

import pytest

from edge_node.primitives.hashing import ZERO_HASH
from edge_node.primitives.types import FamilyId
from edge_node.spec.architecture import Architecture, dense
from edge_node.spec.proof.errors import ArchitectureNotAllowed
from edge_node.trainer.search import AnyTask
from edge_node.trainer.task import Aim, FamilyShape, ShapeTask, Task, next_task
from tests.spec import toy_chain as toy
from tests.spec.toy_data import toy_dataset
from tests.trainer.toy_tasks import ANN, BOB, any_task_of, task_of


def test_stages_from_founder_to_evolution() -> None:
    chain = toy.ToyChain(toy.toy_network([toy_dataset()]))
    tasks = [task_of(chain)]
    for _ in range(2):
        chain.grow(ANN)
        tasks.append(task_of(chain))
    assert [len(task.relatives) for task in tasks] == [0, 1, 2]
    assert [task.evolves for task in tasks] == [False, False, True]
    assert len({task.family for task in tasks}) == 1
    assert tasks[2].relatives[1].block == chain.state.head
    assert tasks[0].train_images == 200


def test_a_taken_shape_makes_way_for_one_that_evolves() -> None:
    parameters = replace(toy.PARAMETERS, min_families=2)
    chain = toy.ToyChain(toy.toy_network([toy_dataset()], parameters=parameters))
    chain.grow(ANN)
    task = any_task_of(chain)
    assert isinstance(task, ShapeTask)
    (family,) = chain.state.families.values()
    assert task.families == (
        FamilyShape(
            family=family.family_id,
            architecture=toy.ARCHITECTURE,
            correct_count=family.models[0].correct_count,
        ),
    )
    assert (task.head, task.dataset, task.train_images) == (chain.state.head, family.dataset, 200)


def test_new_family_is_for_the_dataset_with_the_fewest_though_none_is_due() -> None:
    data = [toy_dataset("one"), toy_dataset("two")]
    chain = toy.ToyChain(toy.toy_network(data))
    while {f.dataset for f in chain.state.families.values() if f.records} != set(
        chain.state.datasets
    ):
        chain.grow(ANN)
    first, second = sorted(chain.state.datasets)
    in_turn, new = any_task_of(chain), any_task_of(chain, Aim.NEW_FAMILY)
    assert isinstance(in_turn, Task)
    assert in_turn.evolves
    assert isinstance(new, ShapeTask)
    assert new.dataset == first
    work = toy.Work(tip=chain.tip, miner=ANN, after_ms=6 * toy.PARAMETERS.rung_ms)
    chain.add(toy.founder(work, toy.SECOND_ARCHITECTURE, first))
    new = any_task_of(chain, Aim.NEW_FAMILY)
    assert new is not None
    assert new.dataset == second


def test_family_of_one_layer_is_climbed_on_with_as_it_has_no_children() -> None:
    shape = replace(toy.ARCHITECTURE, layers=(dense(toy.CLASSES),))
    parameters = replace(toy.PARAMETERS, min_population=1, min_family_acc_ppm=0)
    chain = toy.ToyChain(toy.toy_network([toy_dataset()], parameters=parameters))
    chain.add(toy.founder(toy.Work(tip=chain.tip, miner=ANN), shape))
    rules = chain.network.rules

    def founding(choice: Architecture) -> AnyTask | None:
        return next_task(
            chain.state,
            network=rules.network,
            parameters=rules.parameters,
            miner=ANN.key,
            models=chain.models,
            new_family=lambda _: choice,
            aim=Aim.NEW_FAMILY,
        )

    stays, other = founding(shape), founding(toy.ARCHITECTURE)
    assert isinstance(stays, Task)
    assert stays.evolves
    assert isinstance(other, Task)
    assert not other.relatives, "a shape that is not taken can be founded"


def test_shape_that_can_not_be_founded_is_refused() -> None:
    parameters = replace(toy.PARAMETERS, max_connection_count=1)
    chain = toy.ToyChain(toy.toy_network([toy_dataset()], parameters=parameters))
    with pytest.raises(ArchitectureNotAllowed, match="at most 1 connections"):
        any_task_of(chain)


def test_models_kept_are_those_before_the_fork() -> None:
    chain = toy.ToyChain(toy.toy_network([toy_dataset()]))
    chain.grow(ANN)
    other = chain.fork()
    chain.grow(ANN)
    before = task_of(chain)
    chain.grow(ANN)
    other.grow(BOB, 2)
    assert task_of(chain).models_kept(before) == 2
    assert before.models_kept(task_of(chain)) == 2
    assert before.models_kept(before) == 2
    assert task_of(other).models_kept(before) == 1


def test_task_of_another_family_continues_nothing() -> None:
    chain = toy.ToyChain(toy.toy_network([toy_dataset()]))
    first = task_of(chain)
    chain.grow(ANN)
    assert task_of(chain).continues(first)
    task = task_of(chain)
    other = replace(task, family=FamilyId(ZERO_HASH))
    assert not other.continues(task)
