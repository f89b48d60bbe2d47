# SPDX-License-Identifier: Apache-2.0
"""The trainer's lottery: what it offers wins by the law, in whatever lane, and nothing else.

Real bursts by the kernels on a small net; the law judges every win as a block.
"""

from dataclasses import replace

import pytest

from edge_node.primitives.hashing import ZERO_HASH
from edge_node.primitives.types import TimestampMs
from edge_node.spec import burst, lottery
from edge_node.spec.block import Block, Body
from edge_node.spec.constants import MAX_RUNG
from edge_node.spec.proof import recipe
from edge_node.spec.proof.claims import evaluation_images
from edge_node.trainer.judges import KernelJudge
from edge_node.trainer.lottery import Lottery, LotteryTask, Win
from edge_node.trainer.task import Lane
from tests.spec import toy_chain as toy
from tests.spec import toy_lottery
from tests.spec.toy_chain import ToyChain, Work
from tests.trainer.toy_tasks import Splits

ANN = toy.miner("ann")
DATA = toy.toy_dataset("lottery", (60, 50, 50))
MAX_STEPS = 500


class Moment:
    """A clock that stands."""

    def __init__(self, now_ms: int) -> None:
        self.ms = now_ms

    def now_ms(self) -> TimestampMs:
        return TimestampMs(self.ms)

    def monotonic_ms(self) -> int:
        return self.ms


def grown(blocks: int) -> ToyChain:
    chain = ToyChain(toy_lottery.lottery_network([DATA]))
    toy_lottery.grow(chain, ANN, blocks)
    return chain


def task_of(chain: ToyChain, after_ms: int = toy.BLOCK_MS) -> LotteryTask:
    tip = chain.tip
    work = Work(tip=tip, miner=ANN, after_ms=after_ms)
    if tip.state.families:
        (family,) = tip.state.families.values()
    else:
        family = toy.founded(work, toy.ARCHITECTURE, DATA.dataset_id)
    rules = burst.rules_for(family.architecture, tip.parameters)
    core = toy.assembled(work, family, toy_lottery.NOTHING_YET, None).block.header
    images = evaluation_images(family, tip.state)
    return LotteryTask(
        core=core,
        parent_ms=tip.state.timestamp,
        parameters=tip.parameters,
        clock=Moment(tip.state.timestamp + after_ms),
        dataset=family.dataset,
        rules=rules,
        start=recipe.start_of(family, tip.context()),
        target=lottery.family_target(tip.state.target, rules.cost, tip.parameters.max_cost),
        needs=tuple(
            recipe.needs_of(family, images, rung, tip.parameters) for rung in range(MAX_RUNG + 1)
        ),
        founds=not family.models,
    )


def first_win(task: LotteryTask, lane: Lane | None = None) -> Win:
    search = Lottery(task, KernelJudge(Splits(DATA), 60), lane or Lane())
    for _ in range(MAX_STEPS):
        win = search.step()
        if win is not None:
            return win
    raise AssertionError("no win")


def test_progress_says_on_what_and_since_when_it_searches() -> None:
    task = replace(task_of(grown(1)), target=0)
    search = Lottery(task, KernelJudge(Splits(DATA), 60))
    assert search.step() is None
    assert (search.progress.head, search.progress.begun_ms) == (task.head, task.clock.now_ms())


def block_of(chain: ToyChain, win: Win) -> Block:
    empty = toy.fallback(Work(tip=chain.tip, miner=ANN, after_ms=toy.BLOCK_MS)).block.body
    signed = replace(win.header, signature=ANN.sign(win.header.block_hash()))
    body = Body(transactions=(), have=empty.have, proof=win.proof)
    return Block(header=signed, body=body)


@pytest.mark.parametrize("blocks", [0, 1, 4])
def test_win_makes_a_block_that_the_law_accepts(blocks: int) -> None:
    chain = grown(blocks)
    win = first_win(task_of(chain))
    verdict = chain.tip.validate(block_of(chain, win))
    assert verdict.model is not None
    assert verdict.model.model_hash() == win.header.model_hash
    assert 0 < win.train_ppm <= 1_000_000


def test_lanes_try_different_nonces() -> None:
    task = task_of(grown(1))
    nonces = {first_win(task, Lane(index=index, count=3)).header.nonce % 3 for index in range(3)}
    assert nonces == {0, 1, 2}


def test_what_lost_too_much_is_not_offered() -> None:
    task = task_of(grown(3))
    hard = tuple(replace(each, least=51) for each in task.needs)
    search = Lottery(replace(task, needs=hard), KernelJudge(Splits(DATA), 60))
    assert [search.step() for _ in range(20)] == [None] * 20


def test_on_the_last_rung_what_lost_too_much_is_a_fallback() -> None:
    chain = grown(3)
    late_ms = MAX_RUNG * chain.tip.parameters.rung_ms
    task = task_of(chain, after_ms=late_ms)
    hard = tuple(replace(each, least=51) for each in task.needs)
    win = first_win(replace(task, needs=hard))
    assert (win.header.model_hash, win.header.correct_count) == (ZERO_HASH, 0)
    assert win.header.rung == MAX_RUNG
    verdict = chain.tip.validate(block_of(chain, win))
    assert verdict.model is None
    assert verdict.state.families == chain.tip.state.families


def test_moment_of_a_trial_is_that_of_the_clock_and_never_before_its_time() -> None:
    chain = grown(1)
    task = task_of(chain)
    early = replace(task, clock=Moment(task.parent_ms - 60_000))
    least_ms = task.parent_ms + task.parameters.min_interval_ms
    assert first_win(early).header.timestamp == least_ms
    assert first_win(task).header.timestamp == task.clock.now_ms()
