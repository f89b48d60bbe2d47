# SPDX-License-Identifier: Apache-2.0
"""A network that lives for thousands of blocks: how even its pace is, how deep its reorgs are.

Three of five whole nodes mine, users pay, brokers lose and delay a little, and now and then the two
sites are parted for a while. Disks and processes hold: the short seeds are for those.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from edge_node.spec.architecture import Architecture, dense
from edge_node.spec.block import header_from_bytes
from tests.gossip.simulation import SeededRandom
from tests.simulation.broker import SITES
from tests.simulation.invariants import check_one_chain
from tests.simulation.network import MINERS, PARAMETERS
from tests.simulation.world import MAX_SMALL_SKEW_MS, World, simulated
from tests.spec import toy_chain as toy
from tests.spec.toy_chain import toy_network
from tests.spec.toy_data import toy_dataset

DATA = toy_dataset("long", (120, 100, 20))
NETWORK = toy_network(
    [DATA],
    parameters=replace(
        PARAMETERS,
        min_family_diff_ppm=0,
        min_population_acc_ppm=1,
        max_family_generations=3,
    ),
    rich=tuple(MINERS.values()),
)
"""One whose families are soon done, so that there is always something left to learn."""
NODES, MINERS_AMONG_THEM = 5, 3
STEP_MS = 100
ROUND_MS = 10_000
"""Somebody pays, and perhaps the bridge is cut or mended, once in this time."""
PARTED_ROUNDS = 3
CUT_ONCE_IN = 30
"""Rounds between two partitions, on average."""
DROP_PPM = 10_000
DELAY_MS = 150
KEPT_MESSAGES = 1
INTERVALS_MS = (1_100, 1_250, 1_500, 2_000, 3_000, 4_000, 6_000, 8_000, 10_000, 12_000, 14_000)
"""Upper ends of the histogram's bins, but for the last, which has none."""


def shape(dice: SeededRandom) -> Architecture:
    """Draw a shape that is likely to be new: of some hundred, two hidden layers each."""
    layers = (dense(2 + dice.below(39)), dense(2 + dice.below(19)), dense(toy.CLASSES))
    return replace(toy.ARCHITECTURE, layers=layers)


@dataclass(frozen=True, slots=True, kw_only=True)
class LongLife:
    """What a long run came to."""

    blocks: int
    """Height of the one chain."""
    virtual_s: int
    """How long it took on the virtual clock."""
    held: int
    """Blocks that some node holds, on any branch."""
    families: int
    """Families that were founded."""
    intervals: dict[str, int]
    """Blocks by the time since their parent."""
    rungs: dict[int, int]
    """Blocks by their rung of the time ladder."""
    reorgs_by_depth: dict[int, int]
    """On all nodes together."""
    partitions: int
    """Times that the sites were parted."""
    longest_gap_ms: int
    """Longest time between two blocks."""
    payments: int
    """Transactions on the chain."""
    miners: dict[str, int]
    """Blocks of each node."""


def live_long(seed: str, folder: Path, blocks: int, tell: Callable[[int], None]) -> LongLife:
    """Run a network until its chain is so long, heal it and check that all agree.

    Parameters
    ----------
    seed : str
    folder : Path
        For the nodes' directories.
    blocks : int
    tell : callable
        Hears of the height now and then.
    """
    whole = World(
        f"long {seed}",
        folder,
        network=NETWORK,
        data=DATA,
        founds=shape,
        kept_messages=KEPT_MESSAGES,
    )
    whole.step_ms = STEP_MS
    with simulated(whole) as world:
        dice = world.random("long")
        for place in range(NODES):
            skew_ms = dice.below(2 * MAX_SMALL_SKEW_MS + 1) - MAX_SMALL_SKEW_MS
            mines = place < MINERS_AMONG_THEM
            world.add(mines=mines, skew_ms=skew_ms, site=SITES[place % len(SITES)])
        world.brokers.faults.drop_ppm = DROP_PPM
        world.brokers.faults.delay_ms = DELAY_MS
        nodes = list(world.nodes.values())
        partitions = parted = 0
        while nodes[0].importer.head.height < blocks:
            world.pay_once(nodes[dice.below(NODES)])
            world.run(ROUND_MS)
            parted = max(0, parted - 1)
            if dice.below(CUT_ONCE_IN) == 0:
                parted = PARTED_ROUNDS
                partitions += 1
            world.brokers.bridged = parted == 0
            tell(nodes[0].importer.head.height)
        world.heal()
        check_one_chain(world)
        return _told(world, partitions)


def _told(world: World, partitions: int) -> LongLife:
    nodes = list(world.nodes.values())
    importer = nodes[0].importer
    head = importer.head
    headers = [
        header_from_bytes(importer.blocks.main_headers(height, 1)[0])
        for height in range(1, head.height + 1)
    ]
    gaps = [after.timestamp - before.timestamp for before, after in pairwise(headers)]
    intervals = Counter(_bin(gap) for gap in gaps)
    names = {bytes(node.running.parts.signer.public_key): node.name for node in nodes}
    depths = Counter(depth for node in nodes for depth in node.reorg_depths)
    rungs = Counter(header.rung for header in headers)
    return LongLife(
        blocks=head.height,
        virtual_s=world.time.ms // 1_000,
        held=len({each for node in nodes for each in node.acknowledged}),
        families=len(head.families),
        intervals={_bin(end): intervals[_bin(end)] for end in (*INTERVALS_MS, 1 << 40)},
        rungs=dict(sorted(rungs.items())),
        reorgs_by_depth=dict(sorted(depths.items())),
        partitions=partitions,
        longest_gap_ms=max(gaps),
        payments=sum(row.nonce for row in head.accounts.rows),
        miners=dict(sorted(Counter(names[header.miner] for header in headers).items())),
    )


def _bin(gap_ms: int) -> str:
    for end in INTERVALS_MS:
        if gap_ms <= end:
            return f"up to {end} ms"
    return f"above {INTERVALS_MS[-1]} ms"
