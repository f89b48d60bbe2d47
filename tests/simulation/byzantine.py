# SPDX-License-Identifier: Apache-2.0
"""A miner that breaks the rules with a key that may mine: it signs whatever may split the others.

Its own program is the honest one, and somebody with its key adds to what that says: twins of its
blocks for one site only, blocks that others learned and forks from far back; blocks that lie, in
any field, under a signature that is in order; and its own news, kept back until they hurt.
"""

from collections.abc import Callable
from dataclasses import replace

from edge_node.chain.block_store import StoredBlock
from edge_node.gossip import codec, limits
from edge_node.gossip.messages import BlockAnnouncement
from edge_node.gossip.topics import Kind
from edge_node.primitives.types import Height, ModelHash, TimestampMs
from edge_node.spec.block import Block, body_from_bytes, header_from_bytes
from tests.simulation.broker import SITES
from tests.simulation.network import MINERS, PARAMETERS
from tests.simulation.node import SimNode
from tests.simulation.stranger import Stranger
from tests.simulation.world import World
from tests.spec.toy_chain import recommitted, sealed

MAX_DEPTH = 12
"""It goes on from blocks that are no older."""
ACCOMPLICES = 4
"""Peers that carry its blocks, each of which is soon banned."""
MORE_THAN_ALL = 10**9
"""Coins that nobody has."""


class Byzantine:
    """Does harm with a node's key.

    Parameters
    ----------
    world : World
    culprit : SimNode
        Whose key it is.
    """

    def __init__(self, world: World, culprit: SimNode) -> None:
        self.culprit = culprit
        self.done: dict[str, int] = {}
        """How often it did what."""
        self._world = world
        self._miner = MINERS[culprit.name]
        self._dice = world.random("byzantine")
        self._accomplices = Stranger(world, "accomplice", ACCOMPLICES)
        self._deeds: tuple[Callable[[StoredBlock], None], ...] = (
            self.equivocate,
            self.equivocate,
            self.steal,
            self.lie,
            self.overspend,
            self.withhold,
        )

    def act(self) -> None:
        """Do one thing, if there is a block to do it with."""
        knowing = [node for node in self._world.awake if node.importer.head.height]
        if not knowing:
            return
        importer = knowing[self._dice.below(len(knowing))].importer
        depth = self._dice.below(min(MAX_DEPTH, importer.head.height))
        height = Height(importer.head.height - depth)
        (block,) = importer.blocks.main_blocks(height, 1)
        deed = self._deeds[self._dice.below(len(self._deeds))]
        self.done[deed.__name__] = self.done.get(deed.__name__, 0) + 1
        deed(block)

    def equivocate(self, stored: StoredBlock) -> None:
        """Sign another block of the same model on the same parent, valid, for one site."""
        block = _block(stored)
        if block.header.miner != self._miner.key:
            return
        later = TimestampMs(block.header.timestamp + 1 + self._dice.below(20))
        self._announce(sealed(replace(block.header, timestamp=later), block.body, self._miner))

    def steal(self, stored: StoredBlock) -> None:
        """Put its own name on a block: the model is another's, by the draws of another's key."""
        block = _block(stored)
        self._announce(
            sealed(replace(block.header, miner=self._miner.key), block.body, self._miner)
        )

    def lie(self, stored: StoredBlock) -> None:
        """Change one thing of a block that it mined or stole."""
        header = _block(stored).header
        lies = (
            replace(header, correct_count=header.correct_count + 1),
            replace(
                header, rung=max(0, header.rung - 1), timestamp=TimestampMs(header.timestamp + 1)
            ),
            replace(header, timestamp=TimestampMs(header.timestamp - PARAMETERS.min_interval_ms)),
            replace(header, timestamp=TimestampMs(header.timestamp + 3_600_000)),
            replace(header, model_hash=ModelHash(header.previous_hash)),
            replace(header, generation=header.generation + 1),
            replace(header, state_root=header.history_root),
            replace(header, height=Height(header.height + 1)),
        )
        told = replace(lies[self._dice.below(len(lies))], miner=self._miner.key)
        self._announce(sealed(told, _block(stored).body, self._miner))

    def overspend(self, stored: StoredBlock) -> None:
        """Confirm a payment that nobody can make."""
        block = _block(stored)
        payment = self._world.transfer(self.culprit.name, 0, MORE_THAN_ALL)
        body = replace(block.body, transactions=(payment,))
        self._announce(recommitted(replace(block.header, miner=self._miner.key), body, self._miner))

    def withhold(self, _: StoredBlock) -> None:
        """Mine in silence from now on, or say all at once what was kept back."""
        link = self.culprit.link
        if link is None:
            return
        if self._dice.below(2):
            link.hold_back()
        else:
            link.release()

    def _announce(self, block: Block) -> None:
        header, body = block.header.encode(), block.body.encode()
        assert len(body) <= limits.INLINE_BYTES, "toy blocks are small"
        announcement = BlockAnnouncement(
            header=header, sizes=(len(body), 0), piece_hashes=(), data=body
        )
        self._accomplices.say(
            Kind.BLOCK,
            codec.encode(announcement),
            by=self._dice.below(ACCOMPLICES),
            site=SITES[self._dice.below(len(SITES))],
        )


def _block(stored: StoredBlock) -> Block:
    return Block(header=header_from_bytes(stored.header), body=body_from_bytes(stored.body))
