# SPDX-License-Identifier: Apache-2.0
"""Whole nodes in one process on a virtual clock: real node, chain, gossip and trainer.

Only what would make a run differ from the next is simulated: the brokers, the clock, the trainer's
process (its search runs in the loop, a step now and then) and the moment at which a node dies.
"""

import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np

from edge_node.chain.importer import Imported, Importer
from edge_node.chain.mempool import Mempool
from edge_node.datasets.content import Dataset, Samples
from edge_node.datasets.store import DatasetStore
from edge_node.gossip.exchange import Identity
from edge_node.gossip.mqtt import MqttLink
from edge_node.gossip.protocol import Gossip, Profile
from edge_node.inference.reference import ReferenceBackend
from edge_node.kernels.libsodium import load_ed25519
from edge_node.node.chain_view import ChainView, PoolView
from edge_node.node.data_directory import DataDirectory
from edge_node.node.engine import NodeEngine, StoredSplits
from edge_node.node.held_blocks import HeldBlocks
from edge_node.node.mining import Miner, MinerIdentity
from edge_node.node.node import Node, NodeParts
from edge_node.node.signer import KeySigner
from edge_node.primitives.types import Amount, BlockHash, Signature, TimestampMs
from edge_node.spec.architecture import dense
from edge_node.spec.constants import MAX_RUNG
from edge_node.spec.genesis import Genesis
from edge_node.spec.signature import SIGNATURE_BYTES
from edge_node.spec.transaction import Transfer
from edge_node.trainer.judges import KernelJudge
from edge_node.trainer.search import Search, search_for
from edge_node.trainer.task import Offer, Progress, ShapeTask, Task
from tests.gossip.simulation import SeededRandom
from tests.simulation.broker import SITES, Brokers, SimLink, VirtualClock, VirtualTime
from tests.simulation.disk import Death, Killed, Moment, MortalDatabase, copy_directory
from tests.spec import toy_chain as toy
from tests.spec.toy_data import ToyDataset, toy_dataset

ED25519 = load_ed25519()
STEP_MS = 20
"""The world's pace; a node without mail turns at every third step."""
THINK_MS = 2_000
"""A trainer's step takes up to this."""
MAX_ERROR_CHARACTERS = 600
MAX_HEALING_TURNS = 12
GUEST = "guest"
"""A user without a node."""
MEMBERS = (*(f"node {letter}" for letter in "abcde"), GUEST)
"""Names whose keys are rich from the start."""

PARAMETERS = replace(
    toy.PARAMETERS,
    min_population=10,
    min_family_acc_ppm=0,
    min_population_diff_ppm=0,
    max_family_generations=40,
    max_founder_steps=4,
    founder_batch=2,
    min_evaluation_images=20,
)
"""Everything is easy, but for the time that must pass between two blocks."""
LADDER_MS = (MAX_RUNG + 1) * PARAMETERS.rung_ms
"""After this a transaction alone makes a block."""
ARCHITECTURE = replace(toy.ARCHITECTURE, layers=(dense(toy.CLASSES),))


def data_of(toy_data: ToyDataset) -> Dataset:
    """Return a dataset as the store takes it."""
    train, evaluation, reserve = (
        Samples(
            images=np.frombuffer(split.images, dtype=np.uint8).reshape(len(split.labels), -1),
            labels=np.frombuffer(split.labels, dtype=np.uint8),
        )
        for split in toy_data.splits
    )
    return Dataset(manifest=toy_data.manifest, splits=(train, evaluation, reserve))


DATA = toy_dataset("simulated", (40, 20, 20))
MINERS = {name: toy.miner(name) for name in MEMBERS}
NETWORK = toy.toy_network([DATA], parameters=PARAMETERS, rich=tuple(MINERS.values()))
GENESIS: Genesis = NETWORK.genesis


