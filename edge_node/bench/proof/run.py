# SPDX-License-Identifier: Apache-2.0
"""All tables of the proof rules in one run: rows one after the other, and the curves of Figure 1.

Law of the file: the keys of the object are a contract.
Read next: learning.py, acceptance.py, verification.py, simulation.py, figure_one.py.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass

from edge_node.bench.machine import Machine, describe_machine
from edge_node.bench.proof.acceptance import acceptance_rows
from edge_node.bench.proof.block_bytes import byte_rows
from edge_node.bench.proof.fairness import interval_rows, share_rows
from edge_node.bench.proof.figure_one import figure_rows
from edge_node.bench.proof.learning import learning_rows
from edge_node.bench.proof.restart import restart_rows
from edge_node.bench.proof.rows import ProofRow
from edge_node.bench.proof.verification import verification_rows
from edge_node.bench.proof.workbench import Curve, ProofOptions, Workbench
from edge_node.primitives.clock import Clock

Tell = Callable[[str], None]
"""Takes what is done now, in words."""

TABLES: Mapping[str, Callable[[Workbench], Iterator[ProofRow]]] = {
    "acceptance": acceptance_rows,
    "learning": learning_rows,
    "verification": verification_rows,
    "bytes": byte_rows,
    "share": share_rows,
    "interval": interval_rows,
    "restart": restart_rows,
    "figure": figure_rows,
}
"""In the order of the report."""


@dataclass(slots=True, kw_only=True)
class ProofReport:
    """All figures."""

    machine: Machine
    """What they were measured on."""
    cores: int
    """Processors that this process may use."""
    load_before: float
    """Load average of the last minute, before anything was measured."""
    load_after: float = 0
    """The same at the end; it holds our own load too."""
    quick: bool = False
    """Whether these are the small figures of a test."""
    seconds: float = 0
    """How long it took."""
    rows: tuple[ProofRow, ...] = ()
    """Of all tables."""
    curves: tuple[Curve, ...] = ()
    """Of Figure 1."""

    def as_json(self) -> dict[str, object]:
        """Return the report as plain values."""
        return {
            **asdict(self),
            "rows": [row.as_json() for row in self.rows],
            "curves": [curve.as_json() for curve in self.curves],
        }


def run_proof(options: ProofOptions, clock: Clock, tell: Tell) -> ProofReport:
    """Measure the tables.

    Raises
    ------
    EdgeNodeError
        Something did not come about.
    """
    report = ProofReport(
        machine=describe_machine(),
        cores=len(os.sched_getaffinity(0)),
        load_before=round(os.getloadavg()[0], 2),
        quick=options.quick,
    )
    start_ms = clock.monotonic_ms()
    bench = Workbench(options, clock)
    for name, rows in TABLES.items():
        if name in options.tables:
            tell(name)
            report.rows += tuple(rows(bench))
    report.curves = tuple(bench.curves)
    report.seconds = (clock.monotonic_ms() - start_ms) / 1_000
    report.load_after = round(os.getloadavg()[0], 2)
    return report
