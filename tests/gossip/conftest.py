# SPDX-License-Identifier: Apache-2.0
"""Real brokers for the tests of the folder, each a process of its own on loopback."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_node.gossip.embedded_broker import (
    BrokerOptions,
    RunningBroker,
    find_mosquitto,
    start_broker,
)
from tests.gossip.real import CLOCK


def started(program: str, folder: Path) -> Iterator[RunningBroker]:
    if program == "mosquitto" and find_mosquitto() is None:
        pytest.skip("no mosquitto on this machine")
    broker = start_broker(BrokerOptions(data_dir=folder, program=program), CLOCK)
    yield broker
    broker.stop()


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[RunningBroker]:
    yield from started("mosquitto", tmp_path / "mosquitto")


@pytest.fixture
def second_mosquitto(tmp_path: Path, mosquitto: RunningBroker) -> Iterator[RunningBroker]:
    """One more, with the same account."""
    folder = tmp_path / "second"
    folder.mkdir()
    shutil.copy(tmp_path / "mosquitto" / "account", folder)
    yield from started("mosquitto", folder)


@pytest.fixture
def amqtt(tmp_path: Path) -> Iterator[RunningBroker]:
    yield from started("amqtt", tmp_path / "amqtt")


@pytest.fixture(params=["mosquitto", "amqtt"])
def any_broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunningBroker]:
    yield from started(request.param, tmp_path / "any")
