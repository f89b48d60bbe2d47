# SPDX-License-Identifier: Apache-2.0
"""A paper, sentence by sentence: which rules, or which parts of the program, make each exact.

Read from tools/paper_a.toml, which says how. Who has the paper as text checks that no sentence of
it is missing: `python -m tools.paper_sentences tools/paper_a.toml PAPER.txt`.
Law of the file: a paper is not quoted; six words find a sentence.
Read next: make_rules_table.py.
"""

import ast
import functools
import hashlib
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TypeVar

from edge_node.node.toml_files import read_toml
from tools.law_rules import ROOT

MAX_OPENING_WORDS = 8
"""Words of a sentence that may be quoted."""
_OPENING_WORDS = 6
_HEADING = re.compile(r"^#+ (\d+(?:\.\d+)*) .*$", re.MULTILINE)
_CAPTION = re.compile(r"^Figure \d+:.*$", re.MULTILINE)
_HYPHEN = re.compile(r"(?<=[a-z])-\n+(?=[a-z])")
_MARKS = re.compile(r"[*`\u201c\u201d]")
_END = re.compile(r"(?<=[.:])\s+(?=[A-Z-])")
_NAMED = re.compile(r"`([a-z_]+)`")

_T = TypeVar("_T")


class PaperMalformed(ValueError):
    """A file about a paper does not have the form that paper_a.toml describes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """One sentence."""

    number: int
    """Its place in its section, from 1."""
    begins: str
    """Its first words."""
    says: str
    """What it says, in our words."""
    rules: tuple[int, ...] = ()
    """Numbers of the rules that make it exact."""
    elsewhere: tuple[str, ...] = ()
    """`file::name` of what does so and is no rule of validity."""
    tests: tuple[str, ...] = ()
    """`file::test` for what stands elsewhere; for a rule, names of its tests to be shown first."""
    departs: str = ""
    """What the design does otherwise, and why."""
    background: str = ""
    """Why it states nothing to enforce."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One section."""

    number: str
    """As in the paper."""
    title: str
    """As in the paper."""
    sentences: int
    """How many it has in the paper."""
    begins_sha256: str
    """SHA-256 of what they begin with, joined by line feeds."""
    sentence: tuple[Sentence, ...] = field(default=())
    """Those that are here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """What a paper says."""

    paper: str
    """Its letter."""
    title: str
    """Its title."""
    names: tuple[tuple[str, str], ...]
    """Names that it gives, and `file::name` of what they are called in the code."""
    sections: tuple[Section, ...]
    """In the order of the paper."""


def read_paper(path: Path) -> Paper:
    """Return what a file says about a paper.

    Raises
    ------
    PaperMalformed
    """
    content = read_toml(path)
    match content:
        case {"paper": str(letter), "title": str(title), "names": dict(names), "section": list()}:
            return Paper(
                paper=letter,
                title=title,
                names=tuple((str(name), str(place)) for name, place in names.items()),
                sections=tuple(_section(item) for item in _tables(content["section"])),
            )
    raise PaperMalformed(f"{path.name} lacks paper, title, names or sections")


def _section(item: dict[str, object]) -> Section:
    sentences = tuple(_row(Sentence, each) for each in _tables(item.pop("sentence", [])))
    return _row(Section, {**item, "sentence": sentences})


def _tables(value: object) -> list[dict[str, object]]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise PaperMalformed(f"tables belong where {value!r} stands")
    return value


def _row(kind: type[_T], item: dict[str, object]) -> _T:
    known = {each.name for each in fields(kind)}  # type: ignore[arg-type]  # both are dataclasses
    values = {key: tuple(v) if isinstance(v, list) else v for key, v in item.items()}
    try:
        return kind(**values)
    except TypeError as error:
        strange = ", ".join(sorted(set(item) - known)) or error
        raise PaperMalformed(f"{item.get('number')} of a {kind.__name__}: {strange}") from error


def faults(paper: Paper, tests_of: Mapping[int, Sequence[str]]) -> list[str]:
    """Return, in words, what is missing or names something that does not exist.

    Parameters
    ----------
    paper : Paper
    tests_of : mapping
        Tests of each rule that there is, by its number.
    """
    found = []
    for section in paper.sections:
        numbers = [sentence.number for sentence in section.sentence]
        if numbers != list(range(1, section.sentences + 1)):
            found.append(f"{section.number} has sentences {numbers}, not 1..{section.sentences}")
        if digest(section.sentence) != section.begins_sha256:
            found.append(f"{section.number} does not begin as the paper does: see begins_sha256")
        for sentence in section.sentence:
            where = f"{section.number} s{sentence.number}"
            found += [f"{where} {fault}" for fault in _faults_of(sentence, tests_of)]
    said = " ".join(each.says for section in paper.sections for each in section.sentence)
    for name, place in paper.names:
        if not _exists(place):
            found.append(f"{name} is {place}, which is not there")
        if name not in _NAMED.findall(said):
            found.append(f"{name} is in no sentence")
    return found


def digest(sentences: Sequence[Sentence]) -> str:
    """Return the SHA-256 of what sentences begin with."""
    text = "\n".join(sentence.begins for sentence in sentences)
    return hashlib.sha256(text.encode()).hexdigest()


def _faults_of(sentence: Sentence, tests_of: Mapping[int, Sequence[str]]) -> Iterator[str]:
    made_exact = bool(sentence.rules or sentence.elsewhere)
    if not made_exact and not sentence.background:
        yield "has neither rules nor elsewhere nor background"
    if made_exact and sentence.background:
        yield "is background and made exact at once"
    if not sentence.says or not 1 <= len(sentence.begins.split()) <= MAX_OPENING_WORDS:
        yield f"wants 1..{MAX_OPENING_WORDS} words that it begins with, and what it says"
    if bool(sentence.elsewhere) != bool(tests_elsewhere(sentence)):
        yield "wants tests for what stands elsewhere, and only for that"
    for rule in sentence.rules:
        if rule not in tests_of:
            yield f"names R-{rule}, which is not there"
    known = {test for rule in sentence.rules for test in tests_of.get(rule, ())}
    for test in sentence.tests:
        if "::" not in test and test not in known:
            yield f"names {test}, which is no test of its rules"
    for place in (*sentence.elsewhere, *tests_elsewhere(sentence)):
        if not _exists(place):
            yield f"names {place}, which is not there"


def tests_elsewhere(sentence: Sentence) -> tuple[str, ...]:
    """Return the tests of what stands elsewhere."""
    return tuple(test for test in sentence.tests if "::" in test)


def _exists(place: str) -> bool:
    module, _, name = place.partition("::")
    return (ROOT / module).is_file() and name in _defined(module)


@functools.cache
def _defined(module: str) -> frozenset[str]:
    """Return what a file defines: `name`, and `Class.member`."""
    tree = ast.parse((ROOT / module).read_text())
    found = set(_names(tree.body))
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{member}" for member in _names(node.body)}
    return frozenset(found)


def _names(body: Sequence[ast.stmt]) -> Iterator[str]:
    for statement in body:
        match statement:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.ClassDef(name=name):
                yield name
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
                yield name


def sentences_of(text: str, section: str) -> list[str]:
    """Return what the sentences of a section of a paper's text begin with."""
    body = _MARKS.sub("", _CAPTION.sub("", _HYPHEN.sub("", _body(text, section))))
    sentences = _END.split(" ".join(body.split()))
    return [" ".join(each.lstrip("- ").split()[:_OPENING_WORDS]) for each in sentences if each]


