# SPDX-License-Identifier: Apache-2.0
"""Real time and real connections: what the tests with real brokers share."""

import os
import socket
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge_node.gossip.embedded_broker import (
    Account,
    RunningBroker,
    find_mosquitto,
    password_line,
)
from edge_node.gossip.inbox import LinkEvent, LinkUp
from edge_node.gossip.join_line import BrokerAddress
from edge_node.gossip.mqtt import LinkOptions, MqttLink
from edge_node.gossip.ports import Incoming, Publish, SetWill
from edge_node.primitives.types import TimestampMs
from tests.ports import quiet_port

PATIENCE_MS = 30_000
TLS = Path(__file__).with_name("tls")
"""`certificate.pem`, its own authority, for 127.0.0.1, and `key.pem`."""
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


@contextmanager
def tls_mosquitto(folder: Path, account: Account | None = None) -> Iterator[int]:
    """Run a user's own mosquitto with TLS and give its port.

    It wants the account, or a client's certificate where there is none.
    """
    program = find_mosquitto()
    if program is None:
        pytest.skip("no mosquitto on this machine")
    port = quiet_port()
    config, passwords = folder / "tls.conf", folder / "tls.passwords"
    lines = [f"listener {port} 127.0.0.1", f"keyfile {TLS / 'key.pem'}"]
    lines += [f"{name} {TLS / 'certificate.pem'}" for name in ("cafile", "certfile")]
    if account is None:
        lines += ["allow_anonymous true", "require_certificate true"]
    else:
        passwords.write_text(password_line(account, b"salt of 12 b"))
        passwords.chmod(0o600)
        lines += ["allow_anonymous false", f"password_file {passwords}"]
    # Started by root it would become another user, who may not read these files.
    lines += ["user root"] if os.geteuid() == 0 else []
    config.write_text("\n".join(lines) + "\n")
    with subprocess.Popen([program, "-c", config], stderr=subprocess.DEVNULL) as broker:
        try:
            until_listening(port)
            yield port
        finally:
            broker.kill()


@contextmanager
def nobody_listens() -> Iterator[BrokerAddress]:
    """Give a place where no broker is, and where none of another test can come meanwhile."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield BrokerAddress(host="127.0.0.1", port=held.getsockname()[1])


def until_listening(port: int) -> None:
    end_ms = CLOCK.monotonic_ms() + PATIENCE_MS
    while CLOCK.monotonic_ms() < end_ms:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise AssertionError(f"nobody listens on {port}")


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
