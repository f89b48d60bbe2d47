# SPDX-License-Identifier: Apache-2.0
"""Stamps: work beside a signed header, so that made-up winners cost more to tell than to refuse.

In a lottery a header with a random result wins as often as a ticket does, and whoever judges it
replays a burst before he knows; keys are free. So every announcement carries a number whose hash
with the header begins with zeros: 2**STAMP_BITS tries for its sender, one for everybody else.
Law of the file: relay policy, no rule; a stamp is in no block and adds nothing to a chain's work.
Read next: blocks.py.
"""

from edge_node.primitives.hashing import tagged_hash

STAMP_BITS = 14
"""16,384 hashes: some 15 ms in Python, about what the replay of a small burst costs."""
MAX_STAMP = (1 << 64) - 1
_HASH_BITS = 256


def make_stamp(header: bytes, bits: int) -> int:
    """Return the first number that is a stamp of a signed header; 0 where none is asked for."""
    stamp = 0
    while not is_stamp(header, stamp, bits):
        stamp += 1
    return stamp


def is_stamp(header: bytes, stamp: int, bits: int) -> bool:
    """Say whether a number is a stamp of a signed header."""
    digest = tagged_hash("relay-stamp", header, stamp.to_bytes(8, "little"))
    return int.from_bytes(digest, "big") >> (_HASH_BITS - bits) == 0
