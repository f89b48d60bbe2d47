# SPDX-License-Identifier: Apache-2.0
"""A broker and node processes on loopback, started, watched and stopped from outside.

Law of the file: nodes are told what a user could tell them, by command line and control socket.
Read next: report.py.
"""

import os
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_node.datasets.store import DatasetStore
from edge_node.gossip.embedded_broker import BrokerOptions, RunningBroker, start_broker
from edge_node.kernels.libsodium import load_ed25519
from edge_node.node.control import ask
from edge_node.node.data_directory import DataDirectory
from edge_node.node.errors import NodeError, NodeNotRunning
from edge_node.node.networks import DEMO, new_genesis
from edge_node.primitives.clock import Clock
from edge_node.primitives.types import DatasetId
from edge_node.spec.genesis import Genesis
from edge_node.spec.signature import SEED_BYTES

STOP_TIMEOUT_S = 5


class DemoFailed(NodeError):
    """A node of the demonstration ended by itself."""

    reason = "demo-failed"

    def __init__(self, name: str, log: Path) -> None:
        super().__init__(f"{name} ended before the demonstration did; its log is {log}")
        self.name = name
        self.log = log


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoNode:
    """One node of the demonstration."""

    name: str
    """`node-1` and so on."""
    directory: DataDirectory
    """Its data directory."""
    backend: str
    """The back end that it was told to use."""
    process: "subprocess.Popen[bytes]"
    """Its process."""
    log: Path
    """Its standard error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeGlimpse:
    """What a node said when it was asked."""

    name: str
    """Whose answer it is."""
    height: int
    """Height of its head."""
    head: str
    """Hash of its head."""
    synced: bool
    """Whether nobody is ahead, as far as it knows."""
    imported: int
    """Blocks that it has judged valid."""
    mined: int
    """Its own among them."""
    trainer: str
    """What its trainer does."""
    evaluation_ppm: int
    """Accuracy of the best model of its chain."""


class DemoNetwork:
    """A network of nodes on loopback.

    Parameters
    ----------
    folder : Path
        For data directories and logs; emptied first.
    backends : sequence of str
        One node for each.
    datasets : DatasetStore
        Where the dataset is now; its files are linked, not copied.
    dataset : DatasetId
        What is to be learned.
    clock : Clock
    """

    def __init__(
        self,
        folder: Path,
        *,
        backends: Sequence[str],
        datasets: DatasetStore,
        dataset: DatasetId,
        clock: Clock,
    ) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.genesis: Genesis
        self.broker: RunningBroker = start_broker(BrokerOptions(data_dir=folder / "broker"), clock)
        self.nodes: tuple[DemoNode, ...] = ()
        try:
            self._start(folder, backends, datasets, dataset, clock)
        except BaseException:
            self.stop()
            raise

    def _start(
        self,
        folder: Path,
        backends: Sequence[str],
        datasets: DatasetStore,
        dataset: DatasetId,
        clock: Clock,
    ) -> None:
        ed25519 = load_ed25519()
        seeds = [secrets.token_bytes(SEED_BYTES) for _ in backends]
        self.genesis = new_genesis(
            "demo",
            [datasets.table(dataset).manifest],
            [ed25519.public_key(seed) for seed in seeds],
            DEMO,
            clock.now_ms(),
        )
        for number, (backend, seed) in enumerate(zip(backends, seeds, strict=True), start=1):
            directory = DataDirectory(folder / f"node-{number}")
            directory.initialise(self.genesis, seed)
            target = directory.datasets / dataset.hex()
            shutil.copytree(datasets.folder(dataset), target, copy_function=os.link)
            self.nodes += (self._launch(directory, backend),)

    def _launch(self, directory: DataDirectory, backend: str) -> DemoNode:
        log = directory.root / "log"
        account = self.broker.account
        environment = {
            **os.environ,
            "EDGE_NODE_NETWORK_USER": account.user,
            "EDGE_NODE_NETWORK_PASSWORD": account.password,
        }
        command = [sys.executable, "-m", "edge_node", "--data-dir", str(directory.root)]
        command += ["run", "--broker", str(self.broker.address), "--backend", backend]
        with log.open("wb") as stream:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, env=environment
            )
        return DemoNode(
            name=directory.root.name,
            directory=directory,
            backend=backend,
            process=process,
            log=log,
        )

    def glimpses(self) -> list[NodeGlimpse]:
        """Return what the nodes say of themselves; those that do not answer yet are left out.

        Raises
        ------
        DemoFailed
            A node has ended.
        """
        found: list[NodeGlimpse] = []
        for node in self.nodes:
            if node.process.poll() is not None:
                raise DemoFailed(node.name, node.log)
            try:
                answer = ask(node.directory.control, "status", {})
            except NodeNotRunning:
                continue
            found.append(_glimpse(node.name, answer))
        return found

    def set_mining(self, *, enabled: bool) -> None:
        """Let all nodes mine, or none."""
        for node in self.nodes:
            ask(node.directory.control, "mine", {"enabled": enabled})

    def stop(self) -> None:
        """End all nodes, then the broker."""
        for node in self.nodes:
            node.process.send_signal(signal.SIGTERM)
        for node in self.nodes:
            try:
                node.process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                node.process.kill()
                node.process.wait()
        self.broker.stop()


def _glimpse(name: str, answer: dict[str, object]) -> NodeGlimpse:
    families = answer["families"]
    assert isinstance(families, list)
    return NodeGlimpse(
        name=name,
        height=int(str(answer["height"])),
        head=str(answer["head"]),
        synced=bool(answer["synced"]),
        imported=int(str(answer["imported"])),
        mined=int(str(answer["mined"])),
        trainer=str(answer["trainer"]),
        evaluation_ppm=max((int(family["evaluation_ppm"]) for family in families), default=0),
    )
