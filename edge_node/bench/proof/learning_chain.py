# SPDX-License-Identifier: Apache-2.0
"""A family that learns by the lottery, in one process and without blocks around its bursts.

What wins is what the law lets win on the first rung: the ticket, the requirements, the accuracy
that `needs_of` asks for. Headers, signatures and ledger are left out; nothing here depends on them.
Law of the file: the law decides what is a step and what is a record; seeds are the only chance.
Read next: learning.py, acceptance.py, figure.py.
"""

from dataclasses import dataclass, replace

import numpy as np

from edge_node.bench.paper.errors import MeasurementFailed
from edge_node.bench.workload import Workload, first_samples
from edge_node.datasets.content import Samples
from edge_node.kernels.burst import new_burst_runner
from edge_node.kernels.burst_data import FamilyInBursts
from edge_node.kernels.evaluation import SlicedImages, count_correct, slice_images
from edge_node.primitives.hashing import ZERO_HASH, tagged_hash
from edge_node.primitives.types import BlockHash, DatasetId, FamilyId, Hash32, Height, ModelHash
from edge_node.spec import burst, lottery, scheduling, training
from edge_node.spec.architecture import Architecture
from edge_node.spec.burst import BurstStart, Operator
from edge_node.spec.constants import MAX_RELATIVES, PPM
from edge_node.spec.difference import WeightRecord, hamming
from edge_node.spec.genesis import Parameters
from edge_node.spec.model import Model
from edge_node.spec.proof.recipe import needs_of
from edge_node.spec.state import Family, FamilyModel

MAX_TRIALS = 100_000
"""Bursts of one block."""
TRAIN_IMAGES = 10_000
"""Images of the train split that its accuracy is told on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grown:
    """One block."""

    height: int
    """Its height, from 1 on."""
    correct: int
    """Correct images of the evaluation split."""
    record: bool
    """It is a record."""
    operator: Operator
    """What its burst began with."""
    model: Model
    """Its model."""
    trials: int
    """Bursts until it won."""
    unmet: int
    """Of these bursts, whose ticket won: without their requirements met."""
    too_low: int
    """Of these bursts, whose ticket won: without the accuracy."""


class Splits:
    """The splits as counting of correct images wants them.

    Parameters
    ----------
    workload : Workload
    architecture : Architecture
        Any with the right input.
    """

    def __init__(self, workload: Workload, architecture: Architecture) -> None:
        self._sliced: dict[str, tuple[SlicedImages, bytes]] = {}
        splits = {
            "train": first_samples(workload.train, TRAIN_IMAGES),
            "evaluation": workload.evaluation,
            "untouched": workload.reserve,
        }
        for name, samples in splits.items():
            sliced = slice_images(architecture, samples.images)
            self._sliced[name] = (sliced, samples.labels.tobytes())

    def correct(self, model: Model, split: str) -> int:
        """Return how many images of a split a model classifies correctly."""
        images, labels = self._sliced[split]
        return count_correct(model, images, labels)

    def count(self, split: str) -> int:
        """Return how many images a split has."""
        return len(self._sliced[split][1])

    def ppm(self, model: Model, split: str) -> int:
        """Return a model's accuracy on a split."""
        return self.correct(model, split) * PPM // self.count(split)


class LearningChain:
    """A family's chain of winning bursts.

    Parameters
    ----------
    architecture : Architecture
    parameters : Parameters
        The network's; its max_cost is taken to be that of the family.
    train : Samples
    splits : Splits
    seed : bytes
        All chance of the chain.
    """

    def __init__(
        self,
        architecture: Architecture,
        parameters: Parameters,
        train: Samples,
        splits: Splits,
        seed: bytes,
    ) -> None:
        self.parameters = parameters
        self.rules = burst.rules_for(architecture, parameters)
        self._splits = splits
        self._seed = seed
        images = np.ascontiguousarray(train.images)
        self._runner = new_burst_runner(self.rules, images, np.ascontiguousarray(train.labels))
        self._tries = 0
        self._recent: list[Model] = []
        self._records: list[Model] = []
        start = tagged_hash("bench-start", seed)
        self.latents = training.initial_state(architecture, start).packed()
        images_judged = splits.count("evaluation")
        self.family = Family(
            family_id=FamilyId(ZERO_HASH),
            dataset=DatasetId(ZERO_HASH),
            architecture=architecture,
            join_turn=0,
            skips=0,
            idle=0,
            needed_gain=scheduling.first_needed_gain(parameters, images_judged),
            closed=False,
            models=(),
            weight_record=WeightRecord(weight_count=architecture.weight_count),
        )

    @property
    def best(self) -> Model | None:
        """The model of the last record, the best on the evaluation split that there was."""
        return self._records[-1] if self._records else None

    @property
    def start(self) -> BurstStart:
        """Where the bursts of the next block begin."""
        family = self.family
        evolves = family.model_count >= self.parameters.min_population
        return BurstStart(
            latents=self.latents,
            relatives=tuple(self._recent) if evolves else (),
            evolves=evolves,
            samples_seen=family.model_count * self.rules.samples,
        )

    def begun_runner(self) -> FamilyInBursts:
        """Return what runs bursts, at the start of the next block."""
        self._runner.begin(self.start)
        return self._runner

    def next_seed(self) -> Hash32:
        """Return a seed that no burst of this chain had."""
        self._tries += 1
        return tagged_hash("bench-burst", self._tries.to_bytes(8, "little"), self._seed)

    def grow(self, target: int = lottery.MAX_TARGET) -> Grown:
        """Return the next block.

        Parameters
        ----------
        target : int
            A ticket below it wins; if not given nearly every one does.

        Raises
        ------
        MeasurementFailed
            Nothing won in MAX_TRIALS bursts.
        """
        needs = needs_of(self.family, self._splits.count("evaluation"), 0, self.parameters)
        runner = self.begun_runner()
        unmet = too_low = 0
        for trials in range(1, MAX_TRIALS + 1):
            trial = runner.trial(self.next_seed())
            if trial.ticket >= target:
                continue
            if not trial.met:
                unmet += 1
                continue
            model = runner.model()
            correct = self._splits.correct(model, "evaluation")
            if correct < needs.least:
                too_low += 1
                continue
            record = correct >= needs.record and self._differs(model)
            self._add(model, correct, trial.latent_root, record=record)
            return Grown(
                height=self.family.model_count,
                correct=correct,
                record=record,
                operator=trial.drawn.operator,
                model=model,
                trials=trials,
                unmet=unmet,
                too_low=too_low,
            )
        raise MeasurementFailed(f"no burst of {MAX_TRIALS} won")

    def _differs(self, model: Model) -> bool:
        share = self.parameters.min_population_diff_ppm
        needed = scheduling.share_of(self.rules.architecture.weight_count, share)
        return all(hamming(model, rival) >= needed for rival in self._records)

    def _add(self, model: Model, correct: int, latent_root: Hash32, *, record: bool) -> None:
        height = Height(self.family.model_count + 1)
        entry = FamilyModel(
            block=BlockHash(tagged_hash("bench-block", self._seed, bytes([height % 256]))),
            height=height,
            model_hash=ModelHash(ZERO_HASH),
            correct_count=correct,
            record=record,
            latent_root=latent_root,
        )
        self.family = replace(self.family, models=(*self.family.models, entry))
        self.latents = self._runner.latents()
        self._recent = [*self._recent, model][-MAX_RELATIVES:]
        if record:
            self._records.append(model)
