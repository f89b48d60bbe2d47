# SPDX-License-Identifier: Apache-2.0
"""The source files that the tests of this folder look at, each read and parsed once if at all."""

import ast
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

PRODUCT = ("edge_node", "fpga", "firmware_bridge", "tools")
LAW = ("edge_node/primitives", "edge_node/spec")


@dataclass(frozen=True, kw_only=True)
class Source:
    """One Python file."""

    name: str
    """Path from the root of the repository."""
    text: str
    """What it says."""

    @functools.cached_property
    def tree(self) -> ast.Module:
        """The same, parsed."""
        return ast.parse(self.text, filename=self.name)

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


@functools.cache
def _read(path: Path) -> Source:
    return Source(name=path.relative_to(ROOT).as_posix(), text=path.read_text())
