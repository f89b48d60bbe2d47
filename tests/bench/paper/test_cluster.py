# SPDX-License-Identifier: Apache-2.0
"""Node processes of a measurement answer, cost processor time, and end with it."""

from pathlib import Path

import pytest

from edge_node.bench.paper.cluster import ClusterOptions, process_cpu_s, running_cluster, until
from edge_node.bench.paper.errors import MeasurementFailed
from edge_node.bench.paper.throughput import sustained_load
from edge_node.kernels.libsodium import load_ed25519
from edge_node.node.networks import new_genesis
from edge_node.node.system import SystemClock
from tests.bench.paper.small import quick_options

CLOCK = SystemClock()


def test_waiting_ends_with_what_was_waited_for() -> None:
    until(lambda: True, clock=CLOCK, limit_s=1, what="miracle")
    with pytest.raises(MeasurementFailed, match="no miracle within 0 s"):
        until(lambda: False, clock=CLOCK, limit_s=0, what="miracle", pause_s=0)


def test_process_that_is_gone_has_used_nothing() -> None:
    assert process_cpu_s(2**22 + 1) == 0.0


@pytest.mark.slow
def test_nodes_answer_and_end_with_the_block(tmp_path: Path) -> None:
    options = quick_options(tmp_path)
    seeds = [bytes([number]) * 32 for number in (1, 2)]
    genesis = new_genesis(
        "bench",
        [options.datasets.table(options.dataset).manifest],
        [load_ed25519().public_key(seed) for seed in seeds],
        sustained_load(1, 1).parameters,
        CLOCK.now_ms(),
    )
    cluster = ClusterOptions(
        folder=tmp_path / "nodes",
        genesis=genesis,
        seeds=seeds,
        miners=0,
        datasets=options.datasets,
        dataset=options.dataset,
        settings={},
    )
    with running_cluster(cluster, CLOCK) as (broker, members):
        for member in members:
            until(lambda m=member: m.height() == 0, clock=CLOCK, limit_s=90, what="answer")  # type: ignore[misc]  # a default of its own
            assert (member.waiting(), member.trainer_cpu_s()) == (0, 0.0)
            assert member.cpu_s() > 0
        assert broker.is_alive
    assert broker.ends_within(0)
    assert all(member.process.poll() is not None for member in members)
    with pytest.raises(MeasurementFailed, match="node-1 ended"):
        members[0].ask("head", {})
