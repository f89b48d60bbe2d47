# SPDX-License-Identifier: Apache-2.0
"""A world in which everything goes wrong that can, as its seed has it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.gossip.simulation import SeededRandom
from tests.simulation.broker import SITES
from tests.simulation.byzantine import Byzantine
from tests.simulation.disk import Moment
from tests.simulation.invariants import check_all, gaps_ms
from tests.simulation.node import SimNode
from tests.simulation.vandal import Vandal
from tests.simulation.world import MAX_SMALL_SKEW_MS, World, simulated

TURMOIL_MS = 40_000
MAX_QUIET_MS = 3_000
"""Between two events."""
PAUSES_MS = (500, 4_000, 25_000)
"""How long a process may stand still: the last is longer than a broker waits for it."""
WRONG_CLOCK_MS = 15_000
"""A clock that is set wrong is wrong by up to this."""


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
        self.byzantine: Byzantine | None = None
        self.dice: SeededRandom = world.random("chaos")
        self.quiet = world.random("quiet").below(2) == 0
        """Nobody pays until the network has healed: what there is to learn must carry the chain."""
        self.done: dict[str, int] = {}
        """How often what was done."""
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
            self.pause,
            self.set_clock,
            self.cut_line,
            self.cut_bridge,
            self.change_weather,
            self.join,
        )

    def play(self) -> None:
        """Begin with two to four nodes, and let things happen for a while."""
        byzantine = self.dice.below(2) == 0
        for place in range(3 + self.dice.below(3)):
            self.join(mines=place < 2, honest=not byzantine or place != 1)
        if byzantine:
            culprit = next(each for each in self.world.nodes.values() if not each.honest)
            self.byzantine = Byzantine(self.world, culprit)
        self.change_weather()
        end_ms = self.world.time.ms + TURMOIL_MS
        while self.world.time.ms < end_ms:
            self.world.run(1 + self.dice.below(MAX_QUIET_MS))
            event = self._events[self.dice.below(len(self._events))]
            self.done[event.__name__] = self.done.get(event.__name__, 0) + 1
            event()
            if not self.quiet:
                self.keep_busy()
            if self.vandal is not None:
                self.vandal.act()
            if self.byzantine is not None:
                self.byzantine.act()

    def keep_busy(self) -> None:
        """Have somebody without a node send a coin, so that a fallback is due now and then."""
        node = self._one()
        if node is not None:
            self.world.pay_once(node)

    def change_weather(self) -> None:
        """Make the brokers better or worse."""
        faults = self.world.brokers.faults
        faults.drop_ppm = (0, 20_000, 200_000)[self.dice.below(3)]
        faults.duplicate_ppm = (0, 200_000)[self.dice.below(2)]
        faults.delay_ms = (5, 100, 1_500)[self.dice.below(3)]
        self.world.tell(f"weather: {faults}")

    def join(self, *, mines: bool | None = None, honest: bool = True) -> None:
        """Have one more node start, perhaps without the dataset."""
        if len(self.world.nodes) >= 5:
            return
        self.world.add(
            mines=self.dice.below(2) == 0 if mines is None else mines,
            has_data=not self.world.nodes or self.dice.below(3) > 0,
            skew_ms=self._skew(MAX_SMALL_SKEW_MS),
            site=SITES[self.dice.below(2)],
            honest=honest,
        )

    def pay(self) -> None:
        """Have somebody's user send coins, now and then a lot of them."""
        node = None if self.quiet else self._one()
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

    def pause(self) -> None:
        """Have somebody's process stand still for a while."""
        node = self._one()
        if node is not None:
            self.world.pause(node, 1 + self.dice.below(PAUSES_MS[self.dice.below(len(PAUSES_MS))]))

    def set_clock(self) -> None:
        """Set somebody's clock, one time in three wrong by a lot."""
        node = self._one()
        if node is not None:
            most_ms = (MAX_SMALL_SKEW_MS, MAX_SMALL_SKEW_MS, WRONG_CLOCK_MS)[self.dice.below(3)]
            self.world.set_clock(node, self._skew(most_ms))

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
        awake = self.world.awake
        return awake[self.dice.below(len(awake))] if awake else None

    def _skew(self, most_ms: int) -> int:
        return self.dice.below(2 * most_ms + 1) - most_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """What a seed came to."""

    digest: str
    """Of all that was said and done: the same for the same seed and code."""
    story: tuple[str, ...]
    """What happened, a line each."""
    blocks: int
    """Height of the one chain."""
    held: int
    """Blocks that some node holds, on any branch."""
    nodes: int
    """Nodes in the end."""
    deaths: int
    """Of processes."""
    reorg_depths: tuple[int, ...]
    """Blocks that left a main chain, each time that some did."""
    longest_gap_ms: int
    """Longest time between two blocks in which somebody could mine."""
    messages: int
    """Published in all."""
    done: dict[str, int]
    """How often what was done to the world, deeds of a byzantine miner included."""


def live_through(seed: str, folder: Path, *, vandals: bool = False) -> Life:
    """Play a seed to its end, check everything, and return what it came to."""
    with simulated(World(seed, folder)) as world:
        chaos = Chaos(world, vandals=vandals)
        chaos.play()
        world.heal(busy=not chaos.quiet)
        check_all(world)
        nodes = world.nodes.values()
        done = dict(chaos.done)
        if chaos.byzantine is not None:
            done |= {f"byzantine {deed}": count for deed, count in chaos.byzantine.done.items()}
        return Life(
            digest=world.digest(),
            story=tuple(world.story),
            blocks=world.nodes["node a"].importer.head.height,
            held=len({each for node in nodes for each in node.acknowledged}),
            nodes=len(nodes),
            deaths=sum(node.deaths for node in nodes),
            reorg_depths=tuple(depth for node in nodes for depth in node.reorg_depths),
            longest_gap_ms=max(gaps_ms(world)),
            messages=len(world.brokers.log),
            done=done,
        )
