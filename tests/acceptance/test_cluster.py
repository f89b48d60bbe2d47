# SPDX-License-Identifier: Apache-2.0
"""A cluster of three brokers under three nodes: each broker killed in turn, then one cut off.

Real mosquittos that run the files of `edge-node broker cluster make`, TLS and access lists on; real
nodes, each with its certificate, one at each broker. Whatever fails, in the end all have one head,
it has every block that anybody saw as final and every payment that a node had taken, and no
message was multiplied.
"""

import hashlib
import os
import shutil
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import pytest

from edge_node.cli.chain_access import ReadChain, open_chain
from edge_node.cli.session import Session
from edge_node.gossip.broker_cluster import read_cluster, write_client
from edge_node.gossip.embedded_broker import find_mosquitto
from edge_node.gossip.mqtt import MqttLink
from edge_node.gossip.ports import Incoming
from edge_node.gossip.topics import RETAINED, NodeId, node_id, parse
from edge_node.kernels.libsodium import load_ed25519
from edge_node.node.control import ask
from edge_node.node.data_directory import DataDirectory
from edge_node.primitives.types import Address, PublicKey
from edge_node.spec.signature import SEED_BYTES
from tests.acceptance.running import RULES, Running, answer, eventually, found_network, node
from tests.gossip.mesh import Mesh
from tests.gossip.real import until_listening
from tests.ports import quiet_port

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.slow,
    pytest.mark.skipif(find_mosquitto() is None, reason="no mosquitto on this machine"),
    pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl here"),
]

OBSERVER = NodeId("0b5e7e70b5e7e700")
NOBODY = Address(bytes(20))
PAYMENT = 1_000
FEE = 2
MAX_COPIES = 2
"""Of a message on one broker: a node whose broker dies under it says its last words again."""
MAX_RETAINED_COPIES = 4
"""A broker that comes back is told by the others what they retain, and they by it."""
RESTARTS = 3
APART = 10
"""Blocks, of two seconds each, on either side of a cut: its bridges have given up by then."""
UNHURRIED = (
    RULES.replace("min_interval_ms = 1_000", "min_interval_ms = 2_000")
    .replace("rung_ms = 2_000", "rung_ms = 4_000")
    .replace("max_future_ms = 500", "max_future_ms = 1_000")
)
"""A population lasts twice as long: on a busy machine the mesh takes a minute to be whole."""


class Observer:
    """Counts what the brokers deliver: one link to each, polled on a thread."""

    def __init__(self, mesh: Mesh, network: str) -> None:
        self.copies: Counter[tuple[int, str, bytes]] = Counter()
        self.network = network
        self._stop = threading.Event()
        filters = (f"pol/v1/{network}/+/+/+",)
        indices = range(len(mesh.brokers))
        self._links = [MqttLink(mesh.options(OBSERVER, i, topics=filters)) for i in indices]
        self._thread = threading.Thread(target=self._count)

    def start(self) -> None:
        for link in self._links:
            link.start()
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()
        for link in self._links:
            link.stop()

    def _count(self) -> None:
        while not self._stop.is_set():
            for index, link in enumerate(self._links):
                for event in link.poll(10):
                    if isinstance(event, Incoming) and not event.retained:
                        digest = hashlib.sha256(event.payload).digest()
                        self.copies[index, event.topic, digest] += 1

    def most(self, *, retained: bool) -> int:
        """Return how often one message came at most to one broker, under whatever topic."""
        copies: Counter[tuple[int, bytes]] = Counter()
        for (index, topic, digest), count in self.copies.items():
            if (parse(topic, network=self.network).kind in RETAINED) == retained:
                copies[index, digest] += count
        return max(copies.values())


