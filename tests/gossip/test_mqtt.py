# SPDX-License-Identifier: Apache-2.0
"""The link against real brokers: delivery, wills, failover after kill -9, limits, TLS, watchdog."""

import os
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from edge_node.gossip import limits
from edge_node.gossip.embedded_broker import Account, RunningBroker
from edge_node.gossip.errors import LinkOptionInvalid
from edge_node.gossip.inbox import LinkDown, LinkRefused, LinkUp
from edge_node.gossip.join_line import BrokerAddress
from edge_node.gossip.mqtt import (
    MAX_OUTGOING_MESSAGES,
    LinkOptions,
    MqttLink,
    PublishResult,
    TlsOptions,
)
from edge_node.gossip.ports import Incoming, SetWill
from tests.gossip.real import (
    PATIENCE_MS,
    ROOT,
    TLS,
    linked,
    message,
    nobody_listens,
    options,
    tls_mosquitto,
    wait_for,
    wait_for_payload,
)

pytestmark = pytest.mark.slow  # real brokers, killed and awaited


@pytest.mark.parametrize("size_bytes", [1, limits.PIECE_BYTES, limits.MAX_MESSAGE_BYTES])
def test_messages_arrive_whole(any_broker: RunningBroker, size_bytes: int) -> None:
    payload = bytes(i % 251 for i in range(size_bytes))
    with (
        linked(options(any_broker, name="taker", topics=("a/+",))) as taker,
        linked(options(any_broker, name="giver")) as giver,
    ):
        assert giver.publish(message("a/b", payload)) is PublishResult.QUEUED
        arrived = wait_for_payload(taker, payload)
        assert (arrived.topic, arrived.retained) == (f"{ROOT}/a/b", False)
        giver.publish(message("a/c", b"qos 0", qos=0))
        wait_for_payload(taker, b"qos 0")


def test_retained_messages_meet_who_comes_later(any_broker: RunningBroker) -> None:
    with linked(options(any_broker, name="giver", topics=("tip",))) as giver:
        giver.publish(message("tip", b"first", retain=True))
        giver.publish(message("tip", b"second", retain=True))
        wait_for_payload(giver, b"second")  # or amqtt may drop it when its sender is gone
    with linked(options(any_broker, name="taker", topics=("#",))) as taker:
        assert wait_for_payload(taker, b"second").retained


def test_small_answers_do_not_wait_for_acknowledgements(mosquitto: RunningBroker) -> None:
    with linked(options(mosquitto, name="quick")) as link:
        sock = link._client.socket()
        assert isinstance(sock, socket.socket)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


