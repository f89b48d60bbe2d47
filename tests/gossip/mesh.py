# SPDX-License-Identifier: Apache-2.0
"""Real mosquittos from the files that `edge-node broker cluster` writes, and clients of them."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge_node.gossip.broker_cluster import Cluster, plan_cluster, write_client, write_cluster
from edge_node.gossip.embedded_broker import find_mosquitto
from edge_node.gossip.join_line import BrokerAddress
from edge_node.gossip.mqtt import LinkOptions, TlsOptions
from edge_node.gossip.ports import SetWill
from edge_node.gossip.topics import NodeId
from edge_node.primitives.types import NetworkId
from tests.gossip.real import linked, until_listening, wait_for
from tests.ports import quiet_port

HOST = "127.0.0.1"
BRIDGES = "$SYS/broker/connection/+/state"


class Mesh:
    """A cluster's brokers on this machine, each of which can be killed and started again.

    Parameters
    ----------
    folder : Path
        Where `write_cluster` wrote.
    cluster : Cluster
        What it wrote.
    prefix : sequence of sequence of str
        What stands before each broker's command line; empty for nothing.
    """

    def __init__(
        self, folder: Path, cluster: Cluster, prefix: Sequence[Sequence[str]] = ()
    ) -> None:
        self.folder = folder
        self.cluster = cluster
        self._prefix = list(prefix) or [()] * len(cluster.brokers)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        for broker in cluster.brokers:
            # Started by root it would become another user, who may not read these files.
            if os.geteuid() == 0:
                config = folder / broker.cell / "mosquitto.conf"
                config.write_text(f"user root\n{config.read_text()}")

    @property
    def brokers(self) -> tuple[BrokerAddress, ...]:
        return self.cluster.brokers

    def start(self, index: int) -> None:
        """Start a broker; it is up when somebody can connect."""
        program = find_mosquitto()
        if program is None:
            pytest.skip("no mosquitto on this machine")
        cell = self.brokers[index].cell
        place = self.folder / cell
        with (place / "log").open("ab") as log:
            self._processes[cell] = subprocess.Popen(
                [*self._prefix[index], program, "-c", "mosquitto.conf"], cwd=place, stderr=log
            )

    def kill(self, index: int) -> None:
        """End a broker as a power cut would."""
        process = self._processes.pop(self.brokers[index].cell)
        process.kill()
        process.wait()

    def stop(self) -> None:
        for process in self._processes.values():
            process.kill()
            process.wait()

    def log(self) -> str:
        return "\n".join(
            f"{cell}: {(self.folder / cell / 'log').read_text()}"
            for cell in sorted(self._processes)
        )

    def options(
        self, node: NodeId, *indices: int, topics: Sequence[str] = (), will: SetWill | None = None
    ) -> LinkOptions:
        """Return how a node with a certificate connects to some of the brokers."""
        place = self.folder / "nodes" / node
        if not place.exists():
            write_client(self.folder, node)
        return LinkOptions(
            brokers=tuple(self.brokers[each] for each in indices),
            client_id=f"test-{node}-{indices}",
            tls=TlsOptions(
                ca_file=place / "ca.pem",
                certificate_file=place / "node.pem",
                key_file=place / "node.key",
            ),
            subscriptions=tuple(topics),
            will=will,
        )

    def until_bridged(self, index: int, node: NodeId) -> None:
        """Wait until a broker's bridges to all others are up, seen with a node's certificate."""
        wanted = len(self.brokers) - 1
        with linked(self.options(node, index, topics=(BRIDGES,))) as link:
            up: set[str] = set()

            def counted(event: object) -> bool:
                topic, payload = getattr(event, "topic", ""), getattr(event, "payload", b"")
                if topic.startswith("$SYS/broker/connection/"):
                    (up.add if payload == b"1" else up.discard)(topic)
                return len(up) >= wanted

            wait_for(link, counted)


@contextmanager
def running_mesh(folder: Path, network_id: NetworkId, count: int = 3) -> Iterator[Mesh]:
    """Make a cluster on this machine's ports and run it; all of its bridges are up."""
    hosts = [f"{HOST}:{quiet_port()}" for _ in range(count)]
    cluster = plan_cluster(hosts, network_id)
    write_cluster(cluster, folder)
    mesh = Mesh(folder, cluster)
    try:
        for index in range(count):
            mesh.start(index)
        for broker in cluster.brokers:
            until_listening(broker.port)
        for index in range(count):
            mesh.until_bridged(index, NodeId("0b5e7e70b5e7e700"))
        yield mesh
    finally:
        mesh.stop()
