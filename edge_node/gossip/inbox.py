# SPDX-License-Identifier: Apache-2.0
"""The queue between the network thread and the node's loop, bounded in messages and in bytes.

Callbacks of the network thread only `put`; the node's loop `take`s at its own pace. When the node
is too slow messages are dropped and counted: gossip repairs a loss, memory does not come back.
Law of the file: the only state that two threads share; one lock, held for moments.
Read next: mqtt.py.
"""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from edge_node.gossip.ports import Incoming
from edge_node.gossip.topics import DEFAULT_BROKER

MAX_QUEUED_MESSAGES = 4_096
MAX_QUEUED_BYTES = 32 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkUp:
    """Connected and subscribed."""

    broker: str
    """Host and port."""
    cell: str = DEFAULT_BROKER
    """The broker's name in its cluster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkDown:
    """The connection is lost; another broker of the list, or the same, is tried."""

    reason: str
    """What the client library says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRefused:
    """The broker does not let us in, or not subscribe."""

    broker: str
    """Host and port."""
    reason: str
    """What the broker says."""


LinkEvent: TypeAlias = LinkUp | LinkDown | LinkRefused | Incoming


class Inbox:
    """A bounded queue of link events.

    Parameters
    ----------
    notify : callable or None
        Called after each `put`, from the network thread; must be quick and not raise.
    """

    def __init__(self, notify: Callable[[], None] | None = None) -> None:
        self._events: deque[LinkEvent] = deque()
        self._bytes = 0
        self._dropped = 0
        self._ready = threading.Condition()
        self._notify = notify

    @property
    def dropped(self) -> int:
        """Messages dropped so far because the queue was full."""
        with self._ready:
            return self._dropped

    def put(self, event: LinkEvent) -> None:
        """Queue an event; a message that finds no room is dropped, other events never are."""
        with self._ready:
            if isinstance(event, Incoming):
                # A topic takes up to 64 KiB as well, before anybody has looked at it.
                size_bytes = len(event.topic) + len(event.payload)
                full = len(self._events) >= MAX_QUEUED_MESSAGES
                if full or self._bytes + size_bytes > MAX_QUEUED_BYTES:
                    self._dropped += 1
                    return
                self._bytes += size_bytes
            self._events.append(event)
            self._ready.notify()
        if self._notify is not None:
            self._notify()

    def take(self, timeout_ms: int) -> list[LinkEvent]:
        """Return all events; wait up to `timeout_ms` for the first."""
        with self._ready:
            if not self._events and timeout_ms > 0:
                self._ready.wait(timeout_ms / 1_000)
            events = list(self._events)
            self._events.clear()
            self._bytes = 0
            return events
