# SPDX-License-Identifier: Apache-2.0
"""The honest walker: what it offers makes a block by the law, in whatever lane, and nothing else.

Real steps by the kernels on a small net; the law judges every offer as a block.
"""

from dataclasses import replace

import pytest

from edge_node.spec.dataset import SplitName
from edge_node.spec.proof.evolution_proof import FallbackProof
from edge_node.spec.proof.guiding_gradient import least_correct
from edge_node.spec.proof.guiding_gradient_proof import guiding_proof_from_bytes
from edge_node.spec.proof.trained import head_latents
from edge_node.trainer.guiding import Walking, WalkTask
from edge_node.trainer.judges import KernelJudge
from edge_node.trainer.task import Lane, Offer
from tests.spec import toy_chain as toy
from tests.spec import toy_walks
from tests.spec.toy_chain import ToyChain, Work
from tests.spec.toy_walks import PAPER_B
from tests.trainer.toy_tasks import Splits, block_of

ANN, BOB = toy.miner("ann"), toy.miner("bob")
DATA = toy.toy_dataset()
MAX_WALKS = 500


def grown(blocks: int) -> ToyChain:
    chain = ToyChain(toy_walks.walks_network(DATA))
    toy_walks.grow(chain, ANN, blocks)
    return chain


def task_of(chain: ToyChain) -> WalkTask:
    tip = chain.tip
    if tip.state.families:
        (family,) = tip.state.families.values()
    else:
        family = toy_walks.founded(Work(tip=tip, miner=ANN))
    return WalkTask(
        head=tip.state.head,
        parameters=tip.parameters,
        miner=ANN.key,
        dataset=family.dataset,
        train_images=DATA.manifest.splits[SplitName.TRAIN].count,
        architecture=family.architecture,
        family=family.family_id,
        latents=head_latents(family, tip.context()),
        least_correct=least_correct(family),
        founds=not family.models,
    )


def search_for(task: WalkTask, lane: Lane | None = None) -> Walking:
    return Walking(task, KernelJudge(Splits(DATA), 60), lane or Lane())


def first_offer(search: Walking) -> Offer:
    for _ in range(MAX_WALKS):
        offer = search.step()
        if offer is not None:
            return offer
    raise AssertionError("no offer")


def batches_of(offer: Offer) -> tuple[tuple[int, ...], ...]:
    proof = guiding_proof_from_bytes(offer.proof)
    assert not isinstance(proof, FallbackProof)
    return proof.batches


@pytest.mark.parametrize("blocks", [0, 1, 3])
def test_offer_makes_a_block_that_the_law_accepts(blocks: int) -> None:
    chain = grown(blocks)
    offer = first_offer(search_for(task_of(chain)))
    verdict = chain.tip.validate(block_of(offer, chain))
    assert verdict.model is not None
    assert verdict.model.model_hash() == offer.model_hash
    assert 0 < offer.train_ppm <= 1_000_000
    assert not offer.child
    assert 1 <= len(batches_of(offer)) <= PAPER_B.burst_steps


def test_with_one_step_only_the_accepted_one_is_kept() -> None:
    """The paper's Figure 1: a block is one step away from the one before."""
    rules = replace(PAPER_B, burst_steps=1, requirements=1)
    chain = ToyChain(toy_walks.walks_network(DATA, parameters=rules))
    offer = first_offer(search_for(task_of(chain)))
    assert len(batches_of(offer)) == 1
    chain.tip.validate(block_of(offer, chain))


def test_lanes_miners_and_attempts_walk_elsewhere() -> None:
    task = task_of(grown(1))
    searches = [
        search_for(task),
        search_for(task, Lane(index=1, count=2)),
        search_for(replace(task, miner=BOB.key)),
        search_for(replace(task, attempt=1)),
    ]
    found = {batches_of(first_offer(search)) for search in searches}
    assert len(found) == len(searches)
    assert first_offer(search_for(task)) == first_offer(search_for(task))


def test_lanes_of_one_worker_do_not_disturb_each_other() -> None:
    task, judge = task_of(grown(1)), KernelJudge(Splits(DATA), 60)
    lanes = [Lane(index=index, count=2) for index in range(2)]
    together = [Walking(task, judge, lane) for lane in lanes]
    alone = [search_for(task, lane) for lane in lanes]
    for _ in range(10):
        assert [each.step() for each in together] == [each.step() for each in alone]


def test_what_is_no_better_is_not_offered_and_steps_are_counted() -> None:
    search = search_for(replace(task_of(grown(2)), least_correct=101))
    assert [search.step() for _ in range(20)] == [None] * 20
    assert search.progress.stage == "walk"
    assert search.progress.candidates == 20 * PAPER_B.burst_steps
    assert search_for(task_of(grown(0))).progress.stage == "found"
