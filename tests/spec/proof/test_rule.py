# SPDX-License-Identifier: Apache-2.0
"""Paper A's rule fits the port that validation uses, and is the one that the genesis names."""

from dataclasses import replace

from edge_node.primitives.hashing import ZERO_HASH
from edge_node.spec.proof.evolution import EvolutionRule
from edge_node.spec.proof.rule import ProofRule
from tests.spec.stages import network, stages


def test_evolution_is_a_proof_rule() -> None:
    rule: ProofRule = EvolutionRule()
    stage = stages()["child"]
    learned = rule.verify(stage.block, stage.tip.context())
    assert learned.model == stage.mined.model
    assert [family.family_id for family in learned.families] == [stage.header.family]
    assert type(network().rules.proof_rule) is EvolutionRule


def test_fallback_learns_nothing() -> None:
    stage = stages()["fallback"]
    learned = EvolutionRule().verify(stage.block, stage.tip.context())
    assert learned.model is None
    assert learned.families == ()


def test_evolution_has_no_lottery() -> None:
    parameters, header = network().rules.parameters, stages()["child"].header
    assert EvolutionRule().first_target(parameters) == header.target == ZERO_HASH
    for interval_ms in (1, 2_999, 3_000, 10_000):
        assert EvolutionRule().next_difficulty(ZERO_HASH, interval_ms, parameters) == ZERO_HASH


def test_r_50_work_of_a_block_halves_with_each_rung() -> None:
    header = stages()["child"].header
    works = [EvolutionRule().work(replace(header, rung=rung)) for rung in range(8)]
    assert works == [128, 64, 32, 16, 8, 4, 2, 1]
    assert EvolutionRule().work(stages()["fallback"].header) == 0
