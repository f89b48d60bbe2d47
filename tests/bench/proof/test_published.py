# SPDX-License-Identifier: Apache-2.0
"""The paper's chain as published: accuracy rises in every block, or stands still and says so."""

import pytest

from edge_node.bench.proof.learning_chain import Splits
from edge_node.bench.proof.published import PublishedChain
from edge_node.bench.proof.workbench import SETUPS, Workbench
from tests.bench.proof.small import quick_bench

pytestmark = pytest.mark.slow

SETUP = SETUPS[0]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    return quick_bench(tmp_path_factory.mktemp("published"))


def chain_of(
    bench: Workbench, splits: Splits, requirements: int, *, must_rise: bool
) -> PublishedChain:
    return PublishedChain(
        SETUP.architecture,
        SETUP.parameters,
        requirements,
        bench.workload.train,
        splits,
        accuracy_must_rise=must_rise,
    )


def test_accuracy_rises_in_every_block(bench: Workbench) -> None:
    splits = Splits(bench.workload, SETUP.architecture)
    chain = chain_of(bench, splits, 2, must_rise=True)
    blocks = [chain.grow(2_000) for _ in range(5)]
    counts = [splits.correct(block.model, "evaluation") for block in blocks if block is not None]
    assert len(counts) == 5
    assert counts == sorted(set(counts))


def test_without_that_rule_the_first_step_that_meets_r_wins(bench: Workbench) -> None:
    splits = Splits(bench.workload, SETUP.architecture)
    chain = chain_of(bench, splits, 1, must_rise=False)
    blocks = [chain.grow(1_000) for _ in range(5)]
    assert all(block is not None and block.refused == 0 for block in blocks)


def test_search_ends_where_nothing_is_found(bench: Workbench) -> None:
    splits = Splits(bench.workload, SETUP.architecture)
    assert chain_of(bench, splits, 40, must_rise=False).grow(3) is None
