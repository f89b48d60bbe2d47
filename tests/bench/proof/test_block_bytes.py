# SPDX-License-Identifier: Apache-2.0
"""Bytes of real blocks of the lottery: a step's proof is a few bytes, whatever it trained."""

from pathlib import Path

from edge_node.bench.proof.block_bytes import byte_rows
from tests.bench.proof.small import quick_bench


def test_founder_and_step_are_within_what_is_asked(tmp_path: Path) -> None:
    rows = list(byte_rows(quick_bench(tmp_path)))
    assert [row.what.split(", ")[1] for row in rows] == [
        "founder: proof and model",
        "founder: whole empty block",
        "step: proof and model",
        "step: whole empty block",
    ]
    assert all(row.reached for row in rows)
    founder, _, step, whole = (row.value or 0 for row in rows)
    assert step < founder, "a founder names its shape"
    assert step < whole
