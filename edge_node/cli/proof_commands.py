# SPDX-License-Identifier: Apache-2.0
"""`edge-node bench proof`: what the lottery rules promise, measured here, and paper B's Figure 1.

Law of the file: a missed goal is a row that says so, never an error.
Read next: measured_page.py, edge_node/bench/proof/run.py.
"""

from functools import partial

import click

from edge_node.bench.proof.report import markdown, write_report
from edge_node.bench.proof.run import TABLES, run_proof
from edge_node.bench.proof.workbench import TIME_CAP_S, ProofOptions
from edge_node.cli.measured_page import Asked, measure, page_options
from edge_node.cli.session import Session

REAL_BLOCKS = 200
"""Mined in earnest for a report."""


@click.command("proof")
@page_options(
    TABLES,
    cap_s=TIME_CAP_S,
    capped="of one chain",
    written="PROOF_TABLES.md, its figures as JSON and its plot",
)
@click.option(
    "--blocks",
    type=click.IntRange(min=4),
    help="Length of every chain.  [default: each table's own]",
)
@click.option(
    "--real",
    "real_blocks",
    type=click.IntRange(min=0),
    help=f"Blocks that three miners mine in earnest.  [default: {REAL_BLOCKS} with --report, or 0]",
)
def proof(
    session: Session, asked: Asked, /, *, blocks: int | None, real_blocks: int | None
) -> None:
    """Measure what the proof rules promise, and draw paper B's Figure 1.

    Chains are mined on this machine for it; all of it takes about ten minutes.
    """
    if real_blocks is None:
        real_blocks = 0 if asked.report is None else REAL_BLOCKS
    options = partial(ProofOptions, blocks=blocks, real_blocks=real_blocks)
    measure(session, asked, options, run_proof, markdown=markdown, write_report=write_report)