def _body(text: str, section: str) -> str:
    parts = _HEADING.split(text)
    return dict(zip(parts[1::2], parts[2::2], strict=True)).get(section, "")


def differences(paper: Paper, text: str) -> list[str]:
    """Return, in words, where the file and the paper's text disagree."""
    found = []
    named = {name for part in paper.sections for name in _NAMED.findall(_body(text, part.number))}
    if named != {name for name, _ in paper.names}:
        found.append(f"the names in the paper are {', '.join(sorted(named))}")
    for section in paper.sections:
        expected = sentences_of(text, section.number)
        actual = [sentence.begins for sentence in section.sentence]
        if expected != actual:
            pairs = enumerate(zip(expected, actual, strict=False))
            shorter = min(len(expected), len(actual))
            first = next((i for i, (left, right) in pairs if left != right), shorter)
            found.append(
                f"{section.number} has {len(expected)} sentences in the paper and {len(actual)} "
                f"here; the first that differs is number {first + 1}"
            )
    return found


def main(arguments: Sequence[str]) -> int:
    """Compare a file with the text of its paper; return 1 if they differ."""
    if len(arguments) != 2:
        print("use: python -m tools.paper_sentences tools/paper_a.toml PAPER.txt")
        return 2
    paper = read_paper(Path(arguments[0]))
    found = differences(paper, Path(arguments[1]).read_text(encoding="utf-8"))
    count = sum(section.sentences for section in paper.sections)
    print("\n".join(found) or f"paper {paper.paper}: all {count} sentences are here")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
