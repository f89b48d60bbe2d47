# SPDX-License-Identifier: Apache-2.0
"""A small network that runs a lottery, and an honest miner for every kind of its blocks.

A miner assembles a header, tries one nonce after the other, and signs the first that wins; so it
does by the law what a real one does by its kernels. Blocks go into the ToyChain of toy_chain.py.
Law of the file: everything follows from seeds; what is mined is judged by the law alone.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from edge_node.primitives.types import DatasetId, FamilyId
from edge_node.spec import burst, lottery, scheduling
from edge_node.spec.architecture import Architecture, dense
from edge_node.spec.block import Header
from edge_node.spec.burst import BurstResult, BurstRules, BurstStart, Drawn, Operator
from edge_node.spec.difference import hamming
from edge_node.spec.genesis import RECIPE, Parameters
from edge_node.spec.model import Model
from edge_node.spec.proof import recipe
from edge_node.spec.proof.claims import evaluation_images
from edge_node.spec.proof.founding import ShapeOrigin
from edge_node.spec.proof.recipe_proof import (
    BurntProof,
    LotteryFounderProof,
    LotteryProof,
    Recipe,
    StepProof,
    recipe_of,
    seed_for,
)
from edge_node.spec.state import Family
from tests.spec import toy_chain as toy
from tests.spec.toy_chain import (
    ARCHITECTURE,
    BLOCK_MS,
    CLASSES,
    Mined,
    Network,
    Tip,
    ToyChain,
    Work,
)
from tests.spec.toy_data import ToyDataset
from tests.spec.toy_network import Miner, toy_network

STEPS, BATCH = 2, 4

LOTTERY = replace(
    toy.PARAMETERS,
    burst_steps=STEPS,
    burst_batch=BATCH,
    requirements=1,
    continue_weight=1,
    mutate_weight=1,
    cross_weight=1,
    accuracy_tolerance_ppm=200_000,
    max_cost=STEPS * BATCH * ARCHITECTURE.macs,
    first_work=3,
    target_ms=BLOCK_MS,
)
"""A third of all bursts wins; blocks that come after BLOCK_MS leave it so."""
SMALL = replace(ARCHITECTURE, layers=(dense(CLASSES),))
"""192 weights in one layer."""
CHEAP = replace(
    LOTTERY,
    burst_steps=1,
    burst_batch=2,
    min_family_acc_ppm=0,
    min_population_diff_ppm=0,
    accuracy_tolerance_ppm=1_000_000,
    max_idle_blocks=1_000,
    max_family_generations=1_000,
    max_cost=2 * SMALL.macs,
    first_work=1,
    min_evaluation_images=20,
)
"""Any burst that meets its requirement is a block."""


def lottery_network(
    datasets: list[ToyDataset],
    *,
    parameters: Parameters = LOTTERY,
    proof: str = RECIPE,
    rich: tuple[Miner, ...] = (),
) -> Network:
    """Return a network that runs a lottery."""
    return toy_network(datasets, parameters=parameters, proof=proof, rich=rich)


NOTHING_YET = StepProof(
    recipe=Recipe(drawn=Drawn(operator=Operator.CONTINUE), steps=STEPS, batch=BATCH)
)
"""Stands where a proof will be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a block is to be, beside valid."""

    operator: Operator | None = None
    """What its burst begins with; None for whatever is drawn."""
    record: bool | None = None
    """It is a record, or is none; None for either."""
    met: bool = True
    """Its requirements are met: False for a block that must be refused."""


ANYTHING = Wish()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A burst that has won."""

    header: Header
    """With the nonce; what depends on the result is not in it."""
    result: BurstResult
    """What it came to."""
    recipe: Recipe
    """What it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What all trials of a work have in common."""

    work: Work
    """Where, who and when."""
    family: Family
    """As it is before the block."""
    rules: BurstRules = field(init=False)
    """Of its bursts."""
    start: BurstStart = field(init=False)
    """Of its bursts."""

    def __post_init__(self) -> None:
        tip = self.work.tip
        rules = burst.rules_for(self.family.architecture, tip.parameters)
        object.__setattr__(self, "rules", rules)
        object.__setattr__(self, "start", recipe.start_of(self.family, tip.context()))

    def won(
        self,
        takes: Callable[[BurstResult], bool],
        wish: Wish = ANYTHING,
        proof: LotteryProof | None = None,
    ) -> Trial:
        """Return the first trial that wins and whose result is taken, by default for a step."""
        tip = self.work.tip
        blank = toy.assembled(self.work, self.family, NOTHING_YET, None).block.header
        target = lottery.family_target(blank.target, self.rules.cost, tip.parameters.max_cost)
        for nonce in self.work.nonces():
            header = replace(blank, nonce=nonce)
            seed = seed_for(header, proof or NOTHING_YET)
            drawn = burst.draw_operator(seed, self.rules, self.start)
            if wish.operator not in (None, drawn.operator):
                continue
            result = tip.network.engine.burst(seed, self.rules, self.start, self.family.dataset)
            won = burst.ticket(seed, result.latent_root) < target
            if won and result.met == wish.met and takes(result):
                return Trial(header=header, result=result, recipe=recipe_of(self.rules, drawn))
        raise toy.NothingFound

    def block(self, trial: Trial, proof: LotteryProof, *, keep: bool = True) -> Mined:
        """Return the signed block of a trial, with its model or without."""
        return toy.assembled(
            self.work,
            self.family,
            proof,
            trial.result.model if keep else None,
            latent_root=trial.result.latent_root,
            nonce=trial.header.nonce,
        )


