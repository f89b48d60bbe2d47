# SPDX-License-Identifier: Apache-2.0
"""How a whole node is, and why it is not well: its broker, its peers, its head."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_node.gossip.inbox import LinkDown
from edge_node.node.health import (
    REPORT_MS,
    STALLED_TARGETS,
    HealthReports,
    health_of,
    stalled_after_ms,
    trainer_state,
)
from edge_node.trainer.task import Progress
from tests.chain.workshop import EASY, Tree
from tests.node.rig import World, sent, world
from tests.node.test_watching import Notes


@pytest.fixture
def room(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


def test_node_that_is_connected_synced_and_moving_is_well(room: World) -> None:
    rig, _ = room.add("ann"), room.add("bob")
    assert health_of(rig.node).reasons[0] == "not connected to a broker"
    room.run()
    assert "no new block" in health_of(rig.node).reasons[0], "the genesis is a thousand seconds old"
    tree = Tree(room.network)
    grown = tree.grow()
    rig.node.do([sent(grown)])
    room.clock.ms = grown.state.timestamp - room.clock.now_ms() + room.clock.ms + 500
    well = health_of(rig.node)
    assert (well.reasons, well.height, well.head_age_ms) == ((), 1, 500)
    assert (well.peers, well.trainer, well.final_height) == (1, "off", 0)
    room.clock.ms += stalled_after_ms(EASY)
    allowed_ms = stalled_after_ms(EASY)
    (why,) = health_of(rig.node).reasons
    old = f"the head is {(allowed_ms + 500) // 1000} s old"
    assert why == f"{old}, more than {allowed_ms // 1000} s: no new block"
    assert stalled_after_ms(EASY) == STALLED_TARGETS * EASY.rung_ms
    rig.link.events.append(LinkDown(reason="cut"))
    rig.node.turn()
    assert health_of(rig.node).reasons[0] == "not connected to a broker"


def test_report_comes_now_and_then(room: World) -> None:
    rig, notes = room.add("ann"), Notes()
    object.__setattr__(rig.node.parts, "watcher", notes)
    reports = HealthReports(room.clock)
    for _ in range(5):
        reports.tick(rig.node)
    room.clock.ms += REPORT_MS
    reports.tick(rig.node)
    assert notes.heard == [(0,), (0,)]


def test_states_of_a_trainer(room: World) -> None:
    rig = room.add("ann", mines=True)
    miner = rig.node.parts.miner
    assert miner is not None
    assert trainer_state(None) == "off"
    assert trainer_state(miner) == "waiting"
    miner.progress = Progress(stage="climb", candidates=1, best_train_ppm=0)
    assert trainer_state(miner) == "working"
    while not miner.given_up:
        rig.trainer.alive = False
        miner.collect()
    assert trainer_state(miner) == "ended"
