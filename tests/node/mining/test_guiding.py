# SPDX-License-Identifier: Apache-2.0
"""Mining by paper B as published in whole nodes: offers become blocks, and a stall ends in none.

Walks are real, by the kernels.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge_node.node.mining.miner import MAX_REFUSALS
from edge_node.primitives.types import Height
from edge_node.spec.block import header_from_bytes
from edge_node.spec.constants import MAX_RUNG
from edge_node.spec.genesis import GUIDING_GRADIENT_PAPER
from edge_node.spec.state import Family
from edge_node.trainer.guiding import WalkTask
from tests.node.mining.by_rule import WALKS
from tests.node.rig import Rig, World, found, mine, world
from tests.spec import toy_chain as toy

ANN, BOB = toy.miner("ann"), toy.miner("bob")


@pytest.fixture
def room(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, WALKS, proof=GUIDING_GRADIENT_PAPER) as made:
        yield made


def task_of(rig: Rig) -> WalkTask:
    task = rig.trainer.task
    assert isinstance(task, WalkTask)
    return task


def family_of(rig: Rig) -> Family:
    (family,) = rig.importer.head.families.values()
    return family


def test_walks_become_blocks_that_others_replay(room: World) -> None:
    ann, bob = room.add("ann", mines=True), room.add("bob", mines=True)
    room.run()
    for rig in (ann, bob, ann):
        mine(rig)
        room.run(1_000)
        assert ann.importer.head.head == bob.importer.head.head
    assert (ann.node.mined, bob.node.mined) == (2, 1)
    assert family_of(bob).model_count == 3
    stored = bob.importer.blocks.get(bob.importer.head.head)
    assert stored is not None
    assert stored.transport == b"", "a model travels as its batches"


def test_first_offer_waits_for_the_interval_while_the_trainer_rests(room: World) -> None:
    ann = room.add("ann", mines=True)
    room.run()
    mine(ann)
    room.run_until(lambda: ann.mines_on == ann.importer.head.head)
    offer = found(ann)
    ann.trainer.out += [offer, replace(offer, correct_count=20)]
    room.run(200)
    assert ann.trainer.task is None
    assert ann.height == 1
    room.run(WALKS.min_interval_ms)
    assert ann.height == 2
    head = header_from_bytes(ann.importer.blocks.headers_above(Height(1))[0])
    assert head.model_hash == offer.model_hash
    assert ann.mines_on == ann.importer.head.head


def test_offer_of_another_head_is_void(room: World) -> None:
    ann, bob = room.add("ann", mines=True), room.add("bob", mines=True)
    room.run()
    late = found(bob)
    mine(ann)
    room.run_until(lambda: bob.height == 1)
    assert bob.mines_on == bob.importer.head.head
    bob.trainer.out.append(late)
    room.run(2 * WALKS.min_interval_ms)
    assert bob.node.mined == 0


def test_killed_node_goes_on_with_the_same_latents(room: World) -> None:
    ann = room.add("ann", mines=True)
    room.run()
    for _ in range(2):
        mine(ann)
    room.run(500)
    task = task_of(ann)
    ann.close()
    again = room.add("ann", mines=True)
    room.run()
    assert task_of(again) == task, "rebuilt by replay of the proofs"
    mine(again)
    assert again.height == 3


def test_refused_offer_has_others_searched_for_but_not_for_ever(
    room: World, caplog: pytest.LogCaptureFixture
) -> None:
    ann = room.add("ann", mines=True)
    room.run()
    for attempt in range(MAX_REFUSALS):
        assert task_of(ann).attempt == attempt
        offer = found(ann)
        ann.trainer.out.append(replace(offer, correct_count=offer.correct_count + 1))
        room.run(2 * WALKS.min_interval_ms)
    assert ann.height == 0
    assert ann.trainer.task is None
    assert "mining waits for another head" in caplog.text


def test_stall_ends_in_a_block_without_a_model_if_transactions_wait(room: World) -> None:
    """Paper B has no answer to accuracy that rises no more; the ladder's last rung is ours."""
    ann = room.add("ann", mines=True)
    room.run()
    mine(ann)
    before = family_of(ann)
    room.run(MAX_RUNG * WALKS.rung_ms + 1_000)
    assert ann.height == 1, "nobody waits"
    ann.node.submit(toy.transfer(ANN, BOB.address, 7, network=room.network))
    room.run(1_000)
    assert ann.height == 2
    assert family_of(ann) == before
    work = ann.importer.head.work
    assert work == 1 << WALKS.requirements, "of the first block alone"
