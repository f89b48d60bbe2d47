# SPDX-License-Identifier: Apache-2.0
"""Founding by the real kernels: an offer is what the law's own training makes under its nonce."""

from edge_node.spec.proof.evolution_proof import FounderProof, proof_from_bytes
from edge_node.trainer.founding import Founding
from edge_node.trainer.judges import KernelJudge
from tests.spec import toy_chain as toy
from tests.spec.toy_data import toy_dataset
from tests.trainer.test_evolve import Splits
from tests.trainer.test_task import task_of


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
