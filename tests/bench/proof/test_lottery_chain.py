# SPDX-License-Identifier: Apache-2.0
"""A chain of lottery blocks in one process: what one store mines, another takes in."""

from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from edge_node.bench.proof.lottery_chain import (
    FollowingClock,
    LotteryChain,
    Place,
    grown_blocks,
    lottery_genesis,
)
from edge_node.node.networks import LAN_LOTTERY
from edge_node.spec.errors import InvalidInput
from tests.bench.proof.small import quick_options

pytestmark = pytest.mark.slow

PARAMETERS = replace(LAN_LOTTERY, first_work=1, burst_steps=2, burst_batch=8)
SEEDS = (bytes([1]) * 32, bytes([2]) * 32)


def test_blocks_come_at_their_time_and_another_store_takes_them(tmp_path: Path) -> None:
    options = quick_options(tmp_path)
    clock = FollowingClock(PARAMETERS.target_ms)
    genesis = lottery_genesis(options.datasets, options.dataset, PARAMETERS)
    here = Place(path=tmp_path / "here", genesis=genesis, datasets=options.datasets)
    with closing(LotteryChain(here, "binary-4k", SEEDS[:1], clock)) as chain:
        blocks = grown_blocks(chain, clock, 4)
    times = [block.header.timestamp for block in blocks]
    assert [after - before for before, after in pairwise(times)] == [30_000] * 3
    assert [block.header.height for block in blocks] == [1, 2, 3, 4]
    there = replace(here, path=tmp_path / "there")
    with closing(LotteryChain(there, "binary-4k", SEEDS[1:], clock)) as other:
        for block in blocks:
            other.take(block)
        assert other.importer.head.head == blocks[-1].header.block_hash()


def test_forged_result_is_refused(tmp_path: Path) -> None:
    options = quick_options(tmp_path)
    clock = FollowingClock(PARAMETERS.target_ms)
    genesis = lottery_genesis(options.datasets, options.dataset, PARAMETERS)
    place = Place(path=tmp_path / "chain", genesis=genesis, datasets=options.datasets)
    with closing(LotteryChain(place, "binary-4k", SEEDS[:1], clock)) as chain:
        clock.follow(chain.importer.head)
        block = chain.mine()
        header = replace(block.header, correct_count=block.header.correct_count + 1)
        with pytest.raises(InvalidInput):
            chain.take(replace(block, header=header))
        assert chain.importer.head.height == 0
