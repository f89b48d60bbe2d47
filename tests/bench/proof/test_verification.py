# SPDX-License-Identifier: Apache-2.0
"""Checking is measured on a synced chain: a row for a block, for the chain, and for segments."""

from pathlib import Path

import pytest

from edge_node.bench.proof.verification import verification_rows
from tests.bench.proof.small import quick_bench

pytestmark = pytest.mark.slow


def test_every_block_of_the_chain_is_replayed_and_timed(tmp_path: Path) -> None:
    single, sync, *parallel = verification_rows(quick_bench(tmp_path))
    assert single.unit == "ms"
    assert single.value is not None
    assert single.value > 0
    assert "5 blocks" in single.how
    assert len(parallel) == 3
    for row in (sync, *parallel):
        assert row.unit == "blocks/s"
        assert row.value is not None
        assert row.value > 0
    assert "5 signed blocks" in sync.how
