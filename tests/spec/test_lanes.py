# SPDX-License-Identifier: Apache-2.0
"""Lanes: sums and multiples of many numbers at once are those of each number."""

from hypothesis import given
from hypothesis import strategies as st

from edge_node.spec.lanes import LANE_BITS, pack_lanes, spread_bits, unpack_lanes

small = st.integers(0, (1 << 31) - 1)


@given(st.lists(st.integers(0, (1 << LANE_BITS) - 1), max_size=50))
def test_lanes_survive(values: list[int]) -> None:
    assert unpack_lanes(pack_lanes(values), len(values)) == values


@given(st.lists(st.tuples(small, small), min_size=1, max_size=30), st.integers(0, 100))
def test_lanes_add_and_multiply_one_by_one(pairs: list[tuple[int, int]], factor: int) -> None:
    left, right = (pack_lanes(column) for column in zip(*pairs, strict=True))
    expected = [factor * a + b for a, b in pairs]
    assert unpack_lanes(factor * left + right, len(pairs)) == expected


@given(st.lists(st.booleans(), max_size=100))
def test_bits_spread_to_lanes(bits: list[bool]) -> None:
    number = sum(bit << i for i, bit in enumerate(bits))
    assert unpack_lanes(spread_bits(number, len(bits)), len(bits)) == [int(bit) for bit in bits]
