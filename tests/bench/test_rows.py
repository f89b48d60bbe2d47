# SPDX-License-Identifier: Apache-2.0
"""Rows of the bench: which way is better, when a goal is reached, and the keys of the contract."""

import json
from dataclasses import replace

import pytest

from edge_node.bench.rows import Row, RowMalformed, row_fields, row_from_fields

FEW = Row(name="a", value=2.0, unit="ms", baseline="b", baseline_value=10.0, goal=3.0)
MANY = replace(FEW, unit="images/s", value=50.0)


def test_ratio_says_how_many_times_better() -> None:
    assert (FEW.ratio, MANY.ratio) == (5, 5)
    assert replace(FEW, baseline_value=None).ratio is None
    assert replace(FEW, value=None).ratio is None


@pytest.mark.parametrize(
    ("row", "reached"),
    [
        (FEW, True),
        (replace(FEW, value=3.0), True),
        (replace(FEW, value=3.1), False),
        (replace(FEW, value=None), False),
        (replace(FEW, goal=None), None),
        (MANY, True),
        (replace(MANY, goal=51.0), False),
    ],
)
def test_reached(row: Row, reached: bool | None) -> None:
    assert row.reached is reached


def test_json_has_exactly_the_keys_of_the_contract() -> None:
    assert replace(FEW, value=2.34567).as_json() == {
        "name": "a",
        "value": 2.346,
        "unit": "ms",
        "baseline": "b",
        "baseline_value": 10.0,
        "ratio": 4.263,
        "goal": 3.0,
        "reached": True,
    }


def test_whole_numbers_are_not_rounded() -> None:
    assert replace(FEW, unit="bytes", value=147_463).as_json()["value"] == 147_463


@pytest.mark.parametrize("row", [FEW, replace(MANY, value=1 / 3, baseline=None, goal=None)])
def test_travels_unchanged(row: Row) -> None:
    assert row_from_fields(json.loads(json.dumps(row_fields(row)))) == row


@pytest.mark.parametrize("fields", [[], 1, {}, {**row_fields(FEW), "more": 1}])
def test_refuses_what_is_no_row(fields: object) -> None:
    with pytest.raises(RowMalformed):
        row_from_fields(fields)
