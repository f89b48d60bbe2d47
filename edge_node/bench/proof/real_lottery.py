# SPDX-License-Identifier: Apache-2.0
"""Blocks mined in earnest: miners' threads on one chain, each held to its share of all bursts.

A miner whose bursts, by its share, are ahead of the others' waits for them; so the shares are kept
whatever the scheduler does. A burst that ends after another has won does not count. The first win
is judged and stored, and all go on from there.
Law of the file: the clock is the real one; nothing is simulated.
Read next: fairness.py, lottery_chain.py.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from threading import Condition

from edge_node.bench.proof.lottery_chain import LotteryChain, Place, lottery_genesis
from edge_node.bench.proof.workbench import SETUPS, Workbench
from edge_node.node.networks import LAN_LOTTERY
from edge_node.spec.block import Block
from edge_node.spec.burst import rules_for

TARGET_MS = 1_000
"""Long against a burst: what is under way when another wins is lost, and that must not matter."""
FIRST_WORK = 32
SLACK_STEPS = 1.0
"""Bursts that a miner may be ahead of its share."""
WAIT_S = 1.0
"""A wait for others looks so often whether the search is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MinedBlock:
    """One block."""

    miner: int
    """Index of its miner."""
    interval_ms: int
    """Since its parent."""
    target_ms: int
    """What the retarget aims at."""


class Rations:
    """Whose turn it is to try."""

    def __init__(self, shares: Sequence[float]) -> None:
        self._shares = shares
        self._tries = [0] * len(shares)
        self._changed = Condition()
        self.over = False

    def take(self, index: int) -> bool:
        """Wait for a miner's turn; return False once the search is over."""
        with self._changed:
            while not self.over and self._ahead(index):
                self._changed.wait(WAIT_S)
            if self.over:
                return False
            self._tries[index] += 1
            self._changed.notify_all()
            return True

    def done(self, index: int, *, won: bool) -> bool:
        """Note what a burst came to; return whether it is the first that won.

        A burst that is done after the search has ended was no try: it had no chance.
        """
        with self._changed:
            if self.over:
                self._tries[index] -= 1
                return False
            self.over = won
            self._changed.notify_all()
            return won

    def begin(self) -> None:
        """Begin with the next block; who has waited goes first, as before."""
        self.over = False

    def _ahead(self, index: int) -> bool:
        done = [tries / share for tries, share in zip(self._tries, self._shares, strict=True)]
        return done[index] > min(done) + SLACK_STEPS / self._shares[index]


def mined_blocks(bench: Workbench, shares: Sequence[float]) -> tuple[MinedBlock, ...]:
    """Return the blocks that miners with these shares of the power mine.

    Parameters
    ----------
    bench : Workbench
        Its options say how many; its time cap ends it earlier.
    shares : sequence of float
    """
    options, setup = bench.options, SETUPS[0]
    parameters = replace(
        LAN_LOTTERY,
        target_ms=TARGET_MS,
        max_cost=rules_for(setup.architecture, LAN_LOTTERY).cost,
        first_work=1 if options.quick else FIRST_WORK,
        min_evaluation_images=min(100, len(bench.workload.evaluation)),
    )
    genesis = lottery_genesis(options.datasets, options.dataset, parameters, bench.clock.now_ms())
    place = Place(path=options.folder / "real", genesis=genesis, datasets=options.datasets)
    seeds = [bytes([40 + index]) * 32 for index in range(len(shares))]
    rations = Rations(shares)
    deadline_ms = bench.deadline_ms()
    mined: list[MinedBlock] = []
    with (
        closing(LotteryChain(place, setup.name, seeds, bench.clock)) as chain,
        ThreadPoolExecutor(len(shares)) as pool,
    ):
        while len(mined) < options.real_blocks and bench.clock.monotonic_ms() < deadline_ms:
            parent_ms = chain.importer.head.timestamp
            index, block = _next_block(chain, rations, pool)
            chain.take(block)
            mined.append(
                MinedBlock(
                    miner=index,
                    interval_ms=block.header.timestamp - parent_ms,
                    target_ms=TARGET_MS,
                )
            )
    return tuple(mined)


def _next_block(
    chain: LotteryChain, rations: Rations, pool: ThreadPoolExecutor
) -> tuple[int, Block]:
    """Let the miners search until one has won; return which, and its block."""
    while True:
        chain.follow()
        rations.begin()
        firsts: list[int] = []

        def search(index: int, firsts: list[int] = firsts) -> None:
            while rations.take(index):
                if rations.done(index, won=chain.search(index)):
                    firsts.append(index)

        list(pool.map(search, range(len(chain.miners))))
        for index in firsts:
            block = chain.found(index)
            if block is not None:
                return index, block
