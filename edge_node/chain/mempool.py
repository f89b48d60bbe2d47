# SPDX-License-Identifier: Apache-2.0
"""Transactions that wait for a block: checked on entry, bounded in number, dearest first.

Of each sender they wait in nonce order without gaps. A transaction gives way to one with the same
nonce and a fee a tenth higher; in a full pool, the cheapest of all last ones gives way to a dearer.
Law of the file: every waiting transaction could be applied to the head after those of its sender
that wait before it; policy limits are this node's, not the law's.
Read next: block_builder.py.
"""

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from edge_node.chain.errors import MempoolRejected
from edge_node.primitives.types import Amount, Hash32, Height, PublicKey
from edge_node.spec import ledger
from edge_node.spec.constants import MAX_TRANSACTIONS, MAX_TRANSACTIONS_BYTES
from edge_node.spec.errors import InvalidTransaction
from edge_node.spec.signature import SignatureCheck
from edge_node.spec.state import Account, State
from edge_node.spec.transaction import Transaction, Transfer, address_of
from edge_node.spec.validation import Rules

MAX_WAITING = 20_000
"""Transactions in the pool."""
MAX_WAITING_PER_SENDER = 256
"""Transactions of one sender, so that one account can not fill the pool."""
MIN_FEE_RISE_PERCENT = 10
"""What a replacement must offer more, so that replacing is not free to flood the network with."""
_MAX_LEFTOVERS = 4
"""Entries of the heap of last transactions, in multiples of the pool's size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting:
    transaction: Transaction
    identity: Hash32
    """Its signing hash."""
    arrival: int
    """Order in which it came."""
    size_bytes: int
    """Its share of a block."""
    cost: int
    """What it takes from its sender."""


class Mempool:
    """The waiting transactions of one node.

    Parameters
    ----------
    rules : Rules
    verify : SignatureCheck
    max_waiting, max_waiting_per_sender : int
        Limits, in transactions.
    """

    def __init__(
        self,
        rules: Rules,
        verify: SignatureCheck,
        *,
        max_waiting: int = MAX_WAITING,
        max_waiting_per_sender: int = MAX_WAITING_PER_SENDER,
    ) -> None:
        self._rules = rules
        self._verify = verify
        self._max_waiting = max_waiting
        self._max_waiting_per_sender = max_waiting_per_sender
        self._by_sender: dict[PublicKey, list[_Waiting]] = {}  # by nonce, without gaps; not empty
        self._ids: set[Hash32] = set()
        self._arrived = 0
        self.generation = 0
        """Grows whenever what waits changes: with the same number, `select` says the same."""
        # Fee, -arrival and sender of every sender's last transaction, the cheapest first and of
        # equals the newest; with leftovers of such as are last no more.
        self._last_ones: list[tuple[int, int, PublicKey]] = []

    def __len__(self) -> int:
        """Return the number of waiting transactions."""
        return len(self._ids)

    def __contains__(self, transaction_id: Hash32) -> bool:
        """Return True if a transaction waits."""
        return transaction_id in self._ids

    def add(self, transaction: Transaction, state: State) -> bool:
        """Take in a transaction that could follow those that wait; False if it waits already.

        Parameters
        ----------
        transaction : Transaction
        state : State
            The head's, as `refresh` was told.

        Raises
        ------
        InvalidTransaction
            It breaks a rule.
        MempoolRejected
            There is no room for it, or it offers too little for the place of another.
        """
        newcomer = self._waiting(transaction)
        if newcomer.identity in self._ids:
            return False
        queue = self._by_sender.get(transaction.sender, [])
        account = state.accounts.get(address_of(transaction.sender))
        place = transaction.nonce - account.nonce
        if 0 <= place < len(queue):
            self._check_applies(newcomer, _account_after(account, queue[:place]))
            _check_replaces(queue, place, newcomer, account)
            self._check_signature(transaction)
            self._check_effect(transaction, state)
            self._ids.remove(queue[place].identity)
            queue = [*queue[:place], newcomer, *queue[place + 1 :]]
        else:
            self._check_applies(newcomer, _account_after(account, queue))
            self._check_sender_has_room(len(queue) + 1)
            queue = [*queue, newcomer]
            victim = self._victim(queue)
            self._check_signature(transaction)
            self._check_effect(transaction, state)
            if victim is not None:
                self._drop_last(victim)
        self._put(transaction.sender, queue)
        return True

    def next_nonce(self, state: State, sender: PublicKey) -> int:
        """Return the nonce of the sender's next transaction."""
        account = state.accounts.get(address_of(sender))
        return account.nonce + len(self._by_sender.get(sender, []))

    def waiting_of(self, sender: PublicKey) -> tuple[Transaction, ...]:
        """Return a sender's waiting transactions, in the order of their nonces."""
        return tuple(each.transaction for each in self._by_sender.get(sender, ()))

    def refresh(self, state: State, returned: Iterable[Transaction] = ()) -> None:
        """Keep what can still be applied to a new head, and take back what left the chain.

        Parameters
        ----------
        state : State
            The new head's.
        returned : iterable of Transaction
            From blocks that left the chain; their signatures were checked there.
        """
        offered: dict[PublicKey, dict[int, _Waiting]] = {}
        for queue in self._by_sender.values():
            for waiting in queue:
                transaction = waiting.transaction
                offered.setdefault(transaction.sender, {})[transaction.nonce] = waiting
        for transaction in returned:
            by_nonce = offered.setdefault(transaction.sender, {})
            by_nonce.setdefault(transaction.nonce, self._waiting(transaction))
        self._by_sender, self._ids, self._last_ones = {}, set(), []
        self.generation += 1
        for sender, by_nonce in offered.items():
            # What is confirmed, or overtaken by another spending, falls out here.
            if queue := self._applicable(by_nonce, sender, state):
                self._put(sender, queue)
        while len(self._ids) > self._max_waiting:
            self._drop_last(self._cheapest()[1])

    def select(self, most: int = MAX_TRANSACTIONS) -> tuple[Transaction, ...]:
        """Return what the next block should carry: always the dearest that is its sender's next.

        Of equals the one that came first: later dust at the same fee delays nobody.

        Parameters
        ----------
        most : int
            Transactions.
        """
        chosen: list[Transaction] = []
        room_bytes = MAX_TRANSACTIONS_BYTES
        fronts: list[tuple[int, int, int, Sequence[_Waiting]]] = [
            (-queue[0].transaction.fee, queue[0].arrival, 0, queue)
            for queue in self._by_sender.values()
        ]
        heapq.heapify(fronts)
        while fronts and len(chosen) < min(most, MAX_TRANSACTIONS):
            _, _, place, queue = fronts[0]
            room_bytes -= queue[place].size_bytes
            if room_bytes < 0:
                break
            chosen.append(queue[place].transaction)
            place += 1
            if place < len(queue):
                fee, arrival = queue[place].transaction.fee, queue[place].arrival
                heapq.heapreplace(fronts, (-fee, arrival, place, queue))
            else:
                heapq.heappop(fronts)
        return tuple(chosen)

    def _waiting(self, transaction: Transaction) -> _Waiting:
        self._arrived += 1
        return _Waiting(
            transaction=transaction,
            identity=transaction.signing_hash(self._rules.network),
            arrival=self._arrived,
            size_bytes=len(transaction.encode()),
            cost=transaction.spent + transaction.fee,
        )

    def _check_applies(self, newcomer: _Waiting, account: Account) -> None:
        ledger.charge(account, newcomer.transaction, self._rules.parameters)

    def _check_effect(self, transaction: Transaction, state: State) -> None:
        height = Height(state.height + 1)
        ledger.take_effect(state, transaction, self._rules.parameters, height)

    def _check_sender_has_room(self, count: int) -> None:
        if count > self._max_waiting_per_sender:
            raise MempoolRejected(
                "the number of a sender's waiting transactions",
                expected=f"at most {self._max_waiting_per_sender}",
                actual=count,
            )

    def _check_signature(self, transaction: Transaction) -> None:
        ledger.check_transaction_signature(transaction, self._rules.network, self._verify)

    def _victim(self, queue: Sequence[_Waiting]) -> PublicKey | None:
        """Return whose last transaction gives way to the last of `queue`; None if there is room.

        Raises
        ------
        MempoolRejected
        """
        if len(self._ids) < self._max_waiting:
            return None
        fee, sender = self._cheapest()
        # It can not be had without those before it, so it is worth no more than they.
        worth = min(waiting.transaction.fee for waiting in queue)
        if worth <= fee:
            raise MempoolRejected(
                "the least fee of a sender's transactions, the pool being full,",
                expected=f"above {fee}",
                actual=worth,
            )
        return sender

    def _applicable(
        self, by_nonce: dict[int, _Waiting], sender: PublicKey, state: State
    ) -> list[_Waiting]:
        """Return the longest queue that a sender's transactions make."""
        account = state.accounts.get(address_of(sender))
        transfers = _affordable_transfers(by_nonce, account, self._max_waiting_per_sender)
        if transfers is not None:
            return transfers
        queue: list[_Waiting] = []
        while account.nonce in by_nonce and len(queue) < self._max_waiting_per_sender:
            waiting = by_nonce[account.nonce]
            try:
                self._check_applies(waiting, account)
                self._check_effect(waiting.transaction, state)
            except InvalidTransaction:
                break  # and with it all that follow
            queue.append(waiting)
            account = _account_after(account, [waiting])
        return queue

    def _put(self, sender: PublicKey, queue: list[_Waiting]) -> None:
        self._by_sender[sender] = queue
        self.generation += 1
        self._ids.update(waiting.identity for waiting in queue)
        heapq.heappush(self._last_ones, _rank(queue))
        if len(self._last_ones) > _MAX_LEFTOVERS * self._max_waiting:
            self._last_ones = [_rank(each) for each in self._by_sender.values()]
            heapq.heapify(self._last_ones)

    def _cheapest(self) -> tuple[int, PublicKey]:
        """Return fee and sender of the cheapest last transaction."""
        while True:
            fee, _, sender = self._last_ones[0]
            queue = self._by_sender.get(sender)
            if queue and _rank(queue) == self._last_ones[0]:
                return fee, sender
            heapq.heappop(self._last_ones)

    def _drop_last(self, sender: PublicKey) -> None:
        *queue, dropped = self._by_sender.pop(sender)
        self._ids.remove(dropped.identity)
        self.generation += 1
        if queue:
            self._put(sender, queue)


