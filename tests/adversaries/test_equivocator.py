# SPDX-License-Identifier: Apache-2.0
"""Who signs two blocks of one model on one parent gains 0: no chain ever has both.

Each alone is valid, so nodes may hold both until one branch is heavier; the second can not follow
the first, neither as it is nor signed anew for that place.
"""

from dataclasses import replace

import pytest

from edge_node.primitives.types import Height, TimestampMs
from edge_node.spec.errors import InvalidInput
from edge_node.spec.proof.errors import DuplicateModel
from edge_node.spec.validation import HeaderOutOfPlace
from tests.chain.workshop import ANN, Tree, easy_network, supply
from tests.spec.toy_chain import BLOCK_MS, Mined, sealed


def test_two_headers_of_one_model_never_stand_on_one_chain() -> None:
    tree = Tree(easy_network())
    trunk = tree.branch(None, 2)
    parent = trunk[-1].block_hash
    first = tree.grow(parent)
    header, body = first.mined.block.header, first.mined.block.body
    later = TimestampMs(header.timestamp + 1)
    twin = sealed(replace(header, timestamp=later), body, ANN)
    grown = tree.add(parent, Mined(block=twin, model=first.mined.model))

    # Either of them pays once, and neither more than the other.
    assert supply(grown.state) == supply(first.state) == first.state.minted

    on_first = tree.tip(first.block_hash)
    with pytest.raises(HeaderOutOfPlace):
        on_first.validate(twin)
    state = first.state
    moved = replace(
        header,
        height=Height(state.height + 1),
        previous_hash=state.head,
        previous_model_hash=state.head,
        timestamp=TimestampMs(state.timestamp + BLOCK_MS),
        history_root=state.history.root(),
        state_root=state.root(),
    )
    with pytest.raises(DuplicateModel):
        on_first.validate(sealed(moved, body, ANN))


def test_twin_adds_no_work_to_a_chain() -> None:
    tree = Tree(easy_network())
    first = tree.grow(None)
    header, body = first.mined.block.header, first.mined.block.body
    for shift_ms in range(1, 6):
        later = TimestampMs(header.timestamp + shift_ms)
        twin = sealed(replace(header, timestamp=later), body, ANN)
        grown = tree.add(tree.start.head, Mined(block=twin, model=first.mined.model))
        assert grown.state.work == first.state.work
        with pytest.raises(InvalidInput):
            tree.tip(first.block_hash).validate(twin)
