# SPDX-License-Identifier: Apache-2.0
"""The node's own transactions come one after the other and are signed as the law wants it."""

from pathlib import Path

from edge_node.node.purse import Purse
from edge_node.node.signer import KeySigner
from edge_node.primitives.types import Amount, Hash32
from edge_node.spec.ledger import check_transaction_signature
from edge_node.spec.transaction import ModelCommit, Transfer, address_of
from tests.node.rig import ED25519, Rig, world
from tests.spec import toy_chain as toy


def purse_of(rig: Rig) -> Purse:
    signer = KeySigner(ED25519, rig.directory.seed())
    return Purse(rig.importer, rig.mempool, signer)


def test_own_transactions_follow_those_that_wait(tmp_path: Path) -> None:
    with world(tmp_path) as made:
        ann = made.add("ann")
        purse = purse_of(ann)
        network = ann.importer.rules.network
        assert purse.address == address_of(purse.public_key) == toy.miner("ann").address
        first = purse.make(Transfer, recipient=toy.miner("bob").address, amount=Amount(5))
        check_transaction_signature(first, network, ED25519.verify)
        assert not purse.has_waiting(first)
        ann.node.submit(first)
        assert purse.has_waiting(first)
        second = purse.make(ModelCommit, commitment=Hash32(bytes(32)))
        assert (first.nonce, second.nonce) == (0, 1)
        assert second.fee == ann.importer.rules.parameters.min_fee
        ann.node.submit(second)
        assert len(ann.mempool) == 2
