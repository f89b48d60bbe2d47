# SPDX-License-Identifier: Apache-2.0
"""Local Block Consensus: a block's body leaves its author's cell when the cell agrees on it.

Paper A, section 4.6; design, section 5. A cell is the nodes of one broker. Headers go everywhere at
once; the body of a new block goes to the author's cell, and beyond it once q of the cell's n
members have it below their signed tips, or a time has passed. So a fork is mostly settled where it
began, and one body travels instead of two. Relay policy, never validity: who does not keep to it
only costs bandwidth, and nobody is punished.
Law of the file: no I/O; what it holds is bounded, and time opens every door.
Read next: blocks.py, answers.py.
"""

from collections import OrderedDict
from dataclasses import dataclass

from edge_node.gossip import limits
from edge_node.gossip.exchange import Exchange
from edge_node.gossip.ports import BodyTiming, HeaderFacts
from edge_node.gossip.topics import DEFAULT_BROKER, NodeId
from edge_node.primitives.types import BlockHash


@dataclass(slots=True, kw_only=True)
class _Young:
    """A new block whose body may have to stay."""

    parent: BlockHash
    cell: str
    """Where it was made."""
    until_ms: int
    """When the body may leave in any case."""
    is_open: bool = False
    """Whether it may leave."""


class Cells:
    """Which bodies are still for their cells only.

    Parameters
    ----------
    exchange : Exchange
        Knows the peers, their brokers and their tips.
    timing : BodyTiming
        Quorum and time-out; nothing is held back with a quorum of 0.
    """

    def __init__(self, exchange: Exchange, timing: BodyTiming) -> None:
        self._exchange = exchange
        self._timing = timing
        self.own = DEFAULT_BROKER
        """Name of the broker that we are connected to."""
        self._young: OrderedDict[BlockHash, _Young] = OrderedDict()

    def note(self, facts: HeaderFacts, cell: str, now_ms: int) -> None:
        """Take note of a new block that was made in a cell."""
        if self._timing.lbc_quorum == 0 or facts.block_hash in self._young:
            return
        until_ms = now_ms + self._timing.lbc_timeout_ms
        young = _Young(parent=facts.parent, cell=cell, until_ms=until_ms)
        self._young[facts.block_hash] = young
        if len(self._young) > limits.MAX_YOUNG_BLOCKS:
            self._young.popitem(last=False)

    def wait_until_ms(self, block_hash: BlockHash, cell: str, now_ms: int) -> int:
        """Return when a body may go to a cell at the latest; 0 if it may now."""
        young = self._young.get(block_hash)
        if young is None or young.is_open or young.cell == cell or now_ms >= young.until_ms:
            return 0
        return young.until_ms

    def agree(self, now_ms: int) -> list[BlockHash]:
        """Look at the tips; return the blocks whose bodies may leave from now on."""
        waiting = {each.cell for each in self._young.values() if not each.is_open}
        opened: list[BlockHash] = []
        for cell in sorted(waiting):
            tips = self._tips(cell, now_ms)
            quorum = min(self._timing.lbc_quorum, len(tips))
            votes: dict[BlockHash, int] = {}
            for tip in tips.values():
                for block_hash in self._below(tip):
                    votes[block_hash] = votes.get(block_hash, 0) + 1
            for block_hash, young in self._young.items():
                agreed = votes.get(block_hash, 0) >= quorum or now_ms >= young.until_ms
                if young.cell == cell and not young.is_open and agreed:
                    young.is_open = True
                    opened.append(block_hash)
        return opened

    def _tips(self, cell: str, now_ms: int) -> dict[NodeId, BlockHash | None]:
        """Return the tip of every member of a cell that is here, ourselves among them."""
        tips: dict[NodeId, BlockHash | None] = {
            peer.node: None if peer.tip is None else peer.tip.block_hash
            for peer in self._exchange.peers.online(now_ms)
            if peer.broker == cell
        }
        if cell == self.own:
            tips[self._exchange.identity.node] = self._exchange.port.tip().block_hash
        return tips

    def _below(self, tip: BlockHash | None) -> list[BlockHash]:
        """Return the young blocks of a branch: who signs a tip signs what it stands on."""
        branch: list[BlockHash] = []
        while tip is not None and (young := self._young.get(tip)) is not None:
            branch.append(tip)
            tip = young.parent
        return branch
