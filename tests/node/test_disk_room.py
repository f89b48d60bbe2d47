# SPDX-License-Identifier: Apache-2.0
"""Room on the disk: nodes that mine, on a disk as full as a test says; then this machine's own."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_node.node.answers import status
from edge_node.node.disk_room import LOOK_MS, DiskRoom, free_bytes
from edge_node.node.health import health_of
from tests.node.rig import Rig, World, mine, world

_MIB = 1 << 20


class Disk:
    """A disk with as much room as it is told."""

    def __init__(self, free_mib: int | None) -> None:
        self.free_mib = free_mib

    def free(self, _folder: Path) -> int | None:
        return None if self.free_mib is None else self.free_mib * _MIB


@pytest.fixture
def room(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path / "world") as made:
        yield made


def on_disk(rig: Rig, disk: Disk) -> str:
    """Let a node live on a disk of which it wants 256 MiB free; return its folder."""
    folder = rig.directory.root
    watched = DiskRoom(folder, 256, rig.world.clock, disk.free)
    object.__setattr__(rig.node.parts, "disk_room", watched)
    return str(folder)


def test_node_stops_mining_on_a_full_disk_goes_on_judging_and_mines_again_with_room(
    room: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    full, other = room.add("ann", mines=True), room.add("bob", mines=True)
    disk = Disk(256)
    folder = on_disk(full, disk)
    mine(full)
    assert full.node.mined == 1, "256 MiB are not less than 256"
    assert health_of(full.node).disk_free_bytes == 256 * _MIB
    disk.free_mib = 255
    room.run(2 * LOOK_MS)
    assert full.mines_on is None, "the trainer has nothing to do"
    mine(other)
    room.run_until(lambda: full.height == 2)
    assert (full.height, full.node.mined) == (2, 1), "it judges what others mine"
    disk.free_mib = 287
    room.run(5 * LOOK_MS)
    assert full.mines_on is None, "that is not enough to go on"
    why = (
        f"287 MiB are free on the disk of {folder}, and limits.min_free_mib = 256; mining is paused"
        " until there are 288: make room"
    )
    shown = status(full.node)
    assert (shown.trainer, why in shown.reasons) == ("paused for want of room on the disk", True)
    assert (health_of(full.node).trainer, why in health_of(full.node).reasons) == ("paused", True)
    disk.free_mib = 288
    mine(full)
    assert full.node.mined == 2
    assert not any("limits.min_free_mib" in each for each in status(full.node).reasons)
    assert [each.getMessage() for each in caplog.records if "mining" in each.getMessage()] == [
        why.replace("287", "255"),
        "mining goes on: 288 MiB are free on the disk",
    ]


def test_node_that_only_validates_is_told_of_too_little_room_too(room: World) -> None:
    rig = room.add("ann")
    on_disk(rig, Disk(1))
    room.run(2 * LOOK_MS)
    assert (health_of(rig.node).trainer, status(rig.node).trainer) == ("off", "off")
    assert any("limits.min_free_mib = 256" in each for each in health_of(rig.node).reasons)


def test_node_stays_as_it_is_while_nobody_tells_the_room(room: World) -> None:
    rig, disk = room.add("ann", mines=True), Disk(None)
    on_disk(rig, disk)
    mine(rig)
    assert rig.node.mined == 1
    disk.free_mib = 3
    room.run(2 * LOOK_MS)
    disk.free_mib = None
    room.run(2 * LOOK_MS)
    assert rig.mines_on is None
    (why,) = [each for each in status(rig.node).reasons if "limits.min_free_mib" in each]
    assert why.startswith("nobody can tell how much is free on the disk of ")


def test_room_of_a_real_disk_is_told_and_that_of_no_disk_is_not(tmp_path: Path) -> None:
    found = free_bytes(tmp_path)
    assert found is not None
    assert found > 0
    assert free_bytes(tmp_path / "nothing") is None
