# SPDX-License-Identifier: Apache-2.0
"""The bridge of a node: its microcontrollers on the newest accepted model, predictions on MQTT.

Beside the node, not in it: it reads the chain that the node judges, and speaks to the same broker.
Devices sign nothing and hold no keys, and no prediction is signed: whoever listens trusts the
broker's accounts.
Law of the file: one loop in which everything is decided; devices have threads of their own.
Read next: worker.py, predictions.py.
"""

import logging
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from edge_node.chain.database import is_made
from edge_node.chain.errors import StoreUnavailable
from edge_node.gossip.inbox import LinkDown, LinkRefused, LinkUp
from edge_node.gossip.join_line import BrokerAddress
from edge_node.gossip.mqtt import LinkOptions, MqttLink, PublishResult, TlsOptions
from edge_node.gossip.ports import Publish
from edge_node.gossip.topics import NodeId
from edge_node.node.bridge.accepted import AcceptedModel, AcceptedModels, Fits
from edge_node.node.bridge.errors import BridgeFailed, NoBrokerForBridge
from edge_node.node.bridge.predictions import (
    BridgeTopics,
    bridge_status,
    device_status,
    discovery_message,
    distinct_names,
    prediction_facts,
    prediction_message,
    will,
)
from edge_node.node.bridge.session import draw_session
from edge_node.node.bridge.worker import (
    DeviceLost,
    DeviceSeen,
    DeviceWorker,
    ModelRuns,
    NeverOpened,
    Predicted,
    Report,
    Surroundings,
    fits,
)
from edge_node.node.config import BRIDGE_INTERVAL_MS
from edge_node.node.control import JsonObject
from edge_node.node.local_broker import NODES_FILE_NAME, find_local_broker
from edge_node.primitives.clock import Clock
from edge_node.spec.genesis import Genesis
from edge_node_bridge.link import LinkLimits
from edge_node_bridge.serial_port import BAUD, SerialPort

LOOK_MS = 1_000
"""How often the chain is looked at for a newer model."""
TURN_MS = 100
"""How long a turn waits for the broker."""
JOIN_S = 10.0
"""How long the end waits for a device that is in the middle of something."""
TRUST = "devices sign nothing and hold no keys, and predictions are not signed"
"""What a user is told, in log and help."""

_LOG = logging.getLogger(__name__)

Tell = Callable[[str, JsonObject], None]
"""Hears events: a name, and what goes with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeBroker:
    """Where predictions go."""

    brokers: tuple[BrokerAddress, ...]
    """Tried in turn."""
    user: str = ""
    """Of brokers without an account of their own."""
    password: str = ""
    """Its password."""
    tls: TlsOptions = field(default_factory=TlsOptions)
    """For those that speak TLS."""
    folder: Path | None = None
    """Where the data directory's own broker tells its address, another one each time it starts;
    None for brokers that are configured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeOptions:
    """What a bridge does."""

    ports: tuple[str, ...]
    """Of its devices."""
    chain: Path
    """The database of the node's chain."""
    genesis: Genesis
    """Its first page."""
    node: NodeId
    """Whose bridge it is."""
    broker: BridgeBroker
    """Where predictions go."""
    family: str = ""
    """How the id of the only family begins whose models are run; empty for all."""
    baud: int = BAUD
    """Bits a second of the lines."""
    interval_ms: int = BRIDGE_INTERVAL_MS
    """The least time from one sample to the next."""
    home_assistant: bool = False
    """Whether devices are announced to Home Assistant."""


def broker_of(
    folder: Path,
    brokers: tuple[BrokerAddress, ...],
    user: str,
    password: str,
    tls: TlsOptions,
) -> BridgeBroker:
    """Return the brokers that are configured, or the one that runs for a data directory.

    Its node's own comes first: where there is one, the node is there.

    Parameters
    ----------
    folder : Path
        Of the data directory's own broker.
    brokers, user, password, tls
        As configured.

    Raises
    ------
    NoBrokerForBridge
    """
    if brokers:
        return BridgeBroker(brokers=brokers, user=user, password=password, tls=tls)
    local = find_local_broker(folder, NODES_FILE_NAME) or find_local_broker(folder)
    if local is None:
        raise NoBrokerForBridge(folder.parent)
    account = local.account
    return BridgeBroker(
        brokers=(local.address,), user=account.user, password=account.password, folder=folder
    )


