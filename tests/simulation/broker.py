# SPDX-License-Identifier: Apache-2.0
"""Simulated brokers on a virtual clock: two sites with a bridge between them, and links to them.

What a broker may do wrong is drawn from the seed: it drops, duplicates, delays and so reorders;
the bridge between the sites can be cut without anybody being told.
"""

import hashlib
import heapq
from collections import deque
from dataclasses import dataclass
from typing import Protocol

from edge_node.gossip.inbox import LinkDown, LinkEvent, LinkUp
from edge_node.gossip.mqtt import MAX_OUTGOING_MESSAGES, PublishResult
from edge_node.gossip.ports import Incoming, Publish, SetWill
from edge_node.primitives.types import TimestampMs
from tests.gossip.simulation import PPM, SeededRandom, matches
from tests.spec.toy_chain import GENESIS_TIME

SITES = (0, 1)


class VirtualTime:
    """The one time of a simulated world."""

    def __init__(self) -> None:
        self.ms = 1_000


class Skewed(Protocol):
    """Whose clock is wrong, by how much it says itself."""

    skew_ms: int


class VirtualClock:
    """One node's clock, which may be wrong.

    Parameters
    ----------
    time : VirtualTime
    owner : Skewed
    """

    def __init__(self, time: VirtualTime, owner: Skewed) -> None:
        self._time = time
        self._owner = owner

    def now_ms(self) -> TimestampMs:
        return TimestampMs(GENESIS_TIME + self._time.ms + self._owner.skew_ms)

    def monotonic_ms(self) -> int:
        return self._time.ms


@dataclass(kw_only=True)
class Faults:
    """What the brokers do wrong, for each delivery."""

    drop_ppm: int = 0
    duplicate_ppm: int = 0
    delay_ms: int = 20
    """A delivery takes 1..delay_ms: with more than a few, messages overtake each other."""


class SimLink:
    """What a node takes for its `MqttLink`.

    Parameters
    ----------
    brokers : Brokers
    name : str
    subscriptions : tuple of str
    """

    def __init__(self, brokers: "Brokers", name: str, subscriptions: tuple[str, ...]) -> None:
        self.name = name
        self.site = SITES[0]
        self.is_connected = False
        self.dropped = 0
        self._held_back = False
        self._brokers = brokers
        self._subscriptions = subscriptions
        self._inbox: deque[LinkEvent] = deque()
        self._outbox: deque[Publish] = deque()
        self._next_will: SetWill | None = None
        self._will: SetWill | None = None

    @property
    def has_mail(self) -> bool:
        return bool(self._inbox)

    def start(self) -> None:
        self.connect(self.site)

    def poll(self, timeout_ms: int) -> list[LinkEvent]:
        events = list(self._inbox)
        self._inbox.clear()
        return events

    def publish(self, message: Publish) -> PublishResult:
        if self.is_connected and not self._held_back:
            self._brokers.publish(message, self.site)
        elif len(self._outbox) < MAX_OUTGOING_MESSAGES:
            self._outbox.append(message)
        else:
            return PublishResult.FULL
        return PublishResult.QUEUED

    def set_will(self, will: SetWill) -> None:
        self._next_will = will

    def stop(self, timeout_ms: int = 0) -> None:
        """Take leave in good order: the broker forgets the will."""
        self.is_connected = False
        self._brokers.forget(self)

    def wants(self, topic: str) -> bool:
        return any(matches(each, topic) for each in self._subscriptions)

    def deliver(self, message: Incoming) -> None:
        if self.is_connected:
            self._inbox.append(message)

    def connect(self, site: int) -> None:
        self.site = site
        self.is_connected = True
        self._will = self._next_will
        self._brokers.welcome(self)
        self._inbox.append(LinkUp(broker=f"site {site}"))
        self._flush()

    def hold_back(self) -> None:
        """Keep what the node says from the broker, and hear on what others say."""
        self._held_back = True

    def release(self) -> None:
        """Say all that was held back."""
        self._held_back = False
        self._flush()

    def lose(self) -> None:
        """Break the connection: the node is told, and the broker publishes the will."""
        if self.is_connected:
            self.die()
            self._inbox.append(LinkDown(reason="the test cut it"))

    def die(self) -> None:
        """Break the connection with nobody left to be told."""
        self.is_connected = False
        self._brokers.forget(self)
        if self._will is not None:
            will = Publish(topic=self._will.topic, payload=self._will.payload, qos=1, retain=True)
            self._brokers.publish(will, self.site)

    def _flush(self) -> None:
        while self._outbox and self.is_connected and not self._held_back:
            self._brokers.publish(self._outbox.popleft(), self.site)


class Brokers:
    """Two sites and their bridge.

    Parameters
    ----------
    time : VirtualTime
    random : SeededRandom
    kept_messages : int, optional
        Length of the log; None for all.
    """

    def __init__(
        self, time: VirtualTime, random: SeededRandom, kept_messages: int | None = None
    ) -> None:
        self.faults = Faults()
        self.bridged = True
        self.retained: tuple[dict[str, bytes], ...] = tuple({} for _ in SITES)
        self.log: deque[tuple[int, Publish]] = deque(maxlen=kept_messages)
        self._digest = hashlib.sha256()
        self._time = time
        self._random = random
        self._links: list[SimLink] = []
        self._mail: list[tuple[int, int, SimLink, Incoming]] = []
        self._posted = 0

    def welcome(self, link: SimLink) -> None:
        self._links.append(link)
        for topic, payload in sorted(self.retained[link.site].items()):
            if link.wants(topic):
                self._post(link, Incoming(topic=topic, payload=payload, retained=True), copies=1)

    def forget(self, link: SimLink) -> None:
        if link in self._links:
            self._links.remove(link)

    def publish(self, message: Publish, site: int) -> None:
        self.log.append((self._time.ms, message))
        self._digest.update(f"{self._time.ms} {message.topic} {message.retain}".encode())
        self._digest.update(message.payload)
        reached = SITES if self.bridged else (site,)
        if message.retain:
            for each in reached:
                self.retained[each].pop(message.topic, None)
                if message.payload:
                    self.retained[each][message.topic] = message.payload
        incoming = Incoming(topic=message.topic, payload=message.payload)
        for link in self._links:
            if link.site in reached and link.wants(message.topic):
                self._post(link, incoming, copies=self._copies())

    def digest(self) -> bytes:
        """Return a hash of all that was published, and when."""
        return self._digest.digest()

    def deliver(self) -> None:
        """Hand over all that is due."""
        while self._mail and self._mail[0][0] <= self._time.ms:
            _, _, link, message = heapq.heappop(self._mail)
            link.deliver(message)

    def _copies(self) -> int:
        if self._random.below(PPM) < self.faults.drop_ppm:
            return 0
        return 2 if self._random.below(PPM) < self.faults.duplicate_ppm else 1

    def _post(self, link: SimLink, message: Incoming, *, copies: int) -> None:
        for _ in range(copies):
            due_ms = self._time.ms + 1 + self._random.below(self.faults.delay_ms)
            self._posted += 1
            heapq.heappush(self._mail, (due_ms, self._posted, link, message))
