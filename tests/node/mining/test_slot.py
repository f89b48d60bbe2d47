# SPDX-License-Identifier: Apache-2.0
"""Where a trainer sits: it gets its task again when it was replaced, but not for ever."""

from edge_node.node.mining.slot import MAX_TRAINER_RESTARTS, TrainerSlot
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


def test_what_a_trainer_said_before_it_died_is_not_lost() -> None:
    bench = Bench()
    slot = TrainerSlot(bench)
    bench.started[0].out.append(SAID)
    bench.started[0].alive = False
    assert slot.poll() == [SAID]
