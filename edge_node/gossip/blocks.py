# SPDX-License-Identifier: Apache-2.0
"""New blocks: announcements in, blocks to the node, its verdicts back.

Header first: the header is judged by what is cheap before a byte of the body is asked for. An
unknown parent starts a sync with whoever announced. A wrong signature or transport discards that
copy of the block and blames who sent it, never the hash.
Law of the file: the node hears of a block once, until it has given its verdict.
Read next: sync.py.
"""

from dataclasses import replace

from edge_node.gossip import limits
from edge_node.gossip.cells import Cells
from edge_node.gossip.downloads import Downloads, Fetched
from edge_node.gossip.errors import (
    BlockRefused,
    HeaderMismatch,
    ParcelMismatch,
    StampMissing,
    TransportRefused,
)
from edge_node.gossip.exchange import Exchange
from edge_node.gossip.messages import BlockAnnouncement, ObjectKind
from edge_node.gossip.parcels import Packed, split
from edge_node.gossip.peers import Peer, RecentSet
from edge_node.gossip.ports import (
    BlockParts,
    BlockReceived,
    BlockVerdict,
    BodyTiming,
    FetchFailed,
    HeaderFacts,
    HeaderVerdict,
)
from edge_node.gossip.stamp import is_stamp, make_stamp
from edge_node.gossip.sync import ChainSync
from edge_node.gossip.topics import Kind, NodeId
from edge_node.primitives.types import BlockHash, Hash32


