# SPDX-License-Identifier: Apache-2.0
"""What the benches share: a clock, a generator of random values, and ways to set and read ports.

Law of the file: inputs change on the falling edge and are read on it, so no bench races the clock.
Read next: building.py.
"""

import os
import re
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge

CLOCK_NS = 10


class Dice:
    """Random values that a seed decides."""

    def __init__(self, seed: int) -> None:
        self._source = np.random.default_rng([seed, int(os.environ.get("COCOTB_RANDOM_SEED", "0"))])

    def below(self, bound: int) -> int:
        return int(self._source.integers(bound))

    def between(self, low: int, high: int) -> int:
        """Return a value of low..high, both included."""
        return low + self.below(high - low + 1)

    def bits(self, count: int) -> int:
        return int.from_bytes(self._source.bytes(count // 8 + 1), "little") & ((1 << count) - 1)

    def chance(self, percent: int) -> bool:
        return self.below(100) < percent

    def one_of(self, values: Any) -> Any:
        return values[self.below(len(values))]


async def begin(dut: Any, **inputs: int) -> None:
    """Start the clock, set the inputs, reset if there is a reset."""
    for name, value in inputs.items():
        getattr(dut, name).value = value
    cocotb.start_soon(Clock(dut.clk, CLOCK_NS, unit="ns").start())
    if hasattr(dut, "rst"):
        dut.rst.value = 1
        await ticks(dut, 3)
        dut.rst.value = 0
    await ticks(dut, 1)


async def ticks(dut: Any, count: int = 1) -> None:
    """Let clocks pass; ends after a falling edge."""
    for _ in range(count):
        await FallingEdge(dut.clk)


def put(dut: Any, **inputs: int) -> None:
    for name, value in inputs.items():
        getattr(dut, name).value = value


def number(port: Any) -> int:
    """Return a port's value, without a sign."""
    return int(port.value)


def signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) & 1 else value


def parameters() -> dict[str, int]:
    """Return what the module was built with."""
    said = os.environ.get("UNIT_PARAMETERS", "")
    return {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", said)}
