# SPDX-License-Identifier: Apache-2.0
"""The mempool: order, limits, replacement, new heads; what it selects can always be applied."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from edge_node.chain.errors import MempoolRejected
from edge_node.chain.mempool import Mempool
from edge_node.primitives.types import Address, Amount, Height, PublicKey, Signature
from edge_node.spec import ledger
from edge_node.spec.constants import MAX_TRANSACTIONS, MAX_TRANSACTIONS_BYTES
from edge_node.spec.encoding import encode
from edge_node.spec.errors import InvalidTransaction
from edge_node.spec.ledger import BalanceTooLow, FeeTooLow, NonceMismatch, apply_transactions
from edge_node.spec.state import Account, Accounts, State
from edge_node.spec.transaction import (
    Transaction,
    TransactionSignatureInvalid,
    Transfer,
    address_of,
)
from tests.chain.workshop import ANN, BOB, CAT, DAN, MEMBERS, easy_network
from tests.spec.toy_chain import ALLOCATION, Miner, Network, miner, transfer

SHOP = miner("shop").address


@pytest.fixture
def pool(network: Network) -> Mempool:
    return Mempool(network.rules, network.engine.verify)


@pytest.fixture
def head(network: Network) -> State:
    return network.start()


def small(network: Network, total: int, per_sender: int = 256) -> Mempool:
    return Mempool(
        network.rules,
        network.engine.verify,
        max_waiting=total,
        max_waiting_per_sender=per_sender,
    )


def pay(
    network: Network, sender: Miner = ANN, nonce: int = 0, *, fee: int = 1, amount: int = 5
) -> Transfer:
    return transfer(sender, SHOP, amount, network=network, nonce=nonce, fee=fee)


def fill(pool: Mempool, head: State, transactions: Sequence[Transfer]) -> None:
    for transaction in transactions:
        assert pool.add(transaction, head)


def test_transaction_waits_once(pool: Mempool, head: State, network: Network) -> None:
    transaction = pay(network)
    name = transaction.signing_hash(network.rules.network)
    assert name not in pool
    assert pool.add(transaction, head)
    assert not pool.add(transaction, head)
    assert (len(pool), name in pool) == (1, True)
    assert pool.select() == (transaction,)


@pytest.mark.parametrize("order", [(ANN, BOB), (BOB, ANN)])
def test_of_equal_fees_the_first_that_came_goes_first(
    pool: Mempool, head: State, network: Network, order: tuple[Miner, Miner]
) -> None:
    waiting = [pay(network, sender, 0) for sender in order]
    fill(pool, head, waiting)
    assert pool.select() == tuple(waiting)


def test_dearest_goes_first_and_a_senders_own_stay_in_order(
    pool: Mempool, head: State, network: Network
) -> None:
    ann = [pay(network, ANN, n, fee=fee) for n, fee in enumerate((1, 90))]
    bob = [pay(network, BOB, n, fee=fee) for n, fee in enumerate((50, 2))]
    cat = [pay(network, CAT, n, fee=fee) for n, fee in enumerate((10, 40, 5))]
    fill(pool, head, [*ann, *cat, *bob])
    # Ann's dear one can not be had before her cheap one.
    expected = [bob[0], cat[0], cat[1], cat[2], bob[1], ann[0], ann[1]]
    assert pool.select() == tuple(expected)


def test_nonces_with_a_gap_or_used_before_are_refused(
    pool: Mempool, head: State, network: Network
) -> None:
    for nonce in (1, 2, (1 << 64) - 1):
        with pytest.raises(NonceMismatch):
            pool.add(pay(network, nonce=nonce), head)
    fill(pool, head, [pay(network), pay(network, nonce=1)])
    with pytest.raises(NonceMismatch) as caught:
        pool.add(pay(network, nonce=3), head)
    assert (caught.value.expected, caught.value.actual) == (2, 3)
    assert pool.next_nonce(head, ANN.key) == 2
    assert pool.next_nonce(head, BOB.key) == 0
    assert [each.nonce for each in pool.waiting_of(ANN.key)] == [0, 1]
    assert pool.waiting_of(BOB.key) == ()
    spent, _ = apply_transactions(head, pool.select(), network.rules.parameters)
    pool.refresh(spent)
    with pytest.raises(NonceMismatch):
        pool.add(pay(network), spent)


def test_what_waits_is_counted_against_the_balance(
    pool: Mempool, head: State, network: Network
) -> None:
    fill(pool, head, [pay(network, amount=ALLOCATION - 10)])
    with pytest.raises(BalanceTooLow):
        pool.add(pay(network, nonce=1, amount=9), head)
    fill(pool, head, [pay(network, nonce=1, amount=8)])
    with pytest.raises(BalanceTooLow):
        pool.add(pay(network, DAN, amount=1), head)
    assert len(pool) == 2


@pytest.mark.parametrize("change", ["amount", "recipient", "fee", "key", "signature"])
def test_forged_transaction_is_refused(
    pool: Mempool, head: State, network: Network, change: str
) -> None:
    honest = pay(network)
    forged = {
        "amount": replace(honest, amount=Amount(6)),
        "recipient": replace(honest, recipient=Address(bytes(20))),
        "fee": replace(honest, fee=Amount(2)),
        "key": replace(honest, sender=BOB.key),
        "signature": replace(honest, signature=Signature(bytes(64))),
    }[change]
    with pytest.raises(TransactionSignatureInvalid):
        pool.add(forged, head)
    assert len(pool) == 0


def test_fee_below_the_networks_least_is_refused(head: State, network: Network) -> None:
    rules = replace(network.rules, parameters=replace(network.rules.parameters, min_fee=3))
    pool = Mempool(rules, network.engine.verify)
    with pytest.raises(FeeTooLow):
        pool.add(pay(network, fee=2), head)
    assert pool.add(pay(network, fee=3), head)


def test_sender_has_a_limit_of_its_own(head: State, network: Network) -> None:
    pool = small(network, 100, per_sender=3)
    fill(pool, head, [pay(network, nonce=n) for n in range(3)])
    with pytest.raises(MempoolRejected, match="at most 3") as caught:
        pool.add(pay(network, nonce=3, fee=1_000), head)
    assert caught.value.actual == 4
    assert not caught.value.peer_fault
    assert pool.add(pay(network, BOB), head)


def test_full_pool_gives_the_cheapest_last_place_to_a_dearer_one(
    head: State, network: Network
) -> None:
    pool = small(network, 4)
    ann = [pay(network, ANN, n, fee=fee) for n, fee in enumerate((1, 7))]
    bob = [pay(network, BOB, n, fee=5) for n in range(2)]
    fill(pool, head, [*ann, *bob])
    for fee in (0, 4, 5):
        with pytest.raises(MempoolRejected, match="above 5") as caught:
            pool.add(pay(network, CAT, fee=fee), head)
        assert caught.value.actual == fee
    assert pool.select() == (*bob, *ann)
    dear = pay(network, CAT, fee=6)
    fill(pool, head, [dear])
    # Bob's last one was the cheapest that nothing waits behind; Ann's first is not last.
    assert pool.select() == (dear, bob[0], *ann)
    assert len(pool) == 4
    fill(pool, head, [pay(network, CAT, 1, fee=6)])
    assert set(pool.select()) == {dear, pay(network, CAT, 1, fee=6), *ann}
    assert pool.next_nonce(head, BOB.key) == 0


def test_newest_of_equally_cheap_ones_gives_way(head: State, network: Network) -> None:
    pool = small(network, 3)
    fill(pool, head, [pay(network, who, fee=2) for who in (CAT, ANN, BOB)])
    shopper = miner("shopper")
    rich = with_coins(head, shopper.key, 100)
    fill(pool, rich, [pay(network, shopper, fee=3)])
    assert pool.next_nonce(rich, BOB.key) == 0
    assert pool.next_nonce(rich, ANN.key) == pool.next_nonce(rich, CAT.key) == 1


def test_dear_one_behind_a_cheap_one_of_its_sender_takes_nobodys_place(
    head: State, network: Network
) -> None:
    pool = small(network, 3)
    fill(pool, head, [pay(network, ANN, fee=1), pay(network, BOB, fee=5), pay(network, CAT, fee=9)])
    with pytest.raises(MempoolRejected, match="above 1"):
        pool.add(pay(network, ANN, 1, fee=1_000), head)
    assert len(pool) == 3


def test_forgery_takes_nobodys_place(head: State, network: Network) -> None:
    pool = small(network, 2)
    waiting = [pay(network, ANN), pay(network, BOB)]
    fill(pool, head, waiting)
    with pytest.raises(TransactionSignatureInvalid):
        pool.add(replace(pay(network, CAT), fee=Amount(99)), head)
    with pytest.raises(TransactionSignatureInvalid):
        pool.add(replace(waiting[0], fee=Amount(99)), head)
    assert set(pool.select()) == set(waiting)


@pytest.mark.parametrize(
    ("old", "least"), [(0, 1), (1, 2), (9, 10), (10, 11), (11, 13), (100, 110), (101, 112)]
)
def test_replacement_needs_a_fee_a_tenth_higher(
    head: State, network: Network, old: int, least: int
) -> None:
    pool = Mempool(network.rules, network.engine.verify)
    after = pay(network, nonce=1)
    fill(pool, head, [pay(network, fee=old), after])
    other = pay(network, fee=least - 1, amount=6)
    with pytest.raises(MempoolRejected, match=f"at least {least}") as caught:
        pool.add(other, head)
    assert caught.value.actual == least - 1
    newer = pay(network, fee=least, amount=6)
    assert pool.add(newer, head)
    assert pool.select() == (newer, after)
    assert len(pool) == 2
    assert pay(network, fee=old).signing_hash(network.rules.network) not in pool


def test_replacement_leaves_the_followers_their_coins(
    pool: Mempool, head: State, network: Network
) -> None:
    waiting = [pay(network), pay(network, nonce=1, amount=ALLOCATION - 20)]
    fill(pool, head, waiting)
    with pytest.raises(MempoolRejected, match="at most 1000000"):
        pool.add(pay(network, fee=2, amount=18), head)
    with pytest.raises(BalanceTooLow):
        pool.add(pay(network, fee=2, amount=ALLOCATION), head)
    assert pool.select() == tuple(waiting)
    assert pool.add(pay(network, fee=2, amount=16), head)


def test_replacement_needs_no_room(head: State, network: Network) -> None:
    pool = small(network, 2, per_sender=2)
    fill(pool, head, [pay(network, nonce=n) for n in range(2)])
    newer = [pay(network, nonce=n, fee=2) for n in range(2)]
    fill(pool, head, newer)
    assert pool.select() == tuple(newer)


def test_pool_that_is_churned_for_long_does_not_grow(head: State, network: Network) -> None:
    pool = small(network, 4)
    for fee in range(1, 60):
        pool.add(pay(network, MEMBERS[fee % 3], fee=fee**2), head)
    assert len(pool) == 3
    assert len(pool._last_ones) <= 4 * 4 + 1


def test_new_head_takes_out_what_it_confirms_and_what_it_makes_void(
    pool: Mempool, head: State, network: Network
) -> None:
    ann = [pay(network, ANN, n) for n in range(3)]
    bob = [pay(network, BOB, n) for n in range(2)]
    cat = [pay(network, CAT, n, amount=400_000) for n in range(2)]
    fill(pool, head, [*ann, *bob, *cat])
    other = transfer(CAT, SHOP, 300_000, network=network)
    block = (ann[0], ann[1], bob[0], bob[1], other)
    after, _ = apply_transactions(head, block, network.rules.parameters)
    pool.refresh(after)
    # Cat's next one can still be paid; after that there is nothing left.
    assert set(pool.select()) == {ann[2], cat[1]}
    assert len(pool) == 2
    assert pool.next_nonce(after, CAT.key) == 2


def test_what_left_the_chain_waits_again_before_what_followed_it(
    pool: Mempool, head: State, network: Network
) -> None:
    ann = [pay(network, ANN, n) for n in range(4)]
    after, _ = apply_transactions(head, ann[:2], network.rules.parameters)
    pool.refresh(after)
    fill(pool, after, ann[2:])
    pool.refresh(head, [ann[1], ann[0]])
    assert pool.select() == tuple(ann)


def test_returned_ones_keep_the_limits(head: State, network: Network) -> None:
    pool = small(network, 4, per_sender=3)
    ann = [pay(network, ANN, n, fee=9 - n) for n in range(6)]
    after, _ = apply_transactions(head, ann[:4], network.rules.parameters)
    pool.refresh(after)
    fill(pool, after, [ann[4], pay(network, BOB, fee=2), pay(network, CAT, fee=1)])
    pool.refresh(head, ann[:4])
    assert pool.select() == (*ann[:3], pay(network, BOB, fee=2))


def test_new_head_costs_no_signature_check(head: State, network: Network) -> None:
    checked = 0

    def verify(key: bytes, message: bytes, signature: bytes) -> bool:
        nonlocal checked
        checked += 1
        return network.engine.verify(key, message, signature)

    pool = Mempool(network.rules, verify)
    fill(pool, head, [pay(network, nonce=n) for n in range(5)])
    pool.refresh(head, [pay(network, BOB)])
    assert (checked, len(pool)) == (5, 6)


def with_coins(state: State, key: PublicKey, balance: int) -> State:
    account = Account(address=address_of(key), balance=Amount(balance), nonce=0)
    return replace(state, accounts=state.accounts.updated([account]))


def unsigned(sender: int, nonce: int, amount: int = 1, fee: int = 0) -> Transfer:
    """Return a transfer by one of many keys that nobody holds."""
    return Transfer(
        sender=PublicKey(sender.to_bytes(32, "big")),
        nonce=nonce,
        recipient=SHOP,
        amount=Amount(amount),
        fee=Amount(fee),
        signature=Signature(bytes(64)),
    )


@pytest.mark.parametrize("amount", [1, 1 << 40])
def test_selection_keeps_the_limits_of_a_block(head: State, network: Network, amount: int) -> None:
    keys = 8
    accounts = (
        Account(address=address_of(unsigned(n, 0).sender), balance=Amount(1 << 60), nonce=0)
        for n in range(keys)
    )
    rich = replace(head, accounts=Accounts().updated(accounts))
    pool = Mempool(network.rules, lambda *_: True)
    fill(pool, rich, [unsigned(n % keys, n // keys, amount, fee=amount) for n in range(1_600)])
    selected = pool.select()
    size = sum(len(encode(transaction.value())) for transaction in selected)
    assert len(selected) <= MAX_TRANSACTIONS
    assert size <= MAX_TRANSACTIONS_BYTES
    one = len(encode(selected[0].value()))
    assert len(selected) == MAX_TRANSACTIONS or size + one > MAX_TRANSACTIONS_BYTES
    apply_transactions(rich, selected, network.rules.parameters)


SENDERS = st.integers(0, 4)
NONCES = st.integers(0, 8)
AMOUNTS = st.one_of(st.integers(1, 30), st.integers(1, 400))
FEES = st.integers(0, 40)


class PoolMachine(RuleBasedStateMachine):
    """Adds anything, moves the head anywhere; the selection always applies to the head."""

    @initialize(total=st.integers(1, 12), per_sender=st.integers(1, 6))
    def begin(self, total: int, per_sender: int) -> None:
        self.total, self.per_sender = total, per_sender
        self.law = easy_network().rules
        self.state = replace(
            easy_network().start(),
            accounts=Accounts().updated(
                Account(address=address_of(unsigned(n, 0).sender), balance=Amount(300), nonce=0)
                for n in range(4)
            ),
        )
        self.pool = Mempool(
            self.law, lambda *_: True, max_waiting=total, max_waiting_per_sender=per_sender
        )
        self.past: list[tuple[State, tuple[Transaction, ...]]] = []

    @rule(sender=SENDERS, nonce=NONCES, amount=AMOUNTS, fee=FEES)
    def add(self, sender: int, nonce: int, amount: int, fee: int) -> None:
        before = self.pool.select()
        try:
            self.pool.add(unsigned(sender, nonce, amount, fee), self.state)
        except (InvalidTransaction, MempoolRejected):
            assert self.pool.select() == before

    @rule(sender=SENDERS, amount=AMOUNTS, fee=FEES)
    def add_next(self, sender: int, amount: int, fee: int) -> None:
        nonce = self.pool.next_nonce(self.state, unsigned(sender, 0).sender)
        self.add(sender, nonce, amount, fee)

    @rule(data=st.data())
    def confirm(self, data: st.DataObject) -> None:
        selected = self.pool.select()
        block = selected[: data.draw(st.integers(0, len(selected)))]
        self._extend(block)

    @rule(sender=SENDERS, amount=AMOUNTS)
    def confirm_a_strangers_block(self, sender: int, amount: int) -> None:
        account = self.state.accounts.get(address_of(unsigned(sender, 0).sender))
        if account.balance >= amount:
            self._extend((unsigned(sender, account.nonce, amount),))

    @rule(depth=st.integers(1, 3))
    def fall_back(self, depth: int) -> None:
        returned: list[Transaction] = []
        for _ in range(min(depth, len(self.past))):
            self.state, block = self.past.pop()
            returned += block
        self.pool.refresh(self.state, returned)

    def _extend(self, block: tuple[Transaction, ...]) -> None:
        self.past.append((self.state, block))
        self.state, _ = ledger.apply_transactions(self.state, block, self.law.parameters)
        self.state = replace(self.state, height=Height(self.state.height + 1))
        self.pool.refresh(self.state)

    @invariant()
    def selection_applies_and_limits_hold(self) -> None:
        selected = self.pool.select()
        apply_transactions(self.state, selected, self.law.parameters)
        assert len(selected) == len(self.pool) <= self.total
        senders = [transaction.sender for transaction in selected]
        for sender in set(senders):
            assert senders.count(sender) <= self.per_sender
            waiting = self.pool.next_nonce(self.state, sender)
            assert waiting - self.state.accounts.get(address_of(sender)).nonce == senders.count(
                sender
            )
        assert all(tx.signing_hash(self.law.network) in self.pool for tx in selected)


PoolMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=30)
TestWhateverIsAdded = PoolMachine.TestCase
