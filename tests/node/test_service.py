# SPDX-License-Identifier: Apache-2.0
"""The service as it is run: options from a configuration, a node over a real broker, its end."""

import importlib.util
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from edge_node.datasets.store import DatasetStore
from edge_node.gossip.embedded_broker import find_mosquitto
from edge_node.gossip.join_line import BrokerAddress
from edge_node.gossip.mqtt import TlsOptions
from edge_node.gossip.ports import BodyTiming
from edge_node.inference.bitstream import AdoptedOverlay
from edge_node.inference.select import AUTO_ORDER
from edge_node.node import service
from edge_node.node.config import (
    BrokerSection,
    Config,
    GossipSection,
    InferenceSection,
    LimitsSection,
    NetworkSection,
    NodeSection,
    OffloadSection,
    ThermalSection,
    TrainerSection,
)
from edge_node.node.configuration_errors import ArchitectureTextInvalid, SettingInvalid
from edge_node.node.control import ask
from edge_node.node.data_directory import DataDirectory
from edge_node.node.errors import DirectoryInUse, NodeNotRunning, NotInitialised, OffloadImpossible
from edge_node.node.local_broker import NODES_FILE_NAME
from edge_node.node.offload import FullNodes
from edge_node.node.service import (
    ServiceOptions,
    full_nodes_of,
    heat_limits_of,
    options_of,
    run_service,
    trainer_options,
)
from edge_node.node.system import SystemClock
from edge_node.primitives.types import PublicKey, TimestampMs
from edge_node.trainer.pool import PoolOptions, RayMissing
from edge_node.trainer.process import TrainerOptions
from tests.chain.workshop import EASY
from tests.datasets.samples import stored
from tests.spec import toy_chain as toy
from tests.spec.toy_data import toy_dataset
from tests.trainer.stillborn import kill_at_birth

pytestmark = pytest.mark.slow  # whole nodes

PATIENCE_S = 120
DATA = toy_dataset("easy", (40, 20, 20))


@pytest.fixture
def options(tmp_path: Path) -> ServiceOptions:
    """Give a new node that will start a broker of its own."""
    if find_mosquitto() is None:
        pytest.skip("no mosquitto on this machine")
    network = toy.toy_network([DATA], parameters=EASY)
    directory = DataDirectory(tmp_path / "node")
    directory.initialise(network.genesis, toy.miner("ann").seed)
    DatasetStore(directory.datasets).add(stored(DATA))
    return ServiceOptions(
        data_dir=directory.root, brokers=(), broker_program="mosquitto", backend="reference"
    )


class Running:
    """The service on a thread of its own."""

    def __init__(self, options: ServiceOptions) -> None:
        self.options = options
        self.stop = threading.Event()
        self.thread = threading.Thread(target=run_service, args=(options, self.stop))
        self.thread.start()

    def until(self, holds: Callable[[dict[str, object]], bool]) -> dict[str, object]:
        """Wait until the node's status is as wanted."""
        for _ in range(PATIENCE_S * 10):
            try:
                status = ask(self.options.data_dir / "control", "status", {})
            except NodeNotRunning:
                status = {}
            if status and holds(status):
                return status
            self.stop.wait(0.1)
        raise AssertionError("not in time")

    def end(self) -> None:
        self.stop.set()
        self.thread.join(PATIENCE_S)
        assert not self.thread.is_alive()


def check_closed(options: ServiceOptions) -> None:
    assert not (options.data_dir / "control").exists()
    assert not (options.data_dir / "broker" / NODES_FILE_NAME).exists()
    assert not (options.data_dir / "chain.sqlite3-wal").exists()
    directory = DataDirectory(options.data_dir)
    directory.open()
    directory.close()


