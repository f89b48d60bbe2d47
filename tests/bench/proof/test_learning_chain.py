# SPDX-License-Identifier: Apache-2.0
"""A family learns by winning bursts: the law's needs decide, tickets are rare if the target is."""

from dataclasses import replace

import pytest

from edge_node.bench.proof.learning_chain import LearningChain, Splits
from edge_node.bench.proof.workbench import SETUPS, Workbench
from edge_node.spec import lottery
from edge_node.spec.burst import Operator
from tests.bench.proof.small import quick_bench

pytestmark = pytest.mark.slow

SETUP = SETUPS[0]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    return quick_bench(tmp_path_factory.mktemp("chain"))


def chain_of(bench: Workbench, seed: bytes) -> LearningChain:
    return bench.new_chain(SETUP, Splits(bench.workload, SETUP.architecture), seed)


def test_a_seed_makes_one_chain(bench: Workbench) -> None:
    first, again, other = (chain_of(bench, seed) for seed in (b"1", b"1", b"2"))
    for chain in (first, again, other):
        chain.grow()
    assert first.latents == again.latents
    assert first.latents != other.latents


def test_family_learns_and_never_loses_more_than_the_law_allows(bench: Workbench) -> None:
    chain = chain_of(bench, b"learns")
    images = len(bench.workload.evaluation)
    tolerance = images * chain.parameters.accuracy_tolerance_ppm // 1_000_000
    blocks = [chain.grow() for _ in range(8)]
    assert blocks[-1].correct > 2 * images // 10, "better than chance"
    settled = [n for n, block in enumerate(blocks) if block.record]
    for number in range(settled[0] + 1 if settled else 8, 8):
        assert blocks[number].correct >= blocks[number - 1].correct - tolerance
    assert [block.height for block in blocks] == list(range(1, 9))


def test_operators_wait_for_the_population(bench: Workbench) -> None:
    parameters = replace(SETUP.parameters, min_population=3, continue_weight=1, mutate_weight=999)
    chain = bench.new_chain(
        replace(SETUP, parameters=parameters), Splits(bench.workload, SETUP.architecture), b"ops"
    )
    drawn = [chain.grow().operator for _ in range(4)]
    assert drawn[:3] == [Operator.CONTINUE] * 3
    assert drawn[3] is Operator.MUTATE


def test_harder_target_takes_more_bursts(bench: Workbench) -> None:
    parameters = replace(SETUP.parameters, burst_steps=1, burst_batch=4)
    chain = bench.new_chain(
        replace(SETUP, parameters=parameters), Splits(bench.workload, SETUP.architecture), b"hard"
    )
    hard = lottery.TARGET_RANGE // 64
    assert sum(chain.grow(hard).trials for _ in range(3)) > 12
