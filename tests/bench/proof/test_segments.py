# SPDX-License-Identifier: Apache-2.0
"""Segments are replayed in processes that begin together; a false one ends the measurement."""

from dataclasses import replace
from pathlib import Path

import pytest

from edge_node.bench.paper.errors import MeasurementFailed
from edge_node.bench.proof.segments import Replay, segment_rows, segments_speed
from edge_node.bench.proof.workbench import SETUPS, Workbench
from edge_node.kernels.burst import new_burst_runner
from edge_node.primitives.hashing import ZERO_HASH
from edge_node.primitives.types import Hash32
from edge_node.spec import burst, training
from edge_node.spec.burst import BurstStart
from tests.bench.proof.small import quick_bench
from tests.trainer.stillborn import UNREAD_BYTES, kill_at_birth

pytestmark = pytest.mark.slow


def replays(bench: Workbench, count: int) -> list[Replay]:
    setup, train = SETUPS[0], bench.workload.train
    rules = burst.rules_for(setup.architecture, setup.parameters)
    runner = new_burst_runner(rules, train.images.reshape(-1), train.labels)
    latents = training.initial_state(setup.architecture, b"segments").packed()
    found: list[Replay] = []
    for number in range(count):
        start = BurstStart(latents=latents, relatives=(), evolves=False, samples_seen=0)
        runner.begin(start)
        seed = bytes([number]) * 32
        root = runner.trial(seed).latent_root
        found.append(Replay(seed=seed, start=start, latent_root=root, replay_ms=1.0))
        latents = runner.latents()
    return found


def test_one_core_and_two_are_told_and_what_a_sync_would_gain(tmp_path: Path) -> None:
    bench = quick_bench(tmp_path)
    one, two, sync = segment_rows(bench, replays(bench, 3), serial_ms=1_000.0)
    assert "on 1 core" in one.what
    assert "on 2 cores" in two.what
    for row in (one, two):
        assert row.value is not None
        assert row.value > 0
        assert "3 blocks" in row.how
    assert sync.value is not None
    assert sync.value < 1, "a second of each block is not replay"
    assert "not built" in sync.how


def test_process_that_dies_before_it_reads_ends_the_measurement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = quick_bench(tmp_path)
    (one,) = replays(bench, 1)
    latents = bytes(UNREAD_BYTES)
    kill_at_birth(tmp_path, monkeypatch)
    with pytest.raises(MeasurementFailed, match="did not come to an end"):
        segments_speed(bench, [replace(one, start=replace(one.start, latents=latents))], 1)


def test_another_root_is_no_measurement(tmp_path: Path) -> None:
    bench = quick_bench(tmp_path)
    true, other = replays(bench, 2)
    with pytest.raises(MeasurementFailed):
        segments_speed(bench, [true, replace(other, latent_root=Hash32(ZERO_HASH))], 1)
