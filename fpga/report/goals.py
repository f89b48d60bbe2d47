# SPDX-License-Identifier: Apache-2.0
"""What the engine is to reach, and whether it does: the program says yes or no, nobody else.

Law of the file: a goal is a number from before the measurement; what was not measured is neither
reached nor missed.
Read next: figures.py, page.py.
"""

from collections.abc import Callable
from dataclasses import dataclass

from edge_node_fpga.report.figures import RANDOM, Exactness, Figures, Run
from edge_node_fpga.report.networks import BINARY_4K, DENSE_64, UINT8_1M, UINT8_94K, Network
from edge_node_fpga.report.resources import Resources


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A number to reach."""

    subject: str
    """Build or tool, and network."""
    what: str
    """Quantity and unit."""
    bound: float
    """The last number that is good."""
    most: bool
    """More is worse."""
    reached: Callable[[Figures], float | None]
    """What was measured, None if it was not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A goal and what was reached."""

    subject: str
    """As in Goal."""
    what: str
    """As in Goal."""
    bound: float
    """As in Goal."""
    most: bool
    """As in Goal."""
    reached: float | None
    """None: not measured in this run."""
    met: bool | None
    """None: not measured in this run."""


def judge(figures: Figures) -> tuple[Judged, ...]:
    """Return all goals with what was reached."""
    judged = []
    for goal in GOALS:
        reached = goal.reached(figures)
        met = None
        if reached is not None:
            met = reached <= goal.bound if goal.most else reached >= goal.bound
        judged.append(
            Judged(
                subject=goal.subject,
                what=goal.what,
                bound=goal.bound,
                most=goal.most,
                reached=reached,
                met=met,
            )
        )
    return tuple(judged)


def _exact(subject: str, title: str, least: int) -> tuple[Goal, Goal]:
    def rows(figures: Figures) -> list[Exactness]:
        return [each for each in figures.exactness or () if each.subject == subject]

    def most(figures: Figures) -> float | None:
        return max((each.count for each in rows(figures)), default=None)

    def differing(figures: Figures) -> float | None:
        return sum(each.differing for each in rows(figures)) if rows(figures) else None

    name = f"exactness, {title}"
    unit = "architectures compared" if subject == RANDOM else "images compared"
    return (
        Goal(subject=name, what="differing logits", bound=0, most=True, reached=differing),
        Goal(subject=name, what=unit, bound=least, most=False, reached=most),
    )


def _size(build: str, what: str, bound: int, read: Callable[[Resources], int]) -> Goal:
    def reached(figures: Figures) -> float | None:
        found = figures.resources.get(build)
        return None if found is None else read(found)

    return Goal(subject=build, what=what, bound=bound, most=True, reached=reached)


def _speed(
    build: str,
    network: Network,
    what: str,
    bound: float,
    read: Callable[[Run], float | None],
    *,
    most: bool = False,
) -> Goal:
    def reached(figures: Figures) -> float | None:
        run = figures.run(build, network.name)
        return None if run is None else read(run)

    subject = f"{build}, {network.name}"
    return Goal(subject=subject, what=what, bound=bound, most=most, reached=reached)


def _rate(run: Run) -> float:
    return run.images_per_s


RATE = "simulated images/s at 100 MHz"

GOALS = (
    *_exact("binary-4k", "4,440", 10_000),
    *_exact("uint8-94k", "93.6K", 10_000),
    *_exact("uint8-1m", "1.17M", 1_000),
    *_exact(RANDOM, "random shapes", 500),
    _speed("32x64", UINT8_94K, RATE, 70_000, _rate),
    _speed(
        "32x64", UINT8_94K, "us for one image alone", 21.0, lambda run: run.latency_us, most=True
    ),
    _speed("32x64", UINT8_94K, "ms for 10,000 images", 140.0, lambda run: run.batch_ms, most=True),
    _size("32x64", "LUT", 12_000, lambda found: found.luts),
    _size("32x64", "FF", 12_000, lambda found: found.flip_flops),
    _size("32x64", "BRAM36", 80, lambda found: found.bram36),
    _size("32x64", "DSP", 10, lambda found: found.dsp),
    _size("32x64", "LUT levels between registers", 6, lambda found: found.lut_levels),
    _speed("64x64", UINT8_94K, RATE, 140_000, _rate),
    _size("64x64", "LUT", 22_000, lambda found: found.luts),
    _size("64x64", "BRAM36", 80, lambda found: found.bram36),
    _size("64x64", "LUT levels between registers", 6, lambda found: found.lut_levels),
    _speed("64x64", DENSE_64, RATE, 1_600_000, _rate),
    _speed("64x64", BINARY_4K, RATE, 500_000, _rate),
    _speed("32x64", UINT8_1M, "images whose logits came", 1, lambda run: run.images),
    _speed("64x64", UINT8_1M, "images whose logits came", 1, lambda run: run.images),
    _speed(
        "32x64",
        UINT8_94K,
        "images/s of the simulation, on this machine",
        500,
        lambda run: run.simulated_per_s,
    ),
)
"""In the order of the page."""
