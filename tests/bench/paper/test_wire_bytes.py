# SPDX-License-Identifier: Apache-2.0
"""Table 1 over a real broker: the block arrives, and what is on the socket is a little more."""

from pathlib import Path

import pytest

from edge_node.bench.paper.run import run_paper
from edge_node.bench.paper.wire_bytes import KINDS, BlockBytes
from edge_node.gossip.envelope import SIGNATURE_BYTES
from edge_node.node.system import SystemClock
from tests.bench.paper.small import quick_options

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bytes")


@pytest.fixture(scope="module")
def rows(folder: Path) -> tuple[BlockBytes, ...]:
    return run_paper(quick_options(folder, "bytes"), SystemClock(), lambda _: None).bytes


def test_every_way_of_sending_is_measured(rows: tuple[BlockBytes, ...]) -> None:
    assert [(row.family, row.kind) for row in rows] == [("binary-4k", kind) for kind in KINDS]
    full, delta, recipe = rows
    assert full.model_bytes > delta.model_bytes > recipe.model_bytes > 0
    assert full.to_broker_bytes > delta.to_broker_bytes > recipe.to_broker_bytes


@pytest.mark.usefixtures("rows")
def test_every_pair_has_a_broker_that_knows_no_tip_or_will_of_the_pair_before(folder: Path) -> None:
    passwords = {path.read_text() for path in folder.glob("bytes/*/broker/passwords")}
    assert len(passwords) == len(KINDS)


def test_socket_carries_the_block_and_a_signed_envelope(rows: tuple[BlockBytes, ...]) -> None:
    for row in rows:
        assert row.block_bytes > row.header_bytes + row.model_bytes
        assert row.envelope_bytes == row.to_broker_bytes - row.block_bytes
        assert SIGNATURE_BYTES < row.envelope_bytes < 1_000
        assert row.from_broker_bytes > row.block_bytes
        assert row.tip_bytes > row.header_bytes


def test_child_differs_as_much_as_level_high_wants(rows: tuple[BlockBytes, ...]) -> None:
    assert {row.parameters for row in rows} == {4_392}
    assert all(13_000 <= row.difference_ppm < 26_000 for row in rows)
