# SPDX-License-Identifier: Apache-2.0
"""Bytes of lottery blocks: the part that proves and carries the model, and the whole empty block.

Law of the file: blocks that were mined, signed, judged and stored; the transport is what the store
keeps for them.
Read next: lottery_chain.py.
"""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

from edge_node.bench.paper.errors import MeasurementFailed
from edge_node.bench.proof.lottery_chain import (
    FollowingClock,
    LotteryChain,
    Place,
    grown_blocks,
    lottery_genesis,
)
from edge_node.bench.proof.rows import ProofRow
from edge_node.bench.proof.workbench import Workbench
from edge_node.node.networks import LAN_LOTTERY
from edge_node.spec.architecture import BINARY_4K, UINT8_1M, UINT8_94K, Architecture

TABLE = "bytes"
MODEL_BYTES, BLOCK_BYTES = 200, 800
SEED = bytes([8]) * 32
FAMILIES: tuple[tuple[str, Architecture], ...] = (
    ("binary-4k", BINARY_4K),
    ("uint8-94k", UINT8_94K),
    ("uint8-1m", UINT8_1M),
)
KINDS = ("founder", "step")
PUBLISHED = "weights travel: 2.1 to 2.6 bits a parameter in paper A; paper B gives none"


def byte_rows(bench: Workbench) -> Iterator[ProofRow]:
    """Yield the bytes of a founder and of a step of each family."""
    for name, architecture in FAMILIES[:1] if bench.options.quick else FAMILIES:
        yield from _family_rows(bench, name, architecture)


def _family_rows(bench: Workbench, name: str, architecture: Architecture) -> Iterator[ProofRow]:
    options = bench.options
    images = len(bench.workload.evaluation)
    parameters = replace(
        LAN_LOTTERY,
        first_work=1,
        max_cost=1 << 40,
        max_connection_count=max(LAN_LOTTERY.max_connection_count, architecture.weight_count),
        max_evaluation_macs=max(LAN_LOTTERY.max_evaluation_macs, architecture.macs * images),
        min_evaluation_images=min(100, images),
    )
    cost = parameters.burst_steps * parameters.burst_batch * architecture.macs
    parameters = replace(parameters, max_cost=cost)
    clock = FollowingClock(parameters.target_ms)
    genesis = lottery_genesis(options.datasets, options.dataset, parameters)
    place = Place(path=options.folder / f"bytes-{name}", genesis=genesis, datasets=options.datasets)
    with closing(LotteryChain(place, name, [SEED], clock)) as chain:
        blocks = grown_blocks(chain, clock, len(KINDS))
        for kind, block in zip(KINDS, blocks, strict=True):
            stored = chain.importer.blocks.get(block.header.block_hash())
            if stored is None:
                raise MeasurementFailed("a block that was imported is not stored")
            model = len(block.body.proof) + len(stored.transport)
            how = f"a signed {kind} of T = {parameters.burst_steps}, S = {parameters.burst_batch}"
            yield ProofRow(
                table=TABLE,
                what=f"{name}, {kind}: proof and model",
                value=model,
                unit="B",
                most=MODEL_BYTES,
                published=PUBLISHED,
                how=f"{how}; the proof has {len(block.body.proof)}, the transport "
                f"{len(stored.transport)}",
            )
            yield ProofRow(
                table=TABLE,
                what=f"{name}, {kind}: whole empty block",
                value=len(stored.header) + len(stored.body) + len(stored.transport),
                unit="B",
                most=BLOCK_BYTES,
                how=f"{how}; the header has {len(stored.header)}, the body {len(stored.body)}",
            )
