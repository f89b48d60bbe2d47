# SPDX-License-Identifier: Apache-2.0
"""The bridge's codec says what the law's says, of values and of every form that is refused."""

import json
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_node.spec import encoding
from edge_node_bridge.cbor import Decoded, Value, decode, encode
from edge_node_bridge.errors import EncodingFaulty
from edge_node_bridge.limits import VALUE_DEPTH_MAX, VALUE_ITEMS_MAX, VALUE_TEXT_BYTES_MAX

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "encoding.json").read_text())
MIB = 1 << 20

integers = st.integers(-(1 << 63), (1 << 64) - 1) | st.sampled_from(
    [0, 23, 24, 255, 256, 65_535, 65_536, (1 << 32) - 1, 1 << 32, -1, -24, -25, -256, -257]
)
leaves = integers | st.binary(max_size=300) | st.text(max_size=60)
values: st.SearchStrategy[Value] = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=26) | st.dictionaries(st.integers(0, 23), inner, max_size=4)
    ),
    max_leaves=30,
)


def law_says(data: bytes) -> "Decoded | None":
    try:
        return encoding.decode(
            data, max_bytes=MIB, max_items=VALUE_ITEMS_MAX, max_depth=VALUE_DEPTH_MAX
        )
    except encoding.InvalidEncoding:
        return None


def bridge_says(data: bytes) -> "Decoded | None":
    try:
        return decode(data)
    except EncodingFaulty:
        return None


@given(values)
def test_value_within_the_depth_has_the_laws_encoding(value: Value) -> None:
    data = encoding.encode(value)
    assert bridge_says(data) == law_says(data)
    if law_says(data) is not None:
        assert encode(value) == data


@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused_as_by_the_law(data: bytes) -> None:
    assert bridge_says(data) == law_says(data)


@given(values, st.integers(min_value=0), st.integers(0, 255))
def test_changed_encoding_is_read_or_refused_as_by_the_law(
    value: Value, place: int, byte: int
) -> None:
    data = bytearray(encoding.encode(value))
    data[place % len(data)] = byte
    assert bridge_says(bytes(data)) == law_says(bytes(data))


@pytest.mark.parametrize("vector", VECTORS["invalid"], ids=lambda each: each["what"])
def test_what_the_law_refuses_is_refused(vector: dict[str, str]) -> None:
    with pytest.raises(EncodingFaulty):
        decode(bytes.fromhex(vector["hex"]))


@pytest.mark.parametrize("vector", VECTORS["valid"], ids=lambda each: each["value"])
def test_what_the_law_reads_is_read_within_the_depth(vector: dict[str, str]) -> None:
    data = bytes.fromhex(vector["hex"])
    if vector["value"] == "8 arrays deep":
        with pytest.raises(EncodingFaulty, match="deep"):
            decode(data)
    else:
        assert encode(decode(data)) == data


@pytest.mark.parametrize(
    ("data", "what"),
    [
        ("9bffffffffffffffff", "count beyond"),
        ("829901ff" + "00" * 200, "count beyond"),
        ("bb0000000100000000", "count beyond"),
        ("5b7fffffffffffffff", "end too early"),
    ],
)
def test_lie_about_a_length_costs_nothing(data: str, what: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(EncodingFaulty, match=what):
            decode(bytes.fromhex(data))
        _, most_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most_bytes < 100_000


def test_more_values_than_allowed_are_refused() -> None:
    most = [0] * (VALUE_ITEMS_MAX - 1)
    assert decode(encode(most)) == most
    with pytest.raises(EncodingFaulty, match="above"):
        decode(encode([*most, 0]))


def test_deeper_values_than_allowed_are_refused() -> None:
    deep: Value = 0
    for _ in range(VALUE_DEPTH_MAX):
        deep = [deep]
    assert decode(encode(deep)) == deep
    with pytest.raises(EncodingFaulty, match="deep"):
        encode([deep])
    with pytest.raises(EncodingFaulty, match="deep"):
        decode(b"\x81" * (VALUE_DEPTH_MAX + 1) + b"\x00")
    with pytest.raises(EncodingFaulty, match="deep"):
        decode(b"\x81" * 100_000)


def test_longer_text_than_allowed_is_refused() -> None:
    text = "x" * VALUE_TEXT_BYTES_MAX
    assert decode(encode(text)) == text
    with pytest.raises(EncodingFaulty, match="above"):
        encode(text + "x")
    with pytest.raises(EncodingFaulty, match="above"):
        decode(encoding._head(3, VALUE_TEXT_BYTES_MAX + 1) + b"x" * (VALUE_TEXT_BYTES_MAX + 1))


@pytest.mark.parametrize(
    "value", [True, None, 0.5, 1 << 64, -(1 << 63) - 1, {24: 0}, {"a": 0}, {True: 0}, "\ud800"]
)
def test_what_the_subset_lacks_has_no_encoding(value: object) -> None:
    with pytest.raises(EncodingFaulty):
        encode(value)  # type: ignore[arg-type]  # on purpose
