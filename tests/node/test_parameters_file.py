# SPDX-License-Identifier: Apache-2.0
"""Rules of a new network from a file: all names of the law, no others, and only what it allows."""

from dataclasses import replace
from pathlib import Path

import pytest

from edge_node.node.configuration_errors import SettingInvalid, UnknownSetting
from edge_node.node.parameters_file import read_parameters
from edge_node.spec.genesis import GenesisMalformed, Parameters

USUAL = Parameters()


def written(folder: Path, text: str) -> Path:
    path = folder / "rules.toml"
    path.write_text(text)
    return path


def test_what_is_not_named_keeps_its_value(tmp_path: Path) -> None:
    text = "min_population = 7\nstep_schedule = [[100, 6], [1, 2]]\n"
    wanted = replace(USUAL, min_population=7, step_schedule=((100, 6), (1, 2)))
    assert read_parameters(written(tmp_path, text), USUAL) == wanted
    assert read_parameters(written(tmp_path, ""), USUAL) == USUAL


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("min_populaton = 7", UnknownSetting),
        ("[min_population]", SettingInvalid),
        ("min_population = true", SettingInvalid),
        ("min_population = 1.5", SettingInvalid),
        ("step_schedule = 3", SettingInvalid),
        ("step_schedule = [[1]]", SettingInvalid),
        ("min_population = 0", GenesisMalformed),
        ("rung_ms = 10", GenesisMalformed),
    ],
)
def test_anything_else_is_refused(tmp_path: Path, text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        read_parameters(written(tmp_path, text), USUAL)
