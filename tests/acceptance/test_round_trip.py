# SPDX-License-Identifier: Apache-2.0
"""A block from one node to another and back: as little of it as an emulated machine can bear."""

from pathlib import Path

import pytest

from tests.acceptance.running import answer, broker, found_network, node

pytestmark = [pytest.mark.acceptance, pytest.mark.slow, pytest.mark.arm]


def test_block_is_mined_fetched_validated_and_extended_by_another_node(tmp_path: Path) -> None:
    first, second = found_network(tmp_path), tmp_path / "b"
    with broker(first) as line, node(first) as a:
        a.until_height(1)
        answer(second, "init", "--join", line)
        with node(second) as b:
            b.until("its first block is the other's", lambda now: now["imported"] >= 1)
            a.until("one more block", lambda now: now["height"] >= 2)
            b.end()
        a.end()
    shown = (answer(each, "chain", "show", "--last", "500")["blocks"] for each in (first, second))
    ours, theirs = ({block["height"]: block["hash"] for block in blocks} for blocks in shown)
    assert theirs[1] == ours[1]
