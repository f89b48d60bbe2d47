# SPDX-License-Identifier: Apache-2.0
"""A chain of lottery blocks on a real store, mined in this process by the node's own miner.

The trainer that a node runs as a process of its own is called here step by step, so that several
miners of one chain share a machine as the caller wants.
Law of the file: blocks are mined, signed, judged and stored by the functions that a node uses.
Read next: verification.py, block_bytes.py, real_lottery.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from edge_node.bench.paper.errors import MeasurementFailed
from edge_node.chain.block_builder import build_block
from edge_node.chain.database import Database
from edge_node.chain.importer import Importer
from edge_node.datasets.store import DatasetStore
from edge_node.inference.select import select_backend
from edge_node.kernels.libsodium import load_ed25519
from edge_node.node.architecture_text import family_for
from edge_node.node.engine import NodeEngine, StoredSplits
from edge_node.node.mining.goal import ChainAccess
from edge_node.node.mining.lottery import LotteryMiner
from edge_node.node.mining.miner import MinerIdentity
from edge_node.node.networks import new_genesis
from edge_node.node.signer import KeySigner
from edge_node.primitives.clock import Clock
from edge_node.primitives.types import DatasetId, TimestampMs
from edge_node.spec.block import Block
from edge_node.spec.genesis import RECIPE, Genesis, Parameters
from edge_node.spec.state import State
from edge_node.trainer.judges import KernelJudge
from edge_node.trainer.lottery import Lottery, LotteryTask
from edge_node.trainer.search import AnyTask, Message

MAX_STEPS = 100_000
"""Steps of the search for one block."""
SELECTION_IMAGES = 1_000
BIRTHDAY_MS = TimestampMs(1_700_000_000_000)
"""Of networks whose time is made up."""


class FollowingClock:
    """A clock at which every block comes when its target says."""

    def __init__(self, target_ms: int) -> None:
        self._target_ms = target_ms
        self._now_ms = BIRTHDAY_MS

    def follow(self, head: State) -> None:
        """Let it be the moment for the next block."""
        self._now_ms = TimestampMs(head.timestamp + self._target_ms)

    def now_ms(self) -> TimestampMs:
        """See Clock."""
        return self._now_ms

    def monotonic_ms(self) -> int:
        """See Clock."""
        return self._now_ms


class _Trainer:
    """The trainer's port, without a process: a poll is a step."""

    alive = True
    ending = ""

    def __init__(self, judge: KernelJudge) -> None:
        self._judge = judge
        self._task: LotteryTask | None = None
        self._lottery: Lottery | None = None
        self.won = False

    def assign(self, task: AnyTask | None) -> None:
        """See Trainer."""
        assert task is None or isinstance(task, LotteryTask)
        self._lottery = None if task is None else Lottery(task, self._judge)
        self.won = False

    def poll(self) -> list[Message]:
        """See Trainer."""
        if self._lottery is None:
            return []
        win = self._lottery.step()
        self.won |= win is not None
        return [] if win is None else [win]

    def stop(self) -> None:
        """See Trainer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a chain is."""

    path: Path
    """Of its database."""
    genesis: Genesis
    """Its network's."""
    datasets: DatasetStore
    """Hold what it learns."""


class LotteryChain:
    """One store, and the miners that go on with it.

    Parameters
    ----------
    place : Place
    family : str
        What they found, as users name it.
    seeds : sequence of bytes
        Secret keys of the miners.
    clock : Clock
    engine : NodeEngine, optional
        Judges the blocks; one of its own if not given.
    """

    def __init__(
        self,
        place: Place,
        family: str,
        seeds: Sequence[bytes],
        clock: Clock,
        engine: NodeEngine | None = None,
    ) -> None:
        ed25519 = load_ed25519()
        place.path.parent.mkdir(parents=True, exist_ok=True)
        self._database = Database(place.path, place.genesis.network_id())
        self._backend = select_backend()
        self._engine = engine or NodeEngine(ed25519, [self._backend], place.datasets)
        self.importer = Importer(self._database, place.genesis, self._engine)
        self._clock = clock
        self._signers = [KeySigner(ed25519, seed) for seed in seeds]
        splits = StoredSplits(place.datasets)
        self._trainers = [_Trainer(KernelJudge(splits, SELECTION_IMAGES)) for _ in seeds]
        access = ChainAccess(
            engine=self._engine, models=self.importer.blocks, latents=self.importer.latents
        )
        self.miners = [
            LotteryMiner(
                MinerIdentity(
                    rules=self.importer.rules,
                    public_key=signer.public_key,
                    new_family=partial(family_for, family),
                ),
                partial(_itself, trainer),
                access,
                contents=lambda _: ((), ()),
                clock=clock,
            )
            for signer, trainer in zip(self._signers, self._trainers, strict=True)
        ]

    def follow(self) -> None:
        """Let every miner go on with the head."""
        for miner in self.miners:
            miner.follow(self.importer.head)

    def search(self, index: int) -> bool:
        """Let a miner try some bursts; return whether it has won. Each may have its own thread."""
        self.miners[index].collect()
        return self._trainers[index].won

    def found(self, index: int) -> Block | None:
        """Return a miner's signed block, if it has found one."""
        importer = self.importer
        now_ms = self._clock.now_ms()
        finding = self.miners[index].due(now_ms, transactions_wait=False)
        if finding is None:
            return None
        return build_block(
            importer.head,
            finding,
            transactions=(),
            have=(),
            timestamp=now_ms,
            rules=importer.rules,
            signer=self._signers[index],
        )

    def mine(self) -> Block:
        """Return the first miner's next block; it is not imported.

        Raises
        ------
        MeasurementFailed
            Nothing won.
        """
        self.follow()
        for _ in range(MAX_STEPS):
            block = self.found(0) if self.search(0) else None
            if block is not None:
                return block
        raise MeasurementFailed(f"nothing won in {MAX_STEPS} steps of the search")

    def take(self, block: Block) -> None:
        """Import a block.

        Raises
        ------
        InvalidInput
        """
        self.importer.import_block(
            block.header.encode(),
            block.body.encode(),
            TimestampMs(max(self._clock.now_ms(), block.header.timestamp)),
            self._backend.name,
        )

    def close(self) -> None:
        """Give everything back."""
        self._engine.close()
        self._database.close()


def grown_blocks(chain: LotteryChain, clock: FollowingClock, count: int) -> list[Block]:
    """Mine and import blocks, each at its time; return them."""
    blocks: list[Block] = []
    for _ in range(count):
        clock.follow(chain.importer.head)
        block = chain.mine()
        chain.take(block)
        blocks.append(block)
    return blocks


def lottery_genesis(
    datasets: DatasetStore,
    dataset: DatasetId,
    parameters: Parameters,
    now_ms: TimestampMs = BIRTHDAY_MS,
) -> Genesis:
    """Return the genesis of a network of rule `recipe`."""
    member = load_ed25519().public_key(bytes(32))
    manifest = datasets.table(dataset).manifest
    return new_genesis("bench", [manifest], [member], parameters, now_ms, RECIPE)


def _itself(trainer: _Trainer) -> _Trainer:
    return trainer
