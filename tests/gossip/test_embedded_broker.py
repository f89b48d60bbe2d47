# SPDX-License-Identifier: Apache-2.0
"""Starting brokers for real: found, configured, closed to strangers, and never left behind."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from edge_node.gossip import embedded_broker, limits
from edge_node.gossip.embedded_broker import (
    BrokerOptions,
    RunningBroker,
    choose_program,
    find_mosquitto,
    free_port,
    lan_address,
    load_account,
    mosquitto_config,
    start_broker,
)
from edge_node.gossip.errors import BrokerDidNotStart, BrokerMissing, BrokerOptionInvalid
from edge_node.gossip.inbox import LinkRefused
from edge_node.gossip.join_line import BrokerAddress, format_join_line, parse_join_line
from edge_node.gossip.mqtt import LinkOptions
from edge_node.gossip.ports import Incoming, Publish
from tests.gossip.real import (
    CLOCK,
    PATIENCE_MS,
    ROOT,
    linked,
    message,
    options,
    wait_for,
    wait_for_payload,
)
from tests.gossip.simulation import NETWORK

pytestmark = pytest.mark.slow  # real brokers

REPOSITORY = Path(__file__).parents[2]


def gone(pid: int) -> bool:
    """Wait until no process of a group is left."""
    end_ms = CLOCK.monotonic_ms() + PATIENCE_MS
    while CLOCK.monotonic_ms() < end_ms:
        try:
            os.killpg(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


def test_the_join_line_lets_another_machine_in(any_broker: RunningBroker) -> None:
    text = format_join_line(any_broker.join_line(NETWORK))
    line = parse_join_line(text)
    link_options = LinkOptions(
        brokers=line.brokers, client_id="guest", user=line.user, password=line.password
    )
    with linked(link_options):
        pass


def test_strangers_stay_out(any_broker: RunningBroker) -> None:
    link_options = LinkOptions(brokers=(any_broker.address,), client_id="stranger")
    with linked(link_options, up=False) as link:
        wait_for(link, lambda event: isinstance(event, LinkRefused))


def test_stop_leaves_nothing_behind(any_broker: RunningBroker) -> None:
    any_broker.stop()
    assert not any_broker.is_alive
    assert gone(any_broker.pid)
    any_broker.stop()


@pytest.mark.parametrize("program", ["mosquitto", "amqtt"])
def test_the_broker_ends_with_a_parent_that_was_killed(tmp_path: Path, program: str) -> None:
    if program == "mosquitto" and find_mosquitto() is None:
        pytest.skip("no mosquitto on this machine")
    code = f"""
