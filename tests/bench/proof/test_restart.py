# SPDX-License-Identifier: Apache-2.0
"""Two real nodes on a real broker: each goes on with the other's blocks, and with another trainer.

No time is asserted: a busy machine is no error.
"""

from pathlib import Path

import pytest

from edge_node.bench.proof.restart import percentile, restart_rows
from tests.bench.proof.small import quick_bench


def test_a_percentile_is_a_value_that_was_measured() -> None:
    assert percentile([], 99) is None
    assert percentile([30, 10, 20], 50) == 20
    assert percentile(list(range(1, 101)), 99) == 99
    assert percentile([5], 99) == 5


@pytest.mark.slow
@pytest.mark.acceptance
def test_searches_go_on_after_foreign_blocks_and_a_kill(tmp_path: Path) -> None:
    *after_blocks, after_kill = restart_rows(quick_bench(tmp_path, blocks=3))
    assert len(after_blocks) == 6
    for row in (*after_blocks, after_kill):
        assert row.unit == "ms"
        assert row.value is not None
        assert row.value >= 0
    assert [row.most for row in after_blocks] == [100, 100, 100, 100, None, None]
    assert after_kill.how.startswith("1 kills")
