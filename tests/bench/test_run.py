# SPDX-License-Identifier: Apache-2.0
"""The parent of the measuring process: real rows, one thread, and processes that go wrong."""

import json
import sys
from pathlib import Path

import pytest

from edge_node.bench.rows import Row, RowMalformed, row_fields
from edge_node.bench.run import ONE_THREAD, BenchFailed, BenchOptions, read_rows, run_bench
from edge_node.primitives.types import DatasetId, Hash32
from tests.bench.test_child import stored

pytestmark = pytest.mark.slow  # whole sections

ROW = Row(name="a", value=1.5, unit="ms", baseline=None, baseline_value=None, goal=2.0)


def python(text: str) -> list[str]:
    return [sys.executable, "-c", text]


def test_runs_the_section_asked_for(tmp_path: Path) -> None:
    dataset = DatasetId(Hash32(bytes.fromhex(stored(tmp_path))))
    options = BenchOptions(datasets=tmp_path, dataset=dataset, sections=["transport"], quick=True)
    rows = list(run_bench(options))
    assert len(rows) == 6
    assert all(row.reached for row in rows)


def test_child_gets_one_thread() -> None:
    text = f"import os; print(os.environ['OPENBLAS_NUM_THREADS']); print({ROW.name!r})"
    with pytest.raises(RowMalformed, match="'1"):
        list(read_rows(python(text), dict(ONE_THREAD)))


def test_rows_come_as_they_are_printed() -> None:
    text = f"print({json.dumps(row_fields(ROW))!r}, flush=True); input()"
    rows = read_rows([*python(text)], {})
    assert next(rows) == ROW


def test_says_why_it_failed() -> None:
    text = f"print({json.dumps(row_fields(ROW))!r}); raise SystemExit('no memory')"
    rows = read_rows(python(text), {})
    assert next(rows) == ROW
    with pytest.raises(BenchFailed, match=r"code 1 \(no memory\)"):
        next(rows)


def test_silent_death_has_a_sentence() -> None:
    with pytest.raises(BenchFailed, match="says nothing"):
        list(read_rows(python("import os; os.abort()"), {}))


def test_fills_no_pipe_with_complaints() -> None:
    text = "import sys; sys.stderr.write('x' * 1_000_000)"
    assert list(read_rows(python(text), {})) == []
