# SPDX-License-Identifier: Apache-2.0
"""The process of Table 2 prints one row for each level that it is asked for."""

import io
import json
from dataclasses import fields
from pathlib import Path

import pytest

from edge_node.bench.paper.child import main
from edge_node.bench.paper.mining import Mined
from tests.demo.pictures import stored_patterns

pytestmark = pytest.mark.slow


def test_row_is_a_line_of_json(tmp_path: Path) -> None:
    _, dataset = stored_patterns(tmp_path)
    out = io.StringIO()
    main([str(tmp_path), dataset.hex(), "0.2", "low"], out)
    (line,) = out.getvalue().splitlines()
    row = json.loads(line)
    assert set(row) == {field.name for field in fields(Mined)}
    assert row["level"] == "low"