class Members:
    """Three members of a network, each with its data directory and certificate.

    Parameters
    ----------
    folder : Path
        Where all their files go.
    hosts : sequence of str
        The brokers.
    """

    def __init__(self, folder: Path, hosts: Sequence[str]) -> None:
        self.places = [folder / name for name in "abc"]
        directories = [DataDirectory(place) for place in self.places]
        public_key = load_ed25519().public_key
        keys = []
        for number, directory in enumerate(directories):
            directory.make_key(bytes([number]) * SEED_BYTES)
            keys.append(public_key(directory.seed()).hex())
        found_network(folder, "--member", keys[1], "--member", keys[2], rules=UNHURRIED)
        genesis = directories[0].genesis()
        self.network = genesis.network_id().hex()[:8]
        self.cluster = folder / "cluster"
        make = ("broker", "cluster", "make", *hosts, "--output", str(self.cluster))
        answer(self.places[0], *make)
        for directory, key, home in zip(directories, keys, ("b1", "b2", "b3"), strict=True):
            if directory is not directories[0]:
                directory.initialise(genesis, directory.seed())
            made = write_client(self.cluster, node_id(PublicKey(bytes.fromhex(key))), home=home)
            for file in made.iterdir():
                shutil.copy(file, directory.root)

    @contextmanager
    def running(
        self, *, miners: int, prefix: Sequence[Sequence[str]] = ((), (), ())
    ) -> Iterator[list[Running]]:
        """Run all nodes, the first of them with trainers, and wait until they have one head."""
        with ExitStack() as stack:
            nodes = [
                stack.enter_context(
                    node(place, *(() if number < miners else ("--no-trainer",)), prefix=before)
                )
                for number, (place, before) in enumerate(zip(self.places, prefix, strict=True))
            ]
            for each in nodes:
                each.until("blocks", lambda now: now["height"] >= 2 and online(now) == 2)
            yield nodes


def online(status: dict[str, object]) -> int:
    peers = status["peers"]
    assert isinstance(peers, list)
    return sum(peer["online"] for peer in peers)


def pay(member: Path) -> None:
    """Hand a payment to a member's node, which takes it."""
    sent = answer(member, "tx", "send", NOBODY.hex(), str(PAYMENT), "--fee", str(FEE))
    assert sent["transaction"]


def finals(nodes: Sequence[Running]) -> set[str]:
    statuses = [each.status() for each in nodes]
    return {str(status["final"]) for status in statuses if status["final"]}


def agree(nodes: Sequence[Running]) -> bool:
    heads = {each.status()["head"] for each in nodes}
    return len(heads) == 1


def end_with_one_head(members: Members, nodes: Sequence[Running]) -> list[str]:
    """Stop mining, wait for one head, and return the hashes of the chain, genesis left out."""
    # The first goes on a little longer: what is a tie when all stop stays one.
    for several in (nodes[1:], nodes[:1]):
        for each in several:
            ask(each.data_dir / "control", "mine", {"enabled": False})
        eventually("one head", lambda: agree(nodes))
    chains = []
    for place in members.places:
        with opened(place) as read:
            chains.append([block.block_hash.hex() for block in read.main_chain()])
    assert chains[0] == chains[1] == chains[2]
    return chains[0]


def opened(place: Path) -> AbstractContextManager[ReadChain]:
    return open_chain(Session({"node.data_dir": str(place)}, None))


def paid(members: Members, count: int) -> bool:
    """Say whether so many payments stand in the chain of every node."""
    balances = []
    for place in members.places:
        with opened(place) as read:
            balances.append(read.state.accounts.get(NOBODY).balance)
    return balances == [count * PAYMENT] * len(balances)


def test_each_broker_is_killed_in_turn(tmp_path: Path) -> None:
    members = Members(tmp_path, [f"127.0.0.1:{quiet_port()}" for _ in range(3)])
    mesh = Mesh(members.cluster, read_cluster(members.cluster))
    with ExitStack() as stack:
        stack.callback(mesh.stop)
        start(mesh)
        counted = Observer(mesh, members.network)
        counted.start()
        stack.callback(counted.stop)
        nodes = stack.enter_context(members.running(miners=1))
        seen: set[str] = set()
        for index in range(RESTARTS):
            height = nodes[0].status()["height"]
            mesh.kill(index)
            # Taken by the node that has lost its broker, which can tell nobody yet.
            pay(members.places[index])
            for each in nodes:
                each.until("another broker", lambda now: now["connected"] and online(now) == 2)
                seen.add(each.until_height(height + 2)["head"])
            seen |= finals(nodes)
            mesh.start(index)
            until_listening(mesh.brokers[index].port)
            mesh.until_bridged(index, OBSERVER)
        for each in nodes:
            each.until("final blocks", lambda now: now["final_height"] > 0)
            seen.add(each.status()["final"])
        eventually("all payments", lambda: paid(members, RESTARTS))
        chain = end_with_one_head(members, nodes)
        assert seen <= set(chain)
    assert counted.most(retained=False) <= MAX_COPIES
    assert counted.most(retained=True) <= MAX_RETAINED_COPIES


