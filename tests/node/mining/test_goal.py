# SPDX-License-Identifier: Apache-2.0
"""What a miner works for, on toy chains of paper B's rule: founders, turns, shapes that evolve."""

from dataclasses import replace

import pytest

from edge_node.node.mining.goal import choose_goal
from edge_node.node.mining.miner import MinerIdentity
from edge_node.spec.architecture import Architecture
from edge_node.spec.constants import MAX_RUNG, NEXT_FAMILY_RUNG
from edge_node.spec.genesis import Parameters
from edge_node.spec.proof.errors import ArchitectureNotAllowed
from tests.spec import toy_chain as toy
from tests.spec import toy_walks as walks
from tests.spec.toy_chain import ToyChain
from tests.spec.toy_walks import PAPER_B

ANN = toy.miner("ann")
TWO = replace(PAPER_B, min_families=2, max_cost=1 << 20)


def ann(chain: ToyChain, shape: Architecture = toy.ARCHITECTURE) -> MinerIdentity:
    return MinerIdentity(rules=chain.network.rules, public_key=ANN.key, new_family=lambda _: shape)


def chain_of(blocks: int, parameters: Parameters = PAPER_B) -> ToyChain:
    chain = ToyChain(walks.walks_network(parameters=parameters))
    walks.grow(chain, ANN, blocks)
    return chain


def test_founder_that_is_due_has_the_miners_shape() -> None:
    chain = chain_of(0)
    goal = choose_goal(chain.state, 0, ann(chain, toy.SECOND_ARCHITECTURE))
    assert goal is not None
    assert goal.family.architecture == toy.SECOND_ARCHITECTURE
    assert (goal.family.models, goal.origin) == ((), None)


def test_second_family_has_a_shape_that_evolved() -> None:
    chain = chain_of(1, TWO)
    goal = choose_goal(chain.state, 0, ann(chain))
    assert goal is not None
    assert goal.family.architecture != toy.ARCHITECTURE
    (first,) = chain.state.families
    assert goal.origin is not None
    assert goal.origin.first == goal.origin.second == first


def test_family_goes_on_and_the_next_one_after_a_long_wait() -> None:
    chain = chain_of(3, TWO)
    early, late, last = (
        choose_goal(chain.state, rung, ann(chain)) for rung in (0, NEXT_FAMILY_RUNG, MAX_RUNG)
    )
    assert early is not None
    assert late is not None
    assert early == last, "on the last rung anything goes"
    assert {early.family.family_id, late.family.family_id} == set(chain.state.families)


def test_shape_that_can_not_be_founded_is_said() -> None:
    chain = chain_of(0)
    wrong = replace(toy.ARCHITECTURE, height=9, width=9)
    with pytest.raises(ArchitectureNotAllowed):
        choose_goal(chain.state, 0, ann(chain, wrong))
