# SPDX-License-Identifier: Apache-2.0
"""Tasks of every rule against a machine's limits."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_node.datasets.store import DatasetStore
from edge_node.node.errors import MiningBeyondMemory, ModelBeyondLimit
from edge_node.node.limits import Limits, model_bytes
from edge_node.node.mining.affordable import check_task
from edge_node.trainer.search import AnyTask
from tests.chain.workshop import SMALL
from tests.node.mining.by_rule import BY_RULE
from tests.node.rig import World, world


@pytest.fixture(params=BY_RULE)
def room(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, BY_RULE[request.param], proof=request.param) as made:
        yield made


def task_of(room: World) -> tuple[DatasetStore, AnyTask]:
    rig = room.add("ann", mines=True)
    room.run_until(lambda: rig.trainer.task is not None)
    assert rig.trainer.task is not None
    return rig.datasets, rig.trainer.task


def test_task_of_every_rule_is_held_against_model_and_memory(room: World) -> None:
    datasets, task = task_of(room)
    check_task(datasets, 1, Limits(), task)
    check_task(datasets, 1, Limits(model_bytes=model_bytes(SMALL), memory_bytes=1 << 30), task)
    with pytest.raises(ModelBeyondLimit):
        check_task(datasets, 1, Limits(model_bytes=model_bytes(SMALL) - 1), task)
    with pytest.raises(MiningBeyondMemory):
        check_task(datasets, 64, Limits(memory_bytes=1 << 30), task)


def test_dataset_that_is_lost_is_the_node_s_to_find(room: World) -> None:
    datasets, task = task_of(room)
    datasets.discard(task.dataset)
    check_task(datasets, 1, Limits(memory_bytes=1), task)
