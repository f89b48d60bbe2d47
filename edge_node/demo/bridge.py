# SPDX-License-Identifier: Apache-2.0
"""A microcontroller in the demonstration: emulated, at the end of a serial line, heard over MQTT.

The firmware is built on the spot and runs on a Cortex-M of QEMU, whose UART is a socket; the first
node's user types `edge-node bridge run`; a subscriber that is neither counts what comes through
the broker. Emulated it is, and said so: nothing of it is timed.
Law of the file: only what the subscriber received counts.
Read next: network.py, edge_node/node/bridge/service.py.
"""

import json
import socket
import subprocess
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from edge_node.demo.network import DemoFailed, DemoNetwork, undisturbed
from edge_node.gossip.mqtt import LinkOptions, MqttLink
from edge_node.gossip.ports import Incoming
from edge_node.gossip.topics import BRIDGE_ROOT
from edge_node.node.bridge.accepted import AcceptedModel, AcceptedModels
from edge_node.node.errors import NodeError
from edge_node.primitives.clock import Clock
from edge_node.primitives.counting import counted
from edge_node.spec.architecture import Architecture

EMULATED = {"mps2": "mps2_an385"}
"""What a user names, and the firmware's board."""
SENSOR_SHAPE = (28, 28, 1)
"""Of the pattern that stands in for the sensor of a board without one."""
INTERVAL_MS = 500
"""From one live sample to the next."""
NEWEST_MS = 60_000
"""So long the newest model may take to reach the device and to be heard of."""
POLL_S = 0.2
_LOOPBACK = "127.0.0.1"


class BridgeImpossible(NodeError):
    """There is no microcontroller to be had for the demonstration."""

    reason = "demo-bridge"

    def __init__(self, name: str, why: Exception) -> None:
        super().__init__(f"no microcontroller {name} for the demonstration: {why}")
        self.name = name
        self.why = why


@dataclass(frozen=True, slots=True, kw_only=True)
class EmulatedFirmware:
    """A board that can be started."""

    board: str
    """As the firmware's builder names it."""
    machine: str
    """What QEMU calls it."""
    command: tuple[str, ...]
    """Runs it, its serial line on standard input and output."""
    folder: Path
    """For logs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeReport:
    """What the subscriber received of the microcontroller."""

    board: str
    """As the firmware's builder names it."""
    emulated_by: str
    """The emulator and its machine."""
    topic: str
    """Where its predictions came; empty if none did."""
    predictions: int
    """That were received."""
    file: str
    """Where they are, a JSON object a line, as they came."""
    models: tuple[str, ...]
    """Hashes of the models that they were made by, in the order of the first."""
    newest_model: str
    """Hash of the chain's newest model that fits the device."""
    newest_height: int
    """Of its block."""
    predictions_of_newest: int
    """That were made by it."""

    @property
    def failures(self) -> tuple[str, ...]:
        """What was to be shown and was not, in sentences."""
        if self.predictions_of_newest:
            return ()
        newest = f"{self.newest_model[:16]} of height {self.newest_height}"
        log = Path(self.file).with_name("log")
        said = f"none of {counted(self.predictions, 'prediction')} is by the newest model, {newest}"
        return (f"{said}; the bridge's log is {log}",)


def prepare_firmware(name: str, folder: Path) -> EmulatedFirmware:
    """Build a board's firmware, and find its emulator.

    Parameters
    ----------
    name : str
        Of EMULATED.
    folder : Path
        For the firmware and the logs.

    Raises
    ------
    BridgeImpossible
        The compiler or the emulator is missing; the message says what to install.
    """
    # Here, as no other command should wait for the bridge to be imported.
    from edge_node_bridge.emulator import board_named, qemu_command
    from edge_node_bridge.errors import EmulatorMissing
    from edge_node_bridge.firmware.build import BuildFailed, build_board

    board = board_named(EMULATED[name])
    try:
        command = qemu_command(board, folder / f"{board.name}.elf")
        build_board(board, folder)
    except (EmulatorMissing, BuildFailed) as error:
        raise BridgeImpossible(name, error) from error
    return EmulatedFirmware(
        board=board.name, machine=board.machine, command=tuple(command), folder=folder
    )


