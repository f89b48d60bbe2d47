# SPDX-License-Identifier: Apache-2.0
"""The deterministic subset of CBOR that payloads are made of, the same that blocks are.

RFC 8949, 4.2.1: integers of 64 bits, byte strings, text strings, arrays, and maps with keys 0..23
in order; always the shortest form, definite lengths, nothing after the value. So a value has one
encoding and an encoding one value: `encode(decode(b)) == b`, or `EncodingFaulty`.
Law of the file: nothing is built on the word of a length alone, and every value is counted.
Read next: message.py.
"""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from edge_node_bridge.errors import EncodingFaulty
from edge_node_bridge.limits import VALUE_DEPTH_MAX, VALUE_ITEMS_MAX, VALUE_TEXT_BYTES_MAX

Value: TypeAlias = "int | bytes | str | Sequence[Value] | Mapping[int, Value]"
"""What `encode` takes."""

Decoded: TypeAlias = "int | bytes | str | list[Decoded] | dict[int, Decoded]"
"""What `decode` returns."""

_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP = range(6)
_DIRECT = 24
"""Arguments below this stand in the initial byte itself."""
_LONGEST = 27
"""The initial byte's code of an argument of 8 bytes."""
_INT_MIN = -(1 << 63)
_INT_MAX = (1 << 64) - 1
_KEY_MAX = 23


def encode(value: Value) -> bytes:
    """Return the one encoding of a value.

    Raises
    ------
    EncodingFaulty
        A type, number or length that the subset does not have.
    """
    out = bytearray()
    _write(value, out, VALUE_DEPTH_MAX)
    return bytes(out)


def decode(data: bytes) -> Decoded:
    """Return the value of an encoding.

    Raises
    ------
    EncodingFaulty
        Not the one encoding of a value, not in the subset, or beyond a limit.
    """
    reader = _Reader(data)
    value = reader.value(VALUE_DEPTH_MAX)
    if reader.offset != len(data):
        raise EncodingFaulty(what="bytes after the value", offset=reader.offset)
    return value


def _write(value: Value, out: bytearray, depth: int) -> None:
    # `type() is`, not isinstance: True is not 1 here.
    if type(value) is int:
        if not _INT_MIN <= value <= _INT_MAX:
            raise EncodingFaulty(what=f"integer {value} beyond 64 bits", offset=len(out))
        major, argument = (_UNSIGNED, value) if value >= 0 else (_NEGATIVE, -1 - value)
        _write_head(major, argument, out)
    elif isinstance(value, bytes):
        _write_head(_BYTES, len(value), out)
        out += value
    elif isinstance(value, str):
        _write_text(value, out)
    elif depth == 0:
        raise EncodingFaulty(what="a value nested too deep", offset=len(out))
    elif isinstance(value, (list, tuple)):
        _write_head(_ARRAY, len(value), out)
        for item in value:
            _write(item, out, depth - 1)
    elif isinstance(value, dict):
        _write_head(_MAP, len(value), out)
        for key in sorted(value):
            if type(key) is not int or not 0 <= key <= _KEY_MAX:
                raise EncodingFaulty(what=f"map key {key!r} not in 0..23", offset=len(out))
            out.append(key)
            _write(value[key], out, depth - 1)
    else:
        raise EncodingFaulty(what=f"type {type(value).__name__}", offset=len(out))


def _write_text(value: str, out: bytearray) -> None:
    try:
        text = value.encode("utf-8")
    except UnicodeEncodeError:
        raise EncodingFaulty(what="text that is not UTF-8", offset=len(out)) from None
    if len(text) > VALUE_TEXT_BYTES_MAX:
        what = f"text of {len(text)} bytes above {VALUE_TEXT_BYTES_MAX}"
        raise EncodingFaulty(what=what, offset=len(out))
    _write_head(_TEXT, len(text), out)
    out += text


def _write_head(major: int, argument: int, out: bytearray) -> None:
    if argument < _DIRECT:
        out.append(major << 5 | argument)
        return
    power = next(each for each in range(4) if argument < 1 << (8 << each))
    out.append(major << 5 | (_DIRECT + power))
    out += argument.to_bytes(1 << power, "big")


class _Reader:
    __slots__ = ("data", "items_left", "offset")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.offset = 0
        self.items_left = VALUE_ITEMS_MAX

    def value(self, depth: int) -> Decoded:
        start = self.offset
        self.items_left -= 1
        if self.items_left < 0:
            raise EncodingFaulty(what=f"a value above {VALUE_ITEMS_MAX}", offset=start)
        major, argument = self._head()
        match major:
            case 0:
                return argument
            case 1:
                if -1 - argument < _INT_MIN:
                    raise EncodingFaulty(what="an integer beyond 64 bits", offset=start)
                return -1 - argument
            case 2:
                return self._take(argument)
            case 3:
                return self._text(argument, start)
        if depth == 0:
            raise EncodingFaulty(what="a value nested too deep", offset=start)
        # Every item takes a byte at least: a longer count is a lie, told before anything is built.
        if argument > len(self.data) - self.offset:
            raise EncodingFaulty(what="a count beyond the end", offset=start)
        if major == _ARRAY:
            return [self.value(depth - 1) for _ in range(argument)]
        return self._map(argument, depth - 1)

    def _map(self, count: int, depth: int) -> dict[int, Decoded]:
        result: dict[int, Decoded] = {}
        last = -1
        for _ in range(count):
            start = self.offset
            key = self._take(1)[0]
            if not last < key <= _KEY_MAX:
                raise EncodingFaulty(what="a map key out of order or not in 0..23", offset=start)
            last = key
            result[key] = self.value(depth)
        return result

    def _text(self, size: int, start: int) -> str:
        if size > VALUE_TEXT_BYTES_MAX:
            what = f"text of {size} bytes above {VALUE_TEXT_BYTES_MAX}"
            raise EncodingFaulty(what=what, offset=start)
        try:
            return self._take(size).decode("utf-8")
        except UnicodeDecodeError:
            raise EncodingFaulty(what="text that is not UTF-8", offset=start) from None

    def _head(self) -> tuple[int, int]:
        start = self.offset
        initial = self._take(1)[0]
        major, argument = initial >> 5, initial & 31
        if major > _MAP:
            raise EncodingFaulty(what="a type outside the subset", offset=start)
        if argument < _DIRECT:
            return major, argument
        if argument > _LONGEST:
            raise EncodingFaulty(what="an indefinite or reserved length", offset=start)
        size = 1 << (argument - _DIRECT)
        argument = int.from_bytes(self._take(size), "big")
        if argument < _DIRECT or (size > 1 and argument >> (4 * size) == 0):
            raise EncodingFaulty(what="a number not in its shortest form", offset=start)
        return major, argument

    def _take(self, size: int) -> bytes:
        end = self.offset + size
        if end > len(self.data):
            raise EncodingFaulty(what="an end too early", offset=len(self.data))
        taken = self.data[self.offset : end]
        self.offset = end
        return taken
