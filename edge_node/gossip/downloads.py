# SPDX-License-Identifier: Apache-2.0
"""Fetching content by its hash: tables, then pieces, from whichever holder answers.

Header first: a block above `limits.INLINE_BYTES` is announced with its table only and fetched on
demand; so are models, manifests and the chunks of datasets. A holder that is silent for
`limits.REQUEST_TIMEOUT_MS` or has not got it is passed over for the next.
Law of the file: every piece is checked before it counts; nothing here knows what the bytes mean.
Read next: sync.py.
"""

from dataclasses import dataclass

from edge_node.gossip import limits
from edge_node.gossip.errors import GossipError, ParcelMismatch
from edge_node.gossip.exchange import Exchange, Pending
from edge_node.gossip.jobs import Job
from edge_node.gossip.messages import (
    GetParcels,
    GetPieces,
    ObjectKind,
    Parcel,
    ParcelAnswer,
    Piece,
    Refusal,
    Refused,
    Response,
)
from edge_node.gossip.parcels import check_data, check_piece, split
from edge_node.gossip.peers import Peer
from edge_node.gossip.ports import ChunkReceived, DatasetComplete, FetchFailed
from edge_node.gossip.topics import NodeId
from edge_node.primitives.types import DatasetId, Hash32, Height


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """Content that has arrived, every piece checked."""

    kind: ObjectKind
    """What it is."""
    digest: Hash32
    """What names it."""
    parts: tuple[bytes, ...]
    """Header, body and transport of a block; one part otherwise."""
    sender: NodeId
    """Who gave the table: answerable for the content."""
    height: Height | None = None
    """Of a block of a sync."""


