# SPDX-License-Identifier: Apache-2.0
"""Acceptance of R: shares fall with k, and are those that the compiled bursts themselves have."""

from dataclasses import replace
from pathlib import Path

import pytest

from edge_node.bench.proof import acceptance
from edge_node.bench.proof.acceptance import acceptance_rows, met_shares
from edge_node.bench.proof.workbench import SETUPS
from edge_node.kernels.burst import new_burst_runner
from edge_node.primitives.hashing import tagged_hash
from edge_node.spec.burst import BurstStart
from tests.bench.proof.small import quick_bench

pytestmark = pytest.mark.slow


def test_rows_name_stage_and_k(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acceptance, "SETUPS", SETUPS[:1])
    bench = quick_bench(tmp_path)
    rows = list(acceptance_rows(bench))
    stages = len(bench.learned(SETUPS[0]).stages)
    assert len(rows) == 8 * stages
    assert rows[0].what == "binary-4k, start (block 0), k = 1"
    assert [row.least for row in rows[:8]] == [0.5] * 4 + [None] * 4


def test_first_draw_of_each_burst_is_the_bursts_own(tmp_path: Path) -> None:
    bench = quick_bench(tmp_path)
    learned = bench.learned(SETUPS[0])
    latents = learned.stages[0][2]
    shares = met_shares(bench, learned, (0, latents), 6, 1)
    assert shares == sorted(shares, reverse=True)
    train = bench.workload.train
    for k in (1, 2):
        rules = replace(learned.chain.rules, requirements=k)
        runner = new_burst_runner(rules, train.images, train.labels)
        runner.begin(BurstStart(latents=latents, relatives=(), evolves=False, samples_seen=0))
        seeds = [tagged_hash("bench-acceptance", bytes(4), bytes([n])) for n in range(6)]
        assert shares[k - 1] == sum(runner.trial(seed).met for seed in seeds) / 6
