# SPDX-License-Identifier: Apache-2.0
"""Reading the fields of a decoded array in order, each within its bounds.

Rule G-10 (a message is canonical and every field is bounded).
Law of the file: the first field that is wrong raises `MalformedMessage` with its name; nothing is
guessed, coerced or skipped.
Read next: codec.py.
"""

from edge_node.gossip import limits
from edge_node.gossip.errors import MalformedMessage
from edge_node.spec import encoding


def read_array(body: bytes) -> "Fields":
    """Return the fields of an encoded array.

    Raises
    ------
    MalformedMessage
        G-10: not canonical, or not an array.
    """
    try:
        value = encoding.decode(
            body,
            max_bytes=limits.MAX_MESSAGE_BYTES,
            max_items=limits.MAX_MESSAGE_ITEMS,
            max_depth=limits.MAX_MESSAGE_DEPTH,
        )
    except encoding.InvalidEncoding as error:
        raise MalformedMessage(expected="canonical CBOR", actual=error.what) from error
    return Fields(value, "message")


class Fields:
    """A cursor over an array's items.

    Parameters
    ----------
    value : encoding.Decoded
        What should be an array.
    name : str
        What it is called in errors.
    count : int or None
        Items that it must have.
    """

    __slots__ = ("_items", "_name", "_position")

    def __init__(self, value: encoding.Decoded, name: str, *, count: int | None = None) -> None:
        if not isinstance(value, list):
            raise MalformedMessage(expected=f"{name}: an array", actual=type(value).__name__)
        if count is not None and len(value) != count:
            raise MalformedMessage(expected=f"{name}: {count} items", actual=len(value))
        self._items = value
        self._name = name
        self._position = 0

    def finish(self) -> None:
        """Check that no item is left over."""
        if self._position != len(self._items):
            raise MalformedMessage(
                expected=f"{self._name}: {self._position} items", actual=len(self._items)
            )

    def _next(self, name: str) -> encoding.Decoded:
        if self._position >= len(self._items):
            raise MalformedMessage(expected=name, actual="nothing")
        self._position += 1
        return self._items[self._position - 1]

    def number(self, name: str, least: int, most: int) -> int:
        """Return the next item, an integer in least..most."""
        return _number(self._next(name), name, least, most)

    def numbers(self, name: str, largest: int, *, most: int) -> tuple[int, ...]:
        """Return the next item, an array of at most `most` integers in 0..largest."""
        return tuple(_number(each, name, 0, largest) for each in self.array(name, most=most))

    def octets(self, name: str, least: int, most: int) -> bytes:
        """Return the next item, a byte string of least..most bytes."""
        return _octets(self._next(name), name, least, most)

    def octet_list(self, name: str, least: int, largest: int, *, most: int) -> tuple[bytes, ...]:
        """Return the next item, an array of at most `most` byte strings."""
        return tuple(_octets(each, name, least, largest) for each in self.array(name, most=most))

    def text(self, name: str, most: int) -> str:
        """Return the next item, a printable text of at most `most` bytes."""
        return _text(self._next(name), name, most)

    def text_list(self, name: str, largest: int, *, most: int) -> tuple[str, ...]:
        """Return the next item, an array of at most `most` printable texts."""
        return tuple(_text(each, name, largest) for each in self.array(name, most=most))

    def group(self, name: str, *, count: int) -> "Fields":
        """Return the next item, an array of `count` fields."""
        return Fields(self._next(name), name, count=count)

    def array(self, name: str, *, most: int) -> list[encoding.Decoded]:
        """Return the next item, an array of at most `most` items."""
        value = self._next(name)
        if not isinstance(value, list) or len(value) > most:
            actual = len(value) if isinstance(value, list) else type(value).__name__
            raise MalformedMessage(expected=f"{name}: at most {most} items", actual=actual)
        return value


def _number(value: encoding.Decoded, name: str, least: int, most: int) -> int:
    if not isinstance(value, int) or not least <= value <= most:
        actual = value if isinstance(value, int) else type(value).__name__
        raise MalformedMessage(expected=f"{name}: {least}..{most}", actual=actual)
    return value


def _octets(value: encoding.Decoded, name: str, least: int, most: int) -> bytes:
    if not isinstance(value, bytes) or not least <= len(value) <= most:
        actual = len(value) if isinstance(value, bytes) else type(value).__name__
        raise MalformedMessage(expected=f"{name}: {least}..{most} bytes", actual=actual)
    return value


def _text(value: encoding.Decoded, name: str, most: int) -> str:
    # Printable only: these texts end up on terminals and in logs.
    if not isinstance(value, str) or len(value.encode()) > most or not value.isprintable():
        raise MalformedMessage(
            expected=f"{name}: printable text of at most {most} bytes",
            actual=type(value).__name__,
        )
    return value
