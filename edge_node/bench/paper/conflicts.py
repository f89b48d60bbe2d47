# SPDX-License-Identifier: Apache-2.0
"""How long two nodes with two heads take to agree, by the depth of their fork.

The paper announces this (section 5) and shows no figure. Two nodes with stores of their own share
a founder, then each goes on alone, one of them a block further. Healed, the shorter one takes in
all of the other's blocks, judges each in full, and moves its head in one step.
Law of the file: blocks are judged as a node judges them; only their way through the network is
left out (Table 1 has its bytes).
Read next: local_chain.py, edge_node/chain/reorg.py.
"""

from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from edge_node.bench.paper.errors import MeasurementFailed
from edge_node.bench.paper.local_chain import LocalChain
from edge_node.bench.timing import Meter
from edge_node.datasets.store import DatasetStore
from edge_node.spec.block import Block
from edge_node.spec.genesis import Genesis

DEPTHS = (1, 2, 4, 8, 16, 32)
SEEDS = (bytes([1]) * 32, bytes([2]) * 32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """One fork; the keys of the JSON object."""

    depth: int
    """Blocks that the losing node had to give up."""
    judged: int
    """Blocks of the other branch that it judged."""
    judge_s: float
    """Processor seconds for all of them but the last."""
    switch_s: float
    """Processor seconds for the last one, which moves the head, and for the move."""
    total_s: float
    """Both."""


def conflict_rows(
    genesis: Genesis,
    datasets: DatasetStore,
    folder: Path,
    meter: Meter,
    depths: tuple[int, ...] = DEPTHS,
) -> tuple[Resolution, ...]:
    """Return a row for each depth.

    Parameters
    ----------
    genesis : Genesis
        Of a network with light population models.
    datasets : DatasetStore
    folder : Path
    meter : Meter
    depths : tuple of int

    Raises
    ------
    MeasurementFailed
        The nodes do not agree in the end.
    """
    deepest = max(depths)
    with ExitStack() as cleanup:
        first, second = (
            cleanup.enter_context(closing(LocalChain(folder / name, genesis, datasets, seed)))
            for name, seed in zip(("first", "second"), SEEDS, strict=True)
        )
        common = first.grow(1)
        second.take(common[0])
        branches = (first.grow(deepest), second.grow(deepest + 1))
    rows: list[Resolution] = []
    for depth in depths:
        path = folder / f"depth-{depth}"
        with closing(LocalChain(path, genesis, datasets, SEEDS[0])) as node:
            for block in (*common, *branches[0][:depth]):
                node.take(block)
            rows.append(_healed(node, branches[1][: depth + 1], depth, meter))
    return tuple(rows)


def _healed(node: LocalChain, others: list[Block], depth: int, meter: Meter) -> Resolution:
    *earlier, last = others
    moved: list[bool] = []
    judge_s = meter.once_s(lambda: moved.extend(node.take(block) for block in earlier))
    switch_s = meter.once_s(lambda: moved.append(node.take(last)))
    if not moved[-1] or node.importer.head.head != last.header.block_hash():
        raise MeasurementFailed(f"the heads at depth {depth} do not agree")
    return Resolution(
        depth=depth,
        judged=len(others),
        judge_s=round(judge_s, 4),
        switch_s=round(switch_s, 4),
        total_s=round(judge_s + switch_s, 4),
    )
