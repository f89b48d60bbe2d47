# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: SLF001  # crafts signatures that no caller of the law should
"""Vectors of what is signed and hashed: signatures, trees, transactions, headers, a genesis.

The signatures include every form on which libraries disagree, with libsodium's verdict: keys and
points of small order, of mixed order, in encodings above p, and S above the group order.
Law of the file: the points are computed from the law's curve, the verdicts by the law.
Read next: make_vectors.py, which writes them down.
"""

import hashlib
from dataclasses import fields, replace
from typing import TypeAlias

from edge_node.primitives.hashing import ZERO_HASH, tagged_hash
from edge_node.primitives.types import (
    Address,
    Amount,
    BlockHash,
    FamilyId,
    Hash32,
    Height,
    ModelHash,
    NetworkId,
    PublicKey,
    Signature,
    TimestampMs,
)
from edge_node.spec import signature
from edge_node.spec.architecture import BINARY_4K
from edge_node.spec.block import Body, Header
from edge_node.spec.dataset import Manifest, commit_split
from edge_node.spec.encoding import encode
from edge_node.spec.fork_choice import Checkpoint
from edge_node.spec.genesis import Genesis, Parameters
from edge_node.spec.merkle import MerkleTree, MountainRange
from edge_node.spec.proof import evolution_proof as proofs
from edge_node.spec.proof import founding
from edge_node.spec.recipe import Step, StepKind
from edge_node.spec.transaction import Transfer, address_of

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | bool"

SEED = hashlib.sha256(b"vector key").digest()
KEY = signature.public_key(SEED)
_P = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493
_SIGN_BIT = 1 << 255


def hash_of(name: str) -> Hash32:
    """Return a hash that stands for something which the vectors do not hold."""
    return tagged_hash("vector", name.encode("ascii"))


def signature_vectors() -> Json:
    """Return honest and crafted signatures with the law's verdict."""
    cases: list[Json] = []

    def add(what: str, key: bytes, message: bytes, signed: bytes) -> None:
        cases.append(
            {
                "what": what,
                "key": key.hex(),
                "message": message.hex(),
                "signature": signed.hex(),
                "valid": signature.verify(key, message, signed),
            }
        )

    message = b"vector"
    good = signature.sign(SEED, message)
    s = int.from_bytes(good[32:], "little")
    add("honest", KEY, message, good)
    add("honest, empty message", KEY, b"", signature.sign(SEED, b""))
    add("another message", KEY, b"vectors", good)
    add("one bit of R", KEY, message, bytes([good[0] ^ 1]) + good[1:])
    add("one bit of S", KEY, message, good[:32] + bytes([good[32] ^ 1]) + good[33:])
    for factor in (1, 2, 8):
        add(f"S + {factor} L", KEY, message, good[:32] + _bytes(s + factor * _ORDER))
    add("S = L", KEY, message, good[:32] + _bytes(_ORDER))
    add("S with its highest bit", KEY, message, good[:32] + _bytes(s | _SIGN_BIT))
    small = [(f"order-8 multiple {i}", signature._compress(p)) for i, p in enumerate(_torsion())]
    small += [
        ("0 as p", _bytes(_P)),
        ("1 as p + 1", _bytes(_P + 1)),
        ("0 as p, sign bit", _bytes(_SIGN_BIT | _P)),
        ("1, sign bit", _bytes(_SIGN_BIT | 1)),
        ("1 as p + 1, sign bit", _bytes(_SIGN_BIT | _P + 1)),
        ("p - 1, sign bit", _bytes(_SIGN_BIT | _P - 1)),
    ]
    scalar, prefix = signature._expand(SEED)
    for name, point in small:
        add(f"key {name}, R = 1, S = 0", point, message, _bytes(1) + bytes(32))
        multiple = signature._compress(signature._multiply(8, signature._BASE))
        for number in range(3):
            add(f"key {name}, R = 8 B, S = 8", point, bytes([number]), multiple + _bytes(8))
        challenge = signature._hash_scalar(point, KEY, message)
        add(f"R {name}, S = h a", KEY, message, point + _bytes(challenge * scalar % _ORDER))
    base = signature._multiply(scalar, signature._BASE)
    for index, torsion in enumerate(_torsion()[1:]):
        mixed = signature._compress(signature._add(base, torsion))
        for number in range(4):
            text = bytes([number])
            r = signature._hash_scalar(prefix, text)
            point = signature._compress(signature._multiply(r, signature._BASE))
            h = signature._hash_scalar(point, mixed, text)
            signed = point + _bytes((r + h * scalar) % _ORDER)
            add(f"key + order-8 multiple {index + 1}", mixed, text, signed)
    add("key y = 2 + p", _bytes(_P + 2), message, good)
    add("key beside the curve", _bytes(2), message, good)
    return {
        "about": "R-11, Ed25519 as libsodium accepts it: `valid` is the verdict on `signature` of"
        " `message` by `key`. The first two were made with the secret seed.",
        "seed": SEED.hex(),
        "cases": cases,
    }


def _bytes(number: int) -> bytes:
    return number.to_bytes(32, "little")


def _torsion() -> list[signature._Point]:
    y = signature._ORDER_8_Y
    x = signature._recover_x(y)
    assert x is not None
    points = [signature._IDENTITY]
    for _ in range(7):
        points.append(signature._add(points[-1], (x, y, 1, x * y % _P)))
    return points


