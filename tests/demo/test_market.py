# SPDX-License-Identifier: Apache-2.0
"""The market's report on a chain that the law has judged: turns, shapes, openings and closings.

Each thing that it must show can fail, and is told with its figures.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from edge_node.demo.market import MarketReport
from edge_node.spec.state import State
from tests.demo.market_chain import BLOCKS, grown, stopped
from tests.spec import toy_market
from tests.spec.toy_data import toy_dataset

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> MarketReport:
    return stopped(tmp_path_factory.mktemp("market")).market()


def test_states_are_those_of_the_law(tmp_path: Path) -> None:
    states: list[State] = stopped(tmp_path).states
    assert [state.height for state in states] == list(range(BLOCKS + 1))
    assert states[0].root() == grown().network.start().root()
    assert states[-1].root() == grown().state.root()


def test_families_are_opened_by_shape_evolution_and_closed(market: MarketReport) -> None:
    first, _, third, fourth = market.families
    assert [family.label for family in market.families] == ["F1", "F2", "F3", "F4"]
    assert [f.dataset for f in market.families] == ["letters", "numbers"] * 2
    assert [f.founded for f in market.families] == [1, 2, 5, 8]
    assert [f.closed for f in market.families] == [4, 7, None, None]
    assert (first.blocks, first.generations, first.origin) == (3, 2, ())
    assert (third.origin, fourth.origin) == (("F1", "F1"), ("F2", "F2"))
    assert third.architecture != first.architecture
    for family in market.families:
        assert family.best.evaluation_ppm >= family.first.evaluation_ppm
        assert family.first.height == family.founded


def test_turns_alternate_and_are_never_more_than_one_apart(market: MarketReport) -> None:
    assert [turn.height for turn in market.turns] == list(range(1, BLOCKS + 1))
    founded = {family.founded for family in market.families}
    for turn in market.turns:
        assert turn.due == ("" if turn.height in founded else turn.family)
        assert turn.rung == 0
    assert max(turn.spread for turn in market.turns) == 1
    assert {turn.dataset for turn in market.turns[4:6]} == {"letters", "numbers"}


def test_json_is_plain(market: MarketReport) -> None:
    value = json.loads(json.dumps(market.as_json()))
    assert set(value) == {
        "families",
        "turns",
        "uploads",
        "bounties",
        "reveals",
        "settlements",
        "models",
    }
    names = "label family dataset architecture connections origin founded closed blocks skips"
    names += " generations first best"
    assert all(set(family) == set(names.split()) for family in value["families"])
    assert all(
        set(turn) == {"height", "dataset", "family", "due", "rung", "spread"}
        for turn in value["turns"]
    )
    money = ("uploads", "bounties", "reveals", "settlements")
    assert [value[key] for key in money] == [[]] * len(money)


def test_bonuses_and_reveals_are_those_of_the_chain(tmp_path: Path) -> None:
    chain = toy_market.revealed()
    seen = stopped(tmp_path, chain, [toy_dataset(), toy_market.UPLOADED])
    report = seen.market()
    (reveal,) = report.reveals
    assert (reveal.dataset, reveal.images) == ("uploaded", 50)
    assert reveal.height == len(toy_market.competing().mined) + 1
    bounty = chain.state.datasets[toy_market.UPLOADED.dataset_id].bounty
    assert bounty is not None
    assert sum(each.amount for each in report.bounties) == toy_market.BOUNTY - bounty.escrow > 0
    lines = {line.height: line for line in seen.generations}
    for each in report.bounties:
        assert each.dataset == "uploaded"
        assert each.receiver == lines[each.height].miner


def good(market: MarketReport) -> MarketReport:
    """Let each dataset's best model have gained on images that nobody has used: so few prove it."""
    families = [
        replace(f, best=replace(f.best, reserve_ppm=f.first.reserve_ppm + 1))
        for f in market.families
    ]
    return replace(market, families=tuple(families))


def unfair(market: MarketReport) -> MarketReport:
    return replace(market, turns=(*market.turns[:-1], replace(market.turns[-1], spread=2)))


def never_closed(market: MarketReport) -> MarketReport:
    families = tuple(replace(family, closed=None) for family in market.families)
    return replace(market, families=families, due_to_close=BLOCKS)


def no_evolution(market: MarketReport) -> MarketReport:
    return replace(market, families=tuple(replace(f, origin=()) for f in market.families))


def no_gain(market: MarketReport) -> MarketReport:
    families = [replace(f, best=replace(f.best, reserve_ppm=0)) for f in market.families]
    return replace(market, families=tuple(families))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (unfair, "open families are 2 turns apart at height 9"),
        (never_closed, "no family was closed within 9 blocks"),
        (no_evolution, "no family of letters was opened by shape evolution"),
        (no_gain, "accuracy on untouched images rose for no dataset: letters from"),
    ],
)
def test_what_was_not_shown_is_told(
    market: MarketReport, change: Callable[[MarketReport], MarketReport], sentence: str
) -> None:
    assert good(market).failures == ()
    assert any(sentence in failure for failure in change(good(market)).failures)
