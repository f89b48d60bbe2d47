# SPDX-License-Identifier: Apache-2.0
"""The plot: its axes hold the report's figures, and the PNG shows them where the axes say."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.image import imread

from edge_node.demo.plot import (
    COINS_PER_STEP,
    CURVES,
    DOTS_PER_INCH,
    SIZE_INCHES,
    draw,
    draw_market,
    figure_of,
    market_figure,
)
from tests.demo.market_chain import stopped
from tests.demo.pictures import generation
from tests.spec import toy_market
from tests.spec.toy_data import toy_dataset

pytestmark = pytest.mark.slow

POPULATION = [generation(height, 840_000 + 5_000 * height, number=1) for height in (1, 2, 3)]
RECORDS = [generation(h, 860_000 + 3_000 * h, number=h - 2) for h in range(4, 13)]
GENERATIONS = [*POPULATION, *RECORDS]


def drawn() -> Figure:
    figure = figure_of(GENERATIONS)
    FigureCanvasAgg(figure)
    figure.draw_without_rendering()  # lays the axes out
    return figure


def test_curves_and_bars_are_the_reports_figures() -> None:
    top, bottom = drawn().axes
    for name, label, _, _ in CURVES:
        (handle,) = [line for line in top.lines if line.get_label() == label]
        lines = [line for line in top.lines if line.get_color() == handle.get_color()]
        points = np.concatenate([np.asarray(line.get_xydata()) for line in lines])
        expected = [(each.height, getattr(each, name) / 10_000) for each in GENERATIONS]
        np.testing.assert_allclose(points, expected)
    boxes = [bar.get_path().get_extents(bar.get_patch_transform()) for bar in bottom.patches]
    bars = [((box.x0 + box.x1) / 2, box.y1) for box in boxes]
    np.testing.assert_allclose(bars, [(g.height, g.interval_ms / 1_000) for g in GENERATIONS])


def test_labels_name_what_is_shown_and_its_unit() -> None:
    top, bottom = drawn().axes
    assert top.get_ylabel() == "accuracy, %"
    assert bottom.get_ylabel() == "interval, s"
    assert bottom.get_xlabel().startswith("block height")
    legend = top.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == [label for _, label, _, _ in CURVES]


def test_legend_covers_no_data_and_every_height_is_whole() -> None:
    figure = drawn()
    top, bottom = figure.axes
    legend = top.get_legend()
    assert legend is not None
    assert legend.get_window_extent().y0 >= top.get_window_extent().y1 - 1
    assert legend.get_window_extent().x0 >= 0
    assert legend.get_window_extent().x1 <= figure.bbox.x1
    assert all(float(tick).is_integer() for tick in bottom.get_xticks())


def test_only_records_of_one_family_are_joined() -> None:
    top, _ = drawn().axes
    joined = [line for line in top.lines if line.get_linestyle() == "-"]
    assert len(joined) == len(CURVES)
    for line in joined:
        assert list(np.asarray(line.get_xdata())) == list(range(4, 13))


def test_pixels_of_the_file_show_each_point_in_its_colour(tmp_path: Path) -> None:
    draw(GENERATIONS, tmp_path / "chain.png")
    pixels = imread(tmp_path / "chain.png")[:, :, :3]
    assert pixels.shape == (SIZE_INCHES[1] * DOTS_PER_INCH, SIZE_INCHES[0] * DOTS_PER_INCH, 3)
    top, bottom = drawn().axes
    for name, _, colour, _ in CURVES:
        for each in RECORDS:  # the population's markers are hollow
            x, y = top.transData.transform((each.height, getattr(each, name) / 10_000))
            shown = pixels[len(pixels) - 1 - round(y), round(x)]
            np.testing.assert_allclose(shown, to_rgb(colour), atol=0.03)
    for each in GENERATIONS:
        middle = bottom.transData.transform((each.height, each.interval_ms / 2_000))
        above = bottom.transData.transform((each.height, each.interval_ms / 1_000))
        assert pixels[len(pixels) - 1 - round(middle[1]), round(middle[0])].max() < 0.6
        assert pixels[len(pixels) - 1 - round(above[1]) - 4, round(above[0]) + 4].min() > 0.6


def test_market_shows_each_family_on_its_datasets_panel_and_its_turns(tmp_path: Path) -> None:
    seen = stopped(tmp_path)
    market = seen.market()
    figure = market_figure(seen.generations, market)
    letters, numbers, turns, intervals = figure.axes
    assert [letters.get_ylabel(), numbers.get_ylabel()] == ["letters, %", "numbers, %"]
    for axes, name in ((letters, "letters"), (numbers, "numbers")):
        families = [family for family in market.families if family.dataset == name]
        legend = axes.get_legend()
        assert legend is not None
        assert [text.get_text() for text in legend.get_texts()] == [f.label for f in families]
        mine = {family.family for family in families}
        lines = [g for g in seen.generations if g.family in mine]
        shown = [line for line in axes.lines if line.get_marker() == "o"]
        for style, wanted in (("None", lines), ("-", [g for g in lines if g.generation > 1])):
            points = [
                tuple(point)
                for line in shown
                if line.get_linestyle() == style
                for point in np.asarray(line.get_xydata())
            ]
            expected = [(each.height, each.evaluation_ppm / 10_000) for each in wanted]
            assert sorted(points) == sorted(expected)
    rows = [line for line in turns.lines if line.get_marker() == "o"]
    assert [len(np.asarray(row.get_xdata())) for row in rows] == [
        family.blocks for family in market.families
    ]
    crosses = [line for line in turns.lines if line.get_marker() == "x"]
    assert [float(np.asarray(cross.get_xdata())[0]) for cross in crosses] == [4, 7]
    assert len(intervals.patches) == len(seen.generations)
    draw_market(seen.generations, market, tmp_path / "market.png")
    assert imread(tmp_path / "market.png").shape[2] == 4


def test_an_upload_has_a_panel_with_its_stages_and_what_was_paid(tmp_path: Path) -> None:
    chain = toy_market.revealed().fork()
    toy_market.wait(chain)
    seen = stopped(tmp_path, chain, [toy_dataset(), toy_market.UPLOADED])
    market = seen.market()
    money = market_figure(seen.generations, market).axes[-2]
    legend = money.get_legend()
    assert legend is not None
    names = [text.get_text() for text in legend.get_texts()]
    assert names == ["paid", "uploaded", "mined on", "ended", "revealed", "settled"]
    (offer,), (reveal,), (settled,) = market.uploads, market.reveals, market.settlements
    paid, *stages = money.lines
    heights = [float(np.asarray(line.get_xdata())[0]) for line in stages]
    assert heights == [
        offer.height,
        offer.scheduled,
        offer.ended,
        reveal.height,
        settled.height,
    ]
    at_once = sum(each.amount - each.amount // 2 for each in market.bounties)
    later = sum(share.paid for share in settled.shares)
    final = float(np.asarray(paid.get_ydata())[-1])
    assert round(final * COINS_PER_STEP) == at_once + later
