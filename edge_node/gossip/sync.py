# SPDX-License-Identifier: Apache-2.0
"""Catching up: from the best tip to header pages, from headers to bodies, in order.

The retained tips name the peer that claims the most work; if nothing comes of it, any other that
is ahead of us may be next. Its headers come by height, a little below our head first and further
back until a known block is found; a second peer answers the same question and where the two differ,
blocks are taken one at a time. Bodies come by hash from any holder and reach the node in order. The
same path serves a late joiner, a short gap and a fork.
Law of the file: a tip is a hint; only the node's verdict on a block counts.
Read next: protocol.py.
"""

from enum import Enum

from edge_node.gossip import limits
from edge_node.gossip.downloads import Downloads, Fetched
from edge_node.gossip.errors import (
    BlockRefused,
    ForeignChain,
    GossipError,
    HeaderMismatch,
    HeadersNotLinked,
    ParcelMismatch,
)
from edge_node.gossip.exchange import Exchange, Pending
from edge_node.gossip.messages import GetHeaders, Headers, ObjectKind, Refused, Response
from edge_node.gossip.peers import Peer, RecentSet
from edge_node.gossip.ports import (
    BlockReceived,
    BlockVerdict,
    HeaderFacts,
    SyncFinished,
)
from edge_node.gossip.topics import NodeId
from edge_node.primitives.types import BlockHash, Height

_STALL_MS = 60_000
"""A sync that brings nothing for this long is given up."""
_STEP_GROWTH = 4
"""Each step back to find the fork is so many times the last."""


class Phase(Enum):
    """What a sync is doing."""

    IDLE = "idle"
    HEADERS = "headers"
    BODIES = "bodies"


