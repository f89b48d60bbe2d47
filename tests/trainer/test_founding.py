# SPDX-License-Identifier: Apache-2.0
"""Founding by the real kernels: an offer is what the law's own training makes under its nonce."""

from dataclasses import replace

from edge_node.spec.proof.evolution_proof import FounderProof, proof_from_bytes
from edge_node.trainer.founding import Founding, ShapeSearch
from edge_node.trainer.judges import KernelJudge
from edge_node.trainer.task import ShapeTask
from tests.spec import toy_chain as toy
from tests.spec.toy_data import toy_dataset
from tests.trainer.toy_tasks import ANN, Splits, any_task_of, block_of, task_of


def test_offer_reaches_the_least_accuracy_by_the_laws_count() -> None:
    dataset = toy_dataset()
    chain = toy.ToyChain(toy.toy_network([dataset]))
    task = task_of(chain)
    founding = Founding(task, KernelJudge(Splits(dataset), 150))
    offer = next(offer for offer in (founding.step() for _ in range(200)) if offer is not None)
    proof = proof_from_bytes(offer.proof)
    assert isinstance(proof, FounderProof)
    assert proof.steps == task.parameters.max_founder_steps
    assert offer.correct_count >= 40
    assert founding.progress.stage == "found"
    assert founding.progress.candidates == offer.nonce + 1
    assert offer.head == chain.state.head


def test_r_52_evolved_founder_is_a_block_that_the_law_accepts() -> None:
    dataset = toy_dataset()
    parameters = replace(toy.PARAMETERS, min_families=2)
    chain = toy.ToyChain(toy.toy_network([dataset], parameters=parameters))
    chain.grow(ANN)
    task = any_task_of(chain)
    assert isinstance(task, ShapeTask)
    search = ShapeSearch(task, KernelJudge(Splits(dataset), 150))
    offer = next(offer for offer in (search.step() for _ in range(400)) if offer is not None)
    assert search.progress.stage == "shape"
    assert offer.dataset == dataset.dataset_id
    proof = proof_from_bytes(offer.proof)
    assert isinstance(proof, FounderProof)
    assert proof.origin is not None
    verdict = chain.tip.validate(block_of(offer, chain))
    grown = verdict.state.families[offer.family]
    assert grown.architecture == proof.architecture != toy.ARCHITECTURE
    assert len(verdict.state.families) == 2
