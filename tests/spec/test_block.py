# SPDX-License-Identifier: Apache-2.0
"""Headers and bodies: round trips, sizes, what a hash covers, and every malformed form."""

from dataclasses import fields, replace

import pytest

from edge_node.primitives.hashing import tagged_hash
from edge_node.primitives.types import DatasetId, Hash32, Signature
from edge_node.spec import constants
from edge_node.spec.block import (
    Body,
    BodyMalformed,
    Header,
    HeaderMalformed,
    body_from_bytes,
    header_from_bytes,
)
from edge_node.spec.encoding import Decoded, InvalidEncoding, Value, encode
from edge_node.spec.merkle import merkle_root
from edge_node.spec.transaction import TransactionMalformed, Transfer
from tests.spec.toy_chain import (
    ToyChain,
    Work,
    founder,
    miner,
    toy_dataset,
    toy_network,
    transfer,
)

ALICE, BOB = miner("alice"), miner("bob")
NETWORK = toy_network([toy_dataset()], rich=[ALICE])
TRANSFERS = tuple(
    transfer(ALICE, BOB.address, 10 + nonce, network=NETWORK, nonce=nonce) for nonce in range(3)
)
BLOCK = founder(Work(tip=ToyChain(NETWORK).tip, miner=ALICE, transactions=TRANSFERS)).block
HEADER, BODY = BLOCK.header, BLOCK.body
NAMES = [field.name for field in fields(Header)]
ITEMS: list["Value"] = [*HEADER.unsigned_value(), HEADER.signature]


def test_r_22_header_survives_in_about_500_bytes() -> None:
    data = HEADER.encode()
    assert header_from_bytes(data) == HEADER
    assert 400 < len(data) < 520
    largest = {name: (1 << 64) - 1 for name in NAMES if isinstance(getattr(HEADER, name), int)}
    data = replace(HEADER, **(largest | {"version": 1})).encode()  # type: ignore[arg-type]  # naturals
    assert header_from_bytes(data).nonce == (1 << 64) - 1
    assert len(data) < constants.MAX_HEADER_BYTES


def test_r_22_fields_come_in_the_order_of_the_page() -> None:
    core = "version network height previous_hash previous_model_hash timestamp family generation"
    core += " rung target history_root state_root tx_root miner nonce"
    results = "proof_root latent_root model_hash correct_count signature"
    assert [*core.split(), *results.split()] == NAMES


def test_r_22_hash_covers_all_but_the_signature() -> None:
    unsigned = encode(ITEMS[:-1])
    assert HEADER.block_hash() == tagged_hash("block", unsigned)
    assert replace(HEADER, signature=Signature(bytes(64))).block_hash() == HEADER.block_hash()
    hashes = {HEADER.block_hash()}
    for index, item in enumerate(ITEMS[:-1]):
        other: Value = item + 1 if isinstance(item, int) else bytes(31) + b"\1"
        changed = replace(HEADER, **{NAMES[index]: other})  # type: ignore[arg-type]  # same type
        hashes.add(changed.block_hash())
    assert len(hashes) == len(ITEMS)


@pytest.mark.parametrize("name", NAMES)
def test_r_22_field_of_another_type_or_length_is_refused(name: str) -> None:
    index = NAMES.index(name)
    wrong: list[Value] = ["text", [], {}]
    if isinstance(ITEMS[index], int):
        wrong += [-1, b"\1"]
    else:
        length = 64 if name == "signature" else 32
        wrong += [0, b"", bytes(length - 1), bytes(length + 1)]
    for item in wrong:
        items = [item if i == index else old for i, old in enumerate(ITEMS)]
        with pytest.raises(HeaderMalformed, match="R-22: the header must be"):
            header_from_bytes(encode(items))


@pytest.mark.parametrize("items", [0, b"", {}, [], ITEMS[:-1], [*ITEMS, 0], [ITEMS]])
def test_r_22_header_of_another_form_is_refused(items: "Value") -> None:
    with pytest.raises(HeaderMalformed):
        header_from_bytes(encode(items))