def test_node_whose_trainers_are_killed_goes_on_as_a_validator_and_says_why(
    options: ServiceOptions,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    kill_at_birth(tmp_path, monkeypatch)
    trainer = TrainerOptions(selection_images=40, nice=0)
    running = Running(replace(options, trainer=trainer, new_family="1bit:conv4p-dense3"))
    try:
        running.until(lambda now: str(now["trainer"]).startswith("ended") and bool(now["synced"]))
        running.until(lambda _: "this node only validates" in caplog.text)
    finally:
        running.end()
    assert "killed, as a machine does that has no memory left" in caplog.text
    check_closed(options)


def test_node_without_trainer_runs_answers_and_ends(
    options: ServiceOptions, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    running = Running(options)
    try:
        status = running.until(lambda now: bool(now["synced"]))
        assert (status["trainer"], status["backend"]) == ("off", "reference")
        with pytest.raises(DirectoryInUse):
            run_service(options, threading.Event())
    finally:
        running.end()
    assert "started mosquitto" in caplog.text
    check_closed(options)


class SetLater(SystemClock):
    """A clock without a battery: 1970 until somebody sets it."""

    is_set = False

    def now_ms(self) -> TimestampMs:
        return super().now_ms() if SetLater.is_set else TimestampMs(180_000)


def test_node_whose_clock_was_not_set_waits_for_the_time_and_says_so(
    options: ServiceOptions, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    monkeypatch.setattr(service, "SystemClock", SetLater)
    monkeypatch.setattr(SetLater, "is_set", False)
    trainer = TrainerOptions(selection_images=40, nice=0)
    running = Running(
        replace(options, backend="auto", trainer=trainer, new_family="1bit:conv4p-dense3")
    )
    try:
        (why,) = cast(list[str], running.until(lambda now: bool(now["reasons"]))["reasons"])
        assert why.startswith(
            "waiting for the time: the clock says 1970-01-01 00:03 UTC, and this network was"
            " founded on 2023-11-14 22:13 UTC; see whether `timedatectl` says synchronized"
        ), why
        running.stop.wait(1)
        status = running.until(lambda _: True)
        assert (status["connected"], status["mined"], status["height"]) == (False, 0, 0)
        assert caplog.text.count("waiting for the time") == 1
        monkeypatch.setattr(SetLater, "is_set", True)
        running.until(lambda now: bool(now["synced"]))
        assert "the clock was set" in caplog.text
    finally:
        running.end()
    check_closed(options)


def test_node_that_waits_for_the_time_ends_at_once(
    options: ServiceOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "SystemClock", SetLater)
    monkeypatch.setattr(SetLater, "is_set", False)
    running = Running(options)
    running.until(lambda now: bool(now["reasons"]))
    running.end()
    check_closed(options)


def test_hot_node_with_a_real_trainer_mines_only_once_it_has_cooled_down(
    options: ServiceOptions, tmp_path: Path
) -> None:
    zone = tmp_path / "machine/sys/class/thermal/thermal_zone0/temp"
    zone.parent.mkdir(parents=True)
    zone.write_text("81000\n")
    section = ThermalSection(source="/sys/class/thermal/thermal_zone*/temp")
    running = Running(
        replace(
            options,
            backend="auto",
            trainer=TrainerOptions(selection_images=40, nice=0),
            new_family="1bit:conv4p-dense3",
            machine_root=tmp_path / "machine",
            heat_source=section.source,
            heat_limits=heat_limits_of(section),
        )
    )
    try:
        status = running.until(lambda now: bool(now["synced"]))
        running.stop.wait(3)
        status = running.until(lambda _: True)
        assert (status["mined"], status["trainer"]) == (0, "paused by heat")
        assert status["temperature"] == "81.0 C; mining is paused until it is 70 C"
        zone.write_text("69000\n")
        running.until(lambda now: now["mined"] != 0)
    finally:
        running.end()


def test_node_whose_disk_has_too_little_room_judges_and_says_why_it_does_not_mine(
    options: ServiceOptions,
) -> None:
    running = Running(
        replace(
            options,
            backend="auto",
            trainer=TrainerOptions(selection_images=40, nice=0),
            new_family="1bit:conv4p-dense3",
            min_free_mib=1 << 40,
        )
    )
    try:
        running.until(lambda now: bool(now["synced"]))
        running.stop.wait(3)
        status = running.until(lambda _: True)
        words = (status["mined"], status["trainer"])
        assert words == (0, "paused for want of room on the disk")
        reasons = status["reasons"]
        assert isinstance(reasons, list)
        (why,) = [each for each in reasons if "limits.min_free_mib" in each]
        assert f"MiB are free on the disk of {options.data_dir}, and limits.min_free_mib" in why
    finally:
        running.end()


def test_node_with_trainer_mines(options: ServiceOptions) -> None:
    trainer = TrainerOptions(selection_images=40, nice=0)
    running = Running(
        replace(options, backend="auto", trainer=trainer, new_family="1bit:conv4p-dense3")
    )
    try:
        status = running.until(lambda now: now["mined"] != 0)
        assert status["backend"] in AUTO_ORDER
    finally:
        running.end()
    check_closed(options)


def test_configuration_says_whom_a_node_follows() -> None:
    keys = tuple(PublicKey(bytes([number]) * 32) for number in range(5))
    section = OffloadSection(full_nodes=tuple(key.hex() for key in keys))
    for count, majority in ((1, 1), (2, 2), (3, 2), (4, 3), (5, 3)):
        some = replace(section, full_nodes=section.full_nodes[:count])
        assert full_nodes_of(some) == FullNodes(keys=keys[:count], quorum=majority)
    assert full_nodes_of(replace(section, quorum=1)) == FullNodes(keys=keys, quorum=1)
    assert full_nodes_of(OffloadSection()) is None
    config = Config(node=NodeSection(data_dir=Path("/data")), offload=section)
    assert options_of(config).trainer is None, "who does not replay never mines"
    assert options_of(replace(config, offload=OffloadSection())).trainer is not None


def test_network_without_bursts_is_replayed_or_not_followed(options: ServiceOptions) -> None:
    full_nodes = FullNodes(keys=(toy.miner("bob").key,), quorum=1)
    with pytest.raises(OffloadImpossible, match="this network runs `evolution`"):
        run_service(replace(options, full_nodes=full_nodes), threading.Event())
    check_closed(options)


def test_configuration_says_how_many_search_and_where(monkeypatch: pytest.MonkeyPatch) -> None:
    section = TrainerSection(workers=3, lanes=6, nice=4)
    chosen = trainer_options(section)
    assert (chosen.pool, chosen.nice) == (PoolOptions(workers=3, lanes=6), 4)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(RayMissing, match=r"trainer\.ray_address needs the package ray"):
        trainer_options(replace(section, ray_address="local"))


def test_first_candidate_that_works_is_taken(
    options: ServiceOptions, caplog: pytest.LogCaptureFixture
) -> None:
    running = Running(replace(options, backend="auto", candidates=("none such", "numpy")))
    try:
        assert running.until(lambda now: bool(now["connected"]))["backend"] == "numpy"
    finally:
        running.end()
    assert "trying the next" in caplog.text


@pytest.mark.parametrize("is_adopted", [False, True])
def test_overlay_that_can_not_be_used_makes_way(
    options: ServiceOptions, caplog: pytest.LogCaptureFixture, is_adopted: bool
) -> None:
    bitfile = options.data_dir / "gone.bit"
    adopted = AdoptedOverlay(bitfile=bitfile, sha256="ab" * 32, hwh_sha256="cd" * 32)
    running = Running(
        replace(
            options,
            backend="auto",
            candidates=("overlay", "numpy"),
            adopted=adopted if is_adopted else None,
        )
    )
    try:
        assert running.until(lambda now: bool(now["connected"]))["backend"] == "numpy"
    finally:
        running.end()
    # A board's file names it for every board: without a bitstream there is nothing to tell.
    assert ("back end overlay can not be used here" in caplog.text) == is_adopted


def test_order_that_came_early_ends_the_node_at_once(options: ServiceOptions) -> None:
    stop = threading.Event()
    stop.set()
    run_service(options, stop)
    check_closed(options)


def test_start_that_fails_leaves_nothing_behind(options: ServiceOptions) -> None:
    with pytest.raises(NotInitialised):
        run_service(replace(options, data_dir=options.data_dir / "none"), threading.Event())
    (options.data_dir / "key").rename(options.data_dir / "moved")
    with pytest.raises(NotInitialised):
        run_service(options, threading.Event())
    (options.data_dir / "moved").rename(options.data_dir / "key")
    check_closed(options)


def test_bodies_do_not_wait_longer_than_the_network_s_target_allows(
    options: ServiceOptions,
) -> None:
    # A tenth of the target is the most.
    target_ms = DataDirectory(options.data_dir).genesis().parameters.target_ms
    slow = BodyTiming(settle_ms=target_ms // 10 + 1)
    with pytest.raises(SettingInvalid, match=f"at most {target_ms // 10}"):
        run_service(replace(options, timing=slow), threading.Event())
    check_closed(options)


def test_options_are_what_the_configuration_chooses(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("secret\n")
    config = Config(
        node=NodeSection(data_dir=tmp_path),
        network=NetworkSection(
            brokers=("one", "[::1]:99", "mqtt://bob:pw@two"),
            user="ann",
            password_file=tmp_path / "password",
            tls=True,
            tls_ca_file=tmp_path / "ca.pem",
        ),
        inference=InferenceSection(backend="lce", candidates=("reference",)),
        trainer=TrainerSection(enabled=False),
        broker=BrokerSection(embedded="auto", listen="0.0.0.0", port=7),
        gossip=GossipSection(settle_ms=5, body_timeout_ms=6, lbc_quorum=2, lbc_timeout_ms=7),
        limits=LimitsSection(min_free_mib=3),
    )
    options = options_of(config)
    assert options.brokers == (
        BrokerAddress(host="one", port=8883, tls=True),
        BrokerAddress(host="::1", port=99, tls=True),
        BrokerAddress(host="two", port=1883, user="bob", password="pw"),
    )
    assert (options.user, options.password) == ("ann", "secret")
    assert options.tls == TlsOptions(ca_file=tmp_path / "ca.pem")
    assert options.trainer is None
    assert (options.backend, options.candidates) == ("lce", ("reference",))
    assert (options.broker_program, options.broker_listen) == ("", "0.0.0.0")
    assert (options.broker_port, options.min_free_mib) == (7, 3)
    assert options.timing == BodyTiming(settle_ms=5, timeout_ms=6, lbc_quorum=2, lbc_timeout_ms=7)
    assert options_of(replace(config, gossip=GossipSection())).timing == BodyTiming()
    mines = options_of(replace(config, trainer=TrainerSection(nice=3)))
    assert mines.trainer is not None
    assert mines.trainer.nice == 3


def test_architecture_that_can_not_be_read_is_said_before_the_start(tmp_path: Path) -> None:
    config = Config(
        node=NodeSection(data_dir=tmp_path), trainer=TrainerSection(architecture="nonsense")
    )
    with pytest.raises(ArchitectureTextInvalid, match="nonsense"):
        options_of(config)
