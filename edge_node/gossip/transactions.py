# SPDX-License-Identifier: Apache-2.0
"""Transactions: told in batches once, then by short ids until everybody has them.

A batch that the broker loses, a peer that comes later and a reorg that hands transactions back all
end the same way: who has waiting transactions tells an inventory of their short ids, and who lacks
some asks for them. Ids are salted anew in each inventory, so that nobody can prepare collisions.
Law of the file: the pool decides what is worth telling; nothing of it is kept here.
Read next: exchange.py.
"""

import hashlib
from collections import deque

from edge_node.gossip import limits
from edge_node.gossip.errors import MessageTooLarge, ParcelMismatch
from edge_node.gossip.exchange import Exchange, Pending
from edge_node.gossip.messages import (
    FoundTransactions,
    GetTransactions,
    Inventory,
    Refused,
    Response,
    Transactions,
)
from edge_node.gossip.peers import Peer
from edge_node.gossip.ports import TransactionsReceived
from edge_node.gossip.topics import Kind
from edge_node.spec.constants import MAX_TRANSACTION_BYTES


def short_id(salt: bytes, transaction: bytes) -> bytes:
    """Return what stands for a transaction in one inventory."""
    return hashlib.sha256(salt + transaction).digest()[: limits.SHORT_ID_BYTES]


class TransactionDesk:
    """Transactions on their way out, and those that we lack.

    Parameters
    ----------
    exchange : Exchange
        Where messages go.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._queue: deque[bytes] = deque(maxlen=limits.MAX_WAITING_TRANSACTIONS)
        self._batch_at_ms = 0
        self._inventory_at_ms = 0
        self._inventory_told_ms: int | None = None

    def announce(self, transactions: tuple[bytes, ...], now_ms: int) -> None:
        """Have new transactions told with the next batch.

        Raises
        ------
        MessageTooLarge
            G-1: one of them is empty or fits in no message; none is told.
        """
        for transaction in transactions:
            if not 0 < len(transaction) <= MAX_TRANSACTION_BYTES:
                raise MessageTooLarge(expected=MAX_TRANSACTION_BYTES, actual=len(transaction))
        if not self._queue:
            self._batch_at_ms = max(self._batch_at_ms, now_ms + limits.BATCH_DELAY_MS)
        self._queue.extend(transactions)

    def remind(self, now_ms: int) -> None:
        """Tell an inventory soon: somebody may lack what waits here."""
        # Not all nodes at once: who speaks later may have learned meanwhile.
        at_ms = now_ms + 1 + self._exchange.random.below(limits.INVENTORY_SPREAD_MS)
        if self._inventory_told_ms is not None:
            at_ms = max(at_ms, self._inventory_told_ms + limits.INVENTORY_INTERVAL_MS)
        self._inventory_at_ms = min(self._inventory_at_ms, at_ms)

    def tick(self, now_ms: int) -> None:
        """Tell what is due."""
        if self._queue and now_ms >= self._batch_at_ms:
            self._tell_batch(now_ms)
        if now_ms >= self._inventory_at_ms:
            self._tell_inventory(now_ms)

    def heard(self, peer: Peer, inventory: Inventory, now_ms: int) -> None:
        """Ask a peer for what it has and we lack."""
        # First whether it can be asked at all: our own ids take a hash each.
        if not peer.may_be_asked(now_ms, limits.PIECE_BYTES) or self._exchange.is_asked(
            peer, GetTransactions
        ):
            return
        ours = {short_id(inventory.salt, each) for each in self._exchange.waiting_transactions()}
        missing = tuple(each for each in inventory.short_ids if each not in ours)
        request = GetTransactions(
            salt=inventory.salt, short_ids=missing[: limits.MAX_TRANSACTIONS_PER_REQUEST]
        )
        if missing:
            self._exchange.ask(peer, request, size_bytes=limits.PIECE_BYTES, now_ms=now_ms)

    def answered(self, pending: Pending, response: Response, now_ms: int) -> None:
        """Take what a peer had of the transactions that we asked for.

        Raises
        ------
        ParcelMismatch
            G-15: it is not what was asked for.
        """
        size_bytes = 0
        if isinstance(response, FoundTransactions):
            size_bytes = sum(map(len, response.transactions))
        self._exchange.progress(pending, size_bytes, now_ms)
        if isinstance(response, Refused):
            pending.peer.quiet_until_ms = now_ms + limits.BUSY_MS
            return
        request = pending.request
        if not isinstance(response, FoundTransactions) or not isinstance(request, GetTransactions):
            raise ParcelMismatch(expected="transactions", actual=type(response).__name__)
        for transaction in response.transactions:
            if short_id(request.salt, transaction) not in request.short_ids:
                raise ParcelMismatch(expected="what was asked for", actual="another transaction")
        if response.transactions:
            self._exchange.emit(
                TransactionsReceived(transactions=response.transactions, sender=pending.peer.node)
            )

    def _tell_batch(self, now_ms: int) -> None:
        batch: list[bytes] = []
        total = 0
        while self._queue and len(batch) < limits.MAX_BATCH_TRANSACTIONS:
            total += len(self._queue[0])
            if batch and total > limits.MAX_BATCH_BYTES:
                break
            batch.append(self._queue.popleft())
        self._exchange.publish(Kind.TRANSACTIONS, Transactions(transactions=tuple(batch)))
        self._batch_at_ms = now_ms + limits.BATCH_DELAY_MS

    def _tell_inventory(self, now_ms: int) -> None:
        self._inventory_at_ms = now_ms + limits.REFRESH_MS
        waiting = self._exchange.waiting_transactions()[: limits.MAX_INVENTORY]
        if not waiting:
            return
        self._inventory_told_ms = now_ms
        salt = self._exchange.random.bytes(limits.SALT_BYTES)
        ids = tuple(short_id(salt, each) for each in waiting)
        # Lost, it is told again: not worth an acknowledgement.
        self._exchange.publish(Kind.INVENTORY, Inventory(salt=salt, short_ids=ids), qos=0)
