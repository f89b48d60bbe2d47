# SPDX-License-Identifier: Apache-2.0
"""The page says on what it was measured, and each table stands beside the paper's figures."""

from dataclasses import replace

from edge_node.bench.machine import describe_machine
from edge_node.bench.paper.conflicts import Resolution
from edge_node.bench.paper.report import markdown, table
from tests.bench.paper.figures import ROW, report_of


def test_page_names_machine_and_command() -> None:
    page = markdown(report_of(), command="edge-node bench paper")
    assert page.startswith("# Paper A's tables, measured\n")
    assert "`edge-node bench paper`" in page
    assert describe_machine().cpu in page
    assert "Table 1" not in page


def test_what_was_measured_stands_in_the_order_of_the_tables() -> None:
    assert not report_of().measured
    healed = Resolution(depth=1, judged=2, judge_s=0.1, switch_s=0.2, total_s=0.3)
    found = report_of(conflicts=(healed,), bytes=(ROW,))
    assert found.measured == ("bytes", "conflicts")
    page = markdown(found, command="x")
    assert page.index("## Table 1") < page.index("## Conflict resolution")


def test_table_one_stands_beside_the_papers_figure() -> None:
    full = replace(ROW, kind="full", to_broker_bytes=2_000)
    page = markdown(report_of(bytes=(ROW, full)), command="x")
    assert "| binary-4k | 4,392 | recipe | 48 | 490 | 323 | **900** | 600 | 1,410 | 1.57x |" in page
    assert "ours take 2,000 bytes at most" in page


def test_table_has_as_many_cells_as_columns() -> None:
    lines = table(("a", "b"), [("x", "1"), ("y", "2")]).splitlines()
    assert lines == ["| a | b |", "| --- | ---: |", "| x | 1 |", "| y | 2 |"]
