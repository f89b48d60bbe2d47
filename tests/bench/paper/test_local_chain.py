# SPDX-License-Identifier: Apache-2.0
"""A local chain grows by blocks that another store accepts too; a known block moves nothing."""

from contextlib import closing
from pathlib import Path

import pytest

from edge_node.bench.paper.conflicts import SEEDS
from edge_node.bench.paper.local_chain import LocalChain
from edge_node.bench.paper.run import light_genesis
from edge_node.node.system import SystemClock
from tests.bench.paper.small import quick_options

pytestmark = pytest.mark.slow


def test_another_store_follows_the_same_blocks(tmp_path: Path) -> None:
    options = quick_options(tmp_path)
    genesis = light_genesis(options, (), SystemClock())
    first, second = (
        LocalChain(tmp_path / name, genesis, options.datasets, seed)
        for name, seed in zip(("a", "b"), SEEDS, strict=True)
    )
    with closing(first), closing(second):
        blocks = first.grow(2)
        assert [second.take(block) for block in blocks] == [True, True]
        assert not second.take(blocks[1])
        assert second.importer.head == first.importer.head
        assert second.importer.head.height == 2
