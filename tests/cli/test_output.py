# SPDX-License-Identifier: Apache-2.0
"""What is printed: JSON and nothing else, and percent without floats."""

import json
from pathlib import Path

import pytest

from edge_node.cli.output import emit, percent


def test_json_alone_and_paths_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    emit({"path": Path("/x")}, as_json=True, show=pytest.fail)
    assert json.loads(capsys.readouterr().out) == {"path": "/x"}


@pytest.mark.parametrize(
    ("ppm", "text"), [(0, "0.00"), (999_999, "99.99"), (1_000_000, "100.00"), (50_100, "5.01")]
)
def test_percent(ppm: int, text: str) -> None:
    assert percent(ppm) == text
