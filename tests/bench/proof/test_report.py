# SPDX-License-Identifier: Apache-2.0
"""The page: machine and command, a table for each part, acceptance by k, simulated marked so."""

import json
from pathlib import Path

from edge_node.bench.machine import describe_machine
from edge_node.bench.proof.report import PAGE, markdown, write_report
from edge_node.bench.proof.rows import ProofRow
from edge_node.bench.proof.run import ProofReport
from tests.bench.proof.test_plots import curve


def report() -> ProofReport:
    accepted = [
        ProofRow(
            table="acceptance",
            what=f"binary-4k, start (block 0), k = {k}",
            value=value,
            unit="x",
            how="4 bursts",
            least=0.5,
            most=2.0,
        )
        for k, value in ((1, 1.01), (2, 0.3))
    ]
    share = ProofRow(
        table="share", what="chi", value=1.5, unit="", how="seed 1", most=5.0, simulated=True
    )
    return ProofReport(
        machine=describe_machine(),
        cores=2,
        load_before=0.5,
        rows=(*accepted, share),
        curves=(curve("paper", 3),),
    )


def test_page_has_a_line_for_each_stage_and_marks_what_is_outside() -> None:
    page = markdown(report(), command="edge-node bench proof")
    assert "`edge-node bench proof` on " in page
    assert "| binary-4k, start (block 0) | **1.01** | **0.30**! | 4 bursts |" in page
    assert "| chi (simulated) | **1.5**  | <= 5 | yes | - | seed 1 |" in page


def test_report_is_a_page_with_a_plot_and_figures(tmp_path: Path) -> None:
    write_report(report(), command="edge-node bench proof", folder=tmp_path)
    assert "![Figure 1, made anew](proof/figure_1.png)" in (tmp_path / PAGE).read_text()
    assert (tmp_path / "proof" / "figure_1.png").exists()
    found = json.loads((tmp_path / "proof" / "figures.json").read_text())
    assert found["command"] == "edge-node bench proof"
    assert len(found["rows"]) == 3
    assert found["curves"][0]["height"] == [1, 2, 3]
    assert found["curves"][0]["seconds"] == [0.1, 0.2, 0.3]
