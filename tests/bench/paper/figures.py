# SPDX-License-Identifier: Apache-2.0
"""Reports of figures that nobody measured, for the tests of what is made of them."""

from edge_node.bench.machine import describe_machine
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


def report_of(**tables: object) -> PaperReport:
    """Return a report with these tables, by the names of their fields."""
    report = PaperReport(machine=describe_machine(), cores=2, load_before=0.5, broker="mosquitto")
    for name, rows in tables.items():
        setattr(report, name, rows)
    return report
