# SPDX-License-Identifier: Apache-2.0
"""Boards: one TOML file each in hw_configs/: how the board is recognised, and settings that fit it.

`[board]` has `title`, `models` (how the device tree's model begins) and `machines` (what the kernel
calls the processor, for boards without a device tree); the other sections are a configuration's.
Law of the file: a board is known by its file alone; nothing here imports a board's packages.
Read next: hardware.py, configuration.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge_node.node.configuration_errors import SettingInvalid, UnknownBoard
from edge_node.node.toml_files import read_toml

BOARDS_FOLDER: Final = Path(__file__).resolve().parents[1] / "hw_configs"
"""A link to hw_configs/ in a checkout, the files themselves in an installed package."""

_SUFFIX = ".toml"
_KEYS = ("title", "models", "machines")


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """One kind of board."""

    name: str
    """What a user writes as `node.board`."""
    path: Path
    """Its file."""
    title: str
    """What people call it."""
    models: tuple[str, ...]
    """How the device tree's model may begin."""
    machines: tuple[str, ...]
    """What `uname -m` may say, where no board's model fits."""
    sections: Mapping[str, object]
    """The settings, as in a configuration file; not yet checked."""


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
    UnknownBoard, ConfigurationUnreadable, ConfigurationMalformed, SettingInvalid
    """
    if is_board_file(name):
        path = Path(name).expanduser()
    elif name in (names := board_names(folder)):
        path = folder / f"{name}{_SUFFIX}"
    else:
        raise UnknownBoard(expected=names, actual=name)
    sections = read_toml(path)
    facts = sections.pop("board", None)
    if not isinstance(facts, dict) or not set(facts) <= set(_KEYS):
        raise SettingInvalid(
            source=str(path),
            name="board",
            expected=f"a section [board] with {', '.join(_KEYS)}",
            actual=facts,
        )
    title = facts.get("title", path.stem)
    if not isinstance(title, str):
        raise SettingInvalid(source=str(path), name="board.title", expected="a text", actual=title)
    return Board(
        name=name,
        path=path,
        title=title,
        models=_texts(facts, "models", path),
        machines=_texts(facts, "machines", path),
        sections=sections,
    )


def find_board(model: str, machine: str, folder: Path = BOARDS_FOLDER) -> Board | None:
    """Return the board that a model and a processor belong to, or None.

    Parameters
    ----------
    model : str
        The device tree's model; empty where there is none.
    machine : str
        As `uname -m` says.

    Raises
    ------
    ConfigurationUnreadable, ConfigurationMalformed, SettingInvalid
    """
    boards = [read_board(name, folder) for name in board_names(folder)]
    for board in boards:
        if any(model.startswith(each) for each in board.models):
            return board
    return next((board for board in boards if machine in board.machines), None)


def _texts(facts: Mapping[str, object], key: str, path: Path) -> tuple[str, ...]:
    value = facts.get(key, [])
    if not isinstance(value, list) or not all(isinstance(each, str) and each for each in value):
        raise SettingInvalid(
            source=str(path), name=f"board.{key}", expected="a list of texts", actual=value
        )
    return tuple(value)
