# SPDX-License-Identifier: Apache-2.0
"""Transactions: their forms, what a signature covers, addresses and commitments."""

from dataclasses import replace

import pytest

from edge_node.primitives.hashing import tagged_hash
from edge_node.primitives.types import Address, Amount, Hash32, Height, NetworkId, PublicKey
from edge_node.spec.constants import (
    MAX_AMOUNT,
    MAX_HEADER_BYTES,
    MAX_MANIFEST_BYTES,
    MAX_TRANSACTION_BYTES,
)
from edge_node.spec.dataset import Manifest, ManifestMalformed, Split
from edge_node.spec.encoding import Decoded, InvalidEncoding, decode, encode
from edge_node.spec.ledger import check_transaction_signature
from edge_node.spec.signature import verify
from edge_node.spec.transaction import (
    Evidence,
    Transaction,
    TransactionMalformed,
    TransactionSignatureInvalid,
    address_of,
    commitment_to,
    transaction_from_bytes,
    transaction_from_value,
)
from tests.spec import toy_market as market
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
    assert transaction_from_bytes(data) == TRANSFER
    assert transaction_from_bytes(data).encode() == data
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


def test_r_19_bytes_and_name_are_those_of_the_present_form_however_often_asked() -> None:
    other = NetworkId(tagged_hash("another network"))
    dearer = replace(TRANSFER, fee=Amount(8))
    for _ in range(2):
        for each in (TRANSFER, dearer):
            unsigned = encode(each.unsigned_value())
            assert each.encode() == encode(each.value())
            for network in (NETWORK.rules.network, other):
                assert each.signing_hash(network) == tagged_hash("transaction", network, unsigned)
    copy = transaction_from_value(FORM)
    assert (copy, hash(copy), repr(copy)) == (TRANSFER, hash(TRANSFER), repr(TRANSFER))


def test_address_is_the_beginning_of_a_tagged_hash() -> None:
    assert address_of(ALICE.key) == Address(tagged_hash("address", ALICE.key)[:20])
    assert address_of(ALICE.key) != address_of(BOB.key)


HEADER = bytes(MAX_HEADER_BYTES)
HASH = Hash32(bytes(32))
EVERY_KIND = (
    TRANSFER,
    market.upload(),
    market.reveal(),
    market.commit(HASH),
    Evidence(
        sender=ALICE.key,
        nonce=0,
        first=HEADER,
        second=HEADER,
        reporter=BOB.address,
        fee=Amount(0),
        signature=TRANSFER.signature,
    ),
)


@pytest.mark.parametrize("transaction", EVERY_KIND, ids=lambda each: type(each).__name__)
def test_r_19_transaction_of_every_kind_survives(transaction: Transaction) -> None:
    data = encode(transaction.value())
    assert len(data) <= MAX_TRANSACTION_BYTES
    assert transaction_from_value(decode(data, max_bytes=len(data))) == transaction


def test_r_19_no_two_kinds_are_signed_alike() -> None:
    network = NETWORK.rules.network
    assert len({each.signing_hash(network) for each in EVERY_KIND}) == len(EVERY_KIND)


@pytest.mark.parametrize("transaction", EVERY_KIND, ids=lambda each: type(each).__name__)
def test_r_19_details_of_another_form_are_refused(transaction: Transaction) -> None:
    details = transaction.details()
    around: list[Decoded] = [transaction.kind, transaction.sender, 0]
    ends: list[Decoded] = [1, transaction.signature]
    wrong: list[list[Decoded]] = [details[:-1], [*details, 0], []]  # type: ignore[list-item]  # as decoded
    others: list[Decoded] = [-1, 1 << 64, "text", [], bytes(MAX_HEADER_BYTES + 1)]
    for place in range(len(details)):
        wrong += [[*details[:place], each, *details[place + 1 :]] for each in others]  # type: ignore[list-item]  # as decoded
    for each in wrong:
        with pytest.raises((TransactionMalformed, ManifestMalformed, InvalidEncoding)):
            transaction_from_value([*around, *each, *ends])


def test_r_19_largest_upload_fits_a_transaction() -> None:
    longest = Manifest(
        name="n" * 64,
        height=64,
        width=64,
        channels=1_024,
        classes=256,
        splits=(Split(count=1 << 24, root=HASH),) * 3,
    )
    assert len(encode(longest.value())) <= MAX_MANIFEST_BYTES
    most = Amount(MAX_AMOUNT)
    largest = market.upload(
        manifest=longest,
        nonce=MAX_AMOUNT,
        bounty=most,
        bonus=most,
        bond=most,
        fee=most,
        closing_height=Height(MAX_AMOUNT),
    )
    data = encode(largest.value())
    assert len(data) <= MAX_TRANSACTION_BYTES
    assert transaction_from_value(decode(data, max_bytes=len(data))) == largest


def test_commitment_hides_and_binds_model_key_and_salt() -> None:
    salt = bytes(32)
    made = commitment_to(b"blob", ALICE.key, salt)
    assert made == tagged_hash("model-commit", b"blob", ALICE.key, salt)
    others = {
        commitment_to(b"blub", ALICE.key, salt),
        commitment_to(b"blob", BOB.key, salt),
        commitment_to(b"blob", ALICE.key, bytes(31) + b"1"),
    }
    assert made not in others
    assert len(others) == 3
