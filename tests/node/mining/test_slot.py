# SPDX-License-Identifier: Apache-2.0
"""Where a trainer sits: it gets its task again when it was replaced, but not for ever."""

from typing import cast

import pytest

from edge_node.node.errors import ModelBeyondLimit
from edge_node.node.mining.slot import MAX_TRAINER_RESTARTS, TrainerSlot
from edge_node.trainer.search import AnyTask
from edge_node.trainer.task import Progress
from tests.node.rig import Played

SAID = Progress(stage="lottery", candidates=3, best_train_ppm=0)


class Bench:
    """Starts trainers that do what a test says."""

    def __init__(self) -> None:
        self.started: list[Played] = []

    def __call__(self) -> Played:
        self.started.append(Played())
        return self.started[-1]


def test_what_the_trainer_says_is_passed_on() -> None:
    bench = Bench()
    slot = TrainerSlot(bench)
    bench.started[0].out.append(SAID)
    assert slot.poll() == [SAID]
    assert slot.poll() == []


def test_dead_trainer_is_replaced_until_it_dies_too_often() -> None:
    bench = Bench()
    slot = TrainerSlot(bench)
    for _ in range(MAX_TRAINER_RESTARTS):
        assert not slot.given_up
        bench.started[-1].alive = False
        assert slot.needs_trainer
        slot.poll()
    assert len(bench.started) == 1 + MAX_TRAINER_RESTARTS
    assert not slot.needs_trainer
    bench.started[-1].alive = False
    slot.poll()
    assert slot.given_up
    assert len(bench.started) == 1 + MAX_TRAINER_RESTARTS
    assert [each.stopped for each in bench.started] == [True] * MAX_TRAINER_RESTARTS + [False]


def test_why_a_trainer_died_is_told_each_time_and_once_at_the_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = Bench()
    slot = TrainerSlot(bench)
    for number in range(MAX_TRAINER_RESTARTS + 1):
        bench.started[-1].alive = False
        bench.started[-1].ending = f"cause {number}"
        slot.poll()
        slot.poll()
    told = [each.getMessage() for each in caplog.records if "died" in each.getMessage()]
    assert [f"(cause {number})" in line for number, line in enumerate(told)] == [True] * 6
    assert "this node only validates" in told[-1]


def test_what_a_trainer_said_before_it_died_is_not_lost() -> None:
    bench = Bench()
    slot = TrainerSlot(bench)
    bench.started[0].out.append(SAID)
    bench.started[0].alive = False
    assert slot.poll() == [SAID]


def test_task_beyond_the_machine_s_limits_is_no_work_until_another_comes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench, allowed = Bench(), [False]

    def check(_: AnyTask) -> None:
        if not allowed[0]:
            raise ModelBeyondLimit(expected=1, actual=2)

    slot = TrainerSlot(bench, check)
    task = cast(AnyTask, "a task")
    for _ in range(3):
        slot.assign(task)
    assert bench.started[0].tasks == [None, None, None]
    assert slot.hindrance.startswith("a model of 2 bytes is more than limits.max_model_bytes = 1")
    assert caplog.text.count("nothing is mined") == 1
    bench.started[0].alive = False
    slot.poll()
    assert bench.started[1].tasks == [], "nor has one that takes its place"
    allowed[0] = True
    slot.assign(task)
    assert (bench.started[1].tasks, slot.hindrance) == ([task], "")