def test_header_above_its_limit_is_not_even_read() -> None:
    with pytest.raises(InvalidEncoding, match="above the limit of 640"):
        header_from_bytes(HEADER.encode() + bytes(constants.MAX_HEADER_BYTES))


def test_truncated_header_is_refused_at_every_byte() -> None:
    data = HEADER.encode()
    for size in range(len(data)):
        with pytest.raises(InvalidEncoding):
            header_from_bytes(data[:size])


def test_r_23_body_survives() -> None:
    assert body_from_bytes(BODY.encode()) == BODY
    empty = Body(transactions=(), have=(), proof=b"")
    assert body_from_bytes(empty.encode()) == empty


def test_r_23_roots_commit_to_every_part() -> None:
    leaves = [encode(tx.value()) for tx in TRANSFERS]
    assert BODY.tx_root() == merkle_root([*leaves, encode(list(BODY.have))])
    assert BODY.proof_root() == tagged_hash("proof", BODY.proof)
    bodies = [
        BODY,
        replace(BODY, transactions=TRANSFERS[:2]),
        replace(BODY, transactions=TRANSFERS[::-1]),
        replace(BODY, transactions=(*TRANSFERS, TRANSFERS[2])),
        replace(BODY, have=()),
        replace(BODY, have=(DatasetId(Hash32(bytes(32))),)),
    ]
    assert len({body.tx_root() for body in bodies}) == len(bodies)
    assert replace(BODY, proof=BODY.proof + b"\0").proof_root() != BODY.proof_root()


HAVE = [bytes([number]) * 32 for number in range(constants.MAX_HAVE + 1)]


@pytest.mark.parametrize(
    "value",
    [
        0,
        b"",
        {},
        [],
        [[], []],
        [[], [], b"", 0],
        [{}, [], b""],
        [[], b"", b""],
        [[], [], []],
        [[], [], "proof"],
        [[], [0], b""],
        [[], [b""], b""],
        [[], [bytes(31)], b""],
        [[], [[]], b""],
        [[], [HAVE[1], HAVE[0]], b""],
        [[], [HAVE[1], HAVE[1]], b""],
        [[], HAVE, b""],
        [[], [], bytes(constants.MAX_PROOF_BYTES + 1)],
        [[0] * (constants.MAX_TRANSACTIONS + 1), [], b""],
    ],
)
def test_r_23_body_of_another_form_is_refused(value: "Value") -> None:
    with pytest.raises(BodyMalformed, match="R-23: the body must be"):
        body_from_bytes(encode(value))


def test_r_23_limits_themselves_are_allowed() -> None:
    largest = (1 << 64) - 1
    full: Decoded = [
        0,
        ALICE.key,
        largest,
        BOB.address,
        largest,
        largest,
        bytes(64),
    ]
    proof = bytes(constants.MAX_PROOF_BYTES)
    body = body_from_bytes(encode([[full] * 1_300, HAVE[:-1], proof]))
    assert len(body.transactions) == 1_300
    short = TRANSFERS[0].value()
    body = body_from_bytes(encode([[short] * constants.MAX_TRANSACTIONS, HAVE[:-1], proof]))
    assert len(body.transactions) == constants.MAX_TRANSACTIONS


def test_malformed_transaction_in_a_body_is_refused_by_its_rule() -> None:
    with pytest.raises(TransactionMalformed):
        body_from_bytes(encode([[[0, b""]], [], b""]))


def test_body_above_its_limit_is_not_even_read() -> None:
    with pytest.raises(InvalidEncoding, match="above the limit"):
        body_from_bytes(encode([[], [], bytes(constants.MAX_BODY_BYTES)]))


def test_transaction_of_a_body_is_a_transfer() -> None:
    assert all(type(tx) is Transfer for tx in body_from_bytes(BODY.encode()).transactions)
