# SPDX-License-Identifier: Apache-2.0
"""What a watcher hears of a whole node: every verdict, every reorganisation, every own block."""

from pathlib import Path

from edge_node.node.watching import Health, NobodyWatches
from tests.chain.workshop import BOB, Tree
from tests.node.rig import sent, world


class Notes:
    """A watcher that writes down."""

    def __init__(self) -> None:
        self.heard: list[tuple[object, ...]] = []

    def judged(self, kind: str, verdict: str, took_ms: int) -> None:
        self.heard.append((kind, verdict))

    def mined(self, kind: str) -> None:
        self.heard.append(("mined", kind))

    def reorganised(self, depth: int) -> None:
        self.heard.append(("left", depth))

    def health(self, health: Health) -> None:
        self.heard.append((health.height,))


def test_verdicts_and_reorganisations_are_told(tmp_path: Path) -> None:
    with world(tmp_path) as room:
        rig, notes = room.add("ann"), Notes()
        rig.node._intake._watcher = notes
        tree = Tree(room.network)
        first, second = tree.branch(None, 2, BOB)
        rig.node.do([sent(second)])
        rig.node.do([sent(tree.grow(rung=2)), sent(first), sent(second)])
    assert notes.heard == [
        ("population", "orphan"),
        ("founder", "accepted"),
        ("left", 1),
        ("founder", "accepted"),
        ("population", "accepted"),
    ]


def test_own_blocks_are_told(tmp_path: Path) -> None:
    with world(tmp_path) as room:
        rig, notes = room.add("ann"), Notes()
        rig.node._intake._watcher = notes
        rig.node._intake.take_own(Tree(room.network).grow().mined.block)
    assert notes.heard == [("founder", "accepted"), ("mined", "founder")]


def test_nobody_hears_nothing() -> None:
    nobody = NobodyWatches()
    nobody.judged("founder", "accepted", 1)
    nobody.mined("founder")
    nobody.reorganised(1)