class SlowTrainer:
    """The trainer's search, a step of which takes its time of the virtual clock."""

    def __init__(self, datasets: DatasetStore, time: VirtualTime, random: SeededRandom) -> None:
        self.alive = True
        self._judge = KernelJudge(StoredSplits(datasets), 40)
        self._time = time
        self._random = random
        self._search: Search | None = None
        self._ready_ms = 0

    def assign(self, task: Task | ShapeTask | None) -> None:
        self._search = search_for(task, self._search, self._judge)
        self._ready_ms = self._time.ms + self._random.below(THINK_MS)

    def poll(self) -> list[Offer | Progress]:
        if self._search is None or self._time.ms < self._ready_ms:
            return []
        self._ready_ms = self._time.ms + self._random.below(THINK_MS)
        offer = self._search.step()
        return [self._search.progress if offer is None else offer]

    def stop(self) -> None:
        self.alive = False


class WatchedImporter(Importer):
    """An importer that remembers what it has acknowledged."""

    acknowledged: set[BlockHash]

    def import_block(
        self,
        header_bytes: bytes,
        body_bytes: bytes,
        now_ms: TimestampMs,
        backend: str,
        *,
        own: bool = False,
    ) -> Imported:
        """See Importer."""
        result = super().import_block(header_bytes, body_bytes, now_ms, backend, own=own)
        self.acknowledged.add(result.block_hash)
        if result.disconnected:
            self.reorgs += 1
        return result

    reorgs = 0


@dataclass(kw_only=True)
class SimNode:
    """A node, alive or dead, with its disk and its user."""

    name: str
    root: Path
    """Its data directory."""
    mines: bool
    skew_ms: int
    site: int = SITES[0]
    node: Node | None = None
    """None while it is dead."""
    link: SimLink | None = None
    database: MortalDatabase | None = None
    acknowledged: set[BlockHash]
    """Blocks that it once said were stored."""
    next_nonce: int = 0
    """Of its user's next transaction."""
    promised: list[Transfer]
    """What its user was told will be confirmed."""
    crashed: bool = False
    """It died with transactions in memory; its user is told nothing more."""
    reorgs: int = 0
    deaths: int = 0

    @property
    def alive(self) -> bool:
        return self.node is not None

    @property
    def running(self) -> Node:
        assert self.node is not None, f"{self.name} is dead"
        return self.node

    @property
    def importer(self) -> Importer:
        return self.running.parts.importer

    @property
    def reorgs_seen(self) -> int:
        """How often blocks left its main chain, over all its lives."""
        return self.reorgs + (cast(WatchedImporter, self.importer).reorgs if self.alive else 0)


