# SPDX-License-Identifier: Apache-2.0
"""Whole nodes for the tests of this folder, on a clock that the test moves.

Real are the sqlite chain, the dataset store, gossip, mempool, keys and engine; played are the
broker (`Room`: whatever one says, the others hear at their next turn) and the trainer.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import cast

from edge_node.chain.database import Database
from edge_node.chain.importer import Importer
from edge_node.chain.mempool import Mempool
from edge_node.chain.offload import FetchedModels
from edge_node.datasets.store import DatasetStore
from edge_node.gossip.inbox import LinkEvent, LinkUp
from edge_node.gossip.mqtt import MqttLink, PublishResult
from edge_node.gossip.ports import BlockReceived, Incoming, Publish, SetWill
from edge_node.gossip.protocol import Gossip, Identity, Profile
from edge_node.gossip.stamp import STAMP_BITS
from edge_node.gossip.topics import NodeId
from edge_node.inference.reference import ReferenceBackend
from edge_node.kernels.libsodium import load_ed25519
from edge_node.node.chain_view import ChainView, PoolView, SilentView
from edge_node.node.data_directory import DataDirectory
from edge_node.node.engine import NodeEngine
from edge_node.node.limits import BlockTime, Limits
from edge_node.node.mature_miners import MatureMiners
from edge_node.node.mining.affordable import check_task
from edge_node.node.mining.choice import miner_for
from edge_node.node.mining.making import block_contents
from edge_node.node.mining.miner import Miner, MinerIdentity
from edge_node.node.node import Node
from edge_node.node.offload import FullNodes, held_blocks
from edge_node.node.parts import NodeParts
from edge_node.node.replay_queue import ReplayQueue
from edge_node.node.signer import KeySigner
from edge_node.primitives.types import BlockHash, DatasetId, TimestampMs
from edge_node.spec.architecture import Architecture
from edge_node.spec.block import Block
from edge_node.spec.burst import BurstResult, BurstRules, BurstStart
from edge_node.spec.constants import MAX_TRANSACTIONS
from edge_node.spec.dataset import Manifest
from edge_node.spec.genesis import EVOLUTION, Parameters
from edge_node.trainer.judges import KernelJudge
from edge_node.trainer.lottery import Win
from edge_node.trainer.search import AnyTask, Found, Message, search_for
from edge_node.trainer.task import Offer
from tests.chain.workshop import EASY, SMALL, Grown
from tests.datasets.samples import stored
from tests.gossip.simulation import SeededRandom, matches
from tests.spec import toy_chain as toy
from tests.spec.toy_data import toy_dataset
from tests.trainer.toy_tasks import Splits

ED25519 = load_ed25519()
SENDER = NodeId("00" * 16)
STEP_MS = 100
MAX_TRIES = 400
SETTLED_MS = 3_000
"""Enough for tips to be compared, blocks to be fetched and refreshes to be over."""
NO_LIMITS = Limits()


class CountingEngine(NodeEngine):
    """A node's engine that remembers what it replayed."""

    def __init__(self, datasets: DatasetStore, block_time: BlockTime | None = None) -> None:
        super().__init__(ED25519, (ReferenceBackend(),), datasets, block_time=block_time)
        self.seeds: list[bytes] = []

    def burst(
        self, seed: bytes, rules: BurstRules, start: BurstStart, dataset: DatasetId
    ) -> BurstResult:
        self.seeds.append(seed)
        return super().burst(seed, rules, start, dataset)


class VirtualClock:
    """Time that the test moves."""

    def __init__(self) -> None:
        self.ms = 10**6

    def now_ms(self) -> TimestampMs:
        return TimestampMs(toy.GENESIS_TIME + self.ms)

    def monotonic_ms(self) -> int:
        return self.ms


class RoomLink:
    """A node's connection to the room: the only fake part, in place of MqttLink."""

    def __init__(self, room: "Room", subscriptions: Sequence[str]) -> None:
        self.room = room
        self.subscriptions = subscriptions
        self.events: deque[LinkEvent] = deque()
        self.said: list[Publish] = []
        self.will: SetWill | None = None
        self.started = self.stopped = False

    def set_will(self, will: SetWill) -> None:
        self.will = will

    def start(self) -> None:
        self.started = True
        self.events.append(LinkUp(broker="room"))
        for topic, payload in sorted(self.room.retained.items()):
            self.hear(Publish(topic=topic, payload=payload, qos=1, retain=True), retained=True)

    def hear(self, message: Publish, *, retained: bool = False) -> None:
        if any(matches(each, message.topic) for each in self.subscriptions):
            self.events.append(
                Incoming(topic=message.topic, payload=message.payload, retained=retained)
            )

    def poll(self, timeout_ms: int) -> list[LinkEvent]:
        events, self.events = list(self.events), deque()
        return events

    def publish(self, message: Publish) -> PublishResult:
        assert self.started
        assert not self.stopped, "nothing is said after the goodbye"
        self.said.append(message)
        self.room.publish(message)
        return PublishResult.QUEUED

    def stop(self) -> None:
        self.stopped = True


