# SPDX-License-Identifier: Apache-2.0
"""Whole nodes in one process: they join, lose their link or key, and end."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_node.gossip.inbox import LinkDown, LinkRefused, LinkUp
from edge_node.gossip.ports import SessionOutdated
from edge_node.gossip.topics import Kind, network_prefix, parse
from edge_node.node.errors import SessionOvertaken
from tests.chain.workshop import Tree
from tests.node.rig import World, mine, sent, world


@pytest.fixture
def room(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


def test_late_joiner_fetches_dataset_and_chain_and_mines_only_then(room: World) -> None:
    ann = room.add("ann", mines=True)
    room.run()
    for _ in range(3):
        mine(ann)
    bob = room.add("bob", mines=True, has_data=False)
    room.run(200)
    assert bob.mines_on is None
    room.run_until(lambda: bob.importer.head.head == ann.importer.head.head)
    room.run()
    assert bob.mines_on == bob.importer.head.head


def test_key_in_use_elsewhere_ends_the_node_and_the_next_start_has_the_higher_session(
    room: World,
) -> None:
    ann = room.add("ann")
    room.run(500)
    with pytest.raises(SessionOvertaken, match="session 8") as caught:
        ann.node.do([SessionOutdated(least=9)])
    assert caught.value.reason == "session-overtaken"
    ann.node.finish()
    ann.close()
    again = room.add("ann")
    assert again.gossip._identity.session == 10


def test_copied_data_directory_is_noticed(room: World, tmp_path: Path) -> None:
    first = room.add("ann")
    room.run(500)
    shutil.copytree(tmp_path / "ann", tmp_path / "copy", ignore=shutil.ignore_patterns("*-shm"))
    copy = room.add("ann", folder="copy")
    with pytest.raises(SessionOvertaken):
        room.run(500)
    first.node.finish()
    room.rigs.remove(first)
    room.run(500)
    assert copy.node.connected, "whoever came last goes on"
    room.rigs.append(first)


def test_end_says_goodbye_last(room: World) -> None:
    ann, bob = room.add("ann", mines=True), room.add("bob")
    room.run()
    ann.node.finish()
    assert ann.trainer.stopped
    assert ann.link.stopped
    last = ann.link.said[-1]
    prefix = network_prefix(room.network.rules.network)
    assert parse(last.topic, network=prefix).kind is Kind.PRESENCE
    assert last.retain
    room.rigs.remove(ann)
    room.run(500)
    (peer,) = bob.gossip.peers()
    assert not peer.online
    room.rigs.append(ann)


def test_end_leaves_undone_what_an_error_interrupted(room: World) -> None:
    ann = room.add("ann")
    room.run(500)
    block = Tree(room.network).grow().mined.block
    with pytest.raises(SessionOvertaken):
        ann.node.do([SessionOutdated(least=9), sent(block)])
    ann.node.finish()
    assert ann.height == 0


def test_connection_comes_and_goes(room: World, caplog: pytest.LogCaptureFixture) -> None:
    ann = room.add("ann", mines=True)
    room.run()
    assert ann.node.connected
    assert ann.mines_on == ann.importer.head.head
    ann.link.events.append(LinkDown(reason="the test says so"))
    room.run(200)
    assert not ann.gossip.synced
    assert ann.trainer.tasks[-1:] == [None], "who can not tell a block does not make one"
    ann.link.events += [
        LinkRefused(broker="b:1", reason="not authorised"),
        LinkUp(broker="room"),
    ]
    room.run()
    assert ann.node.connected
    assert ann.mines_on == ann.importer.head.head
    assert "the broker at b:1 refused: not authorised" in caplog.text


def test_mining_can_be_switched_off(room: World) -> None:
    ann = room.add("ann", mines=True)
    room.run()
    ann.node.set_mining(allowed=False)
    room.run(200)
    assert ann.mines_on is None
    ann.node.set_mining(allowed=True)
    room.run(200)
    assert ann.mines_on == ann.importer.head.head