def _affordable_transfers(
    by_nonce: dict[int, _Waiting], account: Account, most: int
) -> list[_Waiting] | None:
    """Return the queue that transfers make; None if there is anything else among them.

    Each was in order when it came, but for its turn and its sender's coins: nothing else of a new
    head bears on a transfer. A full pool of them costs a new head milliseconds.
    """
    queue: list[_Waiting] = []
    left = account.balance
    while len(queue) < most:
        waiting = by_nonce.get(account.nonce + len(queue))
        if waiting is None:
            break
        if not isinstance(waiting.transaction, Transfer):
            return None
        left = Amount(left - waiting.cost)
        if left < 0:
            break
        queue.append(waiting)
    return queue


def _account_after(account: Account, queue: Sequence[_Waiting]) -> Account:
    if not queue:
        return account
    cost = sum(waiting.cost for waiting in queue)
    return replace(
        account, balance=Amount(account.balance - cost), nonce=account.nonce + len(queue)
    )


def _check_replaces(
    queue: Sequence[_Waiting], place: int, newcomer: _Waiting, account: Account
) -> None:
    old_fee = queue[place].transaction.fee
    least = max(old_fee + 1, -(-old_fee * (100 + MIN_FEE_RISE_PERCENT) // 100))
    if newcomer.transaction.fee < least:
        raise MempoolRejected(
            f"the fee for the place of a transaction that waits with a fee of {old_fee}",
            expected=f"at least {least}",
            actual=newcomer.transaction.fee,
        )
    # Those that follow it were promised their coins.
    total = sum(waiting.cost for waiting in queue) - queue[place].cost + newcomer.cost
    if total > account.balance:
        raise MempoolRejected(
            "the cost of a sender's waiting transactions",
            expected=f"at most {account.balance}",
            actual=total,
        )


def _rank(queue: Sequence[_Waiting]) -> tuple[int, int, PublicKey]:
    last = queue[-1]
    return (last.transaction.fee, -last.arrival, last.transaction.sender)
