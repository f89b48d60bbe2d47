# SPDX-License-Identifier: Apache-2.0
"""Transactions that wait for a block: checked on entry, bounded in number, dearest first.

Law of the file: every waiting transaction could be applied to the head after those of its sender
that wait before it; policy limits are this node's, not the law's.
Read next: block_builder.py.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace

from edge_node.chain.errors import MempoolRejected
from edge_node.primitives.types import Amount, Hash32, PublicKey
from edge_node.spec import ledger
from edge_node.spec.constants import MAX_TRANSACTIONS, MAX_TRANSACTIONS_BYTES
from edge_node.spec.encoding import encode
from edge_node.spec.errors import InvalidTransaction
from edge_node.spec.ledger import SignatureCheck
from edge_node.spec.state import Account, State
from edge_node.spec.transaction import Transfer, address_of
from edge_node.spec.validation import Rules

MAX_WAITING = 20_000
"""Transactions in the pool."""
MAX_WAITING_PER_SENDER = 256
"""Transactions of one sender, so that one account can not fill the pool."""


class Mempool:
    """The waiting transactions of one node.

    Parameters
    ----------
    rules : Rules
    verify : SignatureCheck
    """

    def __init__(self, rules: Rules, verify: SignatureCheck) -> None:
        self._rules = rules
        self._verify = verify
        self._by_sender: dict[PublicKey, list[Transfer]] = {}  # by nonce, without gaps
        self._ids: set[Hash32] = set()

    def __len__(self) -> int:
        """Return the number of waiting transactions."""
        return len(self._ids)

    def __contains__(self, transaction_id: Hash32) -> bool:
        """Return True if a transaction waits."""
        return transaction_id in self._ids

    def add(self, transaction: Transfer, state: State) -> bool:
        """Take in a transaction that could follow those that wait; False if it waits already.

        Raises
        ------
        InvalidTransaction
            It breaks a rule.
        MempoolRejected
            There is no room for it.
        """
        identity = transaction.signing_hash(self._rules.network)
        if identity in self._ids:
            return False
        waiting = self._by_sender.get(transaction.sender, [])
        if len(waiting) >= MAX_WAITING_PER_SENDER:
            raise MempoolRejected(
                "transactions waiting of one sender",
                expected=f"at most {MAX_WAITING_PER_SENDER}",
                actual=len(waiting) + 1,
            )
        if len(self._ids) >= MAX_WAITING:
            raise MempoolRejected(
                "waiting transactions", expected=f"at most {MAX_WAITING}", actual=MAX_WAITING + 1
            )
        ledger.apply_transaction(
            self._sender_after(state, transaction.sender, waiting),
            Account(address=transaction.recipient, balance=Amount(0), nonce=0),
            transaction,
            self._rules.parameters,
        )
        ledger.check_transaction_signature(transaction, self._rules.network, self._verify)
        self._by_sender[transaction.sender] = [*waiting, transaction]
        self._ids.add(identity)
        return True

    def next_nonce(self, state: State, sender: PublicKey) -> int:
        """Return the nonce of the sender's next transaction."""
        return self._sender_after(state, sender, self._by_sender.get(sender, [])).nonce

    def refresh(self, state: State, returned: Iterable[Transfer] = ()) -> None:
        """Keep what can still be applied to a new head, and take back what left the chain."""
        waiting = [tx for queue in self._by_sender.values() for tx in queue]
        self._by_sender, self._ids = {}, set()
        for transaction in sorted([*returned, *waiting], key=lambda tx: tx.nonce):
            # What is confirmed, or overtaken by another spending, falls out here.
            with suppress(InvalidTransaction, MempoolRejected):
                self.add(transaction, state)

    def select(self) -> tuple[Transfer, ...]:
        """Return what the next block should carry, dearest sender first, in nonce order."""
        chosen: list[Transfer] = []
        size = 0
        queues = sorted(
            self._by_sender.values(),
            key=lambda queue: (-queue[0].fee, address_of(queue[0].sender)),
        )
        for queue in queues:
            for transaction in queue:
                size += len(encode(transaction.value()))
                if size > MAX_TRANSACTIONS_BYTES or len(chosen) == MAX_TRANSACTIONS:
                    return tuple(chosen)
                chosen.append(transaction)
        return tuple(chosen)

    def _sender_after(
        self, state: State, sender: PublicKey, waiting: Iterable[Transfer]
    ) -> Account:
        account = state.accounts.get(address_of(sender))
        for transaction in waiting:
            account = replace(
                account,
                balance=Amount(account.balance - transaction.amount - transaction.fee),
                nonce=account.nonce + 1,
            )
        return account