def merkle_vectors() -> Json:
    """Return roots and proofs."""
    trees: list[Json] = []
    for count in (0, 1, 2, 3, 4, 5, 7, 8, 13):
        leaves = [bytes([number]) * number for number in range(count)]
        tree = MerkleTree.build(leaves)
        trees.append(
            {
                "leaves": [leaf.hex() for leaf in leaves],
                "root": tree.root.hex(),
                "proofs": [[node.hex() for node in tree.proof(i)] for i in range(count)],
            }
        )
    grown, roots = MountainRange(), [MountainRange().root().hex()]
    for number in range(12):
        grown = grown.appended(hash_of(str(number)))
        roots.append(grown.root().hex())
    return {
        "about": "R-12. `proofs`: siblings of each leaf, from below. `range`: roots of the mountain"
        " range before and after each of the `items`.",
        "trees": trees,
        "items": [hash_of(str(number)).hex() for number in range(12)],
        "range": list(roots),
    }


def block_vectors() -> Json:
    """Return a genesis, a block with its parts, and a checkpoint, with their hashes."""
    genesis = _genesis()
    network = genesis.network_id()
    dataset = genesis.datasets[0].dataset_id()
    transfer = _transfer(network)
    evolution: list[proofs.Proof] = [
        proofs.FounderProof(architecture=BINARY_4K, dataset=dataset, steps=200),
        proofs.PopulationProof(steps=7),
        proofs.ChildProof(
            base=3,
            steps=(
                Step(kind=StepKind.FLIP, nonce=5),
                Step(kind=StepKind.THRESHOLD, nonce=1_000_000),
                Step(kind=StepKind.CROSS, nonce=70_000, partner=2),
            ),
        ),
        proofs.FallbackProof(),
    ]
    body = Body(transactions=(transfer,), have=(dataset,), proof=evolution[2].encode())
    header = _header(network, body)
    checkpoint = Checkpoint(
        height=Height(500),
        block=header.block_hash(),
        member=KEY,
        signature=Signature(bytes(signature.SIGNATURE_BYTES)),
    )
    signed = signature.sign(SEED, checkpoint.signing_hash(network))
    return {
        "about": "R-17 to R-24, R-33, R-51. `encoded` are canonical bytes; what is signed is signed"
        " by the key of `seed`.",
        "seed": SEED.hex(),
        "genesis": {
            "encoded": genesis.encode().hex(),
            "network_id": network.hex(),
            "manifest": encode(genesis.datasets[0].value()).hex(),
            "dataset_id": dataset.hex(),
        },
        "transaction": {
            "encoded": encode(transfer.value()).hex(),
            "signing_hash": transfer.signing_hash(network).hex(),
            "sender_address": address_of(transfer.sender).hex(),
        },
        "header": {
            "fields": {field.name: _plain(getattr(header, field.name)) for field in fields(header)},
            "encoded": header.encode().hex(),
            "block_hash": header.block_hash().hex(),
        },
        "body": {
            "encoded": body.encode().hex(),
            "tx_root": body.tx_root().hex(),
            "proof_root": body.proof_root().hex(),
        },
        "proofs": [proof.encode().hex() for proof in evolution],
        "family": {
            "family_id": founding.family_id(dataset, BINARY_4K).hex(),
            "start_seed": founding.start_seed(network, dataset, BINARY_4K).hex(),
            "batch_seed": proofs.batch_seed(network, header.block_hash(), KEY, 77).hex(),
        },
        "checkpoint": {
            "encoded": replace(checkpoint, signature=signed).encode().hex(),
            "signing_hash": checkpoint.signing_hash(network).hex(),
        },
    }


def _plain(value: object) -> Json:
    return value.hex() if isinstance(value, bytes) else int(str(value))


def _genesis() -> Genesis:
    splits = [
        commit_split(hashlib.shake_128(name.encode()).digest(count * 64), bytes(count))
        for name, count in (("train", 3_000), ("evaluation", 2_000), ("reserve", 10))
    ]
    manifest = Manifest(
        name="vector",
        height=8,
        width=8,
        channels=1,
        classes=10,
        splits=(splits[0], splits[1], splits[2]),
    )
    return Genesis(
        name="vector",
        proof="evolution",
        timestamp=TimestampMs(1_700_000_000_000),
        members=(KEY,),
        datasets=(manifest,),
        allocations=((address_of(KEY), Amount(1_000_000_000)),),
        parameters=Parameters(),
    )


def _transfer(network: NetworkId) -> Transfer:
    unsigned = Transfer(
        sender=KEY,
        nonce=3,
        recipient=Address(hash_of("recipient")[:20]),
        amount=Amount(1_234_567),
        fee=Amount(89),
        signature=Signature(bytes(signature.SIGNATURE_BYTES)),
    )
    return replace(unsigned, signature=signature.sign(SEED, unsigned.signing_hash(network)))


def _header(network: NetworkId, body: Body) -> Header:
    unsigned = Header(
        version=1,
        network=network,
        height=Height(501),
        previous_hash=BlockHash(hash_of("previous")),
        previous_model_hash=BlockHash(hash_of("previous model")),
        timestamp=TimestampMs(1_700_000_123_456),
        family=FamilyId(hash_of("family")),
        generation=12,
        rung=1,
        target=ZERO_HASH,
        history_root=hash_of("history"),
        state_root=hash_of("state"),
        tx_root=body.tx_root(),
        miner=PublicKey(KEY),
        nonce=0,
        proof_root=body.proof_root(),
        latent_root=ZERO_HASH,
        model_hash=ModelHash(hash_of("model")),
        correct_count=1_876,
        signature=Signature(bytes(signature.SIGNATURE_BYTES)),
    )
    return replace(unsigned, signature=signature.sign(SEED, unsigned.block_hash()))
