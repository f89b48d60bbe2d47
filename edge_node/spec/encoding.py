# SPDX-License-Identifier: Apache-2.0
"""The one encoding of every value that is hashed or signed: a strict subset of CBOR.

Rule R-2 (RFC 8949, 4.2.1): integers of 64 bits, byte strings, text strings, arrays, and maps with
keys 0..23 in order; always the shortest form, definite lengths, nothing after the value. So a
value has one encoding and an encoding one value: `encode(decode(b)) == b`, or `InvalidEncoding`.
Law of the file: no type but int, bytes, str, list and dict ever leaves the decoder, and nothing
is allocated on the word of a length prefix alone.
Read next: model.py.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, TypeAlias

from edge_node.spec.constants import MAX_DEPTH, MAX_ITEMS, MAX_TEXT_BYTES
from edge_node.spec.errors import InvalidInput

Value: TypeAlias = "int | bytes | str | Sequence[Value] | Mapping[int, Value]"
"""What `encode` takes."""

Decoded: TypeAlias = "int | bytes | str | list[Decoded] | dict[int, Decoded]"
"""What `decode` returns."""

_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP = range(6)
_DIRECT = 24
"""Arguments below this stand in the initial byte itself."""
_MAX_ARGUMENT_CODE = 27
_MIN_INT = -(1 << 63)
_MAX_INT = (1 << 64) - 1
_MAX_KEY = 23
_BYTE = tuple(bytes((number,)) for number in range(256))
_SHORT_HEADS = tuple(
    tuple(
        _BYTE[major << 5 | number] if number < _DIRECT else _BYTE[major << 5 | 24] + _BYTE[number]
        for number in range(256)
    )
    for major in range(6)
)
"""Heads of arguments below 256, by major type: nearly all that are ever written."""


class InvalidEncoding(InvalidInput):
    """The bytes are not the canonical encoding of a value (R-2)."""

    reason: ClassVar[str] = "R-2"

    def __init__(self, what: str, offset: int) -> None:
        super().__init__(f"R-2: {what} at byte {offset}; send the canonical encoding")
        self.what = what
        self.offset = offset


def encode(value: Value) -> bytes:
    """Return the canonical encoding of `value`.

    Raises
    ------
    InvalidEncoding
        A type or number that the subset does not have.
    """
    out: list[bytes] = []
    _encode_into(value, out)
    return b"".join(out)


def encode_array(items: Sequence[bytes]) -> bytes:
    """Return the canonical encoding of an array whose items are encoded already."""
    return b"".join((_head(_ARRAY, len(items)), *items))


def _encode_into(value: Value, out: list[bytes]) -> None:
    # `type() is`, not isinstance: True is not 1 here.
    kind = type(value)
    if kind is int:
        number: int = value  # type: ignore[assignment]  # mypy does not narrow on `type() is`
        if not _MIN_INT <= number <= _MAX_INT:
            raise InvalidEncoding(f"integer {number} beyond 64 bits", 0)
        out.append(_head(_UNSIGNED, number) if number >= 0 else _head(_NEGATIVE, -1 - number))
    elif isinstance(value, bytes):
        out.append(_head(_BYTES, len(value)))
        out.append(value)
    elif isinstance(value, str):
        try:
            text = value.encode("utf-8")
        except UnicodeEncodeError:
            raise InvalidEncoding("text that is not UTF-8", 0) from None
        if len(text) > MAX_TEXT_BYTES:
            raise InvalidEncoding(f"text of {len(text)} bytes above {MAX_TEXT_BYTES}", 0)
        out.append(_head(_TEXT, len(text)))
        out.append(text)
    elif isinstance(value, (list, tuple)):
        out.append(_head(_ARRAY, len(value)))
        for item in value:
            _encode_into(item, out)
    elif isinstance(value, dict):
        out.append(_head(_MAP, len(value)))
        for key in sorted(value):
            if type(key) is not int or not 0 <= key <= _MAX_KEY:
                raise InvalidEncoding(f"map key {key!r} outside 0..{_MAX_KEY}", 0)
            out.append(bytes((key,)))
            _encode_into(value[key], out)
    else:
        raise InvalidEncoding(f"type {kind.__name__}", 0)


def _head(major: int, argument: int) -> bytes:
    if argument < 256:
        return _SHORT_HEADS[major][argument]
    major <<= 5
    for code, size in ((25, 2), (26, 4)):
        if argument < 1 << 8 * size:
            return _BYTE[major | code] + argument.to_bytes(size, "big")
    return _BYTE[major | _MAX_ARGUMENT_CODE] + argument.to_bytes(8, "big")


def decode(
    data: bytes,
    *,
    max_bytes: int,
    max_items: int = MAX_ITEMS,
    max_depth: int = MAX_DEPTH,
) -> Decoded:
    """Return the value of a canonical encoding.

    Parameters
    ----------
    data : bytes
        Exactly one encoded value.
    max_bytes, max_items, max_depth : int
        Limits on the input's length, on its values, and on its nesting.

    Raises
    ------
    InvalidEncoding
        Not canonical, not in the subset, or beyond a limit.
    """
    if len(data) > max_bytes:
        raise InvalidEncoding(f"{len(data)} bytes above the limit of {max_bytes}", max_bytes)
    reader = _Reader(data, max_items)
    value = reader.value(max_depth)
    if reader.offset != len(data):
        raise InvalidEncoding("trailing bytes", reader.offset)
    return value


class _Reader:
    __slots__ = ("data", "items_left", "offset")

    def __init__(self, data: bytes, max_items: int) -> None:
        self.data = data
        self.offset = 0
        self.items_left = max_items

    def value(self, depth: int) -> Decoded:
        start = self.offset
        self.items_left -= 1
        if self.items_left < 0:
            raise InvalidEncoding("too many items", start)
        major, argument = self._head()
        if major == _UNSIGNED:
            return argument
        if major == _NEGATIVE:
            if -1 - argument < _MIN_INT:
                raise InvalidEncoding("integer beyond 64 bits", start)
            return -1 - argument
        if major == _BYTES:
            return self._take(argument)
        if major == _TEXT:
            return self._text(argument, start)
        if depth == 0:
            raise InvalidEncoding("nested too deep", start)
        # Every item takes a byte at least: a longer count is a lie, told before anything is built.
        if argument > len(self.data) - self.offset:
            raise InvalidEncoding("count beyond the end", start)
        if major == _ARRAY:
            return [self.value(depth - 1) for _ in range(argument)]
        return self._map(argument, depth - 1)

    def _map(self, count: int, depth: int) -> dict[int, Decoded]:
        result: dict[int, Decoded] = {}
        last = -1
        for _ in range(count):
            start = self.offset
            key = self._take(1)[0]
            if not last < key <= _MAX_KEY:
                raise InvalidEncoding("map key out of order or not in 0..23", start)
            last = key
            result[key] = self.value(depth)
        return result

    def _text(self, size: int, start: int) -> str:
        if size > MAX_TEXT_BYTES:
            raise InvalidEncoding(f"text of {size} bytes above {MAX_TEXT_BYTES}", start)
        try:
            return self._take(size).decode("utf-8")
        except UnicodeDecodeError:
            raise InvalidEncoding("text that is not UTF-8", start) from None

    def _head(self) -> tuple[int, int]:
        # a number has one form, the shortest.
        start = self.offset
        if start >= len(self.data):
            raise InvalidEncoding("truncated", len(self.data))
        self.offset = start + 1
        initial = self.data[start]
        major, argument = initial >> 5, initial & 31
        if major > _MAP:
            raise InvalidEncoding("a type outside the subset", start)
        if argument < _DIRECT:
            return major, argument
        if argument > _MAX_ARGUMENT_CODE:
            raise InvalidEncoding("an indefinite or reserved length", start)
        size = 1 << (argument - _DIRECT)
        argument = int.from_bytes(self._take(size), "big")
        if argument < _DIRECT or (size > 1 and argument >> (4 * size) == 0):
            raise InvalidEncoding("a number not in its shortest form", start)
        return major, argument

    def _take(self, size: int) -> bytes:
        end = self.offset + size
        if end > len(self.data):
            raise InvalidEncoding("truncated", len(self.data))
        taken = self.data[self.offset : end]
        self.offset = end
        return taken
