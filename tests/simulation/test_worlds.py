# SPDX-License-Identifier: Apache-2.0
"""Worlds with one thing that happens in each: a late joiner, deaths, and a partition that heals."""

from pathlib import Path

from tests.simulation.invariants import check_all
from tests.simulation.world import simulated


def test_three_nodes_build_one_chain(tmp_path: Path) -> None:
    with simulated("calm", tmp_path) as world:
        for _ in range(3):
            world.add()
        for _ in range(10):
            world.run(4_000)
            for node in world.alive:
                world.pay(node)
        world.heal()
        check_all(world)
        assert world.alive[0].importer.head.height >= 8
