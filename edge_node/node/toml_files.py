# SPDX-License-Identifier: Apache-2.0
"""TOML in and out: the one reader of configuration files, and a writer for what `init` leaves.

Law of the file: the only importer of the TOML package; bytes and plain values, no meaning.
Read next: configuration_schema.py.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from edge_node.node.configuration_errors import ConfigurationMalformed, ConfigurationUnreadable

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MAX_FILE_BYTES = 1 << 16
"""A configuration has about a kilobyte."""

SettingValue: TypeAlias = "bool | int | str | tuple[str, ...]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One line of a configuration file."""

    section: str
    """Its table."""
    key: str
    """Its name in there."""
    value: SettingValue
    """What it is set to."""


def read_toml(path: Path) -> dict[str, object]:
    """Return what a file says.

    Raises
    ------
    ConfigurationUnreadable, ConfigurationMalformed
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ConfigurationUnreadable(path=path, why=error.strerror or str(error)) from error
    if len(data) > MAX_FILE_BYTES:
        raise ConfigurationMalformed(path=path, why=f"more than {MAX_FILE_BYTES} bytes")
    try:
        return tomllib.loads(data.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigurationMalformed(path=path, why=str(error)) from error


def expanded(path: Path) -> Path:
    """Return a path that a user wrote, with the home folder in the place of `~` or `~somebody`.

    Raises
    ------
    ConfigurationUnreadable
        There is no such user, or one without a home.
    """
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise ConfigurationUnreadable(path=path, why="nobody's home") from error


def toml_text(settings: Sequence[Setting]) -> str:
    """Return a file that says these settings, sections in the order of their first setting."""
    sections = dict.fromkeys(setting.section for setting in settings)
    blocks = []
    for section in sections:
        lines = [f"{s.key} = {_literal(s.value)}" for s in settings if s.section == section]
        blocks.append("\n".join([f"[{section}]", *lines]) + "\n")
    return "\n".join(blocks)


def _literal(value: SettingValue) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        # JSON's escapes are TOML's too, all but the one that JSON does not need.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return f"[{', '.join(map(_literal, value))}]"
