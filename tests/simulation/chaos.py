# SPDX-License-Identifier: Apache-2.0
"""A world in which everything goes wrong that can, as its seed has it."""

from collections.abc import Callable
from pathlib import Path

from tests.gossip.simulation import SeededRandom
from tests.simulation.broker import SITES
from tests.simulation.disk import Moment
from tests.simulation.invariants import check_all
from tests.simulation.vandal import Vandal
from tests.simulation.world import SimNode, World, simulated

TURMOIL_MS = 50_000
MAX_PAUSE_MS = 4_000
"""Between two events."""


class Chaos:
    """Does to a world what the dice say.

    Parameters
    ----------
    world : World
    vandals : bool
        Whether somebody does harm on purpose as well.
    """

    def __init__(self, world: World, *, vandals: bool = False) -> None:
        self.world = world
        self.vandal = Vandal(world) if vandals else None
        self.dice: SeededRandom = world.random("chaos")
        self._events: tuple[Callable[[], None], ...] = (
            self.pay,
            self.pay,
            self.pay,
            self.pay,
            self.kill,
            self.kill,
            self.restart,
            self.restart,
            self.stop,
            self.cut_line,
            self.cut_bridge,
            self.change_weather,
            self.join,
        )

    def play(self) -> None:
        """Begin with two to four nodes, and let things happen for a while."""
        for place in range(2 + self.dice.below(3)):
            self.join(mines=place < 2)
        self.change_weather()
        end_ms = self.world.time.ms + TURMOIL_MS
        while self.world.time.ms < end_ms:
            self.world.run(1 + self.dice.below(MAX_PAUSE_MS))
            self._events[self.dice.below(len(self._events))]()
            if self.vandal is not None:
                self.vandal.act()

    def change_weather(self) -> None:
        """Make the brokers better or worse."""
        faults = self.world.brokers.faults
        faults.drop_ppm = (0, 20_000, 200_000)[self.dice.below(3)]
        faults.duplicate_ppm = (0, 200_000)[self.dice.below(2)]
        faults.delay_ms = (5, 100, 1_500)[self.dice.below(3)]
        self.world.tell(f"weather: {faults}")

    def join(self, *, mines: bool | None = None) -> None:
        """Have one more node start, perhaps without the dataset."""
        if len(self.world.nodes) >= 5:
            return
        self.world.add(
            mines=self.dice.below(2) == 0 if mines is None else mines,
            has_data=not self.world.nodes or self.dice.below(3) > 0,
            skew_ms=self.dice.below(801) - 400,
            site=SITES[self.dice.below(2)],
        )

    def pay(self) -> None:
        """Have somebody's user send coins, now and then a lot of them."""
        node = self._one()
        if node is not None and not node.crashed:
            for _ in range((1, 1, 1, 8)[self.dice.below(4)]):
                if node.alive:
                    self.world.pay(node)

    def kill(self) -> None:
        """Plan somebody's death."""
        node = self._one()
        if node is not None:
            moment = tuple(Moment)[self.dice.below(len(Moment))]
            self.world.doom(node, moment, after=self.dice.below(4))

    def stop(self) -> None:
        """End somebody in good order."""
        node = self._one()
        if node is not None:
            self.world.stop(node)

    def restart(self) -> None:
        """Bring somebody back."""
        dead = [node for node in self.world.nodes.values() if not node.alive]
        if dead:
            self.world.boot(dead[self.dice.below(len(dead))])

    def cut_line(self) -> None:
        """Break somebody's connection, or make it again, perhaps to the other site."""
        node = self._one()
        if node is None or node.link is None:
            return
        if node.link.is_connected:
            self.world.tell(f"{node.name} loses its connection")
            node.link.lose()
        else:
            node.site = SITES[self.dice.below(2)]
            self.world.tell(f"{node.name} connects to site {node.site}")
            node.link.connect(node.site)

    def cut_bridge(self) -> None:
        """Part the two sites, or join them, in silence."""
        self.world.brokers.bridged = not self.world.brokers.bridged
        self.world.tell(f"sites bridged: {self.world.brokers.bridged}")

    def _one(self) -> SimNode | None:
        alive = self.world.alive
        return alive[self.dice.below(len(alive))] if alive else None


def live_through(seed: str, folder: Path, *, vandals: bool = False) -> World:
    """Play a seed to its end and check everything; return the world for a look at it."""
    with simulated(seed, folder) as world:
        Chaos(world, vandals=vandals).play()
        world.heal()
        check_all(world)
    return world
