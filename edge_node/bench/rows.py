# SPDX-License-Identifier: Apache-2.0
"""A row of the bench's table: a figure, what a user would have instead, and the goal.

Law of the file: the keys of the JSON object are a contract; a figure that could not be had is null.
Read next: run.py.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from edge_node.primitives.errors import EdgeNodeError

SIGNIFICANT_DIGITS = 4
"""Of the figures that are printed: more would be noise."""

MORE_IS_BETTER = frozenset({"images/s", "candidates/s", "samples/s", "accuracy"})
"""Units of which one wants many; of all others (ms, s, bytes) few."""


class RowMalformed(EdgeNodeError):
    """The measuring process has printed something else than a row."""

    reason = "bench-row"

    def __init__(self, line: str) -> None:
        super().__init__(f"the bench can not read {line[:80]!r}: install edge-node anew")
        self.line = line


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row."""

    name: str
    """section/what/instruction path."""
    value: float | None
    """The figure; None if the work did not reach what it should."""
    unit: str
    """Its unit."""
    baseline: str | None
    """What it is compared with."""
    baseline_value: float | None
    """The baseline's figure, in the same unit."""
    goal: float | None
    """At most this, or at least this where more is better; None if nothing is promised."""

    @property
    def more_is_better(self) -> bool:
        """Whether a greater value is a better one."""
        return self.unit in MORE_IS_BETTER

    @property
    def ratio(self) -> float | None:
        """How many times better than the baseline."""
        if not self.value or not self.baseline_value:
            return None
        better, worse = self.value, self.baseline_value
        return better / worse if self.more_is_better else worse / better

    @property
    def reached(self) -> bool | None:
        """Whether the goal is reached; None if there is none."""
        if self.goal is None:
            return None
        if self.value is None:
            return False
        return self.value >= self.goal if self.more_is_better else self.value <= self.goal

    def as_json(self) -> dict[str, object]:
        """Return the row as `edge-node bench --json` prints it."""
        return {
            "name": self.name,
            "value": _rounded(self.value),
            "unit": self.unit,
            "baseline": self.baseline,
            "baseline_value": _rounded(self.baseline_value),
            "ratio": _rounded(self.ratio),
            "goal": self.goal,
            "reached": self.reached,
        }


def row_fields(row: Row) -> dict[str, object]:
    """Return a row as it travels from the child to its parent, in full precision."""
    return asdict(row)


def row_from_fields(fields: object) -> Row:
    """Return the row that the child sent.

    Raises
    ------
    RowMalformed
    """
    if not isinstance(fields, Mapping) or set(fields) != set(Row.__slots__):
        raise RowMalformed(repr(fields))
    return Row(**fields)


def _rounded(value: float | None) -> float | None:
    if value is None or value == int(value):  # bytes are exact
        return value
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}")
