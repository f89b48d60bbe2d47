# SPDX-License-Identifier: Apache-2.0
"""The named constants of the law, and which rules use each of them, found in its code.

A constant is a field of the genesis' `Parameters` or a number in capitals. A place that mentions it
belongs to the rule whose error is raised on what is compared there; else to the rule of what is
called with it, of the comment above, or of the docstring. A function or constant without any rule
lends its name to what it mentions.
Law of the file: values come from the modules, all else from their syntax trees.
Read next: make_rules_table.py.
"""

import ast
import functools
import importlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import pairwise

from edge_node.spec import genesis
from edge_node.spec.genesis import Parameters
from tools.law_rules import LAW, TESTS, error_classes, numbers_in, sources

PRODUCT = ("edge_node",)
GENESIS = "edge_node/spec/genesis.py"
_UNITS = {
    unit: words.split()
    for unit, words in {
        "ppm": "ppm",
        "ms": "ms",
        "bytes": "bytes",
        "bits": "bits shift",
        "blocks": "blocks height",
        "rungs": "rung rungs",
        "coins": "reward fee bounty amount",
        "part of all": "share",
        "families": "families",
        "models": "population relatives",
        "records": "generations",
        "images": "images",
        "datasets": "datasets have",
        "samples": "batch samples",
        "samples, exponent": "schedule",
        "height, version": "upgrades",
        "steps": "steps",
        "draws": "draws",
        "multiplications": "macs cost",
        "connections": "connections connection",
        "weights": "fan requirements hardened",
        "layers": "layers",
        "channels": "channels",
        "pixels": "side kernel kernels",
        "pixel value": "pixel",
        "classes": "classes",
        "logit": "logit",
        "latent": "latent",
        "gradient": "gradient error",
        "levels": "depth",
        "values": "items",
        "transactions": "transactions",
        "keys": "holders members",
        "accounts": "allocations",
        "nonce": "nonce",
        "version": "version",
        "ratios": "factors",
        "chance": "weight",
        "tickets": "work",
        "target": "target",
        "targets": "intervals",
        "2^-15": "softmax",
    }.items()
}
_CAPITALS = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")
_GUARD = re.compile(r"#.*\bR-[1-9]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """One row of the table."""

    name: str
    """As in the code."""
    module: str
    """Where it stands."""
    says: str
    """The docstring under it."""
    unit: str
    """By the words of its name; empty if none tells."""
    value: str
    """Its value, or its default."""
    bounds: str
    """What a genesis may choose; empty for what none may."""
    rules: tuple[int, ...]
    """Numbers of the rules that use it."""
    users: tuple[str, ...]
    """Modules of the program outside the law that use it."""
    tests: tuple[str, ...]
    """Names of the tests of the law that mention it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Place:
    """A statement of the law, with what surrounds it."""

    module: str
    owner: str  # the function, or the name that is assigned in the module's body; may be empty
    statement: ast.stmt
    block: tuple[ast.stmt, ...]  # the statements beside it
    docstrings: tuple[str, ...]  # from the inside out, the module's last
    comment: str  # the last with a rule above it in its function


@functools.cache
def collect_constants() -> tuple[Constant, ...]:
    """Return the parameters of a genesis in their order, then the law's numbers by module."""
    return (*_parameters(), *_numbers())


def _parameters() -> Iterator[Constant]:
    tree = next(tree for module, _, tree in sources(LAW) if module == GENESIS)
    says = {name: text for owner, name, text in _documented(tree) if owner}
    ranges = {name: (least, most) for name, least, most in genesis._RANGES}  # noqa: SLF001 - ours
    default = Parameters()
    for field in fields(Parameters):
        least, most = ranges.get(field.name, (None, None))
        yield Constant(
            name=field.name,
            module=GENESIS,
            says=says[field.name],
            unit=_unit(field.name),
            value=_shown(getattr(default, field.name)),
            bounds="" if least is None else f"{_shown(least)}..{_shown(most)}",
            rules=_using(field.name),
            users=_users_of(field.name),
            tests=_tests_of(field.name),
        )


def _numbers() -> Iterator[Constant]:
    for module, _, tree in sources(LAW):
        values = importlib.import_module(module.removesuffix(".py").replace("/", "."))
        for owner, name, says in _documented(tree):
            value = getattr(values, name, None)
            if not owner and _CAPITALS.fullmatch(name) and _is_number(value):
                yield Constant(
                    name=name,
                    module=module,
                    says=says,
                    unit=_unit(name),
                    value=_shown(value),
                    bounds="",
                    rules=_using(name),
                    users=_users_of(name),
                    tests=_tests_of(name),
                )


def _is_number(value: object) -> bool:
    """Say whether a value is a number, or a tuple of nothing but numbers."""
    return all(map(_is_number, value)) if isinstance(value, tuple) else isinstance(value, int)


def _unit(name: str) -> str:
    for word in reversed(name.lower().split("_")):
        for unit, words in _UNITS.items():
            if word in words:
                return unit
    return ""


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(_shown(item) for item in value)})"
    if isinstance(value, int) and value.bit_length() > 20 and value & (value + 1) == 0:
        return f"2^{value.bit_length()} - 1"
    if isinstance(value, int) and value.bit_length() > 20 and value & (value - 1) == 0:
        return f"2^{value.bit_length() - 1}"
    return f"{value:,}"


