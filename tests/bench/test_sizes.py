# SPDX-License-Identifier: Apache-2.0
"""Rows of transport sizes: real bytes of real transports, within the design's goals."""

import pytest

from edge_node.bench import sizes
from edge_node.bench.sizes import SIZES, transport_rows, with_flips
from edge_node.bench.workload import base_model
from edge_node.spec.difference import hamming
from tests.bench.samples import small_workload


def test_goals_are_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sizes, "SIZES", SIZES[:2])
    rows = list(transport_rows(small_workload()))
    assert [row.name for row in rows] == [
        f"transport/{family}/{kind}"
        for family in ("binary-4k", "uint8-94k")
        for kind in ("full", "delta")
    ]
    for row in rows:
        assert row.reached


def test_flips_as_many_weights_as_asked() -> None:
    model = base_model(small_workload())
    assert hamming(model, with_flips(model, 57)) == 57