class DemoBridge:
    """The emulated board, the bridge that serves it, and who listens.

    Parameters
    ----------
    firmware : EmulatedFirmware
    network : DemoNetwork
        Whose broker and first node it is; it ends the processes.
    clock : Clock
    """

    def __init__(self, firmware: EmulatedFirmware, network: DemoNetwork, clock: Clock) -> None:
        self._firmware = firmware
        self._network = network
        self._clock = clock
        self._heard: dict[str, int] = {}
        self._topic = ""
        self._log = firmware.folder / "log"
        self._file = (firmware.folder / "predictions.jsonl").open("wb")
        broker = network.broker
        self._link = MqttLink(
            LinkOptions(
                brokers=(broker.address,),
                client_id="demo-subscriber",
                user=broker.account.user,
                password=broker.account.password,
                subscriptions=(f"{BRIDGE_ROOT}/+/+/prediction",),
            )
        )
        self._link.start()
        try:
            self._processes = self._plugged_in(firmware.folder / "emulator.log")
        except BaseException:
            self.close()
            raise

    def listen(self) -> None:
        """Count what has come.

        Raises
        ------
        DemoFailed
            The emulator or the bridge has ended; the message says which.
        """
        with undisturbed():
            events = self._link.poll(0)
        for event in events:
            if isinstance(event, Incoming):
                self._file.write(event.payload + b"\n")
                model = str(json.loads(event.payload)["model"])
                self._heard[model] = self._heard.get(model, 0) + 1
                self._topic = event.topic
        for process, name, log in self._processes:
            if process.poll() is not None:
                raise DemoFailed(name, log)

    def until_newest(self) -> BridgeReport:
        """Wait until the chain's newest model was heard of, and report; mining is off by now.

        Raises
        ------
        DemoFailed
        """
        newest = self._newest()
        name = newest.model_hash.hex()
        until_ms = self._clock.monotonic_ms() + NEWEST_MS
        while name not in self._heard and self._clock.monotonic_ms() < until_ms:
            time.sleep(POLL_S)
            self.listen()
        return BridgeReport(
            board=self._firmware.board,
            emulated_by=f"qemu-system-arm -M {self._firmware.machine}",
            topic=self._topic,
            predictions=sum(self._heard.values()),
            file=self._file.name,
            models=tuple(self._heard),
            newest_model=name,
            newest_height=newest.height,
            predictions_of_newest=self._heard.get(name, 0),
        )

    def close(self) -> None:
        """Listen no more; the network ends the processes."""
        self._link.stop()
        self._file.close()

    def _plugged_in(self, log: Path) -> "list[tuple[subprocess.Popen[bytes], str, Path]]":
        """Start the emulator on a socket of ours, and the bridge that connects to it."""
        with socket.create_server((_LOOPBACK, 0)) as line:
            port = f"socket://{_LOOPBACK}:{line.getsockname()[1]}"
            chardev = f"socket,id=line,fd={line.fileno()},server=on,wait=off"
            command = list(self._firmware.command)
            place = command.index("stdio")
            command[place] = "chardev:line"
            board = self._network.accompany(
                [*command, "-chardev", chardev], log, descriptors=(line.fileno(),)
            )
        words = ("bridge", "run", port, "--interval-ms", str(INTERVAL_MS))
        bridge = self._network.accompany_first(words, self._log)
        return [(board, "the emulator", log), (bridge, "the bridge", self._log)]

    def _newest(self) -> AcceptedModel:
        network = self._network
        path = network.nodes[0].directory.chain
        with closing(AcceptedModels(path, network.genesis)) as models:
            models.look()
            newest = models.newest(_is_seen)
        assert newest is not None, "the demonstration learns images of the sensor's shape"
        return newest


def _is_seen(shape: Architecture, _blob_bytes: int) -> bool:
    return (shape.height, shape.width, shape.input_channels) == SENSOR_SHAPE
