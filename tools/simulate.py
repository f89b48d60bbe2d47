# SPDX-License-Identifier: Apache-2.0
"""Play seeds of the deterministic simulation: `python -m tools.simulate --seeds 200`.

Each seed is a network of whole nodes in one process, in which everything goes wrong that the seed
has drawn; then it heals, and what must hold is checked. A seed that fails is printed with its
story, and `--seed X` plays it again, bit by bit the same: the digest says so.
Law of the file: seeds share nothing, so any number of them may be played at once.
Read next: SIMULATION.md, tests/simulation/chaos.py, tests/simulation/invariants.py.
"""

import argparse
import json
import logging
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.simulation.chaos import Life, live_through
from tests.simulation.long_run import live_long

IN_MEMORY = Path("/dev/shm")  # noqa: S108 - a death is no power cut: disks may be memory
EXIT_FAILED = 1
PACE_BLOCKS = 250
"""A block's cost is told each time that so many more are there."""

Play = Callable[[str, Path], Life]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A seed that was played."""

    seed: int
    """Which."""
    life: Life | None
    """What it came to; None if something did not hold."""
    failure: str
    """What did not hold, and the story up to there; empty if all held."""
    cpu_s: float
    """Time of one core that it took."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What many seeds came to; counts are of all that held."""

    seeds: int
    """How many were played."""
    failed: tuple[int, ...]
    """Those in which something did not hold."""
    took_s: float
    """Time on the wall."""
    cpu_s: float
    """Time of all cores."""
    nodes: int
    """Nodes, each with a chain of its own."""
    blocks: int
    """Blocks of the chains on which the networks agreed."""
    branch_blocks: int
    """Valid blocks beside them."""
    deaths: int
    """Processes killed, many in the middle of a write."""
    messages: int
    """Published."""
    longest_gap_ms: int
    """Longest time between two blocks in which somebody could mine."""
    reorgs_by_depth: dict[int, int]
    """How often how many blocks left a node's main chain."""
    done: dict[str, int]
    """How often what was done to a network."""


def play(seed: int, play_seed: Play = live_through) -> Outcome:
    """Play one seed on disks of its own."""
    # What nodes say of broken lines and invalid blocks is no news here.
    logging.disable(logging.CRITICAL)
    began = time.process_time()
    life, failure = None, ""
    try:
        with tempfile.TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None) as folder:
            life = play_seed(str(seed), Path(folder))
    except AssertionError as error:
        failure = str(error)
    finally:
        logging.disable(logging.NOTSET)
    cpu_s = round(time.process_time() - began, 1)
    return Outcome(seed=seed, life=life, failure=failure, cpu_s=cpu_s)


def play_all(seeds: Sequence[int], jobs: int) -> Iterator[Outcome]:
    """Play seeds, so many at once, and yield what they came to, in order."""
    if jobs == 1:
        yield from map(play, seeds)
        return
    with ProcessPoolExecutor(max_workers=jobs) as pool:
        yield from pool.map(play, seeds)


def told(outcomes: Iterable[Outcome], *, quiet: bool) -> Iterator[Outcome]:
    """Pass outcomes on, and print each that failed as soon as it has."""
    for outcome in outcomes:
        if outcome.life is None and not quiet:
            print(f"seed {outcome.seed} FAILED: replay it with --seed {outcome.seed}")
            print(outcome.failure, flush=True)
        yield outcome


def summary(outcomes: Sequence[Outcome], took_s: float) -> Summary:
    """Return what all seeds came to."""
    lives = [outcome.life for outcome in outcomes if outcome.life is not None]
    done: Counter[str] = Counter()
    depths: Counter[int] = Counter()
    for life in lives:
        done.update(life.done)
        depths.update(life.reorg_depths)
    return Summary(
        seeds=len(outcomes),
        failed=tuple(outcome.seed for outcome in outcomes if outcome.life is None),
        took_s=round(took_s, 1),
        cpu_s=round(sum(outcome.cpu_s for outcome in outcomes), 1),
        nodes=sum(life.nodes for life in lives),
        blocks=sum(life.blocks for life in lives),
        branch_blocks=sum(life.held - life.blocks for life in lives),
        deaths=sum(life.deaths for life in lives),
        messages=sum(life.messages for life in lives),
        longest_gap_ms=max((life.longest_gap_ms for life in lives), default=0),
        reorgs_by_depth=dict(sorted(depths.items())),
        done=dict(sorted(done.items())),
    )


def run_one(seed: int, *, as_json: bool, play_seed: Play = live_through) -> int:
    """Play one seed, and tell all of it."""
    outcome = play(seed, play_seed)
    if as_json:
        print(json.dumps(asdict(outcome), indent=1))
    elif outcome.life is None:
        print(outcome.failure)
    else:
        print("\n".join(outcome.life.story))
        print(f"seed {seed}: all held; height {outcome.life.blocks}, {outcome.life.digest}")
    return EXIT_FAILED if outcome.life is None else 0


def run_many(seeds: Sequence[int], jobs: int, *, as_json: bool) -> int:
    """Play seeds, and sum them up."""
    began = time.monotonic()
    outcomes = list(told(play_all(seeds, jobs), quiet=as_json))
    found = asdict(summary(outcomes, time.monotonic() - began))
    if as_json:
        print(json.dumps(found, indent=1))
    else:
        print("\n".join(f"{name}: {value}" for name, value in found.items()))
    return EXIT_FAILED if found["failed"] else 0


def run_long(blocks: int, *, as_json: bool) -> int:
    """Run one network for so many blocks, and tell its pace."""
    began = time.process_time()
    pace = Pace(began)
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None) as folder:
        life = asdict(live_long("1", Path(folder), blocks, pace.note))
    life["cpu_s"] = round(time.process_time() - began, 1)
    life["cpu_ms_per_block_by_height"] = pace.by_height
    if as_json:
        print(json.dumps(life, indent=1))
    else:
        print("\n".join(f"{name}: {value}" for name, value in life.items()))
    return 0


class Pace:
    """What a block costs, and whether it costs more the longer the chain is.

    Parameters
    ----------
    began_s : float
        The process's time at height 0.
    """

    def __init__(self, began_s: float) -> None:
        self.by_height: dict[int, int] = {}
        """Time of one core for a block on all nodes, in ms, by the height up to which it is."""
        self._height = 0
        self._s = began_s

    def note(self, height: int) -> None:
        """Take note of a height that was reached now."""
        if height - self._height >= PACE_BLOCKS:
            now_s = time.process_time()
            cost_ms = 1_000 * (now_s - self._s) / (height - self._height)
            self.by_height[height] = round(cost_ms)
            self._height, self._s = height, now_s
            print(f"height {height}: {cost_ms:.0f} ms a block", file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m tools.simulate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, metavar="N", help="how many to play")
    parser.add_argument("--from", type=int, default=1, metavar="X", dest="first", help="the first")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="how many at once")
    parser.add_argument("--seed", type=int, metavar="X", help="play this one and tell its story")
    parser.add_argument("--long", action="store_true", help="one network that lives long instead")
    parser.add_argument("--blocks", type=int, default=10_000, metavar="N", help="how long")
    parser.add_argument("--json", action="store_true", dest="as_json", help="print JSON")
    chosen = parser.parse_args(arguments)
    if chosen.long:
        return run_long(chosen.blocks, as_json=chosen.as_json)
    if chosen.seed is not None:
        return run_one(chosen.seed, as_json=chosen.as_json)
    seeds = range(chosen.first, chosen.first + chosen.seeds)
    return run_many(seeds, chosen.jobs, as_json=chosen.as_json)


if __name__ == "__main__":
    sys.exit(main())
