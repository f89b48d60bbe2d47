# SPDX-License-Identifier: Apache-2.0
"""report.json holds all figures: what is read again is equal, what is no report is refused."""

import json
from pathlib import Path

import pytest

from edge_node_fpga.report.errors import ReportUnreadable
from edge_node_fpga.report.figures import Figures, from_json, to_json
from tests.fpga.report.sample import exact, figures, resources, run

HERE = Path("report.json")
WHOLE = figures(run(), run(build="64x64"), of={"32x64": resources()}, exactness=(exact(),))


@pytest.mark.parametrize("of", [WHOLE, figures()], ids=["whole", "empty"])
def test_what_was_written_is_read(of: Figures) -> None:
    assert from_json(json.loads(json.dumps(to_json(of))), HERE) == of


def test_computed_figures_stand_beside_measured_ones() -> None:
    document = to_json(WHOLE)
    assert document["runs"][0]["images_per_s"] == pytest.approx(10_000 * 1e8 / 13_000_000)
    assert document["runs"][0]["latency_us"] == 21.0
    assert document["resources"]["32x64"]["bram36"] == 72
    assert document["resources"]["32x64"]["luts"] == 11_000


def test_batch_of_another_size_says_nothing_of_ten_thousand() -> None:
    few = figures(run())
    document = to_json(few)
    document["runs"][0]["images"] = 100
    assert from_json(document, HERE).runs[0].batch_ms is None


@pytest.mark.parametrize(
    "spoil",
    [
        {"schema": 2},
        {"schema": None},
        {"machine": {}},
        {"runs": [{"build": "32x64"}]},
        {"runs": None},
        {"resources": []},
        {"exactness": [{}]},
    ],
    ids=str,
)
def test_what_is_no_report_is_refused(spoil: dict[str, object]) -> None:
    with pytest.raises(ReportUnreadable, match=r"report\.json"):
        from_json({**to_json(WHOLE), **spoil}, HERE)
