# SPDX-License-Identifier: Apache-2.0
"""A row is reached within its bounds only, and is plain JSON with figures of four digits."""

import json

import pytest

from edge_node.bench.proof.rows import ProofRow, figure


def row(value: float | None, *, least: float | None = None, most: float | None = None) -> ProofRow:
    return ProofRow(
        table="share", what="a", value=value, unit="ms", how="so", least=least, most=most
    )


@pytest.mark.parametrize(
    ("value", "least", "most", "reached", "asked"),
    [
        (1.0, None, None, None, ""),
        (1.0, 0.5, 2.0, True, "0.5 to 2"),
        (0.4, 0.5, 2.0, False, "0.5 to 2"),
        (2.1, 0.5, 2.0, False, "0.5 to 2"),
        (25.0, None, 25.0, True, "<= 25"),
        (24.9, 25.0, None, False, ">= 25"),
        (None, 25.0, None, False, ">= 25"),
    ],
)
def test_row_is_reached_within_its_bounds(
    value: float | None,
    least: float | None,
    most: float | None,
    reached: bool | None,
    asked: str,
) -> None:
    found = row(value, least=least, most=most)
    assert found.reached is reached
    assert found.asked == asked


def test_json_has_four_digits_and_says_whether_it_is_reached() -> None:
    found = json.loads(json.dumps(row(1.23456789, most=2).as_json()))
    assert found["value"] == 1.235
    assert found["reached"] is True
    assert found["simulated"] is False
    assert row(None).as_json()["value"] is None


@pytest.mark.parametrize(
    ("value", "text"), [(None, "-"), (12_345.6, "12,346"), (0.98765, "0.9877")]
)
def test_figures(value: float | None, text: str) -> None:
    assert figure(value) == text
