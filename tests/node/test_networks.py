# SPDX-License-Identifier: Apache-2.0
"""The usual geneses: each is one that the law accepts, and its members are rich and may sign."""

from dataclasses import replace

import pytest

from edge_node.datasets.mnist import MNIST
from edge_node.node.architecture_text import family_for
from edge_node.node.networks import (
    DEMO,
    DEMO_IN_NUMPY,
    FIRST_COINS,
    LAN,
    MARKET,
    demo_parameters,
    lan_parameters,
    new_genesis,
)
from edge_node.primitives.types import TimestampMs
from edge_node.spec import burst
from edge_node.spec.architecture import dense
from edge_node.spec.genesis import GUIDING_GRADIENT_PAPER, Parameters, genesis_from_bytes
from edge_node.spec.proof.errors import ArchitectureNotAllowed
from edge_node.spec.proof.founding import check_shape
from edge_node.spec.validation import first_state
from tests.spec import toy_chain as toy
from tests.spec.toy_data import toy_dataset

NOW = TimestampMs(1_700_000_000_000)
MEMBERS = [toy.miner(name).key for name in ("cat", "ann", "bob")]
MANIFEST = toy_dataset("networks", (20, 2_000, 10)).manifest


@pytest.mark.parametrize("parameters", [LAN, DEMO, MARKET], ids=["LAN", "DEMO", "MARKET"])
def test_genesis_is_one_that_the_law_accepts(parameters: Parameters) -> None:
    genesis = new_genesis("test", [MANIFEST], MEMBERS, parameters, NOW)
    assert genesis_from_bytes(genesis.encode()) == genesis
    # Design, section 5: no clock may be a rung wrong, and a block never waits for its rung.
    assert parameters.rung_ms >= 4 * parameters.max_future_ms
    assert parameters.min_interval_ms < parameters.rung_ms


def test_members_have_coins_and_order_does_not_matter() -> None:
    genesis = new_genesis("test", [MANIFEST], MEMBERS, LAN, NOW)
    assert genesis == new_genesis("test", [MANIFEST], MEMBERS[::-1], LAN, NOW)
    assert set(genesis.members) == set(MEMBERS)
    state = first_state(genesis)
    for name in ("ann", "bob", "cat"):
        assert state.accounts.get(toy.miner(name).address).balance == FIRST_COINS
    assert state.accounts.get(toy.miner("dan").address).balance == 0


def test_demonstration_of_one_family_has_no_other_rules_than_before() -> None:
    assert demo_parameters(datasets=1, families=1, compiled=True) is DEMO
    assert demo_parameters(datasets=1, families=1, compiled=False) is DEMO_IN_NUMPY


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize(("datasets", "families"), [(2, 1), (1, 2), (2, 3)])
def test_market_founds_small_shapes_and_closes_families_soon(
    datasets: int, families: int, *, compiled: bool
) -> None:
    rules = demo_parameters(datasets=datasets, families=families, compiled=compiled)
    assert rules.min_families == families
    shape = family_for("binary-4k", MNIST.manifest)
    check_shape(shape, MNIST.manifest, (), rules)
    one_layer = replace(shape, layers=(dense(10),))
    with pytest.raises(ArchitectureNotAllowed):
        check_shape(one_layer, MNIST.manifest, (), rules)
    assert rules.max_family_generations < 10
    assert (rules.max_founder_steps < DEMO.max_founder_steps) is not compiled


@pytest.mark.parametrize("compiled", [True, False])
def test_paper_b_as_published_has_its_batch_and_founds_the_usual_family(*, compiled: bool) -> None:
    chosen = (
        lan_parameters(GUIDING_GRADIENT_PAPER),
        demo_parameters(proof=GUIDING_GRADIENT_PAPER, datasets=1, families=1, compiled=compiled),
    )
    shape = family_for("binary-4k", MNIST.manifest)
    for rules in chosen:
        genesis = new_genesis("b", [MANIFEST], MEMBERS, rules, NOW, GUIDING_GRADIENT_PAPER)
        assert genesis_from_bytes(genesis.encode()) == genesis
        assert rules.burst_batch == 4
        assert burst.rules_for(shape, rules).cost <= rules.max_cost
        check_shape(shape, MNIST.manifest, (), rules)
        assert first_state(genesis).target == bytes(32)


def test_another_birthday_is_another_network() -> None:
    one = new_genesis("test", [MANIFEST], MEMBERS, LAN, NOW)
    two = new_genesis("test", [MANIFEST], MEMBERS, LAN, TimestampMs(NOW + 1))
    assert one.network_id() != two.network_id()
