# SPDX-License-Identifier: Apache-2.0
"""The strict codec against cbor2 as oracle, and against every form that cbor2 lets pass."""

import tracemalloc

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_node.spec import encoding
from edge_node.spec.constants import MAX_DEPTH, MAX_ITEMS, MAX_TEXT_BYTES
from edge_node.spec.encoding import Decoded, InvalidEncoding, Value, decode, encode, encode_array

pytestmark = pytest.mark.arm

MIB = 1 << 20

integers = st.integers(-(1 << 63), (1 << 64) - 1) | st.sampled_from(
    [0, 23, 24, 255, 256, 65_535, 65_536, (1 << 32) - 1, 1 << 32, -1, -24, -25, -256, -257]
)
texts = st.text(max_size=60)
values: st.SearchStrategy[Value] = st.recursive(
    integers | st.binary(max_size=300) | texts,
    lambda inner: (
        st.lists(inner, max_size=26) | st.dictionaries(st.integers(0, 23), inner, max_size=4)
    ),
    max_leaves=30,
)

HOSTILE = {
    "nothing": "",
    "0 in two bytes": "1800",
    "23 in two bytes": "1817",
    "24 in three bytes": "190018",
    "255 in three bytes": "1900ff",
    "65535 in five bytes": "1a0000ffff",
    "2**32 - 1 in nine bytes": "1b00000000ffffffff",
    "-1 in two bytes": "3800",
    "-256 in three bytes": "3900ff",
    "-2**63 - 1": "3b8000000000000000",
    "-2**64": "3bffffffffffffffff",
    "length of bytes not the shortest": "580161",
    "length of text not the shortest": "780161",
    "length of an array not the shortest": "980101",
    "length of a map not the shortest": "b8010101",
    "length in nine bytes": "5b000000000000000161",
    "bytes of indefinite length": "5f4161ff",
    "text of indefinite length": "7f6161ff",
    "array of indefinite length": "9f01ff",
    "map of indefinite length": "bf0001ff",
    "a break alone": "ff",
    "reserved length 28": "1c",
    "reserved length 29": "5d",
    "reserved length 30": "9e",
    "an indefinite integer": "1f",
    "twice the same key": "a200010002",
    "keys out of order": "a201000000",
    "key 24": "a1181800",
    "key -1": "a12000",
    "a key of bytes": "a1416100",
    "a key of text": "a1616100",
    "a list for a key": "a1810000",
    "a map for a key": "a1a000",
    "a float for a key": "a1f93c0000",
    "true for a key": "a1f500",
    "half float 1.0": "f93c00",
    "half float -0.0": "f98000",
    "half float NaN": "f97e00",
    "single float": "fa3f800000",
    "double float": "fb3ff0000000000000",
    "NaN with a payload": "fb7ff8000000000001",
    "infinity": "f97c00",
    "false": "f4",
    "true": "f5",
    "null": "f6",
    "undefined": "f7",
    "a simple value": "e0",
    "a simple value in two bytes": "f8ff",
    "tag 0, a date": "c074323031332d30332d32315432303a30343a30305a",
    "tag 1, an epoch": "c100",
    "tag 2, a number of any size": "c24101",
    "tag 3, a negative one": "c34101",
    "tag 4, a decimal": "c4820001",
    "tag 5, a big float": "c5820001",
    "tag 28 and 29, a list that holds itself": "d81c81d81d00",
    "tag 30, a fraction": "d81e820102",
    "tag 35, a regular expression": "d8236161",
    "tag 36, a MIME message": "d8246161",
    "tag 37, a UUID": "d8255000000000000000000000000000000000",
    "tag 256, a table of strings": "d90100816161",
    "tag 258, a set": "d901028101",
    "tag 55799, the sign of CBOR": "d9d9f700",
    "an unknown tag": "da0001000000",
    "a value and a byte": "0000",
    "two values": "8000",
    "an array that ends early": "8201",
    "a map that ends early": "a1",
    "a map without its value": "a100",
    "bytes that end early": "4261",
    "text that ends early": "6261",
    "a length that ends early": "5900",
    "text that is not UTF-8": "61ff",
    "text with an overlong form": "62c080",
    "text with a lone surrogate": "63eda080",
    "text cut inside a character": "61c3",
    "bytes of 2**27": "5a08000000",
    "bytes of 2**32": "5b0000000100000000",
    "bytes of 2**40": "5b0000010000000000",
    "bytes of 2**64 - 1": "5bffffffffffffffff",
    "text of 2**64 - 1": "7bffffffffffffffff",
    "an array of 2**27": "9a08000000",
    "an array of 2**64 - 1": "9bffffffffffffffff",
    "a map of 2**64 - 1": "bbffffffffffffffff",
    "an array of arrays of 2**27": "819a08000000",
    "nine arrays deep": "81" * 8 + "80",
    "nine maps deep": "a100" * 8 + "a0",
    "400 deep": "81" * 400 + "80",
    "100,000 deep": "81" * 100_000 + "80",
    "text of 257 bytes": "790101" + "61" * 257,
}


@given(values)
def test_r_2_encoding_is_cbor2s_canonical_one_and_comes_back(value: Value) -> None:
    data = encode(value)
    assert data == cbor2.dumps(value, canonical=True)
    assert decode(data, max_bytes=len(data), max_depth=100) == value