def _documented(tree: ast.Module) -> Iterator[tuple[str, str, str]]:
    """Yield class (empty for none), name and docstring of what is assigned with one under it."""
    bodies = [("", tree.body)]
    bodies += [(node.name, node.body) for node in tree.body if isinstance(node, ast.ClassDef)]
    for owner, body in bodies:
        for statement, after in pairwise(body):
            name = _assigned(statement)
            match after:
                case ast.Expr(value=ast.Constant(value=str(text))) if name:
                    yield owner, name, " ".join(text.split())


def _assigned(statement: ast.stmt) -> str:
    match statement:
        case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
            return name
    return ""


def _using(name: str) -> tuple[int, ...]:
    """Return the rules that use a constant; if only modules say anything, theirs."""
    found = _used_by(name, frozenset())
    if not found:
        for place in _places_of(name):
            found |= numbers_in(place.docstrings[-1])
    return tuple(sorted(found))


def _used_by(name: str, seen: frozenset[str]) -> set[int]:
    found: set[int] = set()
    for place in _places_of(name):
        rules = _rules_at(place, name)
        lends = place.owner not in seen | {name} and _definitions()[place.owner] == 1
        if not rules and lends:
            rules = _used_by(place.owner, seen | {name})
        if not rules and not seen:
            rules = _called_after(place)
        found |= rules
    return found


@functools.cache
def _definitions() -> Counter[str]:
    """Return how often a function or constant has each name: `encode` alone says nothing."""
    found: Counter[str] = Counter()
    for _, _, tree in sources(LAW):
        for node in ast.walk(tree):
            match node:
                case ast.FunctionDef(name=name):
                    found[name] += 1
                case ast.AnnAssign() | ast.Assign():
                    found[_assigned(node)] += 1
    del found[""]
    return found


def _rules_at(place: _Place, name: str) -> set[int]:
    """Return the rules of the nearest things that have any."""
    statement = place.statement
    for nearby in (
        _raised(statement),
        _called_with(statement, name),
        _raised_after(place),
        numbers_in(place.comment),
        *(numbers_in(text) for text in place.docstrings[:-1]),
    ):
        if nearby:
            return nearby
    return set()


@functools.cache
def _raised(statement: ast.stmt) -> set[int]:
    reasons = _reasons()
    names = (
        node.exc.func.id
        for node in ast.walk(statement)
        if isinstance(node, ast.Raise)
        and isinstance(node.exc, ast.Call)
        and isinstance(node.exc.func, ast.Name)
    )
    return {reasons[each] for each in names if each in reasons}


def _called_with(statement: ast.stmt, name: str) -> set[int]:
    taking = [
        call
        for call in _calls(statement)
        if any(_mentions(argument, name) for argument in [*call.args, *call.keywords])
    ]
    names = {_called(call) for call in taking}
    return {number for each in names - {name} for number in _function_rules().get(each, ())}


@functools.cache
def _calls(statement: ast.stmt) -> list[ast.Call]:
    return [node for node in ast.walk(statement) if isinstance(node, ast.Call)]


def _raised_after(place: _Place) -> set[int]:
    """Return the rules of what is raised on what a statement assigned."""
    return {number for each in _after(place) for number in _raised(each)}


def _called_after(place: _Place) -> set[int]:
    """Return the rules of what is called with what a statement assigned."""
    variable = _assigned(place.statement)
    return {number for each in _after(place) for number in _called_with(each, variable)}


def _after(place: _Place) -> list[ast.stmt]:
    """Return the statements that follow and mention what one assigned."""
    variable = _assigned(place.statement)
    later = place.block[place.block.index(place.statement) + 1 :]
    return [statement for statement in later if variable and _mentions(statement, variable)]


