# SPDX-License-Identifier: Apache-2.0
"""Reads protocol.toml into values: limits, capabilities, error codes, messages and their fields.

Law of the file: a key that nobody reads is an error, and so is a number or a name that is there
twice, so that nothing in protocol.toml is without effect.
Read next: generate.py.
"""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SOURCE = Path(__file__).with_name("protocol.toml")

HASH_BYTES = 32
INT_MIN = -(1 << 31)
UINT_MAX = (1 << 32) - 1

ROLES = ("request", "answer", "push", "acknowledgement")
_BOUNDS = {
    "uint": ("max",),
    "int": ("min", "max"),
    "bytes": ("min_bytes", "max_bytes"),
    "text": ("max_bytes",),
    "hash": (),
    "hash_or_none": (),
    "ints": ("max_items",),
}
"""Kind -> the bounds that it must have."""


class DefinitionFaulty(Exception):
    """protocol.toml is not what the generator can work with."""

    def __init__(self, *, expected: str, actual: object) -> None:
        super().__init__(f"correct protocol.toml: it wants {expected}, not {actual!r}")
        self.expected = expected
        self.actual = actual


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A limit, a capability or an error code."""

    name: str
    """In capitals."""
    value: int
    """The limit, the number of the bit, the code."""
    text: str
    """What it means."""
    detail: str
    """Of an error code: what `detail` is with it; else empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldDefinition:
    """A field of a message; its number is its place."""

    name: str
    """In small letters, the unit in it."""
    kind: str
    """One of those in protocol.toml's first lines."""
    least: int
    """Least value, length or number of items."""
    most: int
    """Greatest."""
    text: str
    """What it means."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageDefinition:
    """A message."""

    name: str
    """In capitals."""
    type: int
    """The byte in the header."""
    role: str
    """One of ROLES."""
    text: str
    """What it is for."""
    answer: str
    """Of a request: what answers it; else empty."""
    capability: str
    """Of a request: what the device must be able to do; empty for nothing."""
    timeout_ms: int
    """Of a request: how long the device may take, besides the line; else 0."""
    fields: tuple[FieldDefinition, ...]
    """In the order of their numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """All of protocol.toml."""

    version: int
    """Of the protocol."""
    limits: tuple[Number, ...]
    """In the order of the file, as all of these."""
    capabilities: tuple[Number, ...]
    """Values are numbers of bits."""
    errors: tuple[Number, ...]
    """Values are codes."""
    messages: tuple[MessageDefinition, ...]
    """Requests, answers, pushes, acknowledgements."""


def definition(text: str | None = None) -> Definition:
    """Return what a text in the form of protocol.toml says; its own if there is no text.

    Raises
    ------
    DefinitionFaulty
        A key is missing or unknown, a number or name is there twice, a bound is senseless.
    """
    table = _Table(tomllib.loads(SOURCE.read_text() if text is None else text))
    read = Definition(
        version=table.number("version", 1, 255),
        limits=tuple(_number(each, "value") for each in table.tables("limit")),
        capabilities=tuple(_number(each, "bit") for each in table.tables("capability")),
        errors=tuple(_number(each, "code", "detail") for each in table.tables("error")),
        messages=tuple(_message(each) for each in table.tables("message")),
    )
    table.end()
    for names in (read.limits, read.capabilities, read.errors, read.messages):
        _differ("names", (each.name for each in names))
    for numbers in (read.capabilities, read.errors):
        _differ("numbers", (each.value for each in numbers))
    _differ("types", (each.type for each in read.messages))
    _refer(read)
    return read


class _Table:
    """A table of TOML, each key of which is taken once."""

    def __init__(self, items: dict[str, Any]) -> None:
        self.items = dict(items)

    def text(self, name: str) -> str:
        value = self.items.pop(name, None)
        if not isinstance(value, str) or not value:
            raise DefinitionFaulty(expected=f"a text {name!r}", actual=value)
        return value

    def number(self, name: str, least: int, most: int) -> int:
        value = self.items.pop(name, None)
        if type(value) is not int or not least <= value <= most:
            raise DefinitionFaulty(expected=f"{name!r} in {least}..{most}", actual=value)
        return value

    def tables(self, name: str) -> list["_Table"]:
        value = self.items.pop(name, None)
        if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
            raise DefinitionFaulty(expected=f"tables {name!r}", actual=value)
        return [_Table(each) for each in value]

    def end(self) -> None:
        if self.items:
            raise DefinitionFaulty(expected="no other key", actual=sorted(self.items))


def _number(table: _Table, key: str, *texts: str) -> Number:
    made = Number(
        name=table.text("name"),
        value=table.number(key, 0, UINT_MAX),
        text=table.text("text"),
        detail=table.text("detail") if "detail" in texts else "",
    )
    table.end()
    return made


def _message(table: _Table) -> MessageDefinition:
    role = table.text("role")
    if role not in ROLES:
        raise DefinitionFaulty(expected=f"a role of {', '.join(ROLES)}", actual=role)
    request = role == "request"
    made = MessageDefinition(
        name=table.text("name"),
        type=table.number("type", 0, 255),
        role=role,
        text=table.text("text"),
        answer=table.text("answer") if request else "",
        capability=table.text("capability") if "capability" in table.items else "",
        timeout_ms=table.number("timeout_ms", 1, 60_000) if request else 0,
        fields=tuple(_field(each) for each in table.tables("field")),
    )
    table.end()
    _differ(f"fields of {made.name}", (each.name for each in made.fields))
    return made


def _field(table: _Table) -> FieldDefinition:
    kind = table.text("kind")
    if kind not in _BOUNDS:
        raise DefinitionFaulty(expected=f"a kind of {', '.join(_BOUNDS)}", actual=kind)
    bounds = {name: table.number(name, INT_MIN, UINT_MAX) for name in _BOUNDS[kind]}
    fixed = {"hash": (HASH_BYTES, HASH_BYTES), "hash_or_none": (0, HASH_BYTES)}
    least, most = fixed.get(kind, (0, 0))
    made = FieldDefinition(
        name=table.text("name"),
        kind=kind,
        least=bounds.get("min", bounds.get("min_bytes", least)),
        most=bounds.get("max", bounds.get("max_bytes", bounds.get("max_items", most))),
        text=table.text("text"),
    )
    table.end()
    if made.most < max(0, made.least):
        raise DefinitionFaulty(expected=f"{made.name} up to {made.least} or more", actual=made.most)
    return made


def _differ(what: str, values: Iterable[object]) -> None:
    seen = list(values)
    if len(set(seen)) != len(seen):
        raise DefinitionFaulty(expected=f"{what} that differ", actual=seen)


def _refer(read: Definition) -> None:
    """Check that what a message names is there."""
    answers = {each.name for each in read.messages if each.role == "answer"}
    capabilities = {each.name for each in read.capabilities}
    for message in read.messages:
        if message.answer and message.answer not in answers:
            raise DefinitionFaulty(expected="an answer that there is", actual=message.answer)
        if message.capability and message.capability not in capabilities:
            raise DefinitionFaulty(expected="a known capability", actual=message.capability)
