# SPDX-License-Identifier: Apache-2.0
"""Worlds in which one thing happens: a late joiner, a death at each moment, a partition."""

from pathlib import Path

import pytest

from tests.simulation.broker import SITES
from tests.simulation.disk import Moment
from tests.simulation.invariants import check_all, check_gaps
from tests.simulation.network import MINERS
from tests.simulation.node import SimNode
from tests.simulation.world import World, simulated

pytestmark = pytest.mark.slow  # whole networks


def nonce_at(node: SimNode, payer: SimNode) -> int:
    return node.importer.head.accounts.get(MINERS[payer.name].address).nonce


def test_three_nodes_build_one_chain(disk: Path) -> None:
    with simulated(World("calm", disk)) as world:
        nodes = [world.add() for _ in range(3)]
        for _ in range(6):
            world.run(4_000)
            for node in nodes:
                world.pay(node)
        world.heal()
        check_all(world)
        assert nodes[0].importer.head.height >= 6
        assert min(node.running.imported for node in nodes) >= 6


def test_late_joiner_gets_dataset_chain_and_waiting_transactions(disk: Path) -> None:
    with simulated(World("late", disk)) as world:
        first = world.add()
        world.run(20_000)
        height = first.importer.head.height
        assert height >= 3
        # Nobody mines now: what is paid waits until somebody comes who does.
        first.running.set_mining(allowed=False)
        world.pay(first)
        world.run(5_000)
        late = world.add(has_data=False)
        world.run_until(lambda: nonce_at(first, first) == 1, 60_000, "a block of the late joiner")
        assert late.running.mined >= 1
        world.heal()
        check_all(world)


@pytest.mark.parametrize("paid", [False, True], ids=["nobody pays", "payments"])
def test_chain_goes_on_where_its_only_family_learns_no_more(paid: bool, disk: Path) -> None:
    with simulated(World(f"saturated {paid}", disk)) as world:
        alone = world.add()
        for _ in range(24):
            world.run(10_000)
            if paid:
                world.pay_once(alone)
        families = alone.importer.head.families.values()
        assert len(families) > 1, "another family was founded"
        assert not next(iter(families)).closed or len(families) > 2
        assert all(entry.is_open for entry in alone.importer.head.datasets.values())
        check_gaps(world)


@pytest.mark.parametrize("moment", list(Moment))
def test_node_killed_and_restarted_goes_on(moment: Moment, disk: Path) -> None:
    with simulated(World(f"killed {moment.value}", disk)) as world:
        stays, killed = world.add(), world.add()
        for survived in range(4):
            world.run(6_000)
            world.doom(killed, moment, after=survived)
            for _ in range(12):
                if killed.alive:
                    # With something to confirm there will be blocks, whatever there is to learn.
                    world.pay_once(stays)
                    world.run(10_000)
            world.boot(killed)
        assert killed.deaths == 4
        world.heal()
        check_all(world)


def parted(world: World) -> list[SimNode]:
    """Return two nodes on one site and one on the other, just parted."""
    nodes = [world.add(site=site) for site in (SITES[0], SITES[0], SITES[1])]
    world.run(10_000)
    world.brokers.bridged = False
    return nodes


def test_partition_of_two_and_one_heals_and_keeps_every_transaction(disk: Path) -> None:
    with simulated(World("parted", disk)) as world:
        left, _, right = parted(world)
        world.pay(left)
        world.pay(right)
        world.run_until(lambda: nonce_at(left, left) == 1, 60_000, "a block on the left")
        world.run_until(lambda: nonce_at(right, right) == 1, 60_000, "a block on the right")
        assert left.importer.head.head != right.importer.head.head
        assert (nonce_at(left, right), nonce_at(right, left)) == (0, 0)
        world.heal()
        check_all(world)
        assert any(node.reorg_depths for node in world.nodes.values())
        assert (nonce_at(left, right), nonce_at(right, left)) == (1, 1)


def test_losing_side_of_a_partition_hands_its_transactions_over(disk: Path) -> None:
    with simulated(World("handed over", disk)) as world:
        left, other, right = parted(world)
        world.pay(right)
        world.run_until(lambda: nonce_at(right, right) == 1, 60_000, "a block on the right")
        # Who has it confirmed stops, so that only gossip can bring it to those who mine.
        right.running.set_mining(allowed=False)
        world.run_until(
            lambda: left.importer.head.work > right.importer.head.work, 120_000, "a heavier left"
        )
        world.brokers.bridged = True
        world.run_until(lambda: bool(right.reorg_depths), 60_000, "a reorg on the right")
        world.run_until(lambda: nonce_at(left, right) == 1, 90_000, "the payment on the left")
        assert left.running.mined + other.running.mined > 0
        world.heal()
        check_all(world)