def test_the_will_tells_of_a_process_that_was_killed(any_broker: RunningBroker) -> None:
    program = f"""
import sys
from edge_node.gossip.join_line import BrokerAddress
from edge_node.gossip.mqtt import LinkOptions, MqttLink
from edge_node.gossip.ports import Incoming, SetWill
link = MqttLink(LinkOptions(
    brokers=(BrokerAddress(host="127.0.0.1", port={any_broker.address.port}),),
    client_id="victim", user={any_broker.account.user!r}, password=sys.argv[1],
    will=SetWill(topic="{ROOT}/pres", payload=b"gone")))
link.start()
print(link.poll(20_000), flush=True)
link.poll(60_000)
"""
    with linked(options(any_broker, name="watcher", topics=("pres",))) as watcher:
        victim = subprocess.Popen(
            [sys.executable, "-c", program, any_broker.account.password],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        with victim:
            assert victim.stdout is not None
            assert b"LinkUp" in victim.stdout.readline()
            victim.send_signal(signal.SIGKILL)
        wait_for_payload(watcher, b"gone")


def test_a_goodbye_leaves_no_will(any_broker: RunningBroker) -> None:
    will = SetWill(topic=f"{ROOT}/pres", payload=b"will")
    with linked(options(any_broker, name="watcher", topics=("pres",))) as watcher:
        with linked(options(any_broker, name="leaver", will=will)) as leaver:
            leaver.publish(message("pres", b"goodbye", retain=True))
            wait_for_payload(watcher, b"goodbye")  # or amqtt may drop it when its sender is gone
        with linked(options(any_broker, name="other")) as other:
            other.publish(message("pres", b"end"))
            end = Incoming(topic=f"{ROOT}/pres", payload=b"end")
            assert wait_for(watcher, lambda _: True) == end


def test_a_killed_broker_is_replaced_by_the_next_of_the_list(
    mosquitto: RunningBroker, second_mosquitto: RunningBroker
) -> None:
    both = LinkOptions(
        brokers=(mosquitto.address, second_mosquitto.address),
        client_id="mover",
        subscriptions=(f"{ROOT}/#",),
        user=mosquitto.account.user,
        password=mosquitto.account.password,
    )
    with linked(both) as mover:
        mover.publish(message("x", b"on the first"))
        wait_for_payload(mover, b"on the first")
        os.killpg(mosquitto.pid, signal.SIGKILL)
        wait_for(mover, lambda event: isinstance(event, LinkDown))
        mover.publish(message("x", b"while away"))
        up = wait_for(mover, lambda event: isinstance(event, LinkUp))
        assert up == LinkUp(broker=str(second_mosquitto.address))
        # Subscribed anew, and what was published meanwhile is not lost.
        wait_for_payload(mover, b"while away")


def test_a_dead_first_broker_is_passed_over(mosquitto: RunningBroker) -> None:
    account = mosquitto.account
    with nobody_listens() as nobody:
        link_options = LinkOptions(
            brokers=(nobody, mosquitto.address),
            client_id="starter",
            user=account.user,
            password=account.password,
        )
        with linked(link_options, up=False) as link:
            refused = wait_for(link, lambda event: isinstance(event, LinkRefused))
            assert refused == LinkRefused(broker=str(nobody), reason="no connection")
            wait_for(link, lambda event: isinstance(event, LinkUp))


def test_a_wrong_password_is_refused(any_broker: RunningBroker) -> None:
    with linked(options(any_broker, name="thief", password="guess"), up=False) as link:
        refused = wait_for(link, lambda event: isinstance(event, LinkRefused))
        assert isinstance(refused, LinkRefused)
        assert refused.broker == str(any_broker.address)
        assert not link.is_connected


def test_what_the_broker_would_lose_is_not_sent(any_broker: RunningBroker) -> None:
    with linked(options(any_broker, name="large", topics=("#",))) as link:
        large = message("x", bytes(limits.MAX_PACKET_BYTES))
        assert link.publish(large) is PublishResult.TOO_LARGE
        link.publish(message("x", b"still here"))
        wait_for_payload(link, b"still here")


def test_what_waits_for_a_connection_is_bounded() -> None:
    nobody = BrokerAddress(host="127.0.0.1", port=1)  # it does not even begin to connect
    link = MqttLink(LinkOptions(brokers=(nobody,), client_id="alone"))
    results = [link.publish(message("x", b"m")) for _ in range(MAX_OUTGOING_MESSAGES + 2)]
    assert results.count(PublishResult.FULL) == 2
    link.stop()


def test_the_next_will_is_used_with_the_next_connect(mosquitto: RunningBroker) -> None:
    first = SetWill(topic=f"{ROOT}/pres", payload=b"first will")
    second = SetWill(topic=f"{ROOT}/pres", payload=b"second will")
    with (
        linked(options(mosquitto, name="watcher", topics=("pres",))) as watcher,
        linked(options(mosquitto, name="twice", will=first)) as link,
    ):
        link.set_will(second)
        for payload in (b"first will", b"second will"):
            break_connection(link)
            wait_for_payload(watcher, payload)
            wait_for(link, lambda event: isinstance(event, LinkUp))


def break_connection(link: MqttLink) -> None:
    sock = link._client.socket()
    assert isinstance(sock, socket.socket)
    sock.shutdown(socket.SHUT_RDWR)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_dead_network_thread_is_replaced(mosquitto: RunningBroker) -> None:
    def die(*_: object) -> None:
        raise SystemExit

    with linked(options(mosquitto, name="phoenix", topics=("#",))) as link:
        first = link._client
        first.on_message = die
        link.publish(message("x", b"deadly"))
        thread = link._thread
        assert thread is not None
        thread.join(PATIENCE_MS / 1_000)
        wait_for(link, lambda event: isinstance(event, LinkUp))
        assert link._client is not first
        link.publish(message("x", b"alive"))
        wait_for_payload(link, b"alive")


def test_impossible_options_are_refused(tmp_path: Path) -> None:
    here = BrokerAddress(host="127.0.0.1", port=1)
    with pytest.raises(LinkOptionInvalid):
        MqttLink(LinkOptions(brokers=(), client_id="x"))
    with pytest.raises(LinkOptionInvalid):
        MqttLink(LinkOptions(brokers=(here,), client_id=""))
    missing = TlsOptions(ca_file=tmp_path / "missing.pem")
    safe = BrokerAddress(host="127.0.0.1", port=1, tls=True)
    with pytest.raises(LinkOptionInvalid, match=r"missing\.pem"):
        MqttLink(LinkOptions(brokers=(here, safe), client_id="x", tls=missing))


@pytest.mark.parametrize("trusted", [True, False])
def test_tls_with_client_certificate(tmp_path: Path, trusted: bool) -> None:
    certificate, key = TLS / "certificate.pem", TLS / "key.pem"
    with tls_mosquitto(tmp_path) as port:
        tls = TlsOptions(
            ca_file=certificate if trusted else None,
            certificate_file=certificate,
            key_file=key,
        )
        link_options = LinkOptions(
            brokers=(BrokerAddress(host="127.0.0.1", port=port, tls=True),),
            client_id="safe",
            tls=tls,
        )
        kind = LinkUp if trusted else LinkRefused
        with linked(link_options, up=False) as link:
            wait_for(link, lambda event: isinstance(event, kind))
            assert link.is_connected == trusted


def test_each_broker_of_a_list_is_spoken_to_in_its_own_way(
    tmp_path: Path, mosquitto: RunningBroker
) -> None:
    account = mosquitto.account
    plain = replace(mosquitto.address, user=account.user, password=account.password)
    with tls_mosquitto(tmp_path, Account(user="ann", password="pw")) as port:
        safe = BrokerAddress(host="127.0.0.1", port=port, tls=True, user="ann", password="pw")
        link_options = LinkOptions(
            brokers=(safe, plain),
            client_id="both",
            # Nobody's: where a broker has an account of its own it must not count.
            user="general",
            password="general",
            tls=TlsOptions(ca_file=TLS / "certificate.pem"),
        )
        with linked(link_options, up=False) as link:
            ups: list[str] = []
            while len(ups) < 3 or len(set(ups)) < 2:
                event = wait_for(link, lambda each: isinstance(each, (LinkUp, LinkRefused)))
                if isinstance(event, LinkRefused):
                    assert event.reason == "no connection", "it may only be too slow"
                else:
                    assert isinstance(event, LinkUp)
                    ups.append(event.broker)
                    break_connection(link)
            assert set(ups) == {str(safe), str(plain)}