class BlockDesk:
    """Blocks on their way to the node.

    Parameters
    ----------
    exchange, downloads, sync
        The other parts of the state machine.
    rejected : RecentSet
        Hashes that the node found invalid.
    judging : RecentSet
        Hashes of new blocks that the node was told of and has not judged.
    timing : BodyTiming
        When bodies are asked for.
    cells : Cells
        Where they may go.
    stamp_bits : int
        Work that an announcement shows; 0 for none.
    """

    def __init__(
        self,
        exchange: Exchange,
        downloads: Downloads,
        sync: ChainSync,
        *,
        rejected: RecentSet,
        judging: RecentSet,
        timing: BodyTiming,
        cells: Cells,
        stamp_bits: int,
    ) -> None:
        self._exchange = exchange
        self._downloads = downloads
        self._sync = sync
        self._rejected = rejected
        self._judging = judging
        self._timing = timing
        self._cells = cells
        self._stamp_bits = stamp_bits

    def announce(self, block: BlockParts, packed: Packed, now_ms: int) -> None:
        """Announce a block of our own: to all at once its header, and the body if it is small.

        With Local Block Consensus a small body rides to our cell only.
        """
        facts = self._exchange.port.header_facts(block.header)
        assert facts is not None, "we have made it"
        self._cells.note(facts, self._cells.own, now_ms)
        bare = BlockAnnouncement(
            header=block.header,
            sizes=packed.parcel.sizes[1:],
            piece_hashes=packed.parcel.piece_hashes,
            data=b"",
            stamp=make_stamp(block.header, self._stamp_bits),
        )
        data = packed.data[len(block.header) :]
        whole = replace(bare, piece_hashes=(), data=data) if data else bare
        small = len(data) <= limits.INLINE_BYTES
        if small and self._timing.lbc_quorum:
            self._exchange.publish(Kind.BLOCK, whole, local=True)
            self._exchange.publish(Kind.BLOCK, bare)
        else:
            rides = small and self._timing.settle_ms == 0
            self._exchange.publish(Kind.BLOCK, whole if rides else bare)

    def tick(self, now_ms: int) -> None:
        """Ask for bodies that have left their cells."""
        for block_hash in self._cells.agree(now_ms):
            at_ms = now_ms + self._timing.settle_ms
            self._downloads.hasten(ObjectKind.BLOCK, block_hash, at_ms)

    def announced(self, peer: Peer, block: BlockAnnouncement, now_ms: int) -> None:
        """Take an announcement.

        Raises
        ------
        HeaderMismatch, ParcelMismatch, BlockRefused, StampMissing
            G-15, G-16, G-20, G-24.
        """
        facts = self._facts(block.header)
        if block.data and len(block.data) != sum(block.sizes):
            raise ParcelMismatch(expected=f"{sum(block.sizes)} bytes", actual=len(block.data))
        block_hash = facts.block_hash
        parcel = block.parcel(block_hash)
        if block_hash in self._rejected:
            raise BlockRefused(expected="valid", actual=bytes(block_hash))
        if self._exchange.port.known(block_hash) or block_hash in self._judging:
            return
        if self._sync.expects(block_hash):
            return
        if not self._exchange.is_source(peer):
            # Those whose blocks are taken may have it by now.
            self._sync.compare_by(now_ms + limits.SETTLE_MS)
            return
        if not is_stamp(block.header, block.stamp, self._stamp_bits):
            raise StampMissing(expected=f"one of {self._stamp_bits} bits", actual=block.stamp)
        verdict = self._exchange.port.precheck_header(block.header)
        if verdict is HeaderVerdict.INVALID:
            raise BlockRefused(expected="a plausible header", actual=bytes(block_hash))
        self._cells.note(facts, peer.broker, now_ms)
        if verdict is HeaderVerdict.ORPHAN:
            self._sync.note_announced(peer, facts, now_ms)
            return
        if block.data or not sum(block.sizes):
            parts = split(parcel, block.header + block.data)
            self._deliver(block_hash, parts, peer.node)
        else:
            timeout_ms = self._timing.timeout_ms
            latest_ms = self._cells.wait_until_ms(block_hash, self._cells.own, now_ms)
            self._downloads.want(
                ObjectKind.BLOCK,
                block_hash,
                holder=peer.node,
                parcel=parcel,
                not_before_ms=max(latest_ms, now_ms + self._timing.settle_ms),
                until_ms=None if timeout_ms is None else now_ms + timeout_ms,
            )

    def fetched(self, fetched: Fetched, now_ms: int) -> None:
        """Take a block that was asked for."""
        try:
            facts = self._facts(fetched.parts[0], fetched.digest)
        except HeaderMismatch as error:
            peer = self._exchange.peers.get(fetched.sender)
            if peer is not None:
                self._exchange.blame(peer, error, now_ms)
            if not self._downloads.refetch(fetched):
                self.given_up(BlockHash(fetched.digest), now_ms)
            return
        if self._sync.expects(facts.block_hash):
            self._sync.body_came(fetched, now_ms)
        elif not self._exchange.port.known(facts.block_hash):
            self._deliver(facts.block_hash, fetched.parts, fetched.sender)

    def given_up(self, block_hash: BlockHash, now_ms: int) -> None:
        """Take note that nobody delivers a block."""
        if self._sync.expects(block_hash):
            self._sync.body_failed(now_ms)
        else:
            self._exchange.emit(FetchFailed(kind=ObjectKind.BLOCK, digest=block_hash))
            self._sync.compare_by(now_ms)

    def judged(
        self, block_hash: BlockHash, verdict: BlockVerdict, sender: NodeId, now_ms: int
    ) -> None:
        """Take the node's verdict on a block that it was told of."""
        self._judging.discard(block_hash)
        peer = self._exchange.peers.get(sender)
        in_sync = self._sync.expects(block_hash)
        if verdict is BlockVerdict.INVALID:
            self._rejected.add(block_hash)
            if peer is not None:
                error = BlockRefused(expected="valid", actual=bytes(block_hash))
                self._exchange.blame(peer, error, now_ms)
        elif verdict is BlockVerdict.BAD_MESSAGE:
            if peer is not None:
                refused = TransportRefused(expected="sound", actual=bytes(block_hash))
                self._exchange.blame(peer, refused, now_ms)
            if not in_sync and not self._downloads.want(ObjectKind.BLOCK, block_hash, avoid=sender):
                self.given_up(block_hash, now_ms)
        elif verdict is BlockVerdict.ORPHAN and peer is not None and not in_sync:
            self._sync.begin(peer, now_ms)
        if in_sync:
            self._sync.judged(block_hash, verdict, now_ms)

    def _facts(self, header: bytes, wanted: Hash32 | None = None) -> HeaderFacts:
        facts = self._exchange.port.header_facts(header)
        if facts is None:
            raise HeaderMismatch(expected="a header", actual=f"{len(header)} other bytes")
        if wanted is not None and facts.block_hash != wanted:
            raise HeaderMismatch(expected=bytes(wanted), actual=bytes(facts.block_hash))
        return facts

    def _deliver(self, block_hash: BlockHash, parts: tuple[bytes, ...], sender: NodeId) -> None:
        header, body, transport = parts
        self._downloads.cancel(ObjectKind.BLOCK, block_hash)
        self._judging.add(block_hash)
        self._exchange.emit(
            BlockReceived(
                block_hash=block_hash,
                header=header,
                body=body,
                transport=transport,
                sender=sender,
            )
        )
