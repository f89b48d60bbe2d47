# SPDX-License-Identifier: Apache-2.0
"""News of peers and of the sync, read in the log."""

import logging

import pytest

from edge_node.gossip.ports import (
    BlockReceived,
    Event,
    PeerOffline,
    PeerOnline,
    PeerWasBanned,
    SyncFinished,
)
from edge_node.gossip.topics import NodeId
from edge_node.node.news import tell
from edge_node.primitives.hashing import ZERO_HASH
from edge_node.primitives.types import BlockHash, Height

PEER = NodeId("ab" * 16)


@pytest.mark.parametrize(
    ("event", "level", "words"),
    [
        (PeerOnline(peer=PEER, software="edge-node 1", capabilities=()), "INFO", "(edge-node 1)"),
        (PeerOffline(peer=PEER, silent=False), "INFO", f"peer {PEER} is gone"),
        (PeerOffline(peer=PEER, silent=True), "INFO", "is gone, without a word"),
        (PeerWasBanned(peer=PEER, reason="R-1", until_ms=1), "WARNING", "ignored for a while"),
        (SyncFinished(height=Height(7)), "INFO", "in sync at height 7"),
    ],
)
def test_news_is_told(
    event: Event, level: str, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        tell(event)
    (line,) = caplog.records
    assert line.levelname == level
    assert words in line.getMessage()


def test_what_is_no_news_is_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        tell(
            BlockReceived(
                block_hash=BlockHash(ZERO_HASH), header=b"", body=b"", transport=b"", sender=PEER
            )
        )
    assert not caplog.records
