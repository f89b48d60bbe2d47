# SPDX-License-Identifier: Apache-2.0
"""Real time and real connections: what the tests with real brokers share."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from edge_node.gossip.embedded_broker import RunningBroker
from edge_node.gossip.inbox import LinkEvent, LinkUp
from edge_node.gossip.mqtt import LinkOptions, MqttLink
from edge_node.gossip.ports import Incoming, Publish, SetWill
from edge_node.primitives.types import TimestampMs

PATIENCE_MS = 30_000
ROOT = "pol/v1/test"


class RealClock:
    """The machine's clock."""

    def now_ms(self) -> TimestampMs:
        return TimestampMs(0)

    def monotonic_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000


CLOCK = RealClock()


def options(
    *brokers: RunningBroker,
    name: str,
    topics: tuple[str, ...] = (),
    will: SetWill | None = None,
    password: str | None = None,
) -> LinkOptions:
    account = brokers[0].account
    return LinkOptions(
        brokers=tuple(broker.address for broker in brokers),
        client_id=name,
        user=account.user,
        password=account.password if password is None else password,
        subscriptions=tuple(f"{ROOT}/{topic}" for topic in topics),
        will=will,
    )


class PatientLink(MqttLink):
    """A link whose events can be waited for one by one."""

    def __init__(self, link_options: LinkOptions) -> None:
        super().__init__(link_options)
        self.waiting: deque[LinkEvent] = deque()


@contextmanager
def linked(link_options: LinkOptions, *, up: bool = True) -> Iterator[PatientLink]:
    """Give a started link, connected if `up`, and stop it at the end."""
    link = PatientLink(link_options)
    link.start()
    try:
        if up:
            wait_for(link, lambda event: isinstance(event, LinkUp))
        yield link
    finally:
        link.stop()


def wait_for(link: PatientLink, wanted: Callable[[LinkEvent], bool]) -> LinkEvent:
    """Return the first event that is wanted; those before it are passed over."""
    end_ms = CLOCK.monotonic_ms() + PATIENCE_MS
    seen: list[LinkEvent] = []
    while CLOCK.monotonic_ms() < end_ms:
        while link.waiting:
            event = link.waiting.popleft()
            if wanted(event):
                return event
            seen.append(event)
        link.waiting.extend(link.poll(100))
    raise AssertionError(f"nothing in {PATIENCE_MS} ms but {seen}")


def wait_for_payload(link: PatientLink, payload: bytes) -> Incoming:
    event = wait_for(link, lambda each: isinstance(each, Incoming) and each.payload == payload)
    assert isinstance(event, Incoming)
    return event


def message(topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> Publish:
    return Publish(topic=f"{ROOT}/{topic}", payload=payload, qos=qos, retain=retain)
