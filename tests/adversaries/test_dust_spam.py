# SPDX-License-Identifier: Apache-2.0
"""Dust fills no pool for good: who pays one unit more than dust waits for no block longer.

Spammers with many accounts keep the pool of a node full of the cheapest payments, before and after
every block; the bound is the wait of honest payments, in blocks, with spam over without.
"""

import itertools

import pytest

from edge_node.chain.errors import MempoolRejected
from edge_node.chain.mempool import Mempool
from edge_node.primitives.types import Amount, Signature
from edge_node.spec.ledger import apply_transactions
from edge_node.spec.signature import SIGNATURE_BYTES
from edge_node.spec.state import State
from edge_node.spec.transaction import Transfer
from tests.spec.toy_chain import Miner, miner, toy_dataset, toy_network

ROOM, PER_SENDER, PER_BLOCK = 200, 50, 40
"""A small node: its pool holds five blocks."""
HONEST = tuple(miner(f"honest {number}") for number in range(4))
SPAMMERS = tuple(miner(f"spammer {number}") for number in range(8))
NETWORK = toy_network([toy_dataset("easy", (40, 50, 20))], rich=(*HONEST, *SPAMMERS))
DUST_FEE = 1


def verified(key: bytes, message: bytes, signature_bytes: bytes) -> bool:
    return True  # signatures are not what is measured


class Pool:
    """A mempool and the state that it waits on."""

    def __init__(self) -> None:
        self.state: State = NETWORK.start()
        self.pool = Mempool(
            NETWORK.rules, verified, max_waiting=ROOM, max_waiting_per_sender=PER_SENDER
        )

    def offer(self, who: Miner, fee: int) -> bool:
        nonce = self.pool.next_nonce(self.state, who.key)
        payment = Transfer(
            sender=who.key,
            nonce=nonce,
            recipient=HONEST[0].address,
            amount=Amount(1),
            fee=Amount(fee),
            signature=Signature(bytes(SIGNATURE_BYTES)),
        )
        try:
            return self.pool.add(payment, self.state)
        except MempoolRejected:
            return False

    def flood(self) -> None:
        for who in SPAMMERS:
            while self.offer(who, DUST_FEE):
                assert len(self.pool) <= ROOM

    def block(self) -> int:
        """Confirm what a block carries; return how many of it are honest."""
        chosen = self.pool.select(PER_BLOCK)
        self.state, _ = apply_transactions(self.state, chosen, NETWORK.rules.parameters)
        self.pool.refresh(self.state)
        keys = {who.key for who in HONEST}
        return sum(each.sender in keys for each in chosen)


def waits(*, spam: bool, fee: int) -> list[int]:
    """Return how many blocks each of 12 honest payments waits."""
    pool, found = Pool(), []
    for who in itertools.islice(itertools.cycle(HONEST), 12):
        if spam:
            pool.flood()
        assert pool.offer(who, fee), "an honest payment finds no room"
        for blocks in itertools.count(1):
            if spam:
                pool.flood()
            if pool.block():
                found.append(blocks)
                break
    return found


def test_honest_payments_wait_no_longer_for_all_the_dust() -> None:
    calm, spammed = waits(spam=False, fee=DUST_FEE + 1), waits(spam=True, fee=DUST_FEE + 1)
    assert sum(spammed) < 2 * sum(calm)
    assert spammed == calm == [1] * 12


def test_pool_stays_within_its_room_and_a_sender_within_its_share() -> None:
    pool = Pool()
    pool.flood()
    assert len(pool.pool) == ROOM
    assert not pool.offer(SPAMMERS[-1], DUST_FEE)
    assert pool.offer(HONEST[0], DUST_FEE + 1)
    assert len(pool.pool) == ROOM


@pytest.mark.parametrize("blocks", [3])
def test_spammer_pays_for_every_dust_that_is_confirmed(blocks: int) -> None:
    pool = Pool()
    before = sum(pool.state.accounts.get(who.address).balance for who in SPAMMERS)
    for _ in range(blocks):
        pool.flood()
        pool.block()
    after = sum(pool.state.accounts.get(who.address).balance for who in SPAMMERS)
    assert before - after == blocks * PER_BLOCK * (DUST_FEE + 1)  # the payment, and its fee
