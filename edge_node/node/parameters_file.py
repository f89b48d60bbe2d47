# SPDX-License-Identifier: Apache-2.0
"""A network's chosen rules from a TOML file, for who founds a network of their own.

Each line is a field of genesis.Parameters; what the file does not name keeps its usual value.
Law of the file: strict; a name that the law does not have, or a value that it does not allow, is an
error, since nothing can be corrected once blocks stand on a genesis.
Read next: edge_node/spec/genesis.py, networks.py.
"""

import difflib
from dataclasses import asdict, replace
from pathlib import Path

from edge_node.node.configuration_errors import SettingInvalid, UnknownSetting
from edge_node.node.toml_files import read_toml
from edge_node.spec.genesis import Parameters

_LISTS = ("step_schedule", "upgrades")


def read_parameters(path: Path, usual: Parameters) -> Parameters:
    """Return `usual` with what a file says in its place.

    Raises
    ------
    ConfigurationUnreadable, ConfigurationMalformed, UnknownSetting, SettingInvalid
    GenesisMalformed
        R-24: a value out of range, or two that contradict each other.
    """
    known = asdict(usual)
    chosen: dict[str, object] = {}
    for name, value in read_toml(path).items():
        if name not in known:
            near = difflib.get_close_matches(name, known)
            raise UnknownSetting(source=str(path), name=name, near=near)
        read = _pairs if name in _LISTS else _integer
        chosen[name] = read(path, name, value)
    return replace(usual, **chosen)  # type: ignore[arg-type]  # names and types checked above


def _integer(path: Path, name: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise SettingInvalid(source=str(path), name=name, expected="an integer", actual=value)
    return value


def _pairs(path: Path, name: str, value: object) -> tuple[tuple[int, int], ...]:
    pairs: list[tuple[int, int]] = []
    for item in value if isinstance(value, list) else [value]:
        match item:
            case [int(left), int(right)]:
                pairs.append((left, right))
            case _:
                raise SettingInvalid(
                    source=str(path),
                    name=name,
                    expected="pairs of integers",
                    actual=item,
                )
    return tuple(pairs)
