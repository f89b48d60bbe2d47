# SPDX-License-Identifier: Apache-2.0
"""A long cheap fork from far back: never past a checkpoint, and without one not beyond its work.

Bounds: with a quorum's checkpoint above the fork, 0 blocks are displaced, whatever the fork's work.
Without members, a fork of t ms has at most t // min_interval_ms blocks of 2**MAX_RUNG each.
"""

from dataclasses import replace
from pathlib import Path

import pytest

from edge_node.primitives.types import Signature, TimestampMs
from edge_node.spec.constants import MAX_RUNG
from edge_node.spec.fork_choice import Checkpoint
from edge_node.spec.validation import BlockFromTheFuture, TimestampInvalid
from tests.chain.workshop import ANN, BOB, EASY, MEMBERS, Grown, Tree, easy_network, opened, take
from tests.spec.toy_chain import Mined, sealed

HONEST_BLOCKS, FORK_BLOCKS = 6, 12


def test_longer_fork_from_far_back_never_passes_a_checkpoint(tmp_path: Path) -> None:
    tree = Tree(easy_network())
    honest = tree.branch(None, HONEST_BLOCKS)
    fork = tree.branch(honest[0].block_hash, FORK_BLOCKS, BOB)
    assert fork[-1].state.work > honest[-1].state.work
    with opened(tmp_path / "chain.sqlite", tree.network) as importer:
        for grown in honest:
            take(importer, grown.mined)
        final = honest[2]
        for member in MEMBERS:
            unsigned = Checkpoint(
                height=final.state.height,
                block=final.block_hash,
                member=member.key,
                signature=Signature(bytes(64)),
            )
            signature = member.sign(unsigned.signing_hash(tree.network.rules.network))
            importer.add_checkpoint(replace(unsigned, signature=signature))
        for grown in fork:
            assert take(importer, grown.mined).disconnected == ()
        assert importer.head.head == honest[-1].block_hash


def test_without_checkpoints_a_fork_displaces_only_less_work(tmp_path: Path) -> None:
    tree = Tree(easy_network())
    honest = tree.branch(None, HONEST_BLOCKS)
    fork = tree.branch(honest[0].block_hash, HONEST_BLOCKS + 1, BOB)
    with opened(tmp_path / "chain.sqlite", tree.network) as importer:
        for grown in honest:
            take(importer, grown.mined)
        for grown in fork:
            take(importer, grown.mined)
            heavier = grown.state.work > honest[-1].state.work
            assert (importer.head.head == grown.block_hash) == heavier


def test_fork_has_no_more_blocks_than_its_time_has_room_for(tmp_path: Path) -> None:
    tree = Tree(easy_network())
    fork = tree.branch(None, FORK_BLOCKS, BOB)
    last = fork[-1].state
    time_ms = last.timestamp - tree.start.timestamp
    assert last.work <= time_ms // EASY.min_interval_ms * 2**MAX_RUNG
    with pytest.raises(TimestampInvalid):
        tree.add(fork[-1].block_hash, _sooner(tree, fork[-1]))
    with opened(tmp_path / "chain.sqlite", tree.network) as importer:
        now_ms = TimestampMs(tree.start.timestamp + time_ms // 2)
        taken = 0
        for grown in fork:
            try:
                take(importer, grown.mined, now_ms)
            except BlockFromTheFuture:
                break
            taken += 1
        latest_ms = time_ms // 2 + EASY.max_future_ms
        assert taken <= latest_ms // EASY.min_interval_ms


def _sooner(tree: Tree, tip: Grown) -> Mined:
    """Return a block that comes 1 ms before its time."""
    mined = Tree.grow(tree, tip.block_hash, ANN).mined
    header = mined.block.header
    early = replace(header, timestamp=TimestampMs(header.timestamp - 1))
    return Mined(block=sealed(early, mined.block.body, ANN), model=mined.model)
