# SPDX-License-Identifier: Apache-2.0
"""Mining by lottery in whole nodes: wins become blocks, bodies are fixed before the work.

Bursts are real, by the kernels; tickets are cheap.
"""

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge_node.node.mining.lottery import REFRESH_MS
from edge_node.node.mining.miner import MAX_REFUSALS
from edge_node.primitives.hashing import ZERO_HASH
from edge_node.primitives.types import BlockHash, Height, TimestampMs
from edge_node.spec.block import body_from_bytes
from edge_node.spec.constants import MAX_RUNG
from edge_node.spec.genesis import RECIPE
from edge_node.spec.state import State
from edge_node.spec.transaction import Transaction
from edge_node.trainer.lottery import LotteryTask
from edge_node.trainer.task import Progress
from tests.node.mining.by_rule import BURSTS
from tests.node.rig import STEP_MS, Rig, World, mine, won, world
from tests.spec import toy_chain as toy

ANN, BOB = toy.miner("ann"), toy.miner("bob")


@pytest.fixture
def room(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, BURSTS, proof=RECIPE) as made:
        yield made


def task_of(rig: Rig) -> LotteryTask:
    task = rig.trainer.task
    assert isinstance(task, LotteryTask)
    return task


def confirmed(rig: Rig, block: BlockHash) -> tuple[Transaction, ...]:
    stored = rig.importer.blocks.get(block)
    assert stored is not None
    return body_from_bytes(stored.body).transactions


def family_of(head: State) -> tuple[int, int]:
    (family,) = head.families.values()
    return family.model_count, len(family.models)


def test_wins_become_blocks_that_others_replay(room: World) -> None:
    ann, bob = room.add("ann", mines=True), room.add("bob", mines=True)
    room.run()
    for rig in (ann, bob, ann, ann):
        mine(rig)
        room.run(1_000)
        assert ann.importer.head.head == bob.importer.head.head
    assert (ann.node.mined, bob.node.mined) == (3, 1)
    assert family_of(ann.importer.head) == (4, 4)
    stored = ann.importer.blocks.get(ann.importer.head.head)
    assert stored is not None
    assert stored.transport == b"", "a model travels as its recipe"


def test_foreign_block_sets_the_search_on_another_head_at_once(room: World) -> None:
    ann, bob = room.add("ann", mines=True), room.add("bob", mines=True)
    room.run()
    mine(ann)
    late = won(bob)
    room.run_until(lambda: bob.height == 1)
    # The very turn in which the block came in.
    assert bob.mines_on == bob.importer.head.head
    if late.header.previous_hash != bob.importer.head.head:
        bob.trainer.out.append(late)
        room.run(1_000)
        assert bob.height == 1, "a ticket of an older head is void"
    assert bob.node.mined == 0


def test_transactions_enter_the_header_before_the_work(room: World) -> None:
    ann = room.add("ann", mines=True)
    room.run()
    before = task_of(ann)
    early = won(ann)
    ann.node.submit(toy.transfer(ANN, BOB.address, 7, network=room.network))
    room.run(REFRESH_MS + STEP_MS)
    after = task_of(ann)
    assert before.core.tx_root != after.core.tx_root
    assert before.start == after.start
    ann.trainer.out.append(early)
    room.run_until(lambda: ann.height == 1)
    assert confirmed(ann, ann.importer.head.head) == (), "it won for the body without"
    mine(ann)
    assert len(confirmed(ann, ann.importer.head.head)) == 1


def test_quiet_network_is_not_given_the_same_task_again(room: World) -> None:
    ann = room.add("ann", mines=True)
    room.run()
    given = len(ann.trainer.tasks)
    room.run(3 * REFRESH_MS)
    assert len(ann.trainer.tasks) == given


def test_killed_node_goes_on_with_the_same_latents(room: World) -> None:
    ann = room.add("ann", mines=True)
    room.run()
    for _ in range(3):
        mine(ann)
    room.run(500)
    start = task_of(ann).start
    ann.close()
    again = room.add("ann", mines=True)
    room.run()
    assert task_of(again).start == start, "rebuilt by replay"
    mine(again)
    assert again.height == 4


def test_log_says_once_of_each_search_when_it_began(
    room: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    ann = room.add("ann", mines=True)
    room.run()
    head = ann.importer.head.head
    now_ms = ann.node.parts.clock.now_ms()
    begun = Progress(stage="lottery", candidates=1, best_train_ppm=0, head=head, begun_ms=now_ms)
    other = replace(begun, head=BlockHash(ZERO_HASH), begun_ms=TimestampMs(now_ms + 1))
    anew = replace(begun, begun_ms=TimestampMs(now_ms + 2))
    ann.trainer.out += [begun, replace(begun, candidates=2), other, anew]
    room.run(500)
    told = [text for text in caplog.messages if text.startswith("search on block ")]
    assert len(told) == 2, "not of another head, and not again; but of a trainer that began anew"
    assert all(text.startswith(f"search on block {head.hex()[:8]} began ") for text in told)


def test_win_that_the_law_refuses_is_said_and_not_made_for_ever(
    room: World, caplog: pytest.LogCaptureFixture
) -> None:
    ann = room.add("ann", mines=True)
    room.run()
    win = won(ann)
    lie = replace(win, header=replace(win.header, correct_count=win.header.correct_count + 1))
    for _ in range(2 * MAX_REFUSALS):
        ann.trainer.out.append(lie)
        room.run(300)
    refused = [each for each in caplog.records if "own block dropped: R-46" in each.getMessage()]
    assert len(refused) == 1, "known as invalid from then on"
    assert ann.height == 0
    assert "mining waits for another head" in caplog.text


def test_fallback_confirms_transactions_when_every_win_loses_too_much(tmp_path: Path) -> None:
    rules = replace(BURSTS, accuracy_tolerance_ppm=0, min_population=1, min_family_acc_ppm=0)
    with world(tmp_path, rules, proof=RECIPE) as room:
        ann = room.add("ann", mines=True)
        room.run()
        mine(ann)
        ann.node.submit(toy.transfer(ANN, BOB.address, 7, network=room.network))
        room.run(MAX_RUNG * rules.rung_ms + REFRESH_MS)
        task = task_of(ann)
        hopeless = tuple(replace(each, least=21) for each in task.needs)
        ann.trainer.tasks.append(replace(task, needs=hopeless))
        count = family_of(ann.importer.head)
        mine(ann)
        stored = ann.importer.head
        assert family_of(stored) == count, "no family has changed"
        assert len(confirmed(ann, stored.head)) == 1
        header = ann.importer.blocks.headers_above(Height(stored.height - 1))[0]
        assert bytes(ZERO_HASH) in header
