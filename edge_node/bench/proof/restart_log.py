# SPDX-License-Identifier: Apache-2.0
"""What nodes' logs tell of searches: when a block came, was judged, and was searched on.

Times are those of the wall clock, which all processes of a machine share, to the millisecond; when
a search began is the trainer's own time, not that at which the node heard of it.
Law of the file: it reads, and computes differences; nothing is guessed where a line is missing.
Read next: restart.py, edge_node/node/mining/lottery.py.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

_CAME = re.compile(r"judging block (\w+) from ")
_JUDGED = re.compile(r"block (\w+) judged valid; ")
_BEGAN = re.compile(r"search on block (\w+) began (\d+) ms ago, (-?\d+) ms after it became ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Began:
    """A search on a block."""

    at_ms: int
    """When its first burst began."""
    after_ms: int
    """How long after the node took the block for its head."""


@dataclass(slots=True, kw_only=True)
class NodeTimes:
    """What one node's log tells, by the short names of blocks."""

    came_ms: dict[str, int] = field(default_factory=dict)
    """When the loop had the bytes of blocks that others made."""
    judged_ms: dict[str, int] = field(default_factory=dict)
    """When a block was judged valid and stored."""
    began: dict[str, Began] = field(default_factory=dict)
    """The first search on each block."""
    searches_ms: list[int] = field(default_factory=list)
    """When any search began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    """A search that a foreign block made to begin anew."""

    whole_ms: int
    """From its author's last act before the announcement to the first burst."""
    bytes_ms: int
    """From the bytes in the node's hands to the first burst."""
    judge_ms: int
    """From the bytes to the verdict, the store's commit included."""
    verdict_ms: int
    """From the verdict to the first burst."""
    trainer_ms: int
    """Of that, in the trainer: what was under way, and the way there."""


def node_times(lines: Iterable[str]) -> NodeTimes:
    """Return what the lines of a node's log as JSON tell."""
    times = NodeTimes()
    for line in lines:
        try:
            said = json.loads(line)
        except ValueError:
            continue  # of a process that the node has started
        at_ms, message = int(said["time_ms"]), str(said["message"])
        if match := _CAME.match(message):
            times.came_ms.setdefault(match[1], at_ms)
        elif match := _JUDGED.match(message):
            times.judged_ms.setdefault(match[1], at_ms)
        elif match := _BEGAN.match(message):
            began = Began(at_ms=at_ms - int(match[2]), after_ms=int(match[3]))
            times.began.setdefault(match[1], began)
            times.searches_ms.append(began.at_ms)
    return times


def restarts(nodes: Sequence[NodeTimes], since_ms: int = 0) -> list[Restart]:
    """Return the restarts of all nodes on blocks of each other.

    Parameters
    ----------
    nodes : sequence of NodeTimes
        All that mine.
    since_ms : int
        What came before is left out.
    """
    found: list[Restart] = []
    for times in nodes:
        for block, came_ms in times.came_ms.items():
            author = _author(block, nodes)
            began, judged_ms = times.began.get(block), times.judged_ms.get(block)
            if author is None or began is None or judged_ms is None or came_ms < since_ms:
                continue
            found.append(
                Restart(
                    whole_ms=began.at_ms - author[block],
                    bytes_ms=began.at_ms - came_ms,
                    judge_ms=judged_ms - came_ms,
                    verdict_ms=began.at_ms - judged_ms,
                    trainer_ms=began.after_ms,
                )
            )
    return found


def resumed_ms(times: NodeTimes, killed_ms: int) -> int | None:
    """Return how long after its death a trainer's successor began; None if none has."""
    later = [at_ms for at_ms in times.searches_ms if at_ms > killed_ms]
    return min(later) - killed_ms if later else None


def _author(block: str, nodes: Sequence[NodeTimes]) -> Mapping[str, int] | None:
    """Return the verdicts of the node that has a block from nobody."""
    for times in nodes:
        if block in times.judged_ms and block not in times.came_ms:
            return times.judged_ms
    return None
