# SPDX-License-Identifier: Apache-2.0
"""What the tables are held against, and, where a figure falls short of it, why in numbers.

Law of the file: a reason is reckoned from the same row as the figure; nothing else is known.
Read next: report.py.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from edge_node.bench.paper.mining import GOAL_RATIO, Mined
from edge_node.bench.paper.run import PaperReport
from edge_node.bench.paper.wire_bytes import BlockBytes

GOAL_TPS = 1_000
"""Of the steady load."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """One figure that was asked for."""

    what: str
    """The row that it is of."""
    asked: str
    """The goal."""
    measured: str
    """What came."""
    why: str
    """Why it was not reached; empty if it was."""


def goals(report: PaperReport) -> tuple[Goal, ...]:
    """Return the goals of what was measured, in the order of the report."""
    return (*_bytes(report), *map(_mining, report.mining), *_throughput(report))


def _bytes(report: PaperReport) -> Iterator[Goal]:
    heaviest: dict[str, BlockBytes] = {}
    for row in report.bytes:
        before = heaviest.get(row.family, row)
        heaviest[row.family] = max(before, row, key=lambda each: each.to_broker_bytes)
    for row in heaviest.values():
        reached = row.to_broker_bytes <= row.published_bytes
        yield Goal(
            what=f"Table 1, {row.family} as {row.kind}",
            asked=f"<= {row.published_bytes:,.0f} B",
            measured=f"{row.to_broker_bytes:,} B",
            why=""
            if reached
            else f"the model has {row.model_bytes} B; the signed header ({row.header_bytes}) and "
            f"what is around it ({row.envelope_bytes}) have more",
        )


def _mining(row: Mined) -> Goal:
    bound = "" if row.paper_way_reached else ">= "
    return Goal(
        what=f"Table 2, {row.level}",
        asked=f">= {GOAL_RATIO:,}x",
        measured="-" if row.ratio is None else f"{bound}{row.ratio:,.0f}x",
        why=_why_not_faster(row),
    )


def _why_not_faster(row: Mined) -> str:
    if row.ours_s is None or row.ratio is None:
        return "a search of ours ended without a child"
    if row.ratio >= GOAL_RATIO:
        return ""
    if row.paper_way_reached:
        return f"the paper's way took {row.paper_way_s:,.4g} s"
    return (
        f"the paper's way was stopped after {row.paper_way_s:,.0f} s; a bound of "
        f"{GOAL_RATIO:,}x takes {GOAL_RATIO * row.ours_s:,.0f} s"
    )


def _throughput(report: PaperReport) -> Iterator[Goal]:
    for row in report.throughput:
        if row.name == "medium":
            continue  # nothing is asked of it
        asked = GOAL_TPS if row.offered_per_s else row.geth_tps
        why = ""
        if row.tps < asked and row.offered_per_s:
            cost_ms = row.transfer_cost_ms
            why = (
                f"{row.nodes} nodes at {cost_ms:.2f} ms a transfer want "
                f"{row.nodes * cost_ms * GOAL_TPS / 1_000:.1f} of the {report.cores} processors "
                f"for {GOAL_TPS:,} a second, trainer ({row.trainer_cores:.1f}) and clients "
                f"aside; {row.offered_per_s:,.0f} a second were handed in"
            )
        elif row.tps < asked:
            why = f"{row.blocks} blocks had to be found one after the other, in {row.seconds:.1f} s"
        yield Goal(
            what=f"Table 3, {row.name}",
            asked=f">= {asked:,.4g} TPS",
            measured=f"{row.tps:,.1f} TPS",
            why=why,
        )
