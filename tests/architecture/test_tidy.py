# SPDX-License-Identifier: Apache-2.0
"""Habits of the house that no linter knows, checked on the text and syntax tree of every file."""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.architecture.sources import LAW, PRODUCT, c_sources, python_sources

MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 70
DOCSTRING_LINES = range(3, 11)
SPDX = "SPDX-License-Identifier: Apache-2.0"

NAMES_THAT_SAY_NOTHING = {
    "common",
    "handler",
    "handlers",
    "helper",
    "helpers",
    "manager",
    "managers",
    "misc",
    "util",
    "utils",
}

SILENCED_WITHOUT_REASON = re.compile(
    r"#\s*noqa(:\s*[A-Z0-9, ]+)?$|#\s*type:\s*ignore(\[[^\]]*\])? *$", re.MULTILINE
)


def test_files_are_short() -> None:
    texts = {source.name: source.text for source in python_sources(*PRODUCT, "tests")}
    texts |= c_sources("edge_node", "firmware_bridge", "fpga", "tests")
    lengths = {name: text.count("\n") for name, text in texts.items()}
    assert {name: n for name, n in lengths.items() if n > MAX_FILE_LINES} == {}


def test_functions_are_short() -> None:
    lengths = {}
    for source in python_sources(*PRODUCT, "tests"):
        for name, lines in source.function_lines:
            lengths[f"{source.name}: {name}"] = lines
    assert {name: n for name, n in lengths.items() if n > MAX_FUNCTION_LINES} == {}


def test_every_file_begins_with_its_licence() -> None:
    texts = {source.name: source.text for source in python_sources(*PRODUCT, "tests")}
    texts |= c_sources("edge_node", "firmware_bridge", "fpga", "tests")
    # A script may have its #! line first.
    bare = [name for name, text in texts.items() if SPDX not in "".join(text.splitlines()[:2])]
    assert bare == []


def test_every_module_says_what_it_is() -> None:
    wrong = {}
    for source in python_sources(*PRODUCT):
        lines = [line for line in source.docstring.splitlines() if line]
        # A package may tell more: what its words mean, in what order to read it.
        allowed = range(3, 100) if source.stem == "__init__" else DOCSTRING_LINES
        if len(lines) not in allowed:
            wrong[source.name] = len(lines)
    assert wrong == {}


def test_every_test_file_says_what_it_shows() -> None:
    mute = [source.name for source in python_sources("tests") if not source.docstring]
    assert mute == []


def test_every_module_name_says_something() -> None:
    names = {source.name: source.stem for source in python_sources(*PRODUCT)}
    vague = [n for n, stem in names.items() if NAMES_THAT_SAY_NOTHING & set(stem.split("_"))]
    assert vague == []


def test_every_silenced_check_gives_its_reason() -> None:
    silenced = {}
    for source in python_sources(*PRODUCT, "tests"):
        if found := [match.group() for match in SILENCED_WITHOUT_REASON.finditer(source.text)]:
            silenced[source.name] = found
    assert silenced == {}


def test_law_knows_no_float() -> None:
    floats = []
    for source in python_sources(*LAW):
        floats += [f"{source.name}:{line}" for line in float_lines(source.tree)]
    assert floats == []


@pytest.mark.parametrize("text", ["x = 0.5", "x = a / b", "a /= 2", "x = float(1)", "x = 1j"])
def test_float_is_seen_in_whatever_form(text: str) -> None:
    assert list(float_lines(ast.parse(text))) == [1]


def float_lines(tree: ast.AST) -> Iterator[int]:
    for node in ast.walk(tree):
        match node:
            case (
                ast.Constant(value=float() | complex())
                | ast.BinOp(op=ast.Div())
                | ast.AugAssign(op=ast.Div())
                | ast.Name(id="float" | "complex")
            ):
                yield node.lineno