@pytest.mark.parametrize("count", [0, 1, 23, 24, 255, 256])
def test_r_2_array_of_encoded_items_is_the_array_encoded(count: int) -> None:
    items: list[Value] = [[number, bytes(number)] for number in range(count)]
    assert encode_array([encode(item) for item in items]) == encode(items)


def test_r_2_map_comes_in_the_order_of_its_keys() -> None:
    full: Value = {key: [key] for key in reversed(range(24))}
    data = encode(full)
    assert data == cbor2.dumps(full, canonical=True)
    assert decode(data, max_bytes=len(data)) == full


@given(st.binary(max_size=200))
def test_r_2_whatever_decodes_encodes_to_the_same_bytes(data: bytes) -> None:
    check_against_oracle(data)


@given(values, st.data())
def test_r_2_mutated_encoding_is_refused_or_means_something_else(
    value: Value, data: st.DataObject
) -> None:
    good = encode(value)
    at = data.draw(st.integers(0, len(good) - 1))
    bad = good[:at] + data.draw(st.binary(max_size=3)) + good[at + data.draw(st.integers(0, 3)) :]
    decoded = check_against_oracle(bad)
    if decoded is not None and bad != good:
        assert decoded != value or type(decoded) is not type(value)


def check_against_oracle(data: bytes) -> "Decoded | None":
    try:
        decoded = decode(data, max_bytes=len(data))
    except InvalidEncoding:
        return None
    assert encode(decoded) == data
    assert cbor2.loads(data) == decoded
    return decoded


@pytest.mark.parametrize("form", HOSTILE)
def test_r_2_hostile_form_is_refused(form: str) -> None:
    with pytest.raises(InvalidEncoding) as caught:
        decode(bytes.fromhex(HOSTILE[form]), max_bytes=MIB)
    assert caught.value.reason == "R-2"
    assert caught.value.peer_fault


def test_r_2_limits_themselves_are_allowed() -> None:
    deep: Value = 0
    for _ in range(MAX_DEPTH):
        deep = [deep]
    for value in (
        deep,
        "a" * MAX_TEXT_BYTES,
        [0] * (MAX_ITEMS - 1),
        -(1 << 63),
        (1 << 64) - 1,
        {key: key for key in range(24)},
    ):
        data = encode(value)
        assert decode(data, max_bytes=len(data)) == value
        with pytest.raises(InvalidEncoding, match="above the limit"):
            decode(data, max_bytes=len(data) - 1)


@pytest.mark.parametrize(
    "value",
    [
        True,
        None,
        1.0,
        1 << 64,
        -(1 << 63) - 1,
        {24: 0},
        {-1: 0},
        {True: 0},
        bytearray(b"a"),
        {1},
        object(),
        "a" * (MAX_TEXT_BYTES + 1),
        "\udcff",
        [[None]],
    ],
)
def test_r_2_what_the_subset_lacks_is_not_encoded(value: Value) -> None:
    with pytest.raises(InvalidEncoding):
        encode(value)


def test_r_2_error_names_the_byte() -> None:
    with pytest.raises(InvalidEncoding, match="R-2: a number not in its shortest form at byte 2"):
        decode(bytes.fromhex("82001800"), max_bytes=MIB)


FLOODS = {
    "one-byte integers": b"\x9a\x00\x0f\xff\xfb" + bytes(MIB - 5),
    "empty arrays": b"\x9a\x00\x0f\xff\xfb" + b"\x80" * (MIB - 5),
    "arrays of 23": (b"\x9a\x00\x00\xaa\xa0" + (b"\x97" + bytes(23)) * 43_680)[:MIB],
    "maps of 24": (b"\x9a\x00\x00\x55\x00" + encode(dict.fromkeys(range(24), 0)) * 21_760)[:MIB],
    "empty strings": b"\x9a\x00\x0f\xff\xfb" + b"\x40" * (MIB - 5),
    "arrays that each claim all the rest": b"\x9a\x00\x0f\x00\x00" * (MIB // 5),
}


@pytest.mark.parametrize("flood", FLOODS)
def test_r_2_hostile_megabyte_builds_few_values(
    flood: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = count_values(monkeypatch)
    with pytest.raises(InvalidEncoding):
        decode(FLOODS[flood], max_bytes=MIB)
    assert built() <= MAX_ITEMS + 1


@pytest.mark.parametrize("kind", ["5a", "7a", "9a", "ba", "819a", "a1009a"])
def test_r_2_nothing_is_allocated_on_the_word_of_a_length(kind: str) -> None:
    data = bytes.fromhex(kind + "7fffffff") + bytes(1_000)
    tracemalloc.start()
    try:
        with pytest.raises(InvalidEncoding):
            decode(data, max_bytes=MIB)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100_000


def test_a_megabyte_that_is_one_string_is_one_value(monkeypatch: pytest.MonkeyPatch) -> None:
    built = count_values(monkeypatch)
    data = encode(bytes(MIB - 5))
    assert decode(data, max_bytes=MIB) == bytes(MIB - 5)
    assert built() == 1


def count_values(monkeypatch: pytest.MonkeyPatch) -> "Counter":
    counter = Counter()

    class CountingReader(encoding._Reader):
        def value(self, depth: int) -> Decoded:
            counter.count += 1
            return super().value(depth)

    monkeypatch.setattr(encoding, "_Reader", CountingReader)
    return counter


class Counter:
    """Counts; calling it tells how many."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> int:
        return self.count