def start(mesh: Mesh) -> None:
    for index, broker in enumerate(mesh.brokers):
        mesh.start(index)
        until_listening(broker.port)
    for index in range(len(mesh.brokers)):
        mesh.until_bridged(index, OBSERVER)


class Rooms:
    """Three network namespaces with one cable each to a switch in a fourth."""

    def __init__(self) -> None:
        self._name = f"edge{os.getpid()}"
        self.hosts = [f"10.77.0.{number}" for number in (1, 2, 3)]
        self.prefix = [("ip", "netns", "exec", self._room(number)) for number in (0, 1, 2)]

    def _room(self, number: int) -> str:
        return f"{self._name}-{number}"

    def build(self) -> None:
        """Make them.

        Raises
        ------
        subprocess.CalledProcessError
            This machine does not let us.
        """
        hub = self._room(9)
        for room in (hub, *map(self._room, range(3))):
            _ip("netns", "add", room)
            _ip("-n", room, "link", "set", "lo", "up")
        _ip("-n", hub, "link", "add", "switch", "type", "bridge")
        _ip("-n", hub, "link", "set", "switch", "up")
        for number, host in enumerate(self.hosts):
            room, port = self._room(number), f"port{number}"
            ends = ("type", "veth", "peer", "name", "lan", "netns", room)
            _ip("-n", hub, "link", "add", port, *ends)
            _ip("-n", hub, "link", "set", port, "master", "switch")
            _ip("-n", hub, "link", "set", port, "up")
            _ip("-n", room, "addr", "add", f"{host}/24", "dev", "lan")
            _ip("-n", room, "link", "set", "lan", "up")

    def cut(self, number: int) -> None:
        """Pull a cable."""
        _ip("-n", self._room(9), "link", "set", f"port{number}", "down")

    def heal(self, number: int) -> None:
        """Plug it in again."""
        _ip("-n", self._room(9), "link", "set", f"port{number}", "up")

    def remove(self) -> None:
        for number in (0, 1, 2, 9):
            subprocess.run(["ip", "netns", "del", self._room(number)], check=False)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@pytest.fixture
def rooms() -> Iterator[Rooms]:
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("no network namespaces without root and ip")
    made = Rooms()
    try:
        made.build()
        yield made
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no network namespaces here: {error.stderr!r}")
    finally:
        made.remove()


def test_cut_off_broker_comes_back_to_one_head(tmp_path: Path, rooms: Rooms) -> None:
    members = Members(tmp_path, rooms.hosts)
    mesh = Mesh(members.cluster, read_cluster(members.cluster), rooms.prefix)
    with ExitStack() as stack:
        stack.callback(mesh.stop)
        for index in range(3):
            mesh.start(index)
        # On either side of the cut somebody mines.
        nodes = stack.enter_context(members.running(miners=2, prefix=rooms.prefix))
        alone, *others = nodes
        before = alone.until("a final block", lambda now: now["final_height"] > 0)
        rooms.cut(0)
        pay(members.places[0])
        pay(members.places[1])
        height = before["height"]
        alone.until_height(height + APART)
        for each in others:
            each.until_height(height + APART)
        eventually("two branches", lambda: alone.status()["head"] != others[0].status()["head"])
        eventually("the others agree", lambda: agree(others))
        rooms.heal(0)
        for each in nodes:
            each.until("the others", lambda now: online(now) == 2 and now["synced"])
        eventually("all payments", lambda: paid(members, 2))
        seen = finals(nodes) | {before["final"]}
        assert seen <= set(end_with_one_head(members, nodes))