class ChainSync:
    """The sync under way, if any.

    Parameters
    ----------
    exchange : Exchange
        Where requests go.
    downloads : Downloads
        Fetches the bodies.
    rejected : RecentSet
        Hashes that the node found invalid.
    judging : RecentSet
        Hashes of new blocks that the node was told of and has not judged.
    """

    def __init__(
        self,
        exchange: Exchange,
        downloads: Downloads,
        *,
        rejected: RecentSet,
        judging: RecentSet,
    ) -> None:
        self._exchange = exchange
        self._downloads = downloads
        self._rejected = rejected
        self._judging = judging
        self.phase = Phase.IDLE
        self.finished = False
        """True once a comparison of tips found nobody ahead of us."""
        self._compare_at_ms: int | None = None
        self._failures = 0
        """Syncs in a row that came to nothing."""
        self._reset()

    def _reset(self) -> None:
        self.phase = Phase.IDLE
        self._target: Peer | None = None
        self._witness: Peer | None = None
        self._start = 0
        self._step = limits.HEADERS_OVERLAP
        self._page: list[HeaderFacts] | None = None
        self._second: dict[int, BlockHash] | None = None
        self._plan: list[HeaderFacts] = []
        self._index: dict[BlockHash, int] = {}
        self._cursor = 0
        self._ready: dict[BlockHash, Fetched] = {}
        self._unjudged: set[BlockHash] = set()
        self._disputed: BlockHash | None = None
        self._moved_ms = 0

    def compare_by(self, at_ms: int) -> None:
        """Compare tips at `at_ms` at the latest."""
        if self._compare_at_ms is None or at_ms < self._compare_at_ms:
            self._compare_at_ms = at_ms

    def stop(self) -> None:
        """Give the sync up; nobody is to blame."""
        for planned in self._plan:
            self._downloads.cancel(ObjectKind.BLOCK, planned.block_hash)
        self._reset()

    def expects(self, block_hash: BlockHash) -> bool:
        """Say whether a block is part of the plan."""
        return block_hash in self._index

    def begin(self, target: Peer, now_ms: int) -> None:
        """Sync with a peer, unless a sync is under way or its chain led nowhere lately."""
        if self.phase is not Phase.IDLE or now_ms < target.sync_after_ms or target.tip is None:
            return
        if not self._exchange.is_source(target):
            return
        ours = self._exchange.port.tip().height
        theirs = target.tip.height
        self._target = target
        self._witness = self._choose_witness(target, now_ms)
        self._request(max(1, min(ours, theirs) + 1 - limits.HEADERS_OVERLAP), now_ms)

    def note_announced(self, peer: Peer, facts: HeaderFacts, now_ms: int) -> None:
        """Take note of an announced block whose parent is not known: sync with who has it."""
        if self.phase is not Phase.IDLE:
            # What is announced meanwhile is found by comparing tips at the end.
            return
        if peer.tip is None or peer.tip.height < facts.height:
            # The tip follows its block; nothing was lost if it is merely on its way.
            self.compare_by(now_ms + limits.SETTLE_MS)
            return
        self.begin(peer, now_ms)

    def _choose_witness(self, target: Peer, now_ms: int) -> Peer | None:
        others = [
            peer
            for peer in self._exchange.peers.online(now_ms)
            if peer is not target
            and peer.tip is not None
            and now_ms >= peer.sync_after_ms
            and self._exchange.is_source(peer)
        ]
        return others[self._exchange.random.below(len(others))] if others else None

    def _request(self, start: int, now_ms: int) -> None:
        """Ask target and witness for the page at `start`."""
        self.phase = Phase.HEADERS
        self._moved_ms = now_ms
        self._start = start
        self._page = None
        self._second = None
        self._disputed = None
        request = GetHeaders(start=Height(start), count=limits.MAX_HEADERS_PER_PAGE)
        size_bytes = limits.MAX_HEADERS_PAGE_BYTES
        target, witness = self._target, self._witness
        if target is None or not target.may_be_asked(now_ms, size_bytes):
            self._abandon(now_ms)
            return
        self._exchange.ask(target, request, size_bytes=size_bytes, now_ms=now_ms)
        if witness is not None and witness.may_be_asked(now_ms, size_bytes):
            self._exchange.ask(witness, request, size_bytes=size_bytes, now_ms=now_ms)
        else:
            self._witness = None

    def _abandon(self, now_ms: int) -> None:
        """Leave the target alone, for longer each time; others may do better."""
        if self._target is not None:
            pause_ms = limits.SYNC_BACKOFF_MS << self._target.sync_failures
            self._target.sync_after_ms = now_ms + min(pause_ms, limits.MAX_SYNC_BACKOFF_MS)
            self._target.sync_failures = min(self._target.sync_failures + 1, 8)
        self._failures += 1
        self.stop()
        self.compare_by(now_ms + limits.RETRY_MS)

    def fail(self, error: GossipError, now_ms: int) -> None:
        """Give the sync up because of the target's chain."""
        if self._target is not None:
            self._exchange.blame(self._target, error, now_ms)
        self._abandon(now_ms)

    def headers_answered(self, pending: Pending, response: Response, now_ms: int) -> None:
        """Take a page of headers from target or witness.

        Raises
        ------
        GossipError
            G-15 to G-17: the witness's page is wrong. The target's blame is charged here.
        """
        size_bytes = sum(map(len, response.headers)) if isinstance(response, Headers) else 0
        self._exchange.progress(pending, size_bytes, now_ms)
        request = pending.request
        current = isinstance(request, GetHeaders) and request.start == self._start
        if self.phase is not Phase.HEADERS or not current:
            return
        if isinstance(response, Refused):
            pending.peer.quiet_until_ms = now_ms + limits.BUSY_MS
            self.headers_timed_out(pending, now_ms)
        elif pending.peer is self._target:
            try:
                self._target_answered(response, now_ms)
            except GossipError as error:
                self.fail(error, now_ms)
            self._plan_page(now_ms)
        elif pending.peer is self._witness:
            self._witness = None
            try:
                page = self._linked(response)
                self._second = {each.height: each.block_hash for each in page}
            finally:
                self._plan_page(now_ms)

    def _target_answered(self, response: Response, now_ms: int) -> None:
        page = self._linked(response)
        if not self._holds_final(page):
            # A quorum has decided against this chain, whatever work it has; no fault of its own.
            self._abandon(now_ms)
            return
        if not page:
            # It may have changed to a shorter chain with more work: no fault, but no use now.
            self.body_failed(now_ms)
            return
        port = self._exchange.port
        if not (port.known(page[0].parent) or port.known(page[0].block_hash)):
            if self._start <= 1:
                raise ForeignChain(expected="one after our genesis", actual=self._start)
            start = max(1, self._start - self._step)
            self._step *= _STEP_GROWTH
            self._request(start, now_ms)
            return
        self._page = page

    def _holds_final(self, page: list[HeaderFacts]) -> bool:
        """Return False if a page has another block where the final one belongs."""
        final = self._exchange.port.final()
        return final is None or all(
            each.height != final.height or each.block_hash == final.block_hash for each in page
        )

    def headers_timed_out(self, pending: Pending, now_ms: int) -> None:
        """Take note that a page did not come."""
        if self.phase is not Phase.HEADERS:
            return
        if pending.peer is self._target:
            self._abandon(now_ms)
        elif pending.peer is self._witness:
            self._witness = None
            self._plan_page(now_ms)

    def _linked(self, response: Response) -> list[HeaderFacts]:
        """Check that headers hang together."""
        if not isinstance(response, Headers):
            raise ParcelMismatch(expected="headers", actual=type(response).__name__)
        page: list[HeaderFacts] = []
        for header in response.headers:
            facts = self._exchange.port.header_facts(header)
            if facts is None:
                raise HeaderMismatch(expected="a header", actual=f"{len(header)} other bytes")
            if facts.block_hash in self._rejected:
                raise HeadersNotLinked(expected="a valid block", actual=bytes(facts.block_hash))
            if page:
                last = page[-1]
                if facts.parent != last.block_hash or facts.height != last.height + 1:
                    raise HeadersNotLinked(
                        expected=bytes(last.block_hash), actual=bytes(facts.parent)
                    )
            elif facts.height != self._start:
                raise HeadersNotLinked(expected=f"height {self._start}", actual=facts.height)
            page.append(facts)
        return page

    def _plan_page(self, now_ms: int) -> None:
        """Begin with the bodies once both answers are here, or the second is not to come."""
        if self.phase is not Phase.HEADERS or self._page is None or self._witness is not None:
            return
        port = self._exchange.port
        last = self._page[-1].height
        self._plan = [each for each in self._page if not port.known(each.block_hash)]
        second = self._second or {}
        for each in self._plan:
            other = second.get(each.height)
            if other is not None and other != each.block_hash:
                self._disputed = each.block_hash
                break
        self._index = {each.block_hash: i for i, each in enumerate(self._plan)}
        self._cursor = 0
        self._start = last + 1
        self._step = limits.HEADERS_OVERLAP
        self.phase = Phase.BODIES
        self._moved_ms = now_ms

    def body_came(self, fetched: Fetched, now_ms: int) -> None:
        """Take a body of the plan."""
        self._ready[BlockHash(fetched.digest)] = fetched
        self._moved_ms = now_ms

    def body_failed(self, now_ms: int) -> None:
        """Give up: nobody delivers a body that the target's chain needs."""
        self._abandon(now_ms)

    def judged(self, block_hash: BlockHash, verdict: BlockVerdict, now_ms: int) -> None:
        """Take the node's verdict on a block of the plan."""
        if block_hash not in self._index:
            return
        self._unjudged.discard(block_hash)
        self._moved_ms = now_ms
        if verdict is BlockVerdict.INVALID:
            self.fail(BlockRefused(expected="valid", actual=bytes(block_hash)), now_ms)
        elif verdict in {BlockVerdict.ORPHAN, BlockVerdict.BAD_MESSAGE}:
            self._abandon(now_ms)
        else:
            self._failures = 0
            if self._target is not None:
                self._target.sync_failures = 0
            if block_hash == self._disputed:
                self._disputed = None

    def pump(self, now_ms: int) -> None:
        """Do what can be done now."""
        if self.phase is Phase.IDLE:
            if self._compare_at_ms is not None and now_ms >= self._compare_at_ms:
                self._compare(now_ms)
        elif now_ms - self._moved_ms > _STALL_MS:
            self.body_failed(now_ms)
        if self.phase is Phase.BODIES:
            self._want_bodies()
            self._deliver()
            if self._cursor == len(self._plan) and not self._unjudged:
                self._page_done(now_ms)

    def _want_bodies(self) -> None:
        port = self._exchange.port
        ahead = 1 if self._disputed is not None else limits.BODY_WINDOW
        new = []
        flying = 0
        for planned in self._plan[self._cursor : self._cursor + ahead]:
            block_hash = planned.block_hash
            if self._downloads.wants(ObjectKind.BLOCK, block_hash):
                flying += 1
            elif not (
                block_hash in self._ready or block_hash in self._judging or port.known(block_hash)
            ):
                new.append(planned)
        # Half a window at a time: one request for eight blocks, not eight requests.
        at_end = self._cursor + ahead >= len(self._plan)
        if flying and len(new) < limits.PARCELS_PER_REQUEST and not at_end:
            return
        holder = self._target.node if self._target is not None else None
        for planned in new:
            self._downloads.want(
                ObjectKind.BLOCK,
                planned.block_hash,
                holder=holder,
                height=planned.height,
            )

    def _deliver(self) -> None:
        port = self._exchange.port
        room = 1 if self._disputed is not None else limits.BODY_WINDOW
        while self._cursor < len(self._plan) and len(self._unjudged) < room:
            planned = self._plan[self._cursor]
            block_hash = planned.block_hash
            fetched = self._ready.pop(block_hash, None)
            if block_hash in self._judging:
                self._unjudged.add(block_hash)
            elif not port.known(block_hash):
                if fetched is None:
                    return
                header, body, transport = fetched.parts
                self._unjudged.add(block_hash)
                self._exchange.emit(
                    BlockReceived(
                        block_hash=block_hash,
                        header=header,
                        body=body,
                        transport=transport,
                        sender=fetched.sender,
                    )
                )
            self._cursor += 1

    def _page_done(self, now_ms: int) -> None:
        target = self._target
        start = self._start
        more = target is not None and target.tip is not None and target.tip.height >= start
        self._plan = []
        self._index = {}
        if more:
            if target is not None:
                self._witness = self._choose_witness(target, now_ms)
            self._request(start, now_ms)
            return
        self._reset()
        self._compare(now_ms)

    def _compare(self, now_ms: int) -> None:
        """Look for a peer whose chain fork choice may prefer to ours.

        One with just our work counts too: whoever does not know it would take its next block for
        an orphan, and two sides that mine at the same pace would never come together.
        """
        self._compare_at_ms = now_ms + limits.COMPARE_MS
        port = self._exchange.port
        ours = port.tip()
        final = port.final()
        if final is not None and port.known(final.block_hash):
            final = None
        ahead = [
            peer
            for peer in self._exchange.peers.online(now_ms)
            if peer.tip is not None
            and self._exchange.is_source(peer)
            # While the final block is missing, whoever may have it will do, with less work too.
            and (
                peer.tip.rank >= ours.rank
                or (final is not None and peer.tip.height >= final.height)
            )
            and now_ms >= peer.sync_after_ms
            and now_ms >= peer.quiet_until_ms
            and peer.tip.block_hash not in self._rejected
            and not port.known(peer.tip.block_hash)
            and peer.tip.block_hash not in self._judging
            and not self._downloads.wants(ObjectKind.BLOCK, peer.tip.block_hash)
        ]
        if ahead:
            self.finished = False
            if not self._failures:
                # Work is a claim: once the best of them came to nothing, any may be the true one.
                best = max(peer.tip.rank for peer in ahead if peer.tip is not None)
                ahead = [peer for peer in ahead if peer.tip is not None and peer.tip.rank == best]
            self.begin(ahead[self._exchange.random.below(len(ahead))], now_ms)
        elif not self.finished:
            self.finished = True
            self._exchange.emit(SyncFinished(height=ours.height))

    @property
    def target(self) -> NodeId | None:
        """Whom we sync with, if anyone."""
        return self._target.node if self._target is not None else None
