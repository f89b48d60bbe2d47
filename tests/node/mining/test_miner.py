# SPDX-License-Identifier: Apache-2.0
"""What every miner does, by each proof rule in whole nodes: begin, rest, give up the refused."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge_node.node.mining.miner import MAX_REFUSALS
from edge_node.trainer.lottery import Win
from edge_node.trainer.search import Found
from edge_node.trainer.task import Progress
from tests.node.mining.by_rule import BY_RULE
from tests.node.rig import World, find, mine, world


@pytest.fixture(params=BY_RULE)
def room(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    with world(tmp_path, BY_RULE[request.param], proof=request.param) as made:
        yield made


def exaggerated(found: Found) -> Found:
    """Return what says to be better than it is, as a faulty trainer would."""
    if isinstance(found, Win):
        header = found.header
        return replace(found, header=replace(header, correct_count=header.correct_count + 1))
    return replace(found, correct_count=found.correct_count + 1)


def test_dead_trainer_is_started_again_on_its_task(room: World) -> None:
    ann = room.add("ann", mines=True)
    room.run()
    task = ann.trainer.task
    assert task is not None
    ann.trainer.alive = False
    room.run(500)
    assert len(ann.trainers) == 2
    assert ann.trainer.task == task


def test_node_that_may_not_mine_gives_its_trainer_nothing(room: World) -> None:
    ann = room.add("ann", mines=True)
    room.run()
    late = find(ann)
    ann.node.set_mining(allowed=False)
    room.run(500)
    assert ann.trainer.task is None
    ann.trainer.out.append(late)
    room.run()
    assert ann.height == 0, "what comes late is not taken"
    ann.node.set_mining(allowed=True)
    room.run(500)
    mine(ann)


def test_progress_is_known_as_soon_as_the_trainer_has_said_it(room: World) -> None:
    ann = room.add("ann", mines=True)
    room.run()
    miner = ann.node.parts.miner
    assert miner is not None
    assert miner.progress is None
    said = Progress(stage="found", candidates=3, best_train_ppm=0)
    ann.trainer.out.append(said)
    room.run(500)
    assert miner.progress == said


def test_refused_blocks_end_mining_until_the_next_head(
    room: World, caplog: pytest.LogCaptureFixture
) -> None:
    ann, bob = room.add("ann", mines=True), room.add("bob", mines=True)
    room.run()
    for _ in range(MAX_REFUSALS):
        if ann.trainer.task is None:
            break
        ann.trainer.out.append(exaggerated(find(ann)))
        room.run(2_000)
    assert ann.height == 0
    assert "own block dropped" in caplog.text
    mine(bob)
    room.run_until(lambda: ann.height == 1)
    mine(ann)
    assert ann.node.mined == 1
