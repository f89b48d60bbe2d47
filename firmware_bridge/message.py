# SPDX-License-Identifier: Apache-2.0
"""What a message is: fields in order, written as a CBOR map and read back within their bounds.

The messages themselves are generated (messages.py).
Law of the file: a payload is a message in one way only; what is out of bounds is refused by name,
with the bound and the value.
Read next: messages.py, cbor.py.
"""

from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, TypeGuard, TypeVar

from edge_node_bridge.cbor import Decoded, Value, decode, encode
from edge_node_bridge.errors import PayloadFaulty

_AnyMessage = TypeVar("_AnyMessage", bound="Message")

_INT_MAX = (1 << 31) - 1
"""Items of an array are int32."""


class Kind(Enum):
    """What a field holds; the names are those of protocol.toml."""

    UINT = "uint"
    INT = "int"
    BYTES = "bytes"
    TEXT = "text"
    HASH = "hash"
    HASH_OR_NONE = "hash_or_none"
    INTS = "ints"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a message."""

    name: str
    """Name of the attribute."""
    kind: Kind
    """What it holds."""
    least: int
    """Least value, length in bytes, or number of items."""
    most: int
    """Greatest."""

    def check(self, value: object) -> None:
        """Raise PayloadFaulty unless a value is of this kind and within the bounds."""
        match self.kind:
            case Kind.UINT | Kind.INT:
                measured = int(value) if _is_number(value) else None
            case Kind.TEXT:
                measured = len(value.encode()) if isinstance(value, str) else None
            case Kind.INTS:
                measured = len(value) if isinstance(value, (list, tuple)) else None
            case _:
                measured = len(value) if isinstance(value, bytes) else None
        if measured is None:
            raise PayloadFaulty(what=self.name, expected=self.kind.value, actual=_kind_of(value))
        fits = self.least <= measured <= self.most
        if self.kind is Kind.HASH_OR_NONE:
            fits = measured in (self.least, self.most)
        if not fits:
            expected = f"{self.least} to {self.most}"
            raise PayloadFaulty(what=self.name, expected=expected, actual=measured)
        if isinstance(value, (list, tuple)):
            _check_items(self.name, value)


def _check_items(name: str, items: list[object] | tuple[object, ...]) -> None:
    for item in items:
        if not _is_number(item):
            raise PayloadFaulty(what=name, expected="integers", actual=_kind_of(item))
        if not -_INT_MAX - 1 <= item <= _INT_MAX:
            raise PayloadFaulty(what=name, expected="32 bits an item", actual=item)


def _is_number(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _kind_of(value: object) -> str:
    return type(value).__name__


class Message:
    """Base of all messages, each a frozen dataclass with the attributes that FIELDS name."""

    __slots__ = ()

    TYPE: ClassVar[int]
    """The header's second byte."""
    FIELDS: ClassVar[tuple[Field, ...]]
    """In the order of their keys."""

    def payload(self) -> bytes:
        """Return the encoding.

        Raises
        ------
        PayloadFaulty
            A field is out of its bounds.
        """
        values: dict[int, Value] = {}
        for key, field in enumerate(self.FIELDS):
            value = getattr(self, field.name)
            field.check(value)
            # A code is its number.
            values[key] = int(value) if isinstance(value, int) else value
        return encode(values)

    @classmethod
    def from_payload(  # noqa: PYI019 - Python 3.10 has no Self
        cls: type[_AnyMessage], payload: bytes
    ) -> _AnyMessage:
        """Return the message that a payload encodes.

        Raises
        ------
        PayloadFaulty
            No canonical encoding, a field too many or too few, or one out of its bounds.
        """
        values = decode(payload)
        if not isinstance(values, dict):
            raise PayloadFaulty(what=cls.__name__, expected="a map", actual=_kind_of(values))
        if list(values) != list(range(len(cls.FIELDS))):
            expected, actual = f"{len(cls.FIELDS)} fields from 0 up", f"{list(values)}"
            raise PayloadFaulty(what=cls.__name__, expected=expected, actual=actual)
        attributes: dict[str, Decoded | tuple[Decoded, ...]] = {}
        for key, field in enumerate(cls.FIELDS):
            value = values[key]
            field.check(value)
            attributes[field.name] = tuple(value) if isinstance(value, list) else value
        return cls(**attributes)


class Request(Message):
    """Base of what a host asks."""

    __slots__ = ()

    ANSWER: ClassVar[int]
    """Type of the message that answers it, unless ERROR does."""
    CAPABILITY: ClassVar[int]
    """The bit that the device must have, or 0."""
    TIMEOUT_MS: ClassVar[int]
    """What the device may take, besides the time on the line."""
