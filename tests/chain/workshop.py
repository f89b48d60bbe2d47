# SPDX-License-Identifier: Apache-2.0
"""What the tests of this folder share: cheap blocks, trees of them, and importers on a file.

A `Tree` mines on any of its blocks, by the toy network's miners but with one training step, and
keeps in memory the state that the law itself gives for each: the oracle of what a store must say.
"""

import functools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from edge_node.chain.database import Database
from edge_node.chain.importer import Imported, Importer
from edge_node.primitives.hashing import Prf
from edge_node.primitives.types import BlockHash, DatasetId, ModelHash, Signature, TimestampMs
from edge_node.spec import training
from edge_node.spec.architecture import Architecture, dense
from edge_node.spec.block import Block
from edge_node.spec.burst import BurstResult, BurstRules, BurstStart
from edge_node.spec.constants import MAX_RUNG
from edge_node.spec.dataset import SplitName
from edge_node.spec.engine import Engine
from edge_node.spec.fork_choice import Checkpoint
from edge_node.spec.guiding import Batch, Walk
from edge_node.spec.model import Model
from edge_node.spec.proof.evolution import train_founder
from edge_node.spec.proof.evolution_proof import PopulationProof
from edge_node.spec.recipe import EvolutionRates, RecipeContext, Step
from edge_node.spec.signature import SIGNATURE_BYTES
from edge_node.spec.state import State
from edge_node.spec.training import LatentState
from edge_node.spec.transaction import Transaction
from tests.spec import toy_chain as toy
from tests.spec.toy_chain import Mined, Miner, Models, Network, Tip, ToyDataset, Work

BACKEND = "reference"
LATER = TimestampMs(toy.GENESIS_TIME + 10**9)
"""A local clock that finds no block of these tests early."""

ANN, BOB, CAT, DAN = map(toy.miner, ("ann", "bob", "cat", "dan"))
MEMBERS = (ANN, BOB, CAT)
"""Whose quorum signs checkpoints: all three, two thirds is not more than two thirds."""

EASY = replace(
    toy.PARAMETERS,
    min_population=64,
    min_family_acc_ppm=0,
    min_population_diff_ppm=0,
    founder_batch=2,
    min_evaluation_images=20,
    target_ms=0,
)
"""Any trained model will do, and there is room for 64 of them."""
SMALL = replace(toy.ARCHITECTURE, layers=(dense(toy.CLASSES),))
"""192 weights in one layer."""


T = TypeVar("T")


class Dice:
    """Chance that replays: the same throws for the same name."""

    def __init__(self, name: str) -> None:
        self._stream = Prf("test-dice", name.encode())

    def below(self, limit: int) -> int:
        """Return a number in 0..limit-1."""
        return self._stream.below(limit)

    def pick(self, items: Sequence[T]) -> T:
        """Return one of the items."""
        return items[self.below(len(items))]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """Return the items in another order."""
        return [items[place] for place in self._stream.distinct(len(items), len(items))]


class RememberingEngine:
    """An engine that computes nothing twice: trees are imported many times."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._verified: dict[tuple[bytes, bytes, bytes], bool] = {}
        self._trained: dict[object, LatentState] = {}
        self._bursts: dict[object, BurstResult] = {}
        self._walks: dict[object, Walk] = {}
        self._counted: dict[tuple[ModelHash, DatasetId, SplitName], int] = {}

    def verify(self, key: bytes, message: bytes, signature_bytes: bytes) -> bool:
        asked = (key, message, signature_bytes)
        if asked not in self._verified:
            self._verified[asked] = self._engine.verify(*asked)
        return self._verified[asked]

    def train(
        self,
        architecture: Architecture,
        state: LatentState,
        dataset: DatasetId,
        indices: Sequence[int],
        batch: int,
        schedule: Sequence[tuple[int, int]],
    ) -> LatentState:
        asked = (architecture, state.root(), dataset, tuple(indices), batch, tuple(schedule))
        if asked not in self._trained:
            self._trained[asked] = self._engine.train(
                architecture, state, dataset, indices, batch, schedule
            )
        return self._trained[asked]

    def apply_recipe(
        self,
        base: Model,
        partners: Sequence[Model],
        steps: Sequence[Step],
        rates: EvolutionRates,
        context: RecipeContext,
    ) -> Model:
        return self._engine.apply_recipe(base, partners, steps, rates, context)

    def burst(
        self, seed: bytes, rules: BurstRules, start: BurstStart, dataset: DatasetId
    ) -> BurstResult:
        asked = (seed, rules, start, dataset)
        if asked not in self._bursts:
            self._bursts[asked] = self._engine.burst(seed, rules, start, dataset)
        return self._bursts[asked]

    def walk(
        self,
        architecture: Architecture,
        latents: bytes,
        dataset: DatasetId,
        batches: Sequence[Batch],
        shift: int,
    ) -> Walk:
        asked = (architecture, latents, dataset, tuple(batches), shift)
        if asked not in self._walks:
            self._walks[asked] = self._engine.walk(architecture, latents, dataset, batches, shift)
        return self._walks[asked]

    def count_correct(
        self, model: Model, dataset: DatasetId, split: SplitName = SplitName.EVALUATION
    ) -> int:
        asked = (model.model_hash(), dataset, split)
        if asked not in self._counted:
            self._counted[asked] = self._engine.count_correct(model, dataset, split)
        return self._counted[asked]


def remembering(network: Network) -> Network:
    """Return a network whose engine computes nothing twice."""
    return replace(network, engine=RememberingEngine(network.engine))


def easy_dataset() -> ToyDataset:
    """Return few images: counting correct ones costs nothing."""
    return toy.toy_dataset("easy", (40, 20, 20))


@functools.cache
def easy_network(rich: tuple[Miner, ...] = MEMBERS) -> Network:
    """Return a network on which every block is cheap."""
    return remembering(
        toy.toy_network([easy_dataset()], parameters=EASY, members=MEMBERS, rich=rich)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Grown:
    """A block of a tree, with the state after it."""

    mined: Mined
    """The block."""
    state: State
    """By the law."""
    parent: BlockHash
    """The block before it, or the network id."""

    @property
    def block_hash(self) -> BlockHash:
        """The block's name."""
        return self.mined.block_hash