class World:
    """Nodes, brokers and time, all from one seed.

    Parameters
    ----------
    seed : str
    folder : Path
        For the nodes' directories.
    """

    def __init__(self, seed: str, folder: Path) -> None:
        self.seed = seed
        self.time = VirtualTime()
        self.brokers = Brokers(self.time, SeededRandom(f"brokers {seed}"))
        self.nodes: dict[str, SimNode] = {}
        self.story: list[str] = []
        self._folder = folder
        self._steps = 0

    def random(self, name: str) -> SeededRandom:
        return SeededRandom(f"{name} {self.seed}")

    def tell(self, text: str) -> None:
        self.story.append(f"{self.time.ms:>8} ms  {text}")

    @property
    def alive(self) -> list[SimNode]:
        return [each for each in self.nodes.values() if each.alive]

    # Life and death

    def add(
        self, *, mines: bool = True, has_data: bool = True, skew_ms: int = 0, site: int = SITES[0]
    ) -> SimNode:
        """Make a node's directory and start it."""
        name = MEMBERS[len(self.nodes)]
        root = self._folder / name.replace(" ", "-")
        DataDirectory(root).initialise(GENESIS, MINERS[name].seed)
        if has_data:
            DatasetStore(DataDirectory(root).datasets).add(data_of(DATA))
        node = SimNode(
            name=name,
            root=root,
            mines=mines,
            skew_ms=skew_ms,
            site=site,
            acknowledged=set(),
            promised=[],
        )
        self.nodes[name] = node
        self.boot(node)
        return node

    def boot(self, node: SimNode) -> None:
        """Start a node from what is on its disk."""
        self.tell(f"{node.name} starts on site {node.site}")
        directory = DataDirectory(node.root)
        directory.open()
        database = MortalDatabase(directory.chain, GENESIS.network_id())
        database.root = node.root
        datasets = DatasetStore(directory.datasets)
        engine = NodeEngine(ED25519, (ReferenceBackend(), ReferenceBackend()), datasets)
        importer = WatchedImporter(database, GENESIS, engine)
        importer.acknowledged = node.acknowledged
        signer = KeySigner(ED25519, directory.seed())
        session = directory.next_session()
        mempool, held = Mempool(importer.rules, ED25519.verify), HeldBlocks()
        chance = self.random(f"{node.name} {session}")
        gossip = Gossip(
            identity=Identity(
                network_id=GENESIS.network_id(),
                key=signer.public_key,
                sign=signer.sign,
                verify=ED25519.verify,
                session=session,
            ),
            port=ChainView(importer, datasets, held),
            random=chance,
            profile=Profile(software=node.name, genesis=GENESIS.encode()),
            pool=PoolView(mempool),
        )
        link = SimLink(self.brokers, node.name, gossip.subscriptions)
        link.site = node.site
        identity = MinerIdentity(
            network=GENESIS.network_id(),
            parameters=PARAMETERS,
            public_key=signer.public_key,
            new_family=lambda _: ARCHITECTURE,
        )
        node.node = Node(
            NodeParts(
                directory=directory,
                importer=importer,
                mempool=mempool,
                held=held,
                engine=engine,
                datasets=datasets,
                gossip=gossip,
                link=cast(MqttLink, link),
                signer=signer,
                clock=VirtualClock(self.time, node.skew_ms),
                miner=Miner(
                    identity,
                    lambda: SlowTrainer(datasets, self.time, chance),
                    importer.blocks,
                )
                if node.mines
                else None,
            )
        )
        node.link, node.database = link, database
        node.node.start()

    def doom(self, node: SimNode, moment: Moment, after: int = 0) -> None:
        """Plan a node's death; an idle one dies now."""
        assert node.database is not None
        death = Death(
            moment=moment,
            image=node.root.with_name(f"{node.root.name}.image"),
            random=self.random(f"death {self.time.ms}"),
            after=after,
        )
        if moment is Moment.IDLE:
            copy_directory(node.root, death.image)
            self._bury(node, death)
        else:
            node.database.death = death

    def stop(self, node: SimNode) -> None:
        """End a node in good order."""
        self.tell(f"{node.name} stops, height {node.importer.head.height}")
        node.crashed = node.crashed or bool(node.promised)
        node.running.finish()
        self._close(node)

    def _bury(self, node: SimNode, death: Death) -> None:
        self.tell(f"{node.name} dies {death.moment.value}, height {node.importer.head.height}")
        assert node.link is not None
        node.link.die()
        node.deaths += 1
        node.crashed = node.crashed or bool(node.promised)
        self._close(node)
        shutil.rmtree(node.root)
        death.image.rename(node.root)

    def _close(self, node: SimNode) -> None:
        assert node.database is not None
        node.reorgs = node.reorgs_seen
        node.database.close()
        node.running.parts.directory.close()
        node.node = node.link = node.database = None

    # Time

    def run(self, duration_ms: int) -> None:
        """Let time pass."""
        end_ms = self.time.ms + duration_ms
        while self.time.ms < end_ms:
            self.time.ms += STEP_MS
            self._steps += 1
            self.brokers.deliver()
            for place, node in enumerate(list(self.nodes.values())):
                has_mail = node.link is not None and node.link.has_mail
                if node.alive and (has_mail or (self._steps + place) % 3 == 0):
                    self._live(node, node.running.turn)

    def run_until(self, done: Callable[[], bool], limit_ms: int, what: str) -> None:
        """Let time pass until something is so."""
        end_ms = self.time.ms + limit_ms
        while not done():
            assert self.time.ms < end_ms, f"after {limit_ms} ms there is still not: {what}"
            self.run(200)

    def _live(self, node: SimNode, act: Callable[[], None]) -> None:
        try:
            act()
        except Killed:
            assert node.database is not None
            assert node.database.death is not None
            self._bury(node, node.database.death)

    # Users

    def pay(self, node: SimNode) -> None:
        """Have a node's user send a coin, and be promised that it will arrive."""
        transfer = self._transfer(node.name, node.next_nonce)
        self._live(node, lambda: node.running.submit(transfer))
        if node.alive:
            node.next_nonce += 1
            node.promised.append(transfer)

    def pay_once(self, node: SimNode) -> None:
        """Have somebody without a node send a coin through this one."""
        parts = node.running.parts
        nonce = parts.mempool.next_nonce(parts.importer.head, MINERS[GUEST].key)
        node.running.submit(self._transfer(GUEST, nonce))

    def _transfer(self, payer: str, nonce: int) -> Transfer:
        unsigned = Transfer(
            sender=MINERS[payer].key,
            nonce=nonce,
            recipient=MINERS[MEMBERS[nonce % len(MEMBERS)]].address,
            amount=Amount(1),
            fee=Amount(1 + nonce % 3),
            signature=Signature(bytes(SIGNATURE_BYTES)),
        )
        message = unsigned.signing_hash(GENESIS.network_id())
        return replace(unsigned, signature=ED25519.sign(MINERS[payer].seed, message))

    # Healing

    def heal(self) -> None:
        """End all faults, and let one miner break every tie."""
        self.tell("healing")
        self.brokers.faults.drop_ppm = self.brokers.faults.duplicate_ppm = 0
        self.brokers.faults.delay_ms = 20
        self.brokers.bridged = True
        for node in self.nodes.values():
            if node.alive:
                assert node.database is not None
                node.database.death = None
                assert node.link is not None
                if not node.link.is_connected:
                    node.link.connect(node.site)
            else:
                self.boot(node)
        # Sites that were silent for each other meet at the next refresh.
        self.run(35_000)
        # Equal work is no order: who is alone in mining breaks the tie, and where nothing is left
        # to be learned only a transaction makes a block.
        miners = [node for node in self.nodes.values() if node.mines]
        turn = 0
        while not (self.agreed() and self.confirmed()):
            assert turn < MAX_HEALING_TURNS, f"agreed {self.agreed()}, paid {self.confirmed()}"
            alone = miners[turn % len(miners)]
            for node in miners:
                node.running.set_mining(allowed=node is alone)
            self.pay_once(alone)
            self.run(LADDER_MS)
            alone.running.set_mining(allowed=False)
            self.run(15_000)
            turn += 1
        heads = {node.importer.head.height for node in self.nodes.values()}
        self.tell(f"healed at height {heads}")

    def agreed(self) -> bool:
        """Say whether all nodes have one head."""
        return len({node.importer.head.head for node in self.nodes.values()}) == 1

    def confirmed(self) -> bool:
        """Say whether every node's chain has every promised transaction, in its nonces."""
        heads = [node.importer.head for node in self.nodes.values()]
        return all(
            head.accounts.get(MINERS[node.name].address).nonce >= node.next_nonce
            for node in self.nodes.values()
            if node.promised and not node.crashed
            for head in heads
        )

    def digest(self) -> str:
        """Return a hash of all that was ever published, and when."""
        digest = hashlib.sha256()
        for time_ms, message in self.brokers.log:
            digest.update(f"{time_ms} {message.topic} {message.retain}".encode())
            digest.update(message.payload)
        return digest.hexdigest()

    def end(self) -> None:
        """Give everything back."""
        for node in self.alive:
            node.running.parts.engine.close()
            self._close(node)


@contextmanager
def simulated(seed: str, folder: Path) -> Iterator[World]:
    """Run a world; whatever fails in it names the seed and tells the story."""
    world = World(seed, folder)
    try:
        yield world
    except Exception as error:
        what = f"{type(error).__name__}: {str(error)[:MAX_ERROR_CHARACTERS]}"
        story = "\n".join(world.story)
        raise AssertionError(f"seed {seed!r}: {what}\n{story}") from error
    finally:
        world.end()
