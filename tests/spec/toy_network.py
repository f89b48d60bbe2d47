# SPDX-License-Identifier: Apache-2.0
"""A small network for tests: its rules, its people with their keys, and an engine that knows all.

People sign by libsodium, and the engine remembers what the law has computed: a miner's work is not
done again by who judges it.
Law of the file: everything follows from names.
"""

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from edge_node.kernels.libsodium import load_ed25519
from edge_node.primitives.types import (
    Address,
    Amount,
    DatasetId,
    PublicKey,
    Signature,
    TimestampMs,
)
from edge_node.spec import burst, evaluation, guiding, training
from edge_node.spec.architecture import Architecture
from edge_node.spec.burst import BurstResult, BurstRules, BurstStart
from edge_node.spec.dataset import SplitName
from edge_node.spec.engine import Engine, LabelledImages, ReferenceEngine
from edge_node.spec.genesis import EVOLUTION, Genesis, Parameters
from edge_node.spec.guiding import Batch, Walk
from edge_node.spec.model import Model
from edge_node.spec.state import State
from edge_node.spec.training import LatentState
from edge_node.spec.transaction import address_of
from edge_node.spec.validation import Rules, first_state, rules_of
from tests.spec.toy_data import ToyDataset

GENESIS_TIME = TimestampMs(1_700_000_000_000)
ALLOCATION = Amount(1_000_000)
"""Coins of who is rich from the start."""
ED25519 = load_ed25519()
REMEMBERED = 256
"""Results of each kind; a few thousand numbers each."""

PARAMETERS = Parameters(
    min_population=2,
    min_family_acc_ppm=400_000,
    min_population_acc_ppm=10_000,
    min_population_diff_ppm=10_000,
    max_family_generations=6,
    max_founder_steps=16,
    founder_batch=8,
    step_schedule=((32, 8), (1, 7)),
    max_recipe_steps=200,
    min_interval_ms=2_000,
    rung_ms=4_000,
    max_future_ms=1_000,
    target_ms=3_000,
    min_evaluation_images=50,
    min_bounty=1_000,
    have_window_blocks=4,
    reveal_blocks=6,
    commit_delay_blocks=2,
)
"""The rules of the toy network; `replace` them for another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Miner:
    """A key pair."""

    seed: bytes
    """The secret, 32 bytes."""
    key: PublicKey
    """Its public key."""

    @property
    def address(self) -> Address:
        """Where its coins go."""
        return address_of(self.key)

    def sign(self, message: bytes) -> Signature:
        """Return its signature."""
        return ED25519.sign(self.seed, message)


def miner(name: str) -> Miner:
    """Return the key pair of a name."""
    seed = hashlib.sha256(name.encode()).digest()
    return Miner(seed=seed, key=ED25519.public_key(seed))


_train = functools.lru_cache(REMEMBERED)(training.train)
_run_burst = functools.lru_cache(REMEMBERED)(burst.run_burst)
_run_walk = functools.lru_cache(REMEMBERED)(guiding.run_walk)


@functools.lru_cache(REMEMBERED)
def _count_correct(model: Model, samples: LabelledImages) -> int:
    images = evaluation.slice_images(model.architecture, samples.images)
    return evaluation.count_correct(model, images, samples.labels)


class RememberingEngine(ReferenceEngine):
    """The law, run once for the same arguments."""

    def train(
        self,
        architecture: Architecture,
        state: LatentState,
        dataset: DatasetId,
        indices: Sequence[int],
        batch: int,
        schedule: Sequence[tuple[int, int]],
    ) -> LatentState:
        """See Engine."""
        samples = self._samples(dataset, SplitName.TRAIN)
        given = (tuple(indices), batch, tuple(schedule))
        return _train(architecture, state, samples.images, samples.labels, *given)

    def burst(
        self, seed: bytes, rules: BurstRules, start: BurstStart, dataset: DatasetId
    ) -> BurstResult:
        """See Engine."""
        samples = self._samples(dataset, SplitName.TRAIN)
        return _run_burst(seed, rules, start, samples.images, samples.labels)

    def walk(
        self,
        architecture: Architecture,
        latents: bytes,
        dataset: DatasetId,
        batches: Sequence[Batch],
        shift: int,
    ) -> Walk:
        """See Engine."""
        samples = self._samples(dataset, SplitName.TRAIN)
        return _run_walk(
            architecture, latents, samples.images, samples.labels, tuple(batches), shift
        )

    def count_correct(
        self, model: Model, dataset: DatasetId, split: SplitName = SplitName.EVALUATION
    ) -> int:
        """See Engine."""
        return _count_correct(model, self._samples(dataset, split))


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """What all nodes of a network have in common."""

    genesis: Genesis
    """Its first page."""
    rules: Rules
    """What the genesis sets."""
    engine: Engine
    """The law's own, over all datasets."""

    def start(self) -> State:
        """Return the state before the first block."""
        return first_state(self.genesis)


def toy_network(
    datasets: Sequence[ToyDataset],
    *,
    parameters: Parameters = PARAMETERS,
    members: Sequence[Miner] = (),
    rich: Sequence[Miner] = (),
    uploads: Sequence[ToyDataset] = (),
    proof: str = EVOLUTION,
) -> Network:
    """Return a network on some datasets, whose `rich` have ALLOCATION coins each.

    Who judges also holds `uploads`, which are to be uploaded.
    """
    genesis = Genesis(
        name="toy",
        proof=proof,
        timestamp=GENESIS_TIME,
        members=tuple(sorted(member.key for member in members)),
        datasets=tuple(dataset.manifest for dataset in datasets),
        allocations=tuple(sorted((one.address, ALLOCATION) for one in rich)),
        parameters=parameters,
    )
    engine = RememberingEngine(
        splits={
            each.dataset_id: dict(zip(SplitName, each.splits, strict=True))
            for each in (*datasets, *uploads)
        }
    )
    return Network(genesis=genesis, rules=rules_of(genesis), engine=engine)
