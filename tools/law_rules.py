# SPDX-License-Identifier: Apache-2.0
"""The rules of the law, found in its code.

A rule with a number R-n is either checked (an error class has it as its `reason`, and a comment
`# R-n: ...` stands at its guard) or it defines something (a docstring says `(R-n)`). Beside it come
the module, the section of a paper or of the design that it is from, and its tests, which have the
number in their names.
Law of the file: the code is read, never run by name; nothing is said here that is not in it.
Read next: law_constants.py, edge_node/spec/errors.py, tests/spec/test_rules.py.
"""

import ast
import functools
import importlib
import io
import pkgutil
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import edge_node.spec
from edge_node.spec.errors import InvalidInput

ROOT = Path(__file__).resolve().parent.parent
LAW = ("edge_node/primitives", "edge_node/spec")
TESTS = ("tests/primitives", "tests/spec")

_NUMBER = re.compile(r"\bR-([1-9][0-9]*)\b")
_RANGE = re.compile(r"\bR-([1-9][0-9]*) to R-([1-9][0-9]*)\b")
_GUARD = re.compile(r"R-([1-9][0-9]*):")
_SECTION = re.compile(
    r"paper [AB](?:, sections? [\d.]*\d(?: and [\d.]*\d)*)?"
    r"|design, section \d|design: \"[^\"]+\"|RFC \d+(?:, [\d.]*\d)?",
    re.IGNORECASE,
)
_IN_TEST = re.compile(r"(?<![a-z])r_([1-9][0-9]*)(?=_)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One row of the table."""

    number: int
    """n of R-n."""
    says: str
    """First sentence of its error's docstring, or of what it defines."""
    error: str
    """Name of the error class; empty for a definition."""
    wants: str
    """What the error compares."""
    guards: tuple[str, ...]
    """Modules of the law with a comment `# R-n:`."""
    defined: tuple[str, ...]
    """Modules of the law where the docstring of a class or function has the number."""
    sections: tuple[str, ...]
    """Where it comes from."""
    tests: tuple[str, ...]
    """Names of its tests."""


class Source(NamedTuple):
    """A Python file."""

    module: str
    """Its path below the project."""
    text: str
    tree: ast.Module


@dataclass(frozen=True, slots=True, kw_only=True)
class _Docstring:
    module: str
    owner: str  # name of the class or function; empty for the module's own
    text: str


@functools.cache
def collect() -> tuple[Rule, ...]:
    """Return every rule whose number stands anywhere in the law, by number."""
    errors = {int(error.reason[2:]): error for error in error_classes()}
    docstrings = list(_docstrings())
    guards = list(_guards())
    tests = list(_tests())
    numbers = (
        set(errors)
        | {number for number, _ in guards}
        | {number for docstring in docstrings for number in numbers_in(docstring.text)}
    )
    return tuple(
        _rule(
            number,
            errors.get(number),
            docstrings,
            tuple(dict.fromkeys(module for n, module in guards if n == number)),
            tuple(name for n, name in tests if n == number),
        )
        for number in sorted(numbers)
    )


def numbers_in_tests() -> set[int]:
    """Return every number that is in the name of a test."""
    return {number for number, _ in _tests()}


def _rule(
    number: int,
    error: type[InvalidInput] | None,
    docstrings: list[_Docstring],
    guards: tuple[str, ...],
    tests: tuple[str, ...],
) -> Rule:
    naming = [d for d in docstrings if number in numbers_in(d.text)]
    homes = [d for d in naming if not d.owner]  # module docstrings: "Rules R-31 (turns) and ..."
    heads = [d for d in naming if d.owner and number in numbers_in(_first_paragraph(d.text))]
    at_home = [d for d in heads if d.module in {home.module for home in homes}]
    own = [d for d in heads if error and d.owner == error.__name__] or at_home or heads
    places = guards or tuple(dict.fromkeys(d.module for d in own))
    near = [own, [d for d in homes if d.module in places], list(map(_module_docstring, places))]
    return Rule(
        number=number,
        says=_without_numbers(_first_paragraph(own[0].text)) if own else "",
        error=error.__name__ if error else "",
        wants=str(getattr(error, "wants", "the encoding")) if error else "",
        guards=guards,
        defined=tuple(dict.fromkeys(d.module for d in own)),
        sections=next((found for group in near if (found := _sections(group))), ()),
        tests=tests,
    )


def error_classes() -> Iterator[type[InvalidInput]]:
    """Yield every error class of the law that stands for a rule."""
    for module in pkgutil.walk_packages(edge_node.spec.__path__, "edge_node.spec."):
        importlib.import_module(module.name)
    pending = [InvalidInput]
    while pending:
        found = pending.pop()
        pending += found.__subclasses__()
        if found.__module__.startswith("edge_node.spec.") and "reason" in found.__dict__:
            yield found


@functools.cache
def sources(folders: tuple[str, ...]) -> tuple[Source, ...]:
    """Return every Python file below the folders."""
    return tuple(
        Source(path.relative_to(ROOT).as_posix(), text := path.read_text(), ast.parse(text))
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*.py"))
    )


def _docstrings() -> Iterator[_Docstring]:
    for name, _, tree in sources(LAW):
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                docstring = ast.get_docstring(node)
                if docstring:
                    owner = "" if isinstance(node, ast.Module) else node.name
                    yield _Docstring(module=name, owner=owner, text=docstring)


def _module_docstring(name: str) -> _Docstring:
    tree = next(source.tree for source in sources(LAW) if source.module == name)
    text = ast.get_docstring(tree) or ""
    return _Docstring(module=name, owner="", text=text)


def _guards() -> Iterator[tuple[int, str]]:
    for name, text, _ in sources(LAW):
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                for match in _GUARD.finditer(token.string):
                    yield int(match[1]), name


def _tests() -> Iterator[tuple[int, str]]:
    for _, _, tree in sources(TESTS):
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                for match in _IN_TEST.finditer(node.name):
                    yield int(match[1]), node.name


def numbers_in(text: str) -> set[int]:
    """Return every n of the R-n that a text names."""
    ranges = {n for m in _RANGE.finditer(text) for n in range(int(m[1]), int(m[2]) + 1)}
    return ranges | {int(match[1]) for match in _NUMBER.finditer(text)}


def _first_paragraph(text: str) -> str:
    return " ".join(text.partition("\n\n")[0].split())


def _without_numbers(text: str) -> str:
    return re.sub(r" ?\((?:R-\d+(?:, | and )?)+\)", "", text)


def _sections(docstrings: list[_Docstring]) -> tuple[str, ...]:
    found = [match[0] for d in docstrings for match in _SECTION.finditer(" ".join(d.text.split()))]
    return tuple(dict.fromkeys(re.sub("^[PD]", lambda m: m[0].lower(), name) for name in found))
