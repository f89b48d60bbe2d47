# SPDX-License-Identifier: Apache-2.0
"""A toy network with a trainer who uploads a dataset, and the market's transactions, signed."""

import functools
from dataclasses import replace

from edge_node.primitives.types import Amount, DatasetId, Hash32, Height, Signature
from edge_node.spec.block import Block
from edge_node.spec.signature import SIGNATURE_BYTES
from edge_node.spec.transaction import (
    DatasetUpload,
    Evidence,
    ModelCommit,
    ReserveReveal,
    Transaction,
)
from tests.spec.stages import ALICE, BOB, CAROL, FALLBACK_MS
from tests.spec.toy_chain import (
    PARAMETERS,
    Miner,
    Network,
    ToyChain,
    Work,
    due,
    fallback,
    signed,
    toy_dataset,
    toy_network,
)

UPLOADED = toy_dataset("uploaded")
TRAINER = BOB
"""Who uploads; Alice and Carol mine."""
BOUNTY, BONUS, BOND, CLOSING = 10_000, 1_001, 5_000, Height(24)
NO_SIGNATURE = Signature(bytes(SIGNATURE_BYTES))
MINERS = (ALICE, CAROL)


@functools.cache
def network() -> Network:
    """Return a network with one dataset, on which another can be uploaded."""
    rules = replace(PARAMETERS, target_ms=0, max_family_generations=64)
    return toy_network(
        [toy_dataset()], parameters=rules, rich=[ALICE, TRAINER, CAROL], uploads=[UPLOADED]
    )


def upload(nonce: int = 0, by: Miner = TRAINER, **changes: object) -> DatasetUpload:
    """Return a trainer's upload."""
    plain = DatasetUpload(
        sender=by.key,
        nonce=nonce,
        manifest=UPLOADED.manifest,
        bounty=Amount(BOUNTY),
        bonus=Amount(BONUS),
        bond=Amount(BOND),
        closing_height=CLOSING,
        fee=Amount(1),
        signature=NO_SIGNATURE,
    )
    return signed(replace(plain, **changes), by, network())  # type: ignore[arg-type]  # one field or another


def reveal(nonce: int = 1, by: Miner = TRAINER, dataset: DatasetId | None = None) -> ReserveReveal:
    """Return the uploader's reveal."""
    plain = ReserveReveal(
        sender=by.key,
        nonce=nonce,
        dataset=dataset or UPLOADED.dataset_id,
        fee=Amount(1),
        signature=NO_SIGNATURE,
    )
    return signed(plain, by, network())


def commit(commitment: Hash32, nonce: int = 0, by: Miner = ALICE) -> ModelCommit:
    """Return a miner's commitment."""
    plain = ModelCommit(
        sender=by.key,
        nonce=nonce,
        commitment=commitment,
        fee=Amount(1),
        signature=NO_SIGNATURE,
    )
    return signed(plain, by, network())


def evidence(first: Block, second: Block, nonce: int = 0, by: Miner = TRAINER) -> Evidence:
    """Return a report of two blocks, in the order of their hashes."""
    low, high = sorted((first.header, second.header), key=lambda header: header.block_hash())
    plain = Evidence(
        sender=by.key,
        nonce=nonce,
        first=low.encode(),
        second=high.encode(),
        reporter=by.address,
        fee=Amount(1),
        signature=NO_SIGNATURE,
    )
    return signed(plain, by, network())


def grow(chain: ToyChain) -> None:
    """Append what is due, by the miners in turn."""
    chain.add(due(Work(tip=chain.tip, miner=MINERS[chain.state.height % 2])))


def wait(
    chain: ToyChain,
    *transactions: Transaction,
    have: tuple[DatasetId, ...] | None = None,
    until: int = 0,
) -> None:
    """Append a block without a model, or as many as lead to a height: they cost no time."""
    while True:
        work = Work(
            tip=chain.tip,
            miner=MINERS[chain.state.height % 2],
            after_ms=FALLBACK_MS,
            transactions=transactions,
            have=have,
        )
        chain.add(fallback(work))
        transactions = ()
        if chain.state.height >= until:
            return


@functools.cache
def uploaded() -> ToyChain:
    """Return a chain of one block, which confirms the upload; fork it before use."""
    chain = ToyChain(network())
    wait(chain, upload())
    return chain


@functools.cache
def competing() -> ToyChain:
    """Return a chain to the last block before the reserve may be revealed; fork it before use.

    The uploaded dataset's family has two records more than its first.
    """
    chain = uploaded().fork()
    wait(chain, until=4)
    while sum(len(family.records) > 2 for family in chain.state.families.values()) < 2:
        grow(chain)
    wait(chain, until=CLOSING - PARAMETERS.reveal_blocks - 1)
    return chain


@functools.cache
def revealed() -> ToyChain:
    """Return a chain to the last block before the closing height, all holding the reserve."""
    chain = competing().fork()
    wait(chain, reveal(), until=CLOSING - 1)
    return chain