class Room:
    """A broker that loses nothing."""

    def __init__(self) -> None:
        self.links: list[RoomLink] = []
        self.retained: dict[str, bytes] = {}

    def publish(self, message: Publish) -> None:
        if message.retain:
            self.retained[message.topic] = message.payload
        for link in self.links:
            if link.started and not link.stopped:
                link.hear(message)


@dataclass
class Played:
    """A trainer that does what the test says."""

    alive: bool = True
    ending: str = ""
    stopped: bool = False
    tasks: list[AnyTask | None] = field(default_factory=list)
    out: list[Message] = field(default_factory=list)

    def assign(self, task: AnyTask | None) -> None:
        self.tasks.append(task)

    def poll(self) -> list[Message]:
        sent, self.out = self.out, []
        return sent

    def stop(self) -> None:
        self.alive = False
        self.stopped = True

    @property
    def task(self) -> AnyTask | None:
        """What it works on."""
        return self.tasks[-1] if self.tasks else None


class Rig:
    """A node that can be looked into."""

    def __init__(
        self,
        world: "World",
        name: str,
        root: Path,
        *,
        mines: bool,
        full_nodes: FullNodes | None = None,
        credulous: bool = False,
        limits: Limits = NO_LIMITS,
    ) -> None:
        self.world = world
        self.miner = toy.miner(name)
        self.trainers: list[Played] = []
        genesis = world.network.genesis
        self.directory = DataDirectory(root)
        self.directory.open()
        self.datasets = DatasetStore(self.directory.datasets)
        self.database = Database(self.directory.chain, genesis.network_id())
        self.limits = limits
        self.block_time = BlockTime(limits, world.clock)
        self.engine = CountingEngine(self.datasets, self.block_time)
        evaluates = credulous or full_nodes is not None
        fetched = FetchedModels() if evaluates else None
        self.importer = Importer(self.database, genesis, self.engine, fetched)
        self.held = held_blocks(full_nodes)
        lottery = self.importer.has_lottery
        waits = self.importer.replays_bursts
        self.replays = ReplayQueue(MatureMiners(self.importer)) if waits else None
        self.mempool = Mempool(self.importer.rules, ED25519.verify)
        signer = KeySigner(ED25519, self.directory.seed())
        self.gossip = Gossip(
            identity=Identity(
                network_id=genesis.network_id(),
                key=signer.public_key,
                sign=signer.sign,
                verify=ED25519.verify,
                session=self.directory.next_session(),
            ),
            port=(ChainView if full_nodes is None else SilentView)(
                self.importer, self.datasets, self.held, self.replays
            ),
            random=SeededRandom(name),
            profile=Profile(
                software=name,
                genesis=genesis.encode(),
                sources=None if full_nodes is None else full_nodes.nodes,
            ),
            pool=PoolView(self.mempool),
            stamp_bits=STAMP_BITS if lottery else 0,
        )
        self.link = RoomLink(world.room, self.gossip.subscriptions)
        world.room.links.append(self.link)
        self.node = Node(
            NodeParts(
                directory=self.directory,
                importer=self.importer,
                mempool=self.mempool,
                engine=self.engine,
                datasets=self.datasets,
                gossip=self.gossip,
                link=cast(MqttLink, self.link),
                signer=signer,
                clock=world.clock,
                miner=self._miner(self.engine) if mines else None,
                held=self.held,
                replays=self.replays,
                block_time=self.block_time,
                full_nodes=full_nodes,
            )
        )
        self.node.start()

    @property
    def trainer(self) -> Played:
        """The trainer that was started last."""
        return self.trainers[-1]

    @property
    def height(self) -> int:
        return self.importer.head.height

    @property
    def mines_on(self) -> BlockHash | None:
        """The block that its trainer works on top of; None if it does not work."""
        task = self.trainer.task
        return None if task is None else task.head

    def close(self) -> None:
        self.world.rigs.remove(self)
        self.database.close()
        self.directory.close()

    def _miner(self, engine: NodeEngine) -> Miner:
        def start() -> Played:
            self.trainers.append(Played())
            return self.trainer

        def found(manifest: Manifest) -> Architecture:
            return SMALL

        contents = partial(block_contents, self.mempool, self.datasets, MAX_TRANSACTIONS)
        identity = MinerIdentity(
            rules=self.importer.rules,
            public_key=self.miner.key,
            new_family=found,
            check=partial(check_task, self.datasets, 1, self.limits),
        )
        return miner_for(
            self.importer, engine, identity, start, contents=contents, clock=self.world.clock
        )


