# SPDX-License-Identifier: Apache-2.0
"""A flood of winners of thin air over a whole node: how many of them it replays, and when.

The node, gossip and the stamps are real; a played broker carries all messages in one moment, the
honest one last.
Law of the file: the attacker has as many keys and peers as it likes, and pays for stamps only.
Read next: test_forged_flood.py, edge_node/node/replay_queue.py.
"""

import functools
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_node.gossip.ports import BlockParts, Publish
from edge_node.gossip.protocol import Gossip, Identity, Profile
from edge_node.gossip.stamp import STAMP_BITS
from edge_node.gossip.topics import WORDS, Kind
from edge_node.node.chain_view import ChainView
from edge_node.spec import burst
from edge_node.spec.block import Block
from edge_node.spec.genesis import RECIPE
from tests.gossip.simulation import SeededRandom
from tests.node.forged_winners import RULES, forged, honest, known_chain, take_in
from tests.node.rig import ED25519, Rig, world
from tests.spec import toy_chain as toy
from tests.spec.toy_chain import Miner

ANN, EVE = toy.miner("ann"), toy.miner("eve")
HELPERS = 5
"""Peers that announce for the one key: none says more than its rate allows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flood:
    """What a flood has come to."""

    headers: int
    """Forged ones, of the one key and of the fresh keys each."""
    of_one_key: int
    """Replays that the headers of one key cost."""
    of_fresh_keys: int
    """Replays that the headers of as many keys cost."""
    honest_place: int
    """Place of the honest block among all replays, from 0."""
    heads_after_a_turn: tuple[bool, bool]
    """Whether the honest block was the head one turn after the flood came, and at the end."""
    banned: int
    """Peers of the attacker that the node heeds no longer."""
    left: tuple[int, int]
    """Blocks that wait for a replay, and that gossip waits for a verdict on, at the end."""
    synced: bool
    """Whether the node was in sync at the end."""


@functools.cache
def flood(headers: int = 50) -> Flood:
    """Flood a node: forged headers of as many keys, as many of one key, and one honest block."""
    folder = tempfile.TemporaryDirectory()
    with folder as path, world(Path(path), RULES, proof=RECIPE) as room:
        chain = known_chain(room, ANN)
        cat, ann = room.add("cat"), room.add("ann")
        for rig in (cat, ann):
            take_in(rig, chain)
        room.run()
        fresh = [toy.miner(f"stranger {number}") for number in range(headers)]
        own = [forged(chain.tip, who) for who in fresh]
        same = [forged(chain.tip, EVE, number) for number in range(headers)]
        block = honest(chain, ANN).block
        for who, each in zip(fresh, own, strict=True):
            _announce(ann, who, [each])
        for number in range(HELPERS):
            _announce(ann, toy.miner(f"helper {number}"), same[number::HELPERS])
        _announce(ann, ANN, [block])
        before = len(cat.engine.seeds)
        ann.close()
        cat.node.turn()
        at_once = cat.importer.head.head == block.header.block_hash()
        room.run(6_000)
        replayed = cat.engine.seeds[before:]
        return Flood(
            headers=headers,
            of_one_key=sum(burst.seed_of(each.header) in replayed for each in same),
            of_fresh_keys=sum(burst.seed_of(each.header) in replayed for each in own),
            honest_place=replayed.index(burst.seed_of(block.header)),
            heads_after_a_turn=(at_once, cat.importer.head.head == block.header.block_hash()),
            banned=sum(each.banned_until_ms > 0 for each in cat.gossip.peers()),
            left=(len(cat.replays or ()), len(cat.gossip._desk._judging)),
            synced=cat.gossip.synced,
        )


def _announce(port_of: Rig, who: Miner, blocks: Sequence[Block]) -> None:
    """Announce blocks under a peer's name; nothing but headers, bodies and stamps."""
    world = port_of.world
    gossip = Gossip(
        identity=Identity(
            network_id=world.network.genesis.network_id(),
            key=who.key,
            sign=who.sign,
            verify=ED25519.verify,
            session=1 << 20,
        ),
        port=ChainView(port_of.importer, port_of.datasets),
        random=SeededRandom(who.key.hex()),
        profile=Profile(software="flood"),
        stamp_bits=STAMP_BITS,
    )
    gossip.connected(world.clock.ms)
    for block in blocks:
        parts = BlockParts(header=block.header.encode(), body=block.body.encode(), transport=b"")
        for action in gossip.announce_block(block.header.block_hash(), parts, world.clock.ms):
            if isinstance(action, Publish) and f"/{WORDS[Kind.BLOCK]}/" in action.topic:
                world.room.publish(action)
