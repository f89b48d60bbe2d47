# SPDX-License-Identifier: Apache-2.0
"""The page says on what it was measured, and each table stands beside the paper's figures."""

from dataclasses import replace

from edge_node.bench.machine import describe_machine
from edge_node.bench.paper.conflicts import Resolution
from edge_node.bench.paper.report import markdown, table
from edge_node.bench.paper.run import PaperReport
from edge_node.bench.paper.wire_bytes import BlockBytes

ROW = BlockBytes(
    family="binary-4k",
    parameters=4_392,
    kind="recipe",
    difference_ppm=13_000,
    model_bytes=48,
    header_bytes=490,
    block_bytes=577,
    to_broker_bytes=900,
    from_broker_bytes=890,
    envelope_bytes=323,
    tip_bytes=600,
    published_bytes=1_410.0,
    ratio=1.5667,
)


def report() -> PaperReport:
    return PaperReport(machine=describe_machine(), cores=2, load_before=0.5, broker="mosquitto")


def test_page_names_machine_and_command() -> None:
    page = markdown(report(), command="edge-node bench paper")
    assert page.startswith("# Paper A's tables, measured\n")
    assert "`edge-node bench paper`" in page
    assert describe_machine().cpu in page
    assert "Table 1" not in page


def test_what_was_measured_stands_in_the_order_of_the_tables() -> None:
    found = report()
    assert not report().measured
    found.conflicts = (Resolution(depth=1, judged=2, judge_s=0.1, switch_s=0.2, total_s=0.3),)
    found.bytes = (ROW,)
    assert found.measured == ("bytes", "conflicts")
    page = markdown(found, command="x")
    assert page.index("## Table 1") < page.index("## Conflict resolution")


def test_table_one_stands_beside_the_papers_figure() -> None:
    measured = report()
    measured.bytes = (ROW, replace(ROW, kind="full", to_broker_bytes=2_000))
    page = markdown(measured, command="x")
    assert "| binary-4k | 4,392 | recipe | 48 | 490 | 323 | **900** | 600 | 1,410 | 1.57x |" in page
    assert "ours take 2,000 bytes at most" in page


def test_table_has_as_many_cells_as_columns() -> None:
    lines = table(("a", "b"), [("x", "1"), ("y", "2")]).splitlines()
    assert lines == ["| a | b |", "| --- | ---: |", "| x | 1 |", "| y | 2 |"]
