# SPDX-License-Identifier: Apache-2.0
"""The user's own brokers: one with TLS that is joined by URL, and a list whose first is killed.

Real mosquittos and real node processes, told by command line and configuration as a user would.
"""

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge_node.gossip.embedded_broker import (
    Account,
    BrokerOptions,
    RunningBroker,
    find_mosquitto,
    start_broker,
)
from edge_node.gossip.join_line import JoinLine, format_join_line
from edge_node.node.data_directory import DataDirectory
from edge_node.node.toml_files import Setting, SettingValue, read_toml, toml_text
from tests.acceptance.running import answer, eventually, found_network, node, run
from tests.gossip.real import CLOCK, TLS, tls_mosquitto

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

ACCOUNT = Account(user="ann@home", password="pass:w/%, ä")
ESCAPED = "ann%40home:pass%3Aw%2F%25%2C%20%C3%A4"
SHOWN = ("pass:w", "pass%3Aw")
"""What would be seen where the password is shown."""


def test_broker_with_tls_private_authority_and_account_is_joined(tmp_path: Path) -> None:
    first, second = found_network(tmp_path), tmp_path / "b"
    network = DataDirectory(first).genesis().network_id().hex()
    authority = tmp_path / "authority.pem"
    shutil.copy(TLS / "certificate.pem", authority)
    (first / "config.toml").write_text('[network]\ntls_ca_file = "../authority.pem"\n')
    with tls_mosquitto(tmp_path, ACCOUNT) as port:
        url = f"mqtts://{ESCAPED}@127.0.0.1:{port}"
        line = f"edge-node://{ESCAPED}@127.0.0.1:{port}/?network={network}&tls=1"
        with node(first, "--broker", url) as a:
            a.until_height(1)
            trust = f"network.tls_ca_file={authority}"
            answer(second, "--set", trust, "init", "--join", line)
            with node(second, "--no-trainer") as b:
                b.until("the chain over TLS", lambda now: now["height"] >= 1 and now["synced"])
                shown = run(second, "config", "show", "--json").stdout
                b.end()
            a.end()
    assert read_toml(second / "config.toml")["network"] == {
        "brokers": [f"127.0.0.1:{port}"],
        "user": ACCOUNT.user,
        "password": ACCOUNT.password,
        "tls": True,
        "tls_ca_file": str(authority),
    }
    for text in (a.log.read_text(), b.log.read_text(), shown):
        assert not any(each in text for each in SHOWN)


def test_killed_broker_is_replaced_by_the_next_under_running_nodes(tmp_path: Path) -> None:
    first, second = found_network(tmp_path), tmp_path / "b"
    with two_mosquittos(tmp_path) as (doomed, spare):
        account, addresses = doomed.account, (doomed.address, spare.address)
        line = JoinLine(
            brokers=addresses,
            network_id=DataDirectory(first).genesis().network_id(),
            user=account.user,
            password=account.password,
        )
        settings: dict[str, SettingValue] = {
            "brokers": tuple(map(str, addresses)),
            "user": account.user,
            "password": account.password,
        }
        lines = [Setting(section="network", key=key, value=settings[key]) for key in settings]
        (first / "config.toml").write_text(toml_text(lines))
        with node(first) as a:
            a.until_height(1)
            answer(second, "init", "--join", format_join_line(line))
            # Only one mines: what the other has it got over a broker.
            with node(second, "--no-trainer") as b:
                b.until("the chain", lambda now: now["height"] >= 1 and now["synced"])
                os.killpg(doomed.pid, signal.SIGKILL)
                assert doomed.ends_within(10)
                a.until("the second broker", lambda now: now["connected"])
                b.until("the second broker", lambda now: now["connected"])
                height = max(a.status()["height"], b.status()["height"])
                b.until("new blocks over the second", lambda now: now["height"] >= height + 2)
                eventually("one head", lambda: a.status()["head"] == b.status()["head"])
                b.end()
            a.end()


@contextmanager
def two_mosquittos(folder: Path) -> Iterator[tuple[RunningBroker, RunningBroker]]:
    """Run two brokers that know the same account."""
    if find_mosquitto() is None:
        pytest.skip("no mosquitto on this machine")
    first, second = folder / "broker-1", folder / "broker-2"
    one = start_broker(BrokerOptions(data_dir=first, program="mosquitto"), CLOCK)
    second.mkdir()
    shutil.copy(first / "account", second)
    other = start_broker(BrokerOptions(data_dir=second, program="mosquitto"), CLOCK)
    try:
        yield one, other
    finally:
        one.stop()
        other.stop()