class Tree:
    """Blocks of one network on any of each other, with the state after each."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.start = network.start()
        self.grown: dict[BlockHash, Grown] = {}
        self._models = Models()

    def state(self, block_hash: BlockHash) -> State:
        """Return the state after a block, or before the first."""
        return self.start if block_hash == self.start.head else self.grown[block_hash].state

    def tip(self, parent: BlockHash | None = None) -> Tip:
        """Return where a block on `parent` is mined, by default on the genesis."""
        state = self.state(parent or self.start.head)
        return Tip(network=self.network, state=state, models=self._models, latents=self._models)

    def add(self, parent: BlockHash, mined: Mined) -> Grown:
        """Put in a block that the law accepts on `parent`."""
        verdict = self.tip(parent).validate(mined.block)
        self._models.keep(verdict)
        grown = Grown(mined=mined, state=verdict.state, parent=parent)
        self.grown[grown.block_hash] = grown
        return grown

    def grow(
        self,
        parent: BlockHash | None = None,
        who: Miner = ANN,
        *,
        rung: int = 0,
        transactions: tuple[Transaction, ...] = (),
        nonce: int = 0,
    ) -> Grown:
        """Mine a block on `parent`: a model, or on the last rung a fallback."""
        tip = self.tip(parent)
        after_ms = max(tip.parameters.min_interval_ms, rung * tip.parameters.rung_ms)
        work = Work(
            tip=tip, miner=who, after_ms=after_ms, transactions=transactions, first_nonce=nonce
        )
        return self.add(tip.state.head, quick(work) if rung < MAX_RUNG else toy.fallback(work))

    def branch(
        self, parent: BlockHash | None, count: int, who: Miner = ANN, *, rung: int = 0
    ) -> list[Grown]:
        """Mine `count` blocks, each on the one before."""
        branch: list[Grown] = []
        for _ in range(count):
            branch.append(self.grow(parent, who, rung=rung))
            parent = branch[-1].block_hash
        return branch


def quick(work: Work) -> Mined:
    """Mine a founder, or a model of one training step for the population."""
    tip = work.tip
    if not tip.state.families:
        return toy.founder(work, SMALL)
    (family,) = tip.state.families.values()
    for nonce in work.nonces():
        latents = train_founder(
            tip.state.head, work.miner.key, nonce, 1, family=family, context=tip.context()
        )
        model = training.model_from_state(family.architecture, latents)
        if model.model_hash() not in tip.state.models.hashes:
            proof = PopulationProof(steps=1)
            return toy.assembled(
                work, family, proof, model, latent_root=latents.root(), nonce=nonce
            )
    raise toy.NothingFound


def take(importer: Importer, mined: Mined | Block, now_ms: TimestampMs = LATER) -> Imported:
    """Import a block as the bytes that a peer sends."""
    block = mined.block if isinstance(mined, Mined) else mined
    return importer.import_block(block.header.encode(), block.body.encode(), now_ms, BACKEND)


def checkpoint(grown: Grown, member: Miner, network: Network) -> Checkpoint:
    unsigned = Checkpoint(
        height=grown.state.height,
        block=grown.block_hash,
        member=member.key,
        signature=Signature(bytes(SIGNATURE_BYTES)),
    )
    return replace(unsigned, signature=member.sign(unsigned.signing_hash(network.rules.network)))


def agree(importer: Importer, grown: Grown, network: Network) -> list[object]:
    """Have all members sign a block; return what each signature moved."""
    return [importer.add_checkpoint(checkpoint(grown, who, network)) for who in MEMBERS]


@contextmanager
def opened(path: Path, network: Network) -> Iterator[Importer]:
    """Open a chain's file, made if it is not there, and close it."""
    database = Database(path, network.rules.network)
    try:
        yield Importer(database, network.genesis, network.engine)
    finally:
        database.close()


def contents(database: Database) -> Mapping[str, list[tuple[object, ...]]]:
    """Return every row of every table."""
    tables = [row[0] for row in database.rows("SELECT name FROM sqlite_master WHERE type='table'")]
    return {table: sorted(database.rows(f"SELECT * FROM {table}")) for table in tables}


def supply(state: State) -> int:
    """Return all coins that somebody holds, waits for or offers."""
    held = sum(account.balance for account in state.accounts.rows)
    waiting = sum(reward.amount for reward in state.immature)
    offered = sum(entry.bounty.coins for entry in state.datasets.values() if entry.bounty)
    return held + waiting + offered
