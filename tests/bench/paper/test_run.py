# SPDX-License-Identifier: Apache-2.0
"""A run of no table at all still says on what it ran; every table is one that the command knows."""

import json
from pathlib import Path

from edge_node.bench.paper.run import TABLES, run_paper
from edge_node.node.system import SystemClock
from tests.bench.paper.small import quick_options


def test_run_says_what_it_ran_on_and_is_plain_json(tmp_path: Path) -> None:
    told: list[str] = []
    report = run_paper(quick_options(tmp_path), SystemClock(), told.append)
    found = json.loads(json.dumps(report.as_json()))
    assert told == []
    assert found["quick"] is True
    assert found["cores"] >= 1
    assert found["machine"]["numpy"]
    assert all(found[name] in ([], None) for name in TABLES)
