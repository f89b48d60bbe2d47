# SPDX-License-Identifier: Apache-2.0
"""The workbench: lengths as asked for, a family learns once, and its stages can be gone on from."""

from dataclasses import replace
from pathlib import Path

from edge_node.bench.proof.workbench import SETUPS, Workbench
from edge_node.node.system import SystemClock
from tests.bench.proof.small import quick_bench, quick_options


def test_length_is_as_asked_for_or_as_usual(tmp_path: Path) -> None:
    assert quick_bench(tmp_path, blocks=7).length(300, 12) == 7
    options = quick_options(tmp_path, blocks=None)
    assert Workbench(options, SystemClock()).length(300, 12) == 12
    assert Workbench(replace(options, quick=False), SystemClock()).length(300, 12) == 300


def test_family_learns_once_and_its_stages_are_its_latents(tmp_path: Path) -> None:
    bench = quick_bench(tmp_path)
    learned = bench.learned(SETUPS[0])
    assert bench.learned(SETUPS[0]) is learned
    assert len(learned.blocks) == 5
    names = [name for name, _, _ in learned.stages]
    assert names[0] == "start"
    assert names[-1] == "end"
    assert learned.stages[-1][1:] == (5, learned.chain.latents)


def test_time_cap_ends_a_chain(tmp_path: Path) -> None:
    options = replace(quick_options(tmp_path), time_cap_s=0)
    assert len(Workbench(options, SystemClock()).learned(SETUPS[0]).blocks) == 1
