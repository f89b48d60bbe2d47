# SPDX-License-Identifier: Apache-2.0
"""Reading fields: each bound is exact, and the error names the field."""

from collections.abc import Callable

import pytest

from edge_node.gossip.errors import MalformedMessage
from edge_node.gossip.fields import Fields, read_array
from edge_node.spec import encoding

Read = Callable[[Fields], object]


def of(*items: encoding.Value) -> Fields:
    return read_array(encoding.encode(list(items)))


@pytest.mark.parametrize(
    ("item", "read", "expected"),
    [
        (3, lambda f: f.number("n", 3, 3), 3),
        (b"ab", lambda f: f.octets("o", 2, 2), b"ab"),
        ("ab", lambda f: f.text("t", 2), "ab"),
        ([1, 2], lambda f: f.numbers("ns", 2, most=2), (1, 2)),
        ([b"a"], lambda f: f.octet_list("os", 1, 1, most=1), (b"a",)),
        (["a", "b"], lambda f: f.text_list("ts", 1, most=2), ("a", "b")),
        ([7], lambda f: f.group("g", count=1).number("n", 0, 9), 7),
    ],
)
def test_within_bounds(item: encoding.Value, read: Read, expected: object) -> None:
    fields = of(item)
    assert read(fields) == expected
    fields.finish()


@pytest.mark.parametrize(
    ("item", "read", "name"),
    [
        (2, lambda f: f.number("height", 3, 5), "height"),
        (6, lambda f: f.number("height", 3, 5), "height"),
        (b"3", lambda f: f.number("height", 3, 5), "height"),
        (b"a", lambda f: f.octets("hash", 2, 2), "hash"),
        (b"abc", lambda f: f.octets("hash", 2, 2), "hash"),
        ("ab", lambda f: f.octets("hash", 2, 2), "hash"),
        ("abc", lambda f: f.text("name", 2), "name"),
        ("é", lambda f: f.text("name", 1), "name"),
        ("\x1b[2J", lambda f: f.text("name", 9), "name"),
        (b"ab", lambda f: f.text("name", 2), "name"),
        ([1, 2, 3], lambda f: f.numbers("list", 9, most=2), "list"),
        ([10], lambda f: f.numbers("list", 9, most=2), "list"),
        (5, lambda f: f.numbers("list", 9, most=2), "list"),
        ([b"ab"], lambda f: f.octet_list("list", 1, 1, most=2), "list"),
        ([1], lambda f: f.group("parcel", count=2), "parcel"),
        (1, lambda f: f.group("parcel", count=2), "parcel"),
    ],
)
def test_outside_bounds_names_the_field(item: encoding.Value, read: Read, name: str) -> None:
    with pytest.raises(MalformedMessage, match=name):
        read(of(item))


def test_missing_and_left_over_items() -> None:
    with pytest.raises(MalformedMessage, match="height"):
        of().number("height", 0, 1)
    with pytest.raises(MalformedMessage):
        of(1).finish()


@pytest.mark.parametrize("body", [b"", b"\x05", b"\x82\x01", b"\x18\x05", b"\x81" * 20, b"\xa0"])
def test_what_is_no_canonical_array_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedMessage):
        read_array(body)