class Bridge:
    """A bridge that runs until it is told to stop.

    Parameters
    ----------
    options : BridgeOptions
    clock : Clock
    tell : callable
        Hears events.
    stop : threading.Event
    """

    def __init__(
        self, options: BridgeOptions, clock: Clock, tell: Tell, stop: threading.Event
    ) -> None:
        self._options = options
        self._clock = clock
        self._tell = tell
        self._stop = stop
        self._topics = BridgeTopics(node=options.node)
        ports = options.ports
        self._ports = dict(zip(distinct_names(ports), ports, strict=True))
        self._reports: queue.Queue[Report] = queue.Queue()
        self._models: AcceptedModels | None = None
        self._next_look_ms = 0
        self._unreadable = ""
        # Those that were heard of; None for one that is gone.
        self._here: dict[str, DeviceSeen | None] = {}
        self._predictions = 0
        self._unpublished = 0
        self._unsaid: dict[str, Publish] = {}
        self._refusal: LinkRefused | None = None
        self._broker = options.broker
        self._link = self._made_link()

    def run(self) -> None:
        """Run until `stop` is set.

        Raises
        ------
        BridgeFailed
            A port can not be opened, and plugging the board in again would not help.
        FamilyAmbiguous
        StoreCorrupt, StoreFormatNewer, WrongNetwork
            The chain can not be read.
        """
        _LOG.info("%s; their node is %s", TRUST, self._options.node)
        self._tell("started", {"node": self._options.node, "devices": self._ports})
        workers = [self._worker(*each) for each in self._ports.items()]
        self._link.start()
        try:
            self._look()
            for worker in workers:
                worker.start()
            while not self._stop.is_set():
                self._turn()
        finally:
            self._end(workers)

    def _end(self, workers: list[DeviceWorker]) -> None:
        self._stop.set()
        late = [each.name for each in workers if each.is_alive and not each.join(JOIN_S)]
        if late:
            _LOG.warning("%s did not come to an end in time", ", ".join(late))
        for device in self._here:
            self._publish(device_status(self._topics, device, here=False))
        self._publish(bridge_status(self._topics, here=False))
        self._link.stop()
        if self._models is not None:
            self._models.close()
        self._tell("stopped", {"predictions": self._predictions, "unpublished": self._unpublished})

    def _worker(self, name: str, port: str) -> DeviceWorker:
        baud = self._options.baud
        return DeviceWorker(
            name,
            partial(SerialPort, port, baud=baud),
            Surroundings(
                newest=self._newest,
                report=self._reports.put,
                stop=self._stop,
                clock=self._clock,
            ),
            interval_ms=self._options.interval_ms,
            limits=LinkLimits(line_bits_per_s=baud),
        )

    def _made_link(self) -> MqttLink:
        broker = self._broker
        return MqttLink(
            LinkOptions(
                brokers=broker.brokers,
                # Two bridges of one node do not throw each other out.
                client_id=f"edge-node-{self._options.node}-bridge-{draw_session():08x}",
                user=broker.user,
                password=broker.password,
                tls=broker.tls,
                will=will(self._topics),
            )
        )

    def _follow_broker(self) -> None:
        """Go to where the data directory's own broker is now, if it has moved."""
        if self._broker.folder is None:
            return
        with suppress(NoBrokerForBridge):
            found = broker_of(self._broker.folder, (), "", "", TlsOptions())
            if found != self._broker:
                self._link.stop()
                self._broker = found
                self._link = self._made_link()
                self._link.start()

    def _newest(self, fitting: Fits) -> AcceptedModel | None:
        models = self._models
        return None if models is None else models.newest(fitting)

    def _turn(self) -> None:
        for event in self._link.poll(TURN_MS):
            if isinstance(event, LinkUp):
                _LOG.info("publishing at %s", event.broker)
                self._publish(bridge_status(self._topics, here=True))
                for device in self._here:
                    self._announce(device)
                self._refusal = None
            elif isinstance(event, LinkRefused):
                if event != self._refusal:
                    _LOG.warning(
                        "the broker %s refused: %s; trying again", event.broker, event.reason
                    )
                self._refusal = event
                self._follow_broker()
            elif isinstance(event, LinkDown):
                _LOG.warning("the broker is gone (%s); trying again", event.reason)
        for message in tuple(self._unsaid.values()):
            self._publish(message)
        self._look()
        while True:
            try:
                report = self._reports.get_nowait()
            except queue.Empty:
                return
            self._hear(report)

    def _look(self) -> None:
        """Look for newer models, once the node has made its chain."""
        now_ms = self._clock.monotonic_ms()
        if now_ms < self._next_look_ms:
            return
        self._next_look_ms = now_ms + LOOK_MS
        options = self._options
        try:
            if self._models is None:
                if not is_made(options.chain):
                    return
                self._models = AcceptedModels(options.chain, options.genesis, options.family)
            self._models.look()
            self._unreadable = ""
        except StoreUnavailable as error:
            if str(error) != self._unreadable:
                _LOG.warning("%s; looking again each second", error)
            self._unreadable = str(error)

    def _hear(self, report: Report) -> None:
        match report:
            case NeverOpened(device=device, error=error):
                raise BridgeFailed(self._ports[device], error)
            case DeviceSeen(device=device, hello=hello):
                self._here[device] = report
                # What a device says of itself may be anything: nothing in it steers a terminal.
                _LOG.info("%s: board %r is here, sensor %r", device, hello.board, hello.sensor)
                if self._newest(partial(fits, hello)) is None:
                    _LOG.info("%s: the chain has no model that fits it yet; waiting", device)
                self._announce(device)
                self._tell("device", {"device": device, "board": hello.board})
            case DeviceLost(device=device, why=why):
                _LOG.warning("%s: %s", device, why)
                self._here[device] = None
                self._announce(device)
                self._tell("lost", {"device": device, "why": why})
            case ModelRuns(device=device, model=model, pushed=pushed):
                name = model.model_hash.hex()
                words = "pushed" if pushed else "there already"
                _LOG.info("%s: model %s of height %d, %s", device, name[:12], model.height, words)
                self._tell("model", {"device": device, "model": name, "height": model.height})
            case Predicted(device=device):
                facts = prediction_facts(report, self._clock.now_ms())
                self._predictions += 1
                self._publish(prediction_message(self._topics, facts, device))
                self._tell("prediction", facts)

    def _announce(self, device: str) -> None:
        """Say whether a device is here: a broker keeps what was said before, maybe long ago."""
        seen = self._here.get(device)
        if seen is not None and self._options.home_assistant:
            interval_ms = self._options.interval_ms
            self._publish(discovery_message(self._topics, seen, interval_ms))
        self._publish(device_status(self._topics, device, here=seen is not None))

    def _publish(self, message: Publish) -> None:
        """Send a message; what a broker keeps is tried again where predictions fill the queue."""
        self._unsaid.pop(message.topic, None)
        if self._link.publish(message) is PublishResult.QUEUED:
            return
        if message.retain:
            self._unsaid[message.topic] = message
        else:
            self._unpublished += 1
