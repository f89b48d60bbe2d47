# SPDX-License-Identifier: Apache-2.0
"""What a node replays, how often and when: whole nodes of a lottery with real gossip and engine.

Whoever forges has keys of no cost; a flood of them is in tests/adversaries/test_forged_flood.py.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge_node.gossip.ports import BlockParts, HeaderVerdict
from edge_node.primitives.types import BlockHash, Signature
from edge_node.spec.block import Block
from edge_node.spec.genesis import RECIPE
from tests.node.forged_winners import RULES, forged, honest, known_chain, take_in
from tests.node.rig import Rig, World, sent, world
from tests.spec import toy_chain as toy
from tests.spec.toy_chain import ToyChain

ANN, BOB, EVE = map(toy.miner, ("ann", "bob", "eve"))


@pytest.fixture
def room(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, RULES, proof=RECIPE) as made:
        yield made


@pytest.fixture
def chain(room: World) -> ToyChain:
    """Give a chain by which ann is known."""
    return known_chain(room, ANN)


@pytest.fixture
def rig(room: World, chain: ToyChain) -> Rig:
    """Give a node that has the chain and is in sync; what it has replayed is forgotten."""
    rig = room.add("cat")
    take_in(rig, chain)
    room.run()
    rig.engine.seeds.clear()
    return rig


def waiting(rig: Rig) -> int:
    assert rig.replays is not None
    return len(rig.replays)


def head(rig: Rig) -> BlockHash:
    return rig.importer.head.head


def announce(rig: Rig, block: Block) -> None:
    """Let a node tell a block that it has, as if it were its own."""
    parts = BlockParts(header=block.header.encode(), body=block.body.encode(), transport=b"")
    now_ms = rig.world.clock.ms
    rig.node.do(rig.gossip.announce_block(block.header.block_hash(), parts, now_ms))


def test_one_block_is_replayed_a_turn_and_known_keys_first(rig: Rig, chain: ToyChain) -> None:
    tip = chain.tip
    for each in (forged(tip, BOB), forged(tip, EVE), honest(chain, ANN).block):
        rig.node.do([sent(each)])
    assert (waiting(rig), len(rig.engine.seeds)) == (3, 0)
    rig.node.turn()
    assert (waiting(rig), len(rig.engine.seeds)) == (2, 1)
    assert head(rig) == chain.state.head


def test_invalid_block_costs_its_key_its_place(rig: Rig, chain: ToyChain) -> None:
    first, second = (forged(chain.tip, EVE, number) for number in range(2))
    port = rig.gossip._port
    rig.node.do([sent(first)])
    rig.node.turn()
    rig.node.do([sent(second)])
    rig.world.run(1_000)
    assert len(rig.engine.seeds) == 1
    assert port.precheck_header(second.header.encode()) is HeaderVerdict.ORPHAN, "not asked for"
    stranger = forged(chain.tip, BOB).header.encode()
    assert port.precheck_header(stranger) is HeaderVerdict.PLAUSIBLE


def test_what_no_replay_is_needed_for_does_not_wait(rig: Rig, chain: ToyChain) -> None:
    block = forged(chain.tip, EVE)
    unsigned = replace(block, header=replace(block.header, signature=Signature(bytes(64))))
    without_ticket = toy.sealed(
        replace(block.header, target=type(block.header.target)(bytes(32))), block.body, EVE
    )
    orphan = toy.sealed(
        replace(block.header, previous_hash=block.header.block_hash()), block.body, EVE
    )
    for each in (unsigned, without_ticket, orphan, chain.mined[3].block):
        rig.node.do([sent(each)])
        assert waiting(rig) == 0
    assert rig.engine.seeds == []


def test_new_node_takes_in_a_strangers_chain_in_order_and_replays_it_once(
    room: World, rig: Rig, chain: ToyChain
) -> None:
    new = room.add("dan")
    room.run_until(lambda: head(new) == chain.state.head)
    assert len(new.engine.seeds) == len(chain.mined)
    assert new.gossip.synced


def test_second_block_of_a_stranger_comes_again_by_a_sync(
    room: World, rig: Rig, chain: ToyChain
) -> None:
    bob = room.add("bob")
    take_in(bob, chain)
    room.run()
    first, second = (honest(chain, BOB).block for _ in range(2))
    room.clock.ms = chain.state.timestamp - toy.GENESIS_TIME
    for each in (first, second):
        bob.node.do([sent(each)])
        bob.node.turn()
    for each in (first, second):
        announce(bob, each)
    room.run_until(lambda: head(rig) == chain.state.head)
    assert len(rig.engine.seeds) == 2
    assert [peer.score for peer in rig.gossip.peers()] == [0]


def test_children_wait_behind_their_parent_and_fall_with_it(rig: Rig, chain: ToyChain) -> None:
    bad = forged(chain.tip, EVE)
    child = toy.sealed(
        replace(
            bad.header,
            previous_hash=bad.header.block_hash(),
            height=type(bad.header.height)(bad.header.height + 1),
            miner=BOB.key,
        ),
        bad.body,
        BOB,
    )
    rig.node.do([sent(bad), replace(sent(child), sender=rig.gossip.node)])
    assert waiting(rig) == 2
    rig.world.run(1_000)
    assert (waiting(rig), len(rig.engine.seeds)) == (0, 1)


def test_early_blocks_wait_for_a_place_when_their_time_has_come(rig: Rig, chain: ToyChain) -> None:
    rig.world.clock.ms = chain.state.timestamp - toy.GENESIS_TIME - 5_000
    for number in range(5):
        rig.node.do([sent(forged(chain.tip, EVE, number))])
        rig.node.turn()
    assert (len(rig.held), waiting(rig)) == (5, 0)
    rig.world.run(20_000)
    assert (len(rig.held), waiting(rig)) == (0, 0)
    assert len(rig.engine.seeds) == 1