import time
from pathlib import Path
from edge_node.gossip.embedded_broker import BrokerOptions, start_broker
from tests.gossip.real import CLOCK
options = BrokerOptions(data_dir=Path({str(tmp_path)!r}), program={program!r})
print(start_broker(options, CLOCK).pid, flush=True)
time.sleep(600)
"""
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=REPOSITORY)
    with parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        os.killpg(pid, 0)
        parent.send_signal(signal.SIGKILL)
    assert gone(pid)


def test_the_account_outlives_the_broker_and_is_private(tmp_path: Path) -> None:
    account = load_account(tmp_path)
    assert load_account(tmp_path) == account
    assert len(account.password) >= 20
    assert (tmp_path / "account").stat().st_mode & 0o777 == 0o600


def test_all_files_are_private(mosquitto: RunningBroker, tmp_path: Path) -> None:
    folder = tmp_path / "mosquitto"
    assert folder.stat().st_mode & 0o077 == 0
    open_files = [
        path.name
        for path in folder.iterdir()
        if path.stat().st_mode & 0o077 and path.name != "broker.log"
    ]
    assert open_files == []
    assert mosquitto.account.password not in (folder / "passwords").read_text()


def test_a_taken_port_is_named(any_broker: RunningBroker, tmp_path: Path) -> None:
    port = any_broker.address.port
    wanted = BrokerOptions(data_dir=tmp_path / "late", port=port)
    with pytest.raises(BrokerOptionInvalid, match=rf"127\.0\.0\.1:{port} \(Address already in use"):
        start_broker(wanted, CLOCK)


def test_a_foreign_address_is_refused(tmp_path: Path) -> None:
    wanted = BrokerOptions(data_dir=tmp_path, host="192.0.2.1")
    with pytest.raises(BrokerOptionInvalid, match=r"192\.0\.2\.1.*Cannot assign"):
        start_broker(wanted, CLOCK)


def test_a_broker_that_does_not_start_tells_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "mosquitto"
    program.write_text("#!/bin/sh\necho broken on purpose >&2\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    wanted = BrokerOptions(data_dir=tmp_path / "data", program="mosquitto")
    with pytest.raises(BrokerDidNotStart, match="broken on purpose"):
        start_broker(wanted, CLOCK)


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_broker, "find_mosquitto", lambda: None)
    monkeypatch.setattr(embedded_broker, "has_amqtt", lambda: True)
    assert choose_program("") == "amqtt"
    with pytest.raises(BrokerMissing, match="install the package mosquitto"):
        choose_program("mosquitto")
    monkeypatch.setattr(embedded_broker, "has_amqtt", lambda: False)
    with pytest.raises(BrokerMissing, match=r"edge-node\[broker\]"):
        choose_program("")
    with pytest.raises(BrokerOptionInvalid):
        choose_program("rabbit")


def test_a_mosquitto_is_preferred(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_broker, "find_mosquitto", lambda: "/usr/sbin/mosquitto")
    assert choose_program("") == "mosquitto"
    assert choose_program("amqtt") == "amqtt"


def test_a_mosquitto_is_found_where_users_have_no_path(monkeypatch: pytest.MonkeyPatch) -> None:
    if find_mosquitto() is None:
        pytest.skip("no mosquitto on this machine")
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr(embedded_broker, "_EXTRA_FOLDERS", ("/usr/sbin", "/usr/local/sbin"))
    found = find_mosquitto()
    assert found is None or found.endswith("/mosquitto")


def test_the_configuration_bounds_what_a_client_may_do(tmp_path: Path) -> None:
    text = mosquitto_config("127.0.0.1", 1883, tmp_path)
    assert "listener 1883 127.0.0.1\n" in text
    assert f"max_packet_size {limits.MAX_PACKET_BYTES}\n" in text
    assert "allow_anonymous false\n" in text
    assert "max_queued_messages 2000\n" in text
    assert "set_tcp_nodelay true\n" in text


def test_oversize_packets_end_the_connection_that_sent_them(any_broker: RunningBroker) -> None:
    with linked(options(any_broker, name="witness", topics=("#",))) as witness:
        with linked(options(any_broker, name="heavy")) as heavy:
            # Past our own check, as a hostile client would.
            heavy._client.publish("pol/v1/test/x", bytes(limits.MAX_PACKET_BYTES + 1), qos=0)
            wait_for(heavy, lambda event: type(event).__name__ == "LinkDown")
        with linked(options(any_broker, name="other")) as other:
            other.publish(message("x", b"in order"))
            wait_for_payload(witness, b"in order")


def test_topics_outside_the_root_are_closed(mosquitto: RunningBroker) -> None:
    with linked(options(mosquitto, name="witness", topics=("#",))) as witness:
        witness._client.subscribe("#", 1)
        witness._client.publish("elsewhere", b"no", qos=1)
        witness.publish(message("x", b"yes"))
        first = wait_for(witness, lambda event: isinstance(event, Incoming))
        assert first == Incoming(topic=f"{ROOT}/x", payload=b"yes")


def test_predictions_and_what_home_assistant_looks_at_are_open(mosquitto: RunningBroker) -> None:
    topics = ("edge-node/bridge/#", "homeassistant/#")
    asked = replace(options(mosquitto, name="witness"), subscriptions=topics)
    with linked(asked) as witness:
        for topic in ("edge-node/bridge/n/d/prediction", "homeassistant/sensor/n/d/config"):
            payload = topic.encode()
            witness.publish(Publish(topic=topic, payload=payload, qos=1, retain=False))
            assert wait_for_payload(witness, payload).topic == topic


def test_listening_on_the_lan_tells_an_address_of_this_machine(tmp_path: Path) -> None:
    wanted = BrokerOptions(data_dir=tmp_path, host="0.0.0.0")
    broker = start_broker(wanted, CLOCK)
    with contextlib.closing(contextlib.ExitStack()) as stack:
        stack.callback(broker.stop)
        line = broker.join_line(NETWORK)
        assert line.brokers == (BrokerAddress(host=lan_address(), port=broker.address.port),)
        named = broker.join_line(NETWORK, advertise="pi.local")
        assert named.brokers[0].host == "pi.local"
        socket.create_connection((lan_address(), broker.address.port), timeout=5).close()


def test_free_ports_can_be_bound() -> None:
    port = free_port("127.0.0.1")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", port))


def test_a_relative_folder_with_a_space_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    broker = start_broker(BrokerOptions(data_dir=Path("my node/broker")), CLOCK)
    try:
        with linked(options(broker, name="guest")):
            pass
    finally:
        broker.stop()
