# SPDX-License-Identifier: Apache-2.0
"""Who puts its own name on another's block steals none: 0 blocks, whatever their kind.

The draws of every recipe and of every batch depend on the miner's key, so the same model is not
what the copied proof makes; and who makes it anew comes second on the same parent.
"""

from dataclasses import replace

import pytest

from edge_node.primitives.hashing import ZERO_HASH
from edge_node.primitives.types import Height
from edge_node.spec.errors import InvalidInput
from edge_node.spec.fork_choice import Candidate, better
from tests.chain.workshop import ANN, BOB, Tree, easy_network
from tests.spec.stages import stages
from tests.spec.toy_chain import sealed

LEARNED = ("founder", "population", "child")


@pytest.mark.parametrize("kind", LEARNED)
def test_block_of_another_is_stolen_by_nobody(kind: str) -> None:
    stage = stages()[kind]
    stage.tip.validate(stage.block)
    stolen = sealed(replace(stage.header, miner=BOB.key), stage.block.body, BOB)
    with pytest.raises(InvalidInput):
        stage.tip.validate(stolen)


def test_copied_fallback_earns_its_copier_no_new_coin() -> None:
    stage = stages()["fallback"]
    assert stage.header.model_hash == ZERO_HASH
    copied = sealed(replace(stage.header, miner=BOB.key), stage.block.body, BOB)
    assert stage.tip.validate(copied).state.minted == stage.tip.state.minted


def test_who_learns_anew_what_was_published_comes_second() -> None:
    tree = Tree(easy_network())
    first, second = tree.grow(None, ANN), tree.grow(None, BOB)
    candidates = [
        Candidate(
            head=grown.block_hash,
            height=Height(grown.state.height),
            work=grown.state.work,
            arrival=arrival,
        )
        for arrival, grown in enumerate((first, second))
    ]
    assert not better(candidates[1], candidates[0])
