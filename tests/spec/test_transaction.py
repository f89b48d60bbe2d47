# SPDX-License-Identifier: Apache-2.0
"""Transfers: their form, what a signature covers, and addresses."""

from dataclasses import replace

import pytest

from edge_node.primitives.hashing import tagged_hash
from edge_node.primitives.types import Address, Amount, NetworkId, PublicKey
from edge_node.spec.constants import MAX_AMOUNT
from edge_node.spec.encoding import Decoded, decode, encode
from edge_node.spec.ledger import check_transaction_signature
from edge_node.spec.signature import verify
from edge_node.spec.transaction import (
    TransactionMalformed,
    TransactionSignatureInvalid,
    address_of,
    transaction_from_value,
)
from tests.spec.toy_chain import miner, toy_dataset, toy_network, transfer

ALICE, BOB = miner("alice"), miner("bob")
NETWORK = toy_network([toy_dataset()])
TRANSFER = transfer(ALICE, BOB.address, 500, network=NETWORK, nonce=3, fee=7)
FORM: list["Decoded"] = [
    0,
    ALICE.key,
    3,
    BOB.address,
    500,
    7,
    TRANSFER.signature,
]


def with_part(index: int, part: "Decoded") -> "Decoded":
    return [part if i == index else old for i, old in enumerate(FORM)]


def test_r_19_transfer_survives_in_less_than_133_bytes() -> None:
    data = encode(TRANSFER.value())
    assert transaction_from_value(decode(data, max_bytes=len(data))) == TRANSFER
    assert decode(data, max_bytes=len(data)) == FORM
    assert len(data) < 133


def test_r_19_largest_transfer_fits_its_share_of_a_block() -> None:
    largest = replace(TRANSFER, nonce=MAX_AMOUNT, amount=Amount(MAX_AMOUNT), fee=Amount(MAX_AMOUNT))
    data = encode(largest.value())
    assert transaction_from_value(decode(data, max_bytes=len(data))) == largest
    assert len(data) == 150


@pytest.mark.parametrize(
    "value",
    [
        0,
        b"",
        {},
        [],
        FORM[:6],
        [*FORM, 0],
        with_part(0, 1),
        with_part(0, -1),
        with_part(0, b"\0"),
        with_part(0, [0]),
        with_part(1, 0),
        with_part(1, bytes(31)),
        with_part(1, bytes(33)),
        with_part(2, -1),
        with_part(2, b"\0"),
        with_part(3, bytes(19)),
        with_part(3, bytes(32)),
        with_part(4, 0),
        with_part(4, -1),
        with_part(4, "500"),
        with_part(5, -1),
        with_part(5, []),
        with_part(6, bytes(63)),
        with_part(6, bytes(65)),
        with_part(6, "signature"),
    ],
)
def test_r_19_transaction_of_another_form_is_refused(value: "Decoded") -> None:
    with pytest.raises(TransactionMalformed, match="R-19: the transaction must be"):
        transaction_from_value(value)


def test_r_20_sender_signs_for_one_network() -> None:
    network = NETWORK.rules.network
    check_transaction_signature(TRANSFER, network, verify)
    other = NetworkId(tagged_hash("test", b"another network"))
    with pytest.raises(TransactionSignatureInvalid, match="R-20"):
        check_transaction_signature(TRANSFER, other, verify)


@pytest.mark.parametrize(
    "changed",
    [
        replace(TRANSFER, nonce=4),
        replace(TRANSFER, amount=Amount(501)),
        replace(TRANSFER, fee=Amount(6)),
        replace(TRANSFER, recipient=ALICE.address),
        replace(TRANSFER, sender=BOB.key),
        replace(TRANSFER, signature=BOB.sign(TRANSFER.signing_hash(NETWORK.rules.network))),
        replace(TRANSFER, sender=PublicKey(bytes([1]) + bytes(31))),  # a key of small order
    ],
)
def test_r_20_any_change_breaks_the_signature(changed: object) -> None:
    with pytest.raises(TransactionSignatureInvalid):
        check_transaction_signature(
            changed,  # type: ignore[arg-type]  # a Transfer: parametrize knows objects only
            NETWORK.rules.network,
            verify,
        )


def test_address_is_the_beginning_of_a_tagged_hash() -> None:
    assert address_of(ALICE.key) == Address(tagged_hash("address", ALICE.key)[:20])
    assert address_of(ALICE.key) != address_of(BOB.key)
