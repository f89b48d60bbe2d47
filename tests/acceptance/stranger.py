# SPDX-License-Identifier: Apache-2.0
"""A stranger with a sound key and chain, who announces a block that nobody has trained.

Made out of the product's own parts on a data directory whose node has ended; the link is real. The
block is valid in all but its latent_root, which is ground until the ticket wins: hashes only.
"""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from edge_node.chain.database import Database
from edge_node.chain.importer import Importer
from edge_node.datasets.store import DatasetStore
from edge_node.gossip.inbox import LinkUp
from edge_node.gossip.join_line import parse_join_line
from edge_node.gossip.mqtt import LinkOptions, MqttLink
from edge_node.gossip.ports import Action, BlockParts, Incoming, Publish
from edge_node.gossip.protocol import Gossip, Identity, Profile
from edge_node.gossip.stamp import STAMP_BITS
from edge_node.inference.reference import ReferenceBackend
from edge_node.kernels.libsodium import load_ed25519
from edge_node.node.architecture_text import family_for
from edge_node.node.chain_view import ChainView
from edge_node.node.data_directory import DataDirectory
from edge_node.node.engine import NodeEngine, StoredSplits
from edge_node.node.mining.choice import miner_for
from edge_node.node.mining.miner import MinerIdentity
from edge_node.node.signer import KeySigner
from edge_node.node.system import SystemRandom
from edge_node.primitives.hashing import tagged_hash
from edge_node.primitives.types import TimestampMs
from edge_node.spec import burst
from edge_node.spec.block import Block
from edge_node.trainer.judges import KernelJudge
from edge_node.trainer.lottery import LotteryTask
from edge_node.trainer.search import AnyTask, Message, search_for
from tests.acceptance.running import ARCHITECTURE, PATIENCE_S, eventually

MAX_TRIES = 4_000
IMAGES = 100
STEP_MS = 20


@dataclass
class Patient:
    """A trainer that works when it is told to."""

    alive: bool = True
    ending: str = ""
    task: AnyTask | None = None
    out: list[Message] = field(default_factory=list)

    def assign(self, task: AnyTask | None) -> None:
        self.task = task

    def poll(self) -> list[Message]:
        sent, self.out = self.out, []
        return sent

    def stop(self) -> None:
        self.alive = False


@dataclass(frozen=True)
class Moment:
    """A clock that stands still."""

    at_ms: TimestampMs

    def now_ms(self) -> TimestampMs:
        return self.at_ms

    def monotonic_ms(self) -> int:
        return 0


class Stranger:
    """A node's directory in the hands of its owner."""

    def __init__(self, directory: DataDirectory, database: Database, line: str) -> None:
        genesis, self.ed25519 = directory.genesis(), load_ed25519()
        self.signer = KeySigner(self.ed25519, directory.seed())
        self.datasets = DatasetStore(directory.datasets)
        self.engine = NodeEngine(self.ed25519, (ReferenceBackend(),), self.datasets)
        self.importer = Importer(database, genesis, self.engine)
        self.gossip = Gossip(
            identity=Identity(
                network_id=genesis.network_id(),
                key=self.signer.public_key,
                sign=self.signer.sign,
                verify=self.ed25519.verify,
                session=directory.next_session(),
            ),
            port=ChainView(self.importer, self.datasets),
            random=SystemRandom(),
            profile=Profile(software="stranger", genesis=genesis.encode()),
            stamp_bits=STAMP_BITS,
        )
        join = parse_join_line(line)
        self.link = MqttLink(
            LinkOptions(
                brokers=join.brokers,
                client_id="stranger",
                user=join.user,
                password=join.password,
                subscriptions=self.gossip.subscriptions,
                will=self.gossip.will(),
            )
        )

    def forge(self) -> Block:
        """Return a block on the head whose latents nobody has trained."""
        head = self.importer.head
        clock, trainer = Moment(TimestampMs(head.timestamp + 1_000)), Patient()
        identity = MinerIdentity(
            rules=self.importer.rules,
            public_key=self.signer.public_key,
            new_family=lambda manifest: family_for(ARCHITECTURE, manifest),
        )
        miner = miner_for(
            self.importer,
            self.engine,
            identity,
            lambda: trainer,
            contents=lambda _: ((), ()),
            clock=clock,
        )
        miner.follow(head)
        task = trainer.task
        assert isinstance(task, LotteryTask)
        search = search_for(task, None, KernelJudge(StoredSplits(self.datasets), IMAGES))
        assert search is not None
        for _ in range(MAX_TRIES):
            won = search.step()
            if won is not None:
                trainer.out.append(won)
                break
        miner.collect()
        finding = miner.due(clock.now_ms(), transactions_wait=False)
        assert finding is not None, "no burst has won"
        assert finding.whole is not None
        honest = finding.whole
        seed = burst.seed_of(honest.header)
        number, root = 0, honest.header.latent_root
        while root == honest.header.latent_root or burst.ticket(seed, root) >= task.target:
            number += 1
            root = tagged_hash("nobody trained this", number.to_bytes(4, "big"))
        header = replace(honest.header, latent_root=root)
        signature = self.signer.sign(header.block_hash())
        return replace(honest, header=replace(header, signature=signature))

    def announce(self, block: Block) -> None:
        """Connect, and tell everybody of a block as its miner does."""
        self.link.start()
        eventually("the stranger's connection", self._connected)
        parts = BlockParts(header=block.header.encode(), body=block.body.encode(), transport=b"")
        self._do(self.gossip.announce_block(block.header.block_hash(), parts, _now_ms()))

    def live(self, duration_s: float) -> None:
        """Go on answering for a while."""
        end_s = time.monotonic() + min(duration_s, PATIENCE_S)
        while time.monotonic() < end_s:
            self._connected()

    def _connected(self) -> bool:
        up = False
        for event in self.link.poll(STEP_MS):
            if isinstance(event, Incoming):
                self._do(self.gossip.handle(event, _now_ms()))
            elif isinstance(event, LinkUp):
                up = True
                self._do(self.gossip.connected(_now_ms(), event.cell))
        self._do(self.gossip.tick(_now_ms()))
        return up

    def _do(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Publish):
                self.link.publish(action)


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000


@contextmanager
def stranger(data_dir: Path, line: str) -> Iterator[Stranger]:
    """Take over the directory of a node that has ended, and leave the broker at the end."""
    directory = DataDirectory(data_dir)
    directory.open()
    with (
        closing(directory),
        closing(Database(directory.chain, directory.genesis().network_id())) as database,
    ):
        made = Stranger(directory, database, line)
        try:
            yield made
        finally:
            made.link.stop()
            made.engine.close()
