# SPDX-License-Identifier: Apache-2.0
"""Which machine a shared library is for, and how new a C library it asks for.

Reads section SHT_GNU_verneed of little-endian ELF files: for each symbol of the C library that is
used, the linker notes there in which GLIBC_2.NN it came. The highest is what a wheel's tag promises
(PEP 600). A file in another form is refused, never guessed at.
Law of the file: standard library only; it reads one file and knows nothing of wheels.
Read next: dist.py.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MACHINES = {62: "x86_64", 40: "armv7l", 183: "aarch64"}
"""ELF's number of a processor -> what `uname -m` calls the machine."""

_VERNEED = 0x6FFFFFFE
_GLIBC = re.compile(r"GLIBC_(\d+)\.(\d+)(?:\.\d+)?")
_LITTLE_ENDIAN = 1


class NotALibrary(Exception):
    """A file is no ELF library of a machine that we know."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path} is no shared library that runs on our machines: {why}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """What a shared library needs."""

    machine: str
    """As `uname -m` says."""
    glibc: tuple[int, int]
    """The highest version of the C library of which it uses a symbol; (0, 0) for none."""


@dataclass(frozen=True, slots=True)
class _Section:
    kind: int
    offset: int
    size: int
    link: int
    count: int


def read_library(path: Path) -> Library:
    """Return what a library needs.

    Raises
    ------
    NotALibrary
        Another form, another processor, or cut short.
    """
    data = path.read_bytes()
    if data[:4] != b"\x7fELF" or len(data) < 64 or data[5] != _LITTLE_ENDIAN:
        raise NotALibrary(path, "it is no little-endian ELF file")
    (machine,) = struct.unpack_from("<H", data, 18)
    if machine not in MACHINES:
        raise NotALibrary(path, f"its processor has number {machine}")
    try:
        versions = [_version(name) for name in _needed(data)]
    except (struct.error, IndexError, ValueError) as error:
        raise NotALibrary(path, str(error)) from error
    return Library(machine=MACHINES[machine], glibc=max(versions, default=(0, 0)))


def _version(name: str) -> tuple[int, int]:
    found = _GLIBC.fullmatch(name)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _needed(data: bytes) -> Iterator[str]:
    """Yield the names of all versions that are asked for, of whatever library."""
    sections = _sections(data)
    for section in sections:
        if section.kind != _VERNEED:
            continue
        names = sections[section.link].offset
        need = section.offset
        for _ in range(section.count):
            _, count, _, first, following = struct.unpack_from("<HHIII", data, need)
            entry = need + first
            for _ in range(count):
                _, _, _, name, next_entry = struct.unpack_from("<IHHII", data, entry)
                start = names + name
                yield data[start : data.index(b"\0", start)].decode("ascii")
                entry += next_entry
            need += following


def _sections(data: bytes) -> list[_Section]:
    wide = data[4] == 2
    (table,) = struct.unpack_from("<Q" if wide else "<I", data, 40 if wide else 32)
    entry_bytes, count = struct.unpack_from("<HH", data, 58 if wide else 46)
    form = "<IIQQQQIIQQ" if wide else "<IIIIIIIIII"
    sections = []
    for number in range(count):
        fields = struct.unpack_from(form, data, table + number * entry_bytes)
        _, kind, _, _, offset, size, link, information, _, _ = fields
        sections.append(_Section(kind, offset, size, link, information))
    return sections
