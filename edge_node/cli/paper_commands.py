# SPDX-License-Identifier: Apache-2.0
"""`edge-node bench paper`: the tables of paper A measured here, as JSON, in words or as a report.

Law of the file: a level that was not reached is a bound in the report, never an error.
Read next: measured_page.py, edge_node/bench/paper/run.py.
"""

import click

from edge_node.bench.paper.report import markdown, write_report
from edge_node.bench.paper.run import (
    TABLES,
    TIME_CAP_S,
    PaperOptions,
    run_paper,
)
from edge_node.cli.measured_page import Asked, measure, page_options
from edge_node.cli.session import Session


@click.command("paper")
@page_options(
    TABLES,
    cap_s=TIME_CAP_S,
    capped="that each level may take the paper's own way",
    written="PAPER_TABLES.md, its figures as JSON and its plots",
)
def paper(session: Session, asked: Asked, /) -> None:
    """Measure the tables of section 5 of the paper, side by side.

    Brokers and nodes are started on this machine for it. The paper's own way of mining alone takes
    three times the time cap.
    """
    measure(session, asked, PaperOptions, run_paper, markdown=markdown, write_report=write_report)