def founder(
    work: Work,
    architecture: Architecture = ARCHITECTURE,
    dataset: DatasetId | None = None,
    origin: ShapeOrigin | None = None,
) -> Mined:
    """Mine the first block of a family, for the due dataset if none is named."""
    tip = work.tip
    chosen = dataset or scheduling.turns(tip.state, tip.parameters, work.rung).due_dataset
    assert chosen is not None, "no founder is due: name a dataset"
    course = Course(work=work, family=toy.founded(work, architecture, chosen))
    proof = LotteryFounderProof(
        recipe=NOTHING_YET.recipe, architecture=architecture, dataset=chosen, origin=origin
    )
    trial = course.won(lambda _: True, proof=proof)
    return course.block(trial, replace(proof, recipe=trial.recipe))


def step(work: Work, family: FamilyId | None = None, wish: Wish = ANYTHING) -> Mined:
    """Take a family one step further, by default the due one."""
    tip, before = work.tip, toy.family_of(work, family)
    needs = recipe.needs_of(before, evaluation_images(before, tip.state), work.rung, tip.parameters)

    def takes(result: BurstResult) -> bool:
        if result.model.model_hash() in tip.state.models.hashes:
            return False
        correct = tip.network.engine.count_correct(result.model, before.dataset)
        record = correct >= needs.record and _differs(result.model, before, tip)
        return correct >= needs.least and wish.record in (None, record)

    course = Course(work=work, family=before)
    trial = course.won(takes, wish)
    return course.block(trial, StepProof(recipe=trial.recipe))


def _differs(model: Model, family: Family, tip: Tip) -> bool:
    share = tip.parameters.min_population_diff_ppm
    needed = scheduling.share_of(family.architecture.weight_count, share)
    return all(
        hamming(model, tip.models.model(each.model_hash)) >= needed for each in family.records
    )


def fallback(work: Work, family: FamilyId | None = None) -> Mined:
    """Mine a block without a model; `after_ms` must reach the last rung."""
    course = Course(work=work, family=toy.family_of(work, family))
    trial = course.won(lambda _: True, proof=BurntProof(recipe=NOTHING_YET.recipe))
    return course.block(trial, BurntProof(recipe=trial.recipe), keep=False)


def due(work: Work) -> Mined:
    """Mine whatever is due: a founder or a step."""
    tip = work.tip
    turns = scheduling.turns(tip.state, tip.parameters, work.rung)
    if turns.due_family is not None:
        return step(work)
    known = {family.architecture for family in tip.state.families.values()}
    return founder(work, next(a for a in toy.ARCHITECTURES if a not in known))


def grow(chain: ToyChain, who: Miner, count: int = 1, after_ms: int = BLOCK_MS) -> list[Mined]:
    """Mine and append what is due, `count` times."""
    return [chain.add(due(Work(tip=chain.tip, miner=who, after_ms=after_ms))) for _ in range(count)]