def _called(call: ast.Call) -> str:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _mentions(tree: ast.AST, name: str) -> bool:
    return name in _names(tree)


@functools.cache
def _names(tree: ast.AST) -> frozenset[str]:
    return frozenset(
        node.id if isinstance(node, ast.Name) else node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Name | ast.Attribute)
    )


@functools.cache
def _reasons() -> dict[str, int]:
    return {error.__name__: int(error.reason[2:]) for error in error_classes()}


@functools.cache
def _function_rules() -> dict[str, frozenset[int]]:
    """Return the rules in the first paragraph of each function's docstring or in its comments."""
    found: dict[str, frozenset[int]] = {}
    for _, text, tree in sources(LAW):
        lines = text.splitlines()
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("__"):
                docstring = (ast.get_docstring(node) or "").partition("\n\n")[0]
                guards = filter(_GUARD.search, lines[node.lineno - 1 : node.end_lineno])
                rules = numbers_in("\n".join([docstring, *guards]))
                found[node.name] = found.get(node.name, frozenset()) | rules
    return found


def _places_of(name: str) -> list[_Place]:
    """Return the innermost statements of the law that mention a name, but for its own."""
    return [place for place in _mentioning().get(name, ()) if _assigned(place.statement) != name]


@functools.cache
def _mentioning() -> dict[str, list[_Place]]:
    found: dict[str, list[_Place]] = {}
    for place in _places():
        for name in _own_names(place.statement):
            found.setdefault(name, []).append(place)
    return found


def _own_names(statement: ast.stmt) -> frozenset[str]:
    """Return what a statement mentions; of one with a body, what its head does."""
    parts: list[ast.AST] = [statement]
    if hasattr(statement, "body") and not isinstance(statement, ast.If):
        parts = [node for node in ast.iter_child_nodes(statement) if not isinstance(node, ast.stmt)]
    if isinstance(statement, ast.If):
        parts = [statement.test]
    return frozenset[str]().union(*map(_names, parts))


@functools.cache
def _places() -> tuple[_Place, ...]:
    found: list[_Place] = []
    for module, text, tree in sources(LAW):
        _note_places(tree.body, module, "", (ast.get_docstring(tree) or "",), text, found)
    return tuple(found)


def _note_places(
    block: list[ast.stmt],
    module: str,
    owner: str,
    docstrings: tuple[str, ...],
    text: str,
    found: list[_Place],
) -> None:
    for statement in block:
        inside, within = owner, docstrings
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            inside = statement.name if isinstance(statement, ast.FunctionDef) else owner
            within = ((ast.get_docstring(statement) or "").partition("\n\n")[0], *docstrings)
        if not isinstance(statement, ast.ClassDef):
            found.append(
                _Place(
                    module=module,
                    owner=inside or _assigned(statement),
                    statement=statement,
                    block=tuple(block),
                    docstrings=within,
                    comment=_comment_above(statement, text) if owner else "",
                )
            )
        for name in ("body", "orelse", "finalbody"):
            _note_places(getattr(statement, name, []), module, inside, within, text, found)
        for case in getattr(statement, "cases", []):
            _note_places(case.body, module, inside, within, text, found)


def _comment_above(statement: ast.stmt, text: str) -> str:
    """Return the nearest comment with a rule above a statement in its function."""
    for line in reversed(text.splitlines()[: statement.lineno]):
        if line.lstrip().startswith(("def ", "class ")):
            return ""
        if _GUARD.search(line):
            return line
    return ""


@functools.cache
def _test_names() -> dict[str, tuple[str, ...]]:
    """Return the tests of the law that mention each name."""
    found: dict[str, list[str]] = {}
    for _, _, tree in sources(TESTS):
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                for name in _names_in(node):
                    found.setdefault(name, []).append(node.name)
    return {name: tuple(tests) for name, tests in found.items()}


def _names_in(function: ast.FunctionDef) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(function):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.keyword(arg=str(name)):
                names.add(name)
            case ast.Constant(value=str(name)):
                names.add(name)
    return names


@functools.cache
def _names_of_modules() -> dict[str, frozenset[str]]:
    """Return what each module outside the law mentions."""
    return {
        module: _names(tree) for module, _, tree in sources(PRODUCT) if not module.startswith(LAW)
    }


def _users_of(name: str) -> tuple[str, ...]:
    return tuple(module for module, names in _names_of_modules().items() if name in names)


def _tests_of(name: str) -> tuple[str, ...]:
    return _test_names().get(name, ())
