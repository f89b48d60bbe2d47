# SPDX-License-Identifier: Apache-2.0
"""Blocks that wait: bounded, and nobody who floods them pushes out an honest block."""

from dataclasses import replace

import pytest

from edge_node.gossip.ports import BlockReceived
from edge_node.gossip.topics import NodeId
from edge_node.node.held_blocks import MAX_HELD_BLOCKS, MAX_HELD_OF_SENDER, HeldBlocks
from edge_node.primitives.hashing import tagged_hash
from edge_node.primitives.types import BlockHash, TimestampMs

SOON = TimestampMs(1_000)
FAR = 1_000_000


def block(name: str, sender: str = "honest") -> BlockReceived:
    return BlockReceived(
        block_hash=BlockHash(tagged_hash("block", name.encode())),
        header=name.encode(),
        body=b"",
        transport=b"",
        sender=NodeId(sender),
    )


def test_blocks_come_out_when_due_parents_first() -> None:
    held = HeldBlocks()
    child, parent, later = block("child"), block("parent"), block("later")
    for each, at in ((later, 90), (child, 20), (parent, 10)):
        assert held.hold(each, TimestampMs(at))
    assert held.until(TimestampMs(9)) == []
    assert held.until(TimestampMs(20)) == [parent, child]
    held.release(parent.block_hash)
    assert held.until(TimestampMs(99)) == [child, later]
    assert parent.block_hash not in held


def test_unchecked_weights_take_no_room() -> None:
    held = HeldBlocks()
    held.hold(replace(block("large"), transport=bytes(1 << 20)), SOON)
    assert held.until(SOON) == [block("large")]


def test_one_sender_fills_only_its_share() -> None:
    held = HeldBlocks()
    honest = block("honest")
    held.hold(honest, TimestampMs(FAR))
    for number in range(3 * MAX_HELD_BLOCKS):
        held.hold(block(f"flood {number}", "mallory"), TimestampMs(FAR - number))
    assert len(held) == 1 + MAX_HELD_OF_SENDER
    assert honest.block_hash in held


def test_many_senders_do_not_push_out_a_block_that_is_due_soon() -> None:
    held = HeldBlocks()
    honest = block("honest")
    held.hold(honest, SOON)
    for number in range(4 * MAX_HELD_BLOCKS):
        held.hold(block(f"flood {number}", f"sybil {number}"), TimestampMs(FAR + number))
    assert len(held) == MAX_HELD_BLOCKS
    assert honest.block_hash in held


def test_early_block_finds_room_among_blocks_that_are_far_ahead(
    caplog: pytest.LogCaptureFixture,
) -> None:
    held = HeldBlocks()
    for number in range(MAX_HELD_BLOCKS):
        held.hold(block(f"flood {number}", f"sybil {number}"), TimestampMs(FAR + number))
    assert held.hold(block("honest"), SOON)
    farthest = block(f"flood {MAX_HELD_BLOCKS - 1}")
    assert farthest.block_hash not in held
    assert farthest.block_hash.hex()[:8] in caplog.text
    assert held.hold(farthest, SOON), "it may come again"


def test_copied_timestamp_does_not_push_out_its_model() -> None:
    held = HeldBlocks()
    for number in range(MAX_HELD_BLOCKS):
        held.hold(block(f"honest {number}", f"node {number}"), SOON)
    copy = block("copy", "mallory")
    assert not held.hold(copy, SOON)
    assert copy.block_hash not in held
    assert len(held) == MAX_HELD_BLOCKS


def test_there_is_more_room_where_the_senders_are_trusted() -> None:
    held = HeldBlocks(most=30, most_of_sender=20)
    for number in range(25):
        held.hold(block(f"a {number}", "ann"), TimestampMs(number))
    assert len(held) == 20
    for number in range(20):
        held.hold(block(f"b {number}", "bob"), TimestampMs(number))
    assert len(held) == 30
