# SPDX-License-Identifier: Apache-2.0
"""The source files that the tests of this folder look at, parsed once."""

import ast
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

PRODUCT = ("edge_node", "fpga", "firmware_bridge", "tools")
LAW = ("edge_node/primitives", "edge_node/spec")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One Python file."""

    name: str
    """Path from the root of the repository."""
    text: str
    """What it says."""
    tree: ast.Module
    """The same, parsed."""

    @property
    def stem(self) -> str:
        """Name of the module, such as `bnn`."""
        return Path(self.name).stem


@functools.cache
def python_sources(*folders: str) -> tuple[Source, ...]:
    """Return every Python file under the folders that exist."""
    return tuple(_read(path) for path in _files(folders, ".py"))


def c_sources(*folders: str) -> dict[str, str]:
    """Return name -> text of every C file under the folders that exist."""
    paths = [*_files(folders, ".c"), *_files(folders, ".h")]
    return {path.relative_to(ROOT).as_posix(): path.read_text() for path in paths}


def _files(folders: tuple[str, ...], suffix: str) -> Iterator[Path]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob(f"*{suffix}")):
            if not any(part.startswith(".") for part in path.relative_to(ROOT).parts):
                yield path


def _read(path: Path) -> Source:
    text = path.read_text()
    name = path.relative_to(ROOT).as_posix()
    return Source(name=name, text=text, tree=ast.parse(text, filename=name))
