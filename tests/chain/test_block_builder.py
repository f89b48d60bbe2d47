# SPDX-License-Identifier: Apache-2.0
"""What a node builds around a finding is a block that the law accepts, at every stage."""

from dataclasses import replace
from pathlib import Path

import pytest

from edge_node.chain.block_builder import NOTHING_FOUND, Finding, build_block
from edge_node.chain.importer import Importer
from edge_node.chain.mempool import Mempool
from edge_node.primitives.hashing import ZERO_HASH, tagged_hash
from edge_node.primitives.types import DatasetId, PublicKey, Signature, TimestampMs
from edge_node.spec.block import Block, body_from_bytes
from edge_node.spec.constants import MAX_HAVE
from edge_node.spec.proof.errors import OutOfTurn
from edge_node.spec.validation import TimestampInvalid
from tests.chain.broken import ORDER, chain_before
from tests.chain.workshop import ANN, BOB, CAT, Tree, opened, remembering, take
from tests.spec import stages as spec
from tests.spec.toy_chain import Miner, Network, transfer


class Key:
    """The Signer port over a toy miner's key."""

    def __init__(self, owner: Miner) -> None:
        self._owner = owner

    @property
    def public_key(self) -> PublicKey:
        return self._owner.key

    def sign(self, message: bytes) -> Signature:
        return self._owner.sign(message)


def finding_of(block: Block) -> Finding:
    """Return what a trainer had found to make a block."""
    return Finding(
        family=block.header.family,
        proof=block.body.proof,
        model_hash=block.header.model_hash,
        latent_root=block.header.latent_root,
        nonce=block.header.nonce,
        correct_count=block.header.correct_count,
    )


@pytest.fixture(scope="module")
def strict() -> Network:
    return remembering(spec.network())


@pytest.mark.parametrize("stage", ORDER)
def test_block_around_a_finding_is_the_honest_one(path: Path, strict: Network, stage: str) -> None:
    honest = spec.stages()[stage].block
    finding = finding_of(honest) if stage != "fallback" else NOTHING_FOUND
    with opened(path, strict) as importer:
        for earlier in chain_before(stage):
            take(importer, earlier)
        built = build_block(
            importer.head,
            finding,
            transactions=honest.body.transactions,
            have=list(honest.body.have),
            timestamp=honest.header.timestamp,
            rules=importer.rules,
            signer=Key(spec.ALICE),
        )
        assert built == honest
        assert take(importer, built).head_changed


def build(importer: Importer, signer: Miner, after_ms: int, pool: Mempool) -> Block:
    return build_block(
        importer.head,
        NOTHING_FOUND,
        transactions=pool.select(),
        have=list(importer.head.datasets),
        timestamp=TimestampMs(importer.head.timestamp + after_ms),
        rules=importer.rules,
        signer=Key(signer),
    )


def test_what_waits_is_confirmed_by_the_next_block(path: Path, tree: Tree) -> None:
    network = tree.network
    fallback_ms = 7 * network.rules.parameters.rung_ms
    with opened(path, network) as importer:
        pool = Mempool(importer.rules, network.engine.verify)
        for nonce in range(3):
            payment = transfer(ANN, CAT.address, 10, network=network, nonce=nonce, fee=nonce)
            pool.add(payment, importer.head)
        before = importer.head.accounts.get(CAT.address).balance
        take(importer, build(importer, BOB, fallback_ms, pool))
        pool.refresh(importer.head)
        assert len(pool) == 0
        assert importer.head.accounts.get(CAT.address).balance == before + 30
        assert importer.head.immature[-1].amount == 3


def test_fallback_before_its_time_or_too_soon_is_refused_by_ones_own_importer(
    path: Path, tree: Tree
) -> None:
    network = tree.network
    with opened(path, network) as importer:
        pool = Mempool(importer.rules, network.engine.verify)
        with pytest.raises(OutOfTurn):
            take(importer, build(importer, BOB, 5_000, pool))
        with pytest.raises(TimestampInvalid):
            take(importer, build(importer, BOB, 1, pool))
        assert importer.head == tree.start


def test_have_list_is_sorted_without_repeats_and_not_too_long(tree: Tree) -> None:
    held = [DatasetId(tagged_hash("test", bytes([n]))) for n in range(MAX_HAVE + 4)]
    block = build_block(
        tree.start,
        NOTHING_FOUND,
        transactions=(),
        have=[*held, *held],
        timestamp=TimestampMs(tree.start.timestamp + 1),
        rules=tree.network.rules,
        signer=Key(ANN),
    )
    assert block.body.have == tuple(sorted(held)[:MAX_HAVE])
    assert body_from_bytes(block.body.encode()) == block.body


def test_nothing_found_names_nothing(tree: Tree) -> None:
    block = build_block(
        tree.start,
        NOTHING_FOUND,
        transactions=(),
        have=(),
        timestamp=TimestampMs(tree.start.timestamp + 1),
        rules=tree.network.rules,
        signer=Key(ANN),
    )
    header = block.header
    assert {header.family, header.previous_model_hash, header.model_hash} == {ZERO_HASH}
    assert (header.generation, header.nonce, header.correct_count) == (0, 0, 0)
    unsigned = replace(header, signature=Signature(bytes(64)))
    assert unsigned.block_hash() == header.block_hash()
    assert tree.network.engine.verify(ANN.key, header.block_hash(), header.signature)
