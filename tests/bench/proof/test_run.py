# SPDX-License-Identifier: Apache-2.0
"""A run measures the tables that it is asked for, and says on what; the object is plain JSON."""

import json
from pathlib import Path

import pytest

from edge_node.bench.proof.run import TABLES, run_proof
from edge_node.node.system import SystemClock
from tests.bench.proof.small import quick_options

pytestmark = pytest.mark.slow


def test_run_of_some_tables_is_plain_json(tmp_path: Path) -> None:
    told: list[str] = []
    report = run_proof(quick_options(tmp_path, "share", "interval"), SystemClock(), told.append)
    assert told == ["share", "interval"]
    found = json.loads(json.dumps(report.as_json()))
    assert {row["table"] for row in found["rows"]} == {"share", "interval"}
    assert found["machine"]["numpy"]
    assert found["cores"] >= 1
    assert found["quick"] is True
    assert found["curves"] == []


def test_tables_are_those_of_the_issue() -> None:
    assert list(TABLES) == [
        "acceptance",
        "learning",
        "verification",
        "bytes",
        "share",
        "interval",
        "restart",
        "figure",
    ]