class Downloads:
    """All fetches under way.

    Parameters
    ----------
    exchange : Exchange
        Where requests go.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._jobs: dict[tuple[ObjectKind, Hash32], Job] = {}

    def wants(self, kind: ObjectKind, digest: Hash32) -> bool:
        """Say whether a fetch is under way."""
        return (kind, digest) in self._jobs

    def want(
        self,
        kind: ObjectKind,
        digest: Hash32,
        *,
        holder: NodeId | None = None,
        height: Height | None = None,
        parcel: Parcel | None = None,
        avoid: NodeId | None = None,
        not_before_ms: int = 0,
        until_ms: int | None = None,
    ) -> bool:
        """Begin to fetch a block, model or manifest, or learn of one more holder.

        Parameters
        ----------
        holder : NodeId or None
            Who should have it.
        height : Height or None
            Of a block of a sync.
        parcel : Parcel or None
            The table that `holder` announced.
        avoid : NodeId or None
            Whose copy is no good.
        not_before_ms : int
            When to ask first.
        until_ms : int or None
            When it lapses; never if None.

        Returns
        -------
        bool
            False if nothing begins, because too many fetches are under way.
        """
        job = self._jobs.get((kind, digest))
        if job is None:
            # What our node wishes stays its wish when a copy was bad; blocks it never wishes for.
            begun_by = holder if parcel is not None else avoid
            origin = begun_by if kind is ObjectKind.BLOCK else None
            job = Job(kind=kind, digest=digest, height=height, origin=origin)
            if not self._has_room(job):
                return False
            job.not_before_ms, job.until_ms = not_before_ms, until_ms
            self._jobs[kind, digest] = job
        if holder is not None:
            job.hints.add(holder)
            if parcel is not None and job.parcel is None:
                job.use_table(parcel, holder)
        if avoid is not None:
            job.tried.add(avoid)
        return True

    def want_own(self, kind: ObjectKind, digest: Hash32) -> None:
        """Begin to fetch what our node wants; `FetchFailed` tells it if there is no room."""
        if not self.want(kind, digest):
            self._exchange.emit(FetchFailed(kind=kind, digest=digest))

    def _has_room(self, job: Job) -> bool:
        """Say whether a fetch may begin: nobody's messages crowd out another's, or a wish."""
        if job.height is not None:
            return True
        others = [
            each
            for each in self._jobs.values()
            if each.kind is not ObjectKind.DATASET
            and each.height is None
            and (each.origin is None) == (job.origin is None)
        ]
        if len(others) >= limits.MAX_PARCEL_JOBS:
            return False
        if job.origin is None:
            return True
        alone = sum(each.origin == job.origin and each.hints <= {job.origin} for each in others)
        return alone < limits.MAX_ANNOUNCED_PER_PEER

    def want_dataset(
        self, dataset_id: DatasetId, hashes: tuple[Hash32, ...], missing: list[int]
    ) -> None:
        """Begin to fetch the missing chunks of a dataset.

        `FetchFailed` says if too many datasets are being fetched, or this one has too many chunks.
        """
        self.cancel(ObjectKind.DATASET, dataset_id)
        jobs = sum(each.kind is ObjectKind.DATASET for each in self._jobs.values())
        if jobs >= limits.MAX_DATASET_JOBS or len(hashes) > limits.MAX_DATASET_CHUNKS:
            self._exchange.emit(FetchFailed(kind=ObjectKind.DATASET, digest=dataset_id))
            return
        job = Job(kind=ObjectKind.DATASET, digest=dataset_id, hashes=hashes)
        job.waiting.extend(missing)
        if missing:
            # Several late joiners begin at different places and can then serve each other.
            job.waiting.rotate(self._exchange.random.below(len(missing)))
        self._jobs[ObjectKind.DATASET, dataset_id] = job
        self._finish_dataset(job)

    def hasten(self, kind: ObjectKind, digest: Hash32, at_ms: int) -> None:
        """Let a fetch that waits begin at `at_ms` already."""
        job = self._jobs.get((kind, digest))
        if job is not None and job.rounds == 0:
            job.not_before_ms = min(job.not_before_ms, at_ms)

    def cancel(self, kind: ObjectKind, digest: Hash32) -> None:
        """Stop fetching something."""
        self._jobs.pop((kind, digest), None)

    def refetch(self, fetched: Fetched) -> bool:
        """Begin again: what came is not what its hash names; False if there is no room."""
        return self.want(fetched.kind, fetched.digest, height=fetched.height, avoid=fetched.sender)

    # Answers

    def answered(self, pending: Pending, response: Response, now_ms: int) -> list[Fetched]:
        """Take an answer to one of our requests; return what is complete.

        Raises
        ------
        GossipError
            G-14, G-15: the answer is wrong; the holder is passed over.
        """
        match response:
            case ParcelAnswer() if response.parcel.digest in pending.parcels:
                pending.parcels.discard(response.parcel.digest)
                self._exchange.progress(pending, len(response.data), now_ms)
                return self._table_came(pending, response)
            case Piece() if response.index in pending.pieces:
                pending.pieces.discard(response.index)
                self._exchange.progress(pending, len(response.data), now_ms)
                return self._piece_came(pending, response)
            case Refused():
                self._refused(pending, response, now_ms)
                return []
        raise ParcelMismatch(expected="an answer to the request", actual=type(response).__name__)

    def timed_out(self, pending: Pending) -> None:
        """Take note that the rest of an answer did not come; the request is closed already."""
        jobs = self._jobs_of(pending)
        for job in jobs:
            job.tried.add(pending.peer.node)
        self._give_back(pending, jobs)

    def _refused(self, pending: Pending, refused: Refused, now_ms: int) -> None:
        digest = Hash32(refused.digest)
        one = digest in pending.parcels
        jobs = self._jobs_of(pending, digest if one else None)
        if refused.why is Refusal.BUSY:
            pending.peer.quiet_until_ms = now_ms + limits.BUSY_MS
        else:
            for job in jobs:
                job.tried.add(pending.peer.node)
        self._give_back(pending, jobs)
        if one:
            pending.parcels.discard(digest)
        else:
            pending.parcels.clear()
            pending.pieces.clear()
        self._exchange.progress(pending, 0, now_ms)

    def _jobs_of(self, pending: Pending, digest: Hash32 | None = None) -> list[Job]:
        """Return the jobs that a request's missing answers are for, or the one of `digest`."""
        request = pending.request
        if isinstance(request, GetPieces):
            keys = [(request.kind, request.digest)]
        elif isinstance(request, GetParcels):
            digests = pending.parcels if digest is None else {digest}
            keys = [(request.kind, each) for each in digests]
        else:
            keys = []
        return [self._jobs[key] for key in keys if key in self._jobs]

    def _give_back(self, pending: Pending, jobs: list[Job]) -> None:
        for job in jobs:
            job.asking_table = False
            job.give_back(pending.pieces)

    def _table_came(self, pending: Pending, answer: ParcelAnswer) -> list[Fetched]:
        parcel = answer.parcel
        job = self._jobs.get((parcel.kind, parcel.digest))
        if job is None or not job.asking_table:
            return []
        job.asking_table = False
        sender = pending.peer.node
        if not answer.data and parcel.piece_hashes:
            job.use_table(parcel, sender)
            return []
        try:
            check_data(parcel, answer.data)
        except GossipError:
            job.tried.add(sender)
            raise
        return [self._complete(job, parcel, answer.data, sender)]

    def _piece_came(self, pending: Pending, piece: Piece) -> list[Fetched]:
        request = pending.request
        if not isinstance(request, GetPieces):
            return []
        job = self._jobs.get((request.kind, request.digest))
        # A piece asked for under a table that is no longer used would look wrong.
        if job is None or job.hashes is None or request.parcel_id != job.table_id:
            return []
        job.asked.discard(piece.index)
        try:
            check_piece(job.hashes[piece.index], piece.data)
        except GossipError:
            job.tried.add(pending.peer.node)
            job.waiting.appendleft(piece.index)
            raise
        # Progress: the rounds count failures in a row.
        job.rounds = 0
        if job.kind is ObjectKind.DATASET:
            self._exchange.emit(
                ChunkReceived(
                    dataset_id=DatasetId(job.digest),
                    index=piece.index,
                    data=piece.data,
                    sender=pending.peer.node,
                )
            )
            self._finish_dataset(job)
            return []
        job.have[piece.index] = piece.data
        if job.parcel is None or job.source is None or len(job.have) < len(job.hashes):
            return []
        data = b"".join(job.have[index] for index in range(len(job.hashes)))
        return [self._complete(job, job.parcel, data, job.source)]

    def _complete(self, job: Job, parcel: Parcel, data: bytes, sender: NodeId) -> Fetched:
        self.cancel(job.kind, job.digest)
        return Fetched(
            kind=job.kind,
            digest=job.digest,
            parts=split(parcel, data),
            sender=sender,
            height=job.height,
        )

    def _finish_dataset(self, job: Job) -> None:
        if not job.waiting and not job.asked:
            self.cancel(job.kind, job.digest)
            self._exchange.emit(DatasetComplete(dataset_id=DatasetId(job.digest)))

    # Requests

    def pump(self, now_ms: int) -> list[Job]:
        """Ask for what can be asked for; return the jobs that are given up."""
        if any(job.needs_table or job.wants_pieces for job in self._jobs.values()):
            online = self._exchange.peers.online(now_ms)
            self._ask_tables(online, now_ms)
            for job in self._jobs.values():
                while self._ask_pieces(job, online, now_ms):
                    pass
        failed = [
            job
            for job in self._jobs.values()
            if (job.rounds >= limits.MAX_ROUNDS and job.kind is not ObjectKind.DATASET)
            or (job.until_ms is not None and now_ms >= job.until_ms)
        ]
        for job in failed:
            self.cancel(job.kind, job.digest)
        return failed

    def _ask_tables(self, online: list[Peer], now_ms: int) -> None:
        """Ask for tables, those of one kind from one peer in one request."""
        requests: dict[tuple[ObjectKind, NodeId], list[Job]] = {}
        chosen: dict[NodeId, Peer] = {}
        for job in self._jobs.values():
            if not job.needs_table:
                continue
            size_bytes = limits.PARCELS_PER_REQUEST * limits.PIECE_BYTES
            peer = self._choose(job, online, size_bytes, now_ms)
            if peer is None:
                continue
            chosen[peer.node] = peer
            jobs = requests.setdefault((job.kind, peer.node), [])
            if len(jobs) < limits.PARCELS_PER_REQUEST:
                jobs.append(job)
        for (kind, node), jobs in requests.items():
            size_bytes = len(jobs) * limits.PIECE_BYTES
            if not chosen[node].may_be_asked(now_ms, size_bytes):
                continue
            for job in jobs:
                job.asking_table = True
            request = GetParcels(kind=kind, digests=tuple(job.digest for job in jobs))
            self._exchange.ask(chosen[node], request, size_bytes=size_bytes, now_ms=now_ms)

    def _ask_pieces(self, job: Job, online: list[Peer], now_ms: int) -> bool:
        """Send one request for pieces; return whether another may follow."""
        if not job.wants_pieces:
            return False
        size_bytes = limits.PIECES_PER_REQUEST * limits.PIECE_BYTES
        peer = self._choose(job, online, size_bytes, now_ms)
        if peer is None:
            return False
        indices = job.next_pieces()
        request = GetPieces(
            kind=job.kind, digest=job.digest, parcel_id=job.table_id, indices=indices
        )
        self._exchange.ask(peer, request, size_bytes=size_bytes, now_ms=now_ms)
        return True

    def _choose(self, job: Job, online: list[Peer], size_bytes: int, now_ms: int) -> Peer | None:
        """Choose among the holders that can be asked now, the least busy first."""
        if now_ms < job.not_before_ms:
            return None
        anybody = job.kind not in {ObjectKind.BLOCK, ObjectKind.MODEL}
        holders = [
            peer
            for peer in online
            if job.may_have(peer) and (anybody or self._exchange.is_source(peer))
        ]
        if not holders:
            job.end_round(now_ms)
            return None
        ready = [peer for peer in holders if peer.may_be_asked(now_ms, size_bytes)]
        if not ready:
            return None
        least = min(peer.in_flight for peer in ready)
        idle = [peer for peer in ready if peer.in_flight == least]
        return idle[self._exchange.random.below(len(idle))]