class World:
    """Nodes of one network in one room."""

    def __init__(
        self,
        folder: Path,
        parameters: Parameters = EASY,
        members: Sequence[toy.Miner] = (),
        proof: str = EVOLUTION,
    ) -> None:
        self.folder = folder
        self.data = toy_dataset("easy", (40, 20, 20))
        self.network = toy.toy_network(
            [self.data],
            parameters=parameters,
            proof=proof,
            members=members,
            rich=[toy.miner("ann"), toy.miner("bob")],
        )
        self.room = Room()
        self.clock = VirtualClock()
        self.rigs: list[Rig] = []

    def add(
        self,
        name: str,
        *,
        mines: bool = False,
        has_data: bool = True,
        folder: str = "",
        full_nodes: FullNodes | None = None,
        credulous: bool = False,
        limits: Limits = NO_LIMITS,
    ) -> Rig:
        """Start a node, again if its directory is there.

        With `full_nodes` it follows these; one that is `credulous` stores what evaluation alone
        shows, as a full node must not.
        """
        root = self.folder / (folder or name)
        if not root.exists():
            DataDirectory(root).initialise(self.network.genesis, toy.miner(name).seed)
            if has_data:
                DatasetStore(DataDirectory(root).datasets).add(stored(self.data))
        rig = Rig(
            self,
            name,
            root,
            mines=mines,
            full_nodes=full_nodes,
            credulous=credulous,
            limits=limits,
        )
        self.rigs.append(rig)
        return rig

    def run(self, duration_ms: int = SETTLED_MS) -> None:
        """Let all nodes live for a while."""
        for _ in range(duration_ms // STEP_MS):
            self.clock.ms += STEP_MS
            for rig in list(self.rigs):
                rig.node.turn()

    def run_until(self, done: Callable[[], bool], limit_ms: int = 60_000) -> None:
        """Let all nodes live until something is so."""
        end_ms = self.clock.ms + limit_ms
        while not done():
            assert self.clock.ms < end_ms, f"not within {limit_ms} ms"
            self.run(STEP_MS)


@contextmanager
def world(
    folder: Path,
    parameters: Parameters = EASY,
    members: Sequence[toy.Miner] = (),
    proof: str = EVOLUTION,
) -> Iterator[World]:
    """Give a world, and close what is open in it at the end."""
    made = World(folder, parameters, members, proof)
    try:
        yield made
    finally:
        for rig in list(made.rigs):
            rig.close()


def found(rig: Rig) -> Offer:
    """Do what the trainer would: find what makes a block of the task."""
    offer = find(rig)
    assert isinstance(offer, Offer)
    return offer


def won(rig: Rig) -> Win:
    """Do what the trainer would in a lottery: find a ticket that wins."""
    win = find(rig)
    assert isinstance(win, Win)
    return win


def find(rig: Rig) -> Found:
    """Do what the trainer would, whatever the rule."""
    task = rig.trainer.task
    assert task is not None
    judge = KernelJudge(Splits(rig.world.data), 40)
    search = search_for(task, None, judge)
    assert search is not None
    for _ in range(MAX_TRIES):
        offer = search.step()
        if offer is not None:
            return offer
    raise AssertionError("nothing found")


def mine(rig: Rig) -> None:
    """Let a node make one block."""
    height = rig.height
    rig.world.run_until(lambda: rig.mines_on == rig.importer.head.head)
    rig.trainer.out.append(find(rig))
    rig.world.run_until(lambda: rig.height > height)


def sent(block: Block | Grown, *, body: bytes | None = None) -> BlockReceived:
    """Return a block as gossip delivers it."""
    made = block.mined.block if isinstance(block, Grown) else block
    return BlockReceived(
        block_hash=made.header.block_hash(),
        header=made.header.encode(),
        body=made.body.encode() if body is None else body,
        transport=b"",
        sender=SENDER,
    )
