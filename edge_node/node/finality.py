# SPDX-License-Identifier: Apache-2.0
"""Finality: a member's word that a settled block stays, and the quorum's words for who joins.

Rule R-51; paper A, section 4.6. A member signs the highest settled block of every
CHECKPOINT_INTERVAL-th height that more than two thirds of the members show below their tips, and
only above what it has signed before, or what is final. So two quorums can not contradict each
other while less than a third of the members lie: whoever signed for both would have broken its
word. The word is on the disk before anyone hears it, and comes back from the broker to who lost it.
Law of the file: never two blocks of one height, never a lower height, never another branch.
Read next: edge_node/spec/fork_choice.py.
"""

import logging
from typing import Protocol

from edge_node.chain.block_builder import Signer
from edge_node.chain.importer import Importer
from edge_node.gossip.ports import Action, CheckpointsReceived
from edge_node.gossip.protocol import Gossip
from edge_node.gossip.topics import node_id
from edge_node.primitives.types import BlockHash, Height, Signature
from edge_node.spec.fork_choice import Checkpoint
from edge_node.spec.signature import SIGNATURE_BYTES

_LOG = logging.getLogger(__name__)

CHECKPOINT_INTERVAL = 5
"""Heights that are signed: the multiples of this, so that the members' words meet."""
SETTLED_BLOCKS = 5
"""Blocks above one before it is signed: on a LAN, forks are resolved after one or two."""
LOOK_MS = 500
"""How often it is looked whether there is something to sign or to tell."""


class WordKeeper(Protocol):
    """Port: where this node's last word is kept."""

    def word(self) -> Checkpoint | None:
        """Return what was kept last, or None."""

    def keep_word(self, word: Checkpoint) -> None:
        """Keep it; when this returns, it survives a power cut."""


class Finality:
    """A node's part in making blocks final.

    Parameters
    ----------
    importer : Importer
    gossip : Gossip
    signer : Signer
        The node's key; it signs checkpoints if the genesis names it as a member.
    keeper : WordKeeper
    """

    def __init__(
        self, *, importer: Importer, gossip: Gossip, signer: Signer, keeper: WordKeeper
    ) -> None:
        self._importer = importer
        self._gossip = gossip
        self._signer = signer
        self._keeper = keeper
        self._nodes = [node_id(each) for each in importer.members if each != signer.public_key]
        word = keeper.word()
        # A word of the key that was here before binds nobody now.
        mine = word is not None and word.member == signer.public_key
        self._word = word if mine else None
        self._told: tuple[bytes, ...] = ()
        self._broken_height = 0
        self._look_at_ms = 0

    @property
    def is_member(self) -> bool:
        """True if the genesis names this node's key."""
        return self._signer.public_key in self._importer.members

    @property
    def signed_height(self) -> Height:
        """Height of the last block that this node has signed as final; 0 for none."""
        return Height(0) if self._word is None else self._word.height

    def tick(self, now_ms: int) -> list[Action]:
        """Sign what is due, and tell what others may lack."""
        if now_ms < self._look_at_ms:
            return []
        self._look_at_ms = now_ms + LOOK_MS
        actions: list[Action] = []
        if self.is_member:
            self._recall()
            word = self._sign() if self._gossip.synced else self._word
            if word is not None and not self._importer.blocks.has_checkpoint(word):
                own = CheckpointsReceived(checkpoints=(word.encode(),), sender=self._gossip.node)
                actions.append(own)
        return [*actions, *self._tell(now_ms)]

    def _recall(self) -> None:
        """Take back a word of ours that others remember and we do not."""
        heard = self._importer.blocks.last_checkpoint(self._signer.public_key)
        if heard is not None and heard.height > self.signed_height:
            _LOG.warning(
                "this key has signed height %d before, here or in a copy of this node; if a copy"
                " runs, stop it",
                heard.height,
            )
            self._keep(heard)

    def _sign(self) -> Checkpoint | None:
        """Give our word for the highest settled block, if that is due; return the last word."""
        importer = self._importer
        settled = importer.head.height - SETTLED_BLOCKS
        height = Height(settled // CHECKPOINT_INTERVAL * CHECKPOINT_INTERVAL)
        final = importer.final
        if height <= max(self.signed_height, 0 if final is None else final.height):
            return self._word
        block = importer.blocks.main_hash(height)
        if block is None or not self._may_sign(block, height) or not self._agreed(block):
            return self._word
        unsigned = Checkpoint(
            height=height,
            block=block,
            member=self._signer.public_key,
            signature=Signature(bytes(SIGNATURE_BYTES)),
        )
        message = unsigned.signing_hash(importer.rules.network)
        word = Checkpoint(
            height=height,
            block=block,
            member=unsigned.member,
            signature=self._signer.sign(message),
        )
        self._keep(word)
        _LOG.info("signed block %s at height %d as final", block.hex()[:8], height)
        return word

    def _may_sign(self, block: BlockHash, height: Height) -> bool:
        """Return True if a block stands above our last word, or above what has overruled it."""
        importer, word, final = self._importer, self._word, self._importer.final
        if final is not None and not importer.descends(block, final.block):
            return False
        if word is None or (final is not None and final.height >= word.height):
            return True
        if importer.descends(block, word.block):
            return True
        if self._broken_height != height:
            self._broken_height = height
            _LOG.warning(
                "height %d is not signed: this node gave its word for another branch at height %d,"
                " and waits until the other members have made a later block final",
                height,
                word.height,
            )
        return False

    def _agreed(self, block: BlockHash) -> bool:
        """Return True if more than two thirds of the members show tips above a block."""
        heads = {peer.node: peer.head for peer in self._gossip.peers()}
        tips = [heads.get(node) for node in self._nodes]
        above = 1 + sum(tip is not None and self._importer.descends(tip, block) for tip in tips)
        return 3 * above > 2 * len(self._importer.members)

    def _tell(self, now_ms: int) -> list[Action]:
        """Leave with the broker what makes the final block final, and our own word above it."""
        final = self._importer.final
        words = list(self._importer.quorum())
        if self._word is not None and (final is None or self._word.height > final.height):
            words.append(self._word)
        told = tuple(word.encode() for word in words)
        if told == self._told or not told:
            return []
        self._told = told
        return self._gossip.announce_checkpoints(told, now_ms)

    def _keep(self, word: Checkpoint) -> None:
        self._keeper.keep_word(word)
        self._word = word
