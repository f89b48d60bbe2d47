# SPDX-License-Identifier: Apache-2.0
"""Miners in threads: blocks of one chain, each judged and stored; no miner gets far ahead."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edge_node.bench.proof.real_lottery import TARGET_MS, Rations, mined_blocks
from tests.bench.proof.small import quick_bench

pytestmark = pytest.mark.slow

SHARES = (0.5, 0.3, 0.2)


def test_three_miners_make_one_chain(tmp_path: Path) -> None:
    blocks = mined_blocks(quick_bench(tmp_path, real_blocks=3), SHARES)
    assert len(blocks) == 3
    for block in blocks:
        assert block.miner in range(3)
        assert block.interval_ms > 0
        assert block.target_ms == TARGET_MS


def test_rations_keep_the_shares_whoever_is_quick() -> None:
    rations = Rations(SHARES)
    tries = [0, 0, 0]

    def work(index: int) -> None:
        while rations.take(index):
            tries[index] += 1
            rations.done(index, won=sum(tries) >= 1_000)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(work, range(3)))
    assert all(
        abs(done / sum(tries) - share) < 0.01 for done, share in zip(tries, SHARES, strict=True)
    )
    assert not rations.take(0), "the search is over"


def test_burst_that_ends_after_another_has_won_is_no_try() -> None:
    rations = Rations((0.5, 0.5))
    for _ in range(100):
        rations.begin()
        assert rations.take(0)
        assert rations.take(1)
        assert rations.done(0, won=True)
        assert not rations.done(1, won=True), "it came second"
        rations.begin()
        assert rations.take(1), "the first is a try ahead of it"
        assert rations.done(1, won=True)
