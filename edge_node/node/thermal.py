# SPDX-License-Identifier: Apache-2.0
"""Heat: a node that gets too hot stops mining, and goes on once it has cooled down.

Between `resume_c` and `pause_c` all stays as it was, so that a board at its limit does not begin
and end every second; a warning holds as far below `warn_c`, and so is not given every second.
Validation never pauses: who mines nothing heats little, and a node that does not validate is of no
use. The kernel tells a temperature in thousandths of a degree, but for the converters of a Zynq
(industrial I/O), which tell a raw number, an offset and a scale.
Law of the file: it decides by temperatures alone, and says so once at each change.
Read next: node.py, which asks before it mines.
"""

import contextlib
import logging
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

from edge_node.primitives.clock import Clock

_LOG = logging.getLogger(__name__)

LOOK_MS: Final = 1_000
"""How often the temperature is read."""
_RAW = "_raw"
"""How an industrial converter's file ends; `_offset` and `_scale` lie beside it."""


class Heat(Enum):
    """How hot a node is, by its limits."""

    COOL = "cool"
    WARM = "warm"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatLimits:
    """Temperatures in degrees Celsius, none greater than the next but one."""

    resume_c: int
    """Mining that was paused goes on at this temperature or below."""
    warn_c: int
    """The log warns from here on."""
    pause_c: int
    """Mining pauses from here on."""


def next_heat(now: Heat, temperature_c: float, limits: HeatLimits) -> Heat:
    """Return how hot a node is at a temperature, after it was so hot before."""
    if temperature_c >= limits.pause_c:
        return Heat.PAUSED
    if now is Heat.PAUSED and temperature_c > limits.resume_c:
        return Heat.PAUSED
    band_c = limits.pause_c - limits.resume_c if now is Heat.WARM else 0
    return Heat.WARM if temperature_c >= limits.warn_c - band_c else Heat.COOL


def read_temperature_c(source: str, root: Path) -> float | None:
    """Return a temperature in degrees Celsius, or None if the kernel does not tell it.

    Parameters
    ----------
    source : str
        A file of the kernel, such as /sys/class/thermal/thermal_zone0/temp; of several that fit a
        pattern with `*`, the first by name.
    root : Path
        Where the machine's /sys is.
    """
    with contextlib.suppress(OSError, ValueError):
        path = min(root.glob(source.lstrip("/")))
        value = float(path.read_text(encoding="ascii"))
        if path.name.endswith(_RAW):
            stem = path.name.removesuffix(_RAW)
            offset, scale = (
                float(path.with_name(f"{stem}_{what}").read_text(encoding="ascii"))
                for what in ("offset", "scale")
            )
            value = (value + offset) * scale
        return value / 1_000
    return None


class Thermometer:
    """A node's sense of heat.

    Parameters
    ----------
    source : str
        As in read_temperature_c.
    limits : HeatLimits
    clock : Clock
    root : Path, optional
        Where the machine's /sys is.
    """

    def __init__(
        self, source: str, limits: HeatLimits, clock: Clock, root: Path = Path("/")
    ) -> None:
        self._source = source
        self._limits = limits
        self._clock = clock
        self._root = root
        self._heat = Heat.COOL
        self._look_at_ms: int | None = None
        self._silent = False
        self.temperature_c: float | None = None
        """The last one; None if it could not be read."""

    @property
    def paused(self) -> bool:
        """True while the node is too hot to mine."""
        return self._heat is Heat.PAUSED

    @property
    def words(self) -> str:
        """How hot it is, and what follows, for people."""
        if self.temperature_c is None:
            return f"unknown: {self._source} can not be read" + (
                ", and mining stays paused" if self.paused else ""
            )
        degrees = f"{self.temperature_c:.1f} C"
        if self.paused:
            return f"{degrees}; mining is paused until it is {self._limits.resume_c} C"
        return degrees

    def tick(self) -> None:
        """Look, if it is time."""
        now_ms = self._clock.monotonic_ms()
        if self._look_at_ms is None or now_ms >= self._look_at_ms:
            self._look_at_ms = now_ms + LOOK_MS
            self.temperature_c = read_temperature_c(self._source, self._root)
            self._judge()

    def _judge(self) -> None:
        if self.temperature_c is None:
            if not self._silent:
                _LOG.warning(
                    "the temperature can not be read from %s; name another thermal.source, or none",
                    self._source,
                )
            self._silent = True
            return
        self._silent = False
        before, self._heat = self._heat, next_heat(self._heat, self.temperature_c, self._limits)
        if self._heat is before:
            return
        if self._heat is Heat.PAUSED:
            _LOG.warning("mining is paused: %s", self.words)
        elif before is Heat.PAUSED:
            _LOG.warning("mining goes on: the temperature is %s", self.words)
        elif self._heat is Heat.WARM:
            pause_c = self._limits.pause_c
            _LOG.warning("it gets hot: %s; mining pauses at %d C", self.words, pause_c)
