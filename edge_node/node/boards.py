# SPDX-License-Identifier: Apache-2.0
"""Boards: one TOML file each in hw_configs/: how the board is recognised, and settings that fit it.

A file says `schema = 1`, may extend one other, has `[board]` with a title and `[match]` with
`compatible` (names of the device tree), `models` (how its model begins, for containers, which hide
the device tree, while cpuinfo tells the model) and `machines` (what the kernel calls the processor,
for boards without a device tree); the other sections are a configuration's.
Law of the file: a board is known by its file alone; nothing here imports a board's packages.
Read next: hardware.py, configuration.py.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge_node.node.configuration_errors import (
    BoardExtendsTwice,
    BoardSchemaUnknown,
    SettingInvalid,
    UnknownBoard,
    UnknownSetting,
)
from edge_node.node.toml_files import expanded, read_toml

BOARDS_FOLDER: Final = Path(__file__).resolve().parents[1] / "hw_configs"
"""A link to hw_configs/ in a checkout, the files themselves in an installed package."""
SCHEMA: Final = 1
"""The form of a board's file that this program reads."""

_SUFFIX = ".toml"
_MATCH_KEYS = ("compatible", "models", "machines")
_BOARD_KEYS = ("title",)


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardLayer:
    """The settings of one file."""

    path: Path
    """The file."""
    sections: Mapping[str, object]
    """Its settings, as in a configuration file; not yet checked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """One kind of board."""

    name: str
    """What a user writes as `node.board`."""
    path: Path
    """Its file."""
    title: str
    """What people call it."""
    compatible: tuple[str, ...]
    """Names of the device tree's `compatible` that are this board."""
    models: tuple[str, ...]
    """How the device tree's model may begin."""
    machines: tuple[str, ...]
    """What `uname -m` may say, where no board's other names fit."""
    layers: tuple[BoardLayer, ...]
    """Settings: those of the file that it extends, if any, then its own, which win."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognised:
    """A board that a machine was taken for."""

    board: Board
    """The board."""
    why: str
    """By which of its names."""


def board_names(folder: Path = BOARDS_FOLDER) -> list[str]:
    """Return the names of all boards, ascending."""
    return sorted(path.stem for path in folder.glob(f"*{_SUFFIX}"))


def is_board_file(name: str) -> bool:
    """Return True if this is the path of a file, not the name of a board."""
    return name.endswith(_SUFFIX)


def read_board(name: str, folder: Path = BOARDS_FOLDER) -> Board:
    """Return a board by its name, or by the path of a .toml file of the user's own.

    Raises
    ------
    UnknownBoard, BoardSchemaUnknown, BoardExtendsTwice, ConfigurationUnreadable
    ConfigurationMalformed, UnknownSetting, SettingInvalid
    """
    path = _path_of(name, folder, Path())
    own = _read_file(path)
    layers = [BoardLayer(path=path, sections=own.sections)]
    if own.extends is not None:
        base_path = _path_of(own.extends, folder, path.parent)
        base = _read_file(base_path)
        if base.extends is not None:
            raise BoardExtendsTwice(path=path, base=base_path, further=base.extends)
        layers.insert(0, BoardLayer(path=base_path, sections=base.sections))
    match = {key: _texts(own.match, key, path) for key in _MATCH_KEYS}
    return Board(name=name, path=path, title=own.title, layers=tuple(layers), **match)


def find_board(
    compatible: Sequence[str], model: str, machine: str, folder: Path = BOARDS_FOLDER
) -> Recognised | None:
    """Return the board that a machine is, or None.

    Parameters
    ----------
    compatible : sequence of str
        The device tree's, the most special name first; empty where there is none.
    model : str
        The device tree's model, or cpuinfo's; empty where nobody tells.
    machine : str
        As `uname -m` says.

    Raises
    ------
    As of `read_board`.
    """
    boards = [read_board(name, folder) for name in board_names(folder)]
    return next(_recognised(boards, compatible, model, machine), None)


@dataclass(frozen=True, slots=True)
class _File:
    title: str
    match: Mapping[str, object]
    extends: str | None
    sections: Mapping[str, object]


def _recognised(
    boards: Sequence[Board], compatible: Sequence[str], model: str, machine: str
) -> Iterator[Recognised]:
    for name in compatible:
        for board in boards:
            if name in board.compatible:
                yield Recognised(board=board, why=f"the device tree says compatible {name}")
    for board in boards:
        if any(model.startswith(each) for each in board.models):
            yield Recognised(board=board, why=f"the kernel calls it {model}")
    for board in boards:
        if machine in board.machines:
            yield Recognised(board=board, why=f"its processor is {machine}")


def _path_of(name: str, folder: Path, beside: Path) -> Path:
    if is_board_file(name):
        return beside / expanded(Path(name))
    if name not in (names := board_names(folder)):
        raise UnknownBoard(expected=names, actual=name)
    return folder / f"{name}{_SUFFIX}"


def _read_file(path: Path) -> _File:
    sections = read_toml(path)
    schema = sections.pop("schema", None)
    if type(schema) is not int or schema != SCHEMA:
        raise BoardSchemaUnknown(path=path, expected=SCHEMA, actual=schema)
    extends = sections.pop("extends", None)
    if extends is not None and (not isinstance(extends, str) or not extends):
        expected = "the name of a board, or the path of a .toml file"
        raise SettingInvalid(source=str(path), name="extends", expected=expected, actual=extends)
    board = _table(sections, "board", _BOARD_KEYS, path)
    match = _table(sections, "match", _MATCH_KEYS, path)
    title = board.get("title", path.stem)
    if not isinstance(title, str):
        raise SettingInvalid(source=str(path), name="board.title", expected="a text", actual=title)
    return _File(title=title, match=match, extends=extends, sections=sections)


def _table(
    sections: dict[str, object], name: str, keys: Sequence[str], path: Path
) -> Mapping[str, object]:
    table = sections.pop(name, {})
    if not isinstance(table, dict):
        expected = f"a section [{name}] with {', '.join(keys)}"
        raise SettingInvalid(source=str(path), name=name, expected=expected, actual=table)
    for key in table:
        if key not in keys:
            raise UnknownSetting(source=str(path), name=f"{name}.{key}", near=())
    return table


def _texts(match: Mapping[str, object], key: str, path: Path) -> tuple[str, ...]:
    value = match.get(key, [])
    if not isinstance(value, list) or not all(isinstance(each, str) and each for each in value):
        raise SettingInvalid(
            source=str(path), name=f"match.{key}", expected="a list of texts", actual=value
        )
    return tuple(value)
