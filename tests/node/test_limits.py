# SPDX-License-Identifier: Apache-2.0
"""A node's own limits: what lies beyond them waits, is told, blames nobody, and is not mined."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_node.node.answers import status
from edge_node.node.errors import BlockBeyondTime, MiningBeyondMemory, ModelBeyondLimit
from edge_node.node.health import health_of
from edge_node.node.intake import RETRY_BEYOND_LIMITS_MS
from edge_node.node.limits import (
    NODE_BYTES,
    WORKER_BYTES,
    BlockTime,
    Limits,
    check_memory,
    check_model,
    mining_bytes,
    model_bytes,
)
from edge_node.primitives.types import DatasetId
from edge_node.spec.dataset import SplitName
from edge_node.spec.genesis import RECIPE
from edge_node.spec.model import Model
from tests.chain.workshop import SMALL, Tree
from tests.node.forged_winners import RULES
from tests.node.rig import CountingEngine, VirtualClock, World, mine, sent, world
from tests.spec import toy_chain as toy
from tests.spec import toy_lottery as lottery
from tests.spec.toy_chain import ToyChain, Work
from tests.spec.toy_data import toy_dataset

SMALL_BYTES = model_bytes(SMALL)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


def test_model_counts_whole_words_of_weights_and_its_thresholds() -> None:
    (shape,) = SMALL.shapes
    assert (shape.weight_count, shape.channels) == (192, 3)
    assert SMALL_BYTES == 192 // 8 + 3 * 4
    check_model(SMALL, Limits(model_bytes=SMALL_BYTES))
    check_model(SMALL, Limits())
    with pytest.raises(ModelBeyondLimit, match=r"of 36 bytes .* limits\.max_model_bytes = 35"):
        check_model(SMALL, Limits(model_bytes=SMALL_BYTES - 1))


def test_each_worker_holds_the_images_that_it_searches_on() -> None:
    manifest = toy_dataset("easy", (40, 20, 20)).manifest
    each = WORKER_BYTES + 60 * manifest.image_bytes
    assert mining_bytes(manifest, 3) == NODE_BYTES + 3 * each
    check_memory(manifest, 3, Limits())
    check_memory(manifest, 1, Limits(memory_bytes=NODE_BYTES + each))
    with pytest.raises(MiningBeyondMemory, match=r"mining on easy takes about 168 MiB.*_mib = 121"):
        check_memory(manifest, 2, Limits(memory_bytes=121 << 20))


def test_time_is_measured_only_while_a_block_is_judged() -> None:
    clock = VirtualClock()
    time = BlockTime(Limits(block_ms=100), clock)
    clock.ms += 1_000
    time.check()
    time.begin()
    clock.ms += 100
    time.check()
    clock.ms += 1
    with pytest.raises(BlockBeyondTime, match=r"in 101 ms, and limits\.max_validate_ms = 100"):
        time.check()
    time.end()
    time.check()
    unlimited = BlockTime(Limits(), clock)
    unlimited.begin()
    clock.ms += 10**9
    unlimited.check()


def test_block_with_too_large_a_model_waits_is_told_and_follows_once_it_may(
    room: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    limited = room.add("ann", limits=Limits(model_bytes=SMALL_BYTES - 1))
    peer = room.add("bob")
    room.run(500)
    block = Tree(room.network).grow()
    for rig in (limited, peer):
        rig.node.do([sent(block)])
    room.run(3_000)
    assert (limited.height, peer.height) == (0, 1)
    why = (
        f"can not follow block {block.block_hash.hex()[:8]}: a model of 36 bytes is more than"
        " limits.max_model_bytes = 35; raise it, or leave this network to larger machines"
    )
    assert why in health_of(limited.node).reasons
    assert why in status(limited.node).reasons
    lines = [
        each.getMessage() for each in caplog.records if "can not be judged" in each.getMessage()
    ]
    assert len(lines) == 1, "once, however often it is tried"
    assert not any(each.banned_until_ms for each in limited.gossip.peers())
    # Restarted with a higher limit it follows, and nothing was lost.
    limited.node.finish()
    limited.close()
    again = room.add("ann")
    room.run_until(lambda: again.height == 1)
    assert health_of(again.node).reasons == health_of(peer.node).reasons


class Slow(CountingEngine):
    """An engine on a machine that takes a while for each count."""

    takes_ms = 300
    clock: VirtualClock

    def count_correct(
        self, model: Model, dataset: DatasetId, split: SplitName = SplitName.EVALUATION
    ) -> int:
        self.clock.ms += self.takes_ms
        return super().count_correct(model, dataset, split)


def test_block_that_takes_too_long_is_tried_again_when_the_machine_may_be_free(
    room: World,
) -> None:
    rig = room.add("ann", limits=Limits(block_ms=200))
    rig.engine.__class__ = Slow
    assert isinstance(rig.engine, Slow)
    rig.engine.clock = room.clock
    room.run(500)
    block = Tree(room.network).grow()
    rig.node.do([sent(block)])
    assert (rig.height, len(rig.held)) == (0, 1)
    assert "was not judged in 300 ms" in rig.node.beyond_limits
    rig.engine.takes_ms = 100
    room.run(1_000)
    assert rig.height == 0, "not at once"
    room.clock.ms += RETRY_BEYOND_LIMITS_MS
    room.run(1_000)
    assert rig.height == 1
    assert rig.node.beyond_limits == ""


def test_in_a_lottery_what_can_not_be_judged_is_tried_again_and_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with world(tmp_path, RULES, proof=RECIPE) as room:
        chain = ToyChain(room.network)
        founders = [
            lottery.founder(Work(tip=chain.tip, miner=toy.miner(name)), lottery.SMALL)
            for name in ("ann", "bob")
        ]
        rig = room.add("cat", limits=Limits(model_bytes=SMALL_BYTES - 1))
        room.clock.ms = toy.BLOCK_MS
        rig.node.do([sent(each.block) for each in founders])
        for _ in range(3):
            room.run(1_000)
            assert (rig.height, len(rig.held)) == (0, 2)
            assert "limits.max_model_bytes = 35" in rig.node.beyond_limits
            rig.engine.seeds.clear()
            room.clock.ms += RETRY_BEYOND_LIMITS_MS
        room.run(1_000)
        assert rig.engine.seeds, "they are tried again"
    lines = [each.getMessage() for each in caplog.records]
    said = [each.split()[1] for each in lines if "can not be judged" in each]
    names = [each.block.header.block_hash().hex()[:8] for each in founders]
    assert sorted(said) == sorted(names)
    assert not any(" waits: " in each for each in lines)


def test_miner_does_not_work_on_what_goes_beyond_its_limits(
    room: World, caplog: pytest.LogCaptureFixture
) -> None:
    limited = room.add("ann", mines=True, limits=Limits(memory_bytes=NODE_BYTES))
    other = room.add("bob", mines=True)
    mine(other)
    room.run_until(lambda: limited.height == 1)
    room.run(1_000)
    assert limited.mines_on is None
    assert status(limited.node).trainer.startswith("waiting: mining on easy takes about 120 MiB")
    lines = [
        each.getMessage() for each in caplog.records if "nothing is mined" in each.getMessage()
    ]
    assert len(lines) == 1
    assert lines[0].endswith("raise it, or set fewer trainer.workers")
