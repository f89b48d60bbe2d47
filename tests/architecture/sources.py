# SPDX-License-Identifier: Apache-2.0
"""The source files that the tests of this folder look at, each read once, and parsed once for all.

What is wanted of a syntax tree is taken from it at once: a million nodes that are kept are looked
at by every garbage collection, which then takes longer than the parser.
"""

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

    @property
    def tree(self) -> ast.Module:
        """The same, parsed anew."""
        return ast.parse(self.text, filename=self.name)

    @property
    def docstring(self) -> str:
        """What the module says of itself; empty if nothing."""
        return self._facts.docstring

    @property
    def function_lines(self) -> tuple[tuple[str, int], ...]:
        """Each function's name, and its lines from `def` to the end without the docstring."""
        return self._facts.function_lines

    @property
    def imports(self) -> frozenset[str]:
        """Top packages of all absolute imports, wherever they stand."""
        return self._facts.imports

    @functools.cached_property
    def _facts(self) -> "_Facts":
        tree = self.tree
        lines, imports = [], set()
        for node in ast.walk(tree):
            match node:
                case ast.FunctionDef() | ast.AsyncFunctionDef():
                    lines.append((node.name, _body_lines(node)))
                case ast.Import():
                    imports |= {alias.name.partition(".")[0] for alias in node.names}
                case ast.ImportFrom(level=0, module=str(module)):
                    imports.add(module.partition(".")[0])
        return _Facts(
            docstring=ast.get_docstring(tree) or "",
            function_lines=tuple(lines),
            imports=frozenset(imports),
        )

    @property
    def stem(self) -> str:
        """Name of the module, such as `bnn`."""
        return Path(self.name).stem


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    docstring: str
    function_lines: tuple[tuple[str, int], ...]
    imports: frozenset[str]


def _body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    lines = (function.end_lineno or 0) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is not None:
        lines -= (first.end_lineno or 0) - first.lineno + 1
    return lines


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
