# SPDX-License-Identifier: Apache-2.0
"""A row of the proof rules' table: a figure, its bounds, the paper's word, and how it was measured.

Law of the file: the keys of the JSON object are a contract; a figure that could not be had is null.
Read next: run.py.
"""

from dataclasses import asdict, dataclass

SIGNIFICANT_DIGITS = 4
"""Of the figures that are printed: more would be noise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofRow:
    """One figure."""

    table: str
    """Name of the table that it is of, as in run.TABLES."""
    what: str
    """What it says."""
    value: float | None
    """The figure; None if it could not be had."""
    unit: str
    """Its unit."""
    how: str
    """How it was measured."""
    least: float | None = None
    """It is to be this at least; None if nothing is asked."""
    most: float | None = None
    """It is to be this at most."""
    published: str = ""
    """What paper B has for it, or the evidence on paper B."""
    simulated: bool = False
    """It comes from a simulation; nobody has mined these blocks."""

    @property
    def reached(self) -> bool | None:
        """Whether it is as asked; None if nothing is asked."""
        if self.least is None and self.most is None:
            return None
        if self.value is None:
            return False
        enough = self.least is None or self.value >= self.least
        return enough and (self.most is None or self.value <= self.most)

    @property
    def asked(self) -> str:
        """The bounds in words; empty if there are none."""
        if self.least is not None and self.most is not None:
            return f"{figure(self.least)} to {figure(self.most)}"
        if self.least is not None:
            return f">= {figure(self.least)}"
        return "" if self.most is None else f"<= {figure(self.most)}"

    def as_json(self) -> dict[str, object]:
        """Return the row as `edge-node bench proof --json` prints it."""
        value = self.value
        if value is not None:
            value = float(f"{value:.{SIGNIFICANT_DIGITS}g}")
        return {**asdict(self), "value": value, "reached": self.reached}


def figure(value: float | None) -> str:
    """Return a figure with about four digits, as people read it."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.{SIGNIFICANT_DIGITS}g}"
