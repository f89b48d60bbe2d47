# SPDX-License-Identifier: Apache-2.0
"""Latents of a chain by paper B as published are made anew from the batches in its proofs."""

import functools
from pathlib import Path

import pytest

from edge_node.chain.errors import StoreCorrupt
from edge_node.spec.proof.guiding_gradient_proof import WalkProof
from edge_node.spec.state import Family, State
from tests.chain.workshop import ANN, opened, remembering, take
from tests.spec import toy_walks as walks
from tests.spec.toy_chain import ToyChain

BLOCKS = 4


@functools.cache
def grown() -> tuple[ToyChain, tuple[State, ...]]:
    """Return a chain, and the state after each of its blocks."""
    chain = ToyChain(remembering(walks.walks_network()))
    states: list[State] = []
    for _ in range(BLOCKS):
        walks.grow(chain, ANN)
        states.append(chain.state)
    return chain, tuple(states)


def family_of(state: State) -> Family:
    (family,) = state.families.values()
    return family


@pytest.fixture
def filled(path: Path) -> Path:
    chain, _ = grown()
    with opened(path, chain.network) as importer:
        for mined in chain.mined:
            assert take(importer, mined).head_changed
            stored = importer.blocks.get(mined.block_hash)
            assert stored is not None
            assert stored.transport == b""
    return path


def test_restart_rebuilds_the_latents_after_every_block(filled: Path) -> None:
    chain, states = grown()
    for state in reversed(states):
        with opened(filled, chain.network) as importer:
            assert importer.head == chain.state
            family = family_of(state)
            assert importer.latents.latents(family) == chain.models.latents(family)


def test_damaged_proof_is_named_and_leads_to_no_wrong_latents(filled: Path) -> None:
    chain, _ = grown()
    block = chain.mined[1]
    proof = block.block.body.proof
    other = WalkProof(batches=((0, 1, 2, 3),)).encode()
    for damaged in (other, other + b"\0" * (len(proof) - len(other))):
        with opened(filled, chain.network) as importer:
            stored = importer.blocks.get(block.block_hash)
            assert stored is not None
            body = stored.body.replace(proof, damaged) if len(damaged) == len(proof) else damaged
            with importer.blocks._database.transaction() as connection:
                connection.execute(
                    "UPDATE block SET body = ? WHERE hash = ?", (body, block.block_hash)
                )
            with pytest.raises(StoreCorrupt, match=block.block_hash.hex()):
                importer.latents.latents(family_of(chain.state))
            with importer.blocks._database.transaction() as connection:
                connection.execute(
                    "UPDATE block SET body = ? WHERE hash = ?", (stored.body, block.block_hash)
                )
