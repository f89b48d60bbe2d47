# SPDX-License-Identifier: Apache-2.0
"""The queue between threads: bounded both ways, in order; only messages are ever lost."""

import threading

from edge_node.gossip.inbox import (
    MAX_QUEUED_BYTES,
    MAX_QUEUED_MESSAGES,
    Inbox,
    LinkDown,
    LinkEvent,
    LinkUp,
)
from edge_node.gossip.ports import Incoming


def message(size_bytes: int = 1) -> Incoming:
    return Incoming(topic="t", payload=bytes(size_bytes))


def test_events_come_in_order() -> None:
    inbox = Inbox()
    events: list[LinkEvent] = [LinkUp(broker="b:1"), message(), LinkDown(reason="gone")]
    for event in events:
        inbox.put(event)
    assert inbox.take(0) == events
    assert inbox.take(0) == []


def test_messages_beyond_the_count_are_dropped() -> None:
    inbox = Inbox()
    for _ in range(MAX_QUEUED_MESSAGES + 5):
        inbox.put(message())
    inbox.put(LinkDown(reason="gone"))
    assert inbox.dropped == 5
    events = inbox.take(0)
    assert len(events) == MAX_QUEUED_MESSAGES + 1
    assert events[-1] == LinkDown(reason="gone")


def test_messages_beyond_the_bytes_are_dropped_until_there_is_room() -> None:
    inbox = Inbox()
    large = message(MAX_QUEUED_BYTES // 2 - 1)
    for _ in range(3):
        inbox.put(large)
    assert inbox.dropped == 1
    assert inbox.take(0) == [large, large]
    inbox.put(large)
    assert (inbox.take(0), inbox.dropped) == ([large], 1)


def test_topics_take_room_too() -> None:
    inbox = Inbox()
    for _ in range(3):
        inbox.put(Incoming(topic="t" * (MAX_QUEUED_BYTES // 2), payload=b""))
    assert (len(inbox.take(0)), inbox.dropped) == (2, 1)


def test_a_waiting_taker_is_woken() -> None:
    inbox = Inbox()
    taken: list[object] = []
    taker = threading.Thread(target=lambda: taken.extend(inbox.take(60_000)))
    taker.start()
    inbox.put(message())
    taker.join(30)
    assert taken == [message()]


def test_notify_is_called_for_each() -> None:
    calls: list[int] = []
    inbox = Inbox(lambda: calls.append(1))
    inbox.put(message())
    inbox.put(LinkUp(broker="b:1"))
    assert len(calls) == 2
