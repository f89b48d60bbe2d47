# SPDX-License-Identifier: Apache-2.0
"""A small network that runs paper B as published, and an honest miner for each of its blocks.

Law of the file: everything follows from seeds; what is mined is judged by the law alone.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from edge_node.primitives.hashing import Prf
from edge_node.primitives.types import FamilyId
from edge_node.spec import guiding, scheduling
from edge_node.spec.architecture import Architecture
from edge_node.spec.dataset import SplitName
from edge_node.spec.genesis import GUIDING_GRADIENT_PAPER, Parameters
from edge_node.spec.guiding import Batch, Walk
from edge_node.spec.proof.evolution_proof import FallbackProof
from edge_node.spec.proof.guiding_gradient import least_correct
from edge_node.spec.proof.guiding_gradient_proof import WalkFounderProof, WalkProof
from edge_node.spec.proof.trained import head_latents
from edge_node.spec.state import Family
from edge_node.spec.training import root_of
from tests.spec import toy_chain as toy
from tests.spec.toy_chain import ARCHITECTURE, Mined, Network, Tip, ToyChain, Work, toy_dataset
from tests.spec.toy_data import ToyDataset
from tests.spec.toy_network import Miner, toy_network

STEPS, BATCH, REQUIREMENTS, SHIFT = 6, 4, 3, 3

PAPER_B = replace(
    toy.PARAMETERS,
    burst_steps=STEPS,
    burst_batch=BATCH,
    requirements=REQUIREMENTS,
    learning_shift=SHIFT,
    max_cost=STEPS * BATCH * ARCHITECTURE.macs,
)
"""Three weights that may stand still are soon right."""


def walks_network(
    dataset: ToyDataset | None = None,
    *,
    parameters: Parameters = PAPER_B,
    rich: tuple[Miner, ...] = (),
) -> Network:
    """Return a network that runs paper B as published."""
    return toy_network(
        [dataset or toy_dataset()], parameters=parameters, proof=GUIDING_GRADIENT_PAPER, rich=rich
    )


def walked(tip: Tip, family: Family, batches: tuple[Batch, ...]) -> Walk:
    """Return where batches lead from a family's head."""
    return tip.network.engine.walk(
        family.architecture,
        head_latents(family, tip.context()),
        family.dataset,
        batches,
        tip.parameters.learning_shift,
    )


def required(tip: Tip, family: Family) -> list[tuple[int, int]]:
    """Return R of the block after a tip."""
    count = tip.parameters.requirements
    return guiding.requirements(tip.state.head, family.architecture, count)


def is_met(tip: Tip, family: Family, walk: Walk) -> bool:
    """Say whether a walk meets R."""
    return guiding.first_unmet(required(tip, family), walk.before, walk.latents) is None


def random_walks(work: Work, family: Family) -> Iterator[tuple[tuple[Batch, ...], Walk]]:
    """Yield walks of one step, of two, ..., and begin anew after the longest."""
    tip = work.tip
    images = tip.state.datasets[family.dataset].manifest.splits[SplitName.TRAIN].count
    stream = Prf("toy-walks", tip.state.head + work.miner.key)
    batches: tuple[Batch, ...] = ()
    for _ in work.nonces():
        if len(batches) == tip.parameters.burst_steps:
            batches = ()
        drawn = tuple(stream.below(images) for _ in range(tip.parameters.burst_batch))
        batches = (*batches, drawn)
        yield batches, walked(tip, family, batches)


def accepted(work: Work, family: Family, walk: Walk) -> bool:
    """Say whether a walk makes a block."""
    tip = work.tip
    if not is_met(tip, family, walk) or walk.model.model_hash() in tip.state.models.hashes:
        return False
    correct = tip.network.engine.count_correct(walk.model, family.dataset)
    return correct >= least_correct(family)


def block_of(
    work: Work, family: Family, batches: tuple[Batch, ...], walk: Walk | None = None
) -> Mined:
    """Return the signed block of some batches, whatever the law thinks of it."""
    walk = walk or walked(work.tip, family, batches)
    proof: WalkProof | WalkFounderProof = WalkProof(batches=batches)
    if not family.models:
        proof = WalkFounderProof(
            batches=batches, architecture=family.architecture, dataset=family.dataset
        )
    return toy.assembled(work, family, proof, walk.model, latent_root=root_of(walk.latents))


def founded(work: Work, architecture: Architecture = ARCHITECTURE) -> Family:
    """Return the due family as it is before its first block."""
    tip = work.tip
    chosen = scheduling.turns(tip.state, tip.parameters, work.rung).due_dataset
    assert chosen is not None, "no founder is due"
    return toy.founded(work, architecture, chosen)


def mined(
    work: Work, family: Family, takes: Callable[[Work, Family, Walk], bool] = accepted
) -> Mined:
    """Return the block of the first walk that is taken."""
    for batches, walk in random_walks(work, family):
        if takes(work, family, walk):
            return block_of(work, family, batches, walk)
    raise toy.NothingFound


def founder(work: Work, architecture: Architecture = ARCHITECTURE) -> Mined:
    """Mine the first block of the due family."""
    return mined(work, founded(work, architecture))


def step(work: Work, family: FamilyId | None = None) -> Mined:
    """Mine a family's next block, by default of the due one."""
    return mined(work, toy.family_of(work, family))


def fallback(work: Work) -> Mined:
    """Make a block without a model; `after_ms` must reach the last rung."""
    return toy.assembled(work, None, FallbackProof(), None)


def due(work: Work) -> Mined:
    """Mine whatever is due: a founder or a step."""
    turns = scheduling.turns(work.tip.state, work.tip.parameters, work.rung)
    if turns.due_family is not None:
        return step(work)
    known = {family.architecture for family in work.tip.state.families.values()}
    return founder(work, next(a for a in toy.ARCHITECTURES if a not in known))


def grow(chain: ToyChain, who: Miner, count: int = 1) -> list[Mined]:
    """Mine and append what is due, `count` times."""
    return [chain.add(due(Work(tip=chain.tip, miner=who))) for _ in range(count)]
