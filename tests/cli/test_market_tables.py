# SPDX-License-Identifier: Apache-2.0
"""Tables of turns and families: whole in 80 columns, and what happened is told in lines."""

from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from edge_node.cli.market_tables import (
    families_table,
    happenings,
    market_generations,
    money_table,
    shapes_table,
)
from edge_node.demo.bounties import (
    BountyReport,
    RevealReport,
    SettlementReport,
    ShareReport,
    UploadReport,
)
from edge_node.demo.generations import GenerationReport
from edge_node.demo.market import MarketReport
from tests.demo.market_chain import stopped


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[GenerationReport], MarketReport]:
    seen = stopped(tmp_path_factory.mktemp("market"))
    market = seen.market()
    long = replace(
        market.families[2],
        dataset="animal-mnist",
        architecture="1bit:conv12k3p-conv10k7p-conv20k3-dense10",
        connections=7_742,
        origin=("F12", "F10"),
    )
    families = (*market.families[:2], long, *market.families[3:])
    return seen.generations, replace(market, families=families)


def accuracies(line: GenerationReport) -> tuple[int, int, int]:
    return line.train_ppm, line.evaluation_ppm, line.reserve_ppm


def lines_of(table: object, path: Path) -> list[str]:
    with path.open("w") as file:
        Console(file=file, width=80).print(table)
    return path.read_text().splitlines()


def test_tables_are_whole_in_80_columns(
    shown: tuple[list[GenerationReport], MarketReport], tmp_path: Path
) -> None:
    generations, market = shown
    blocks = lines_of(market_generations(generations, market), tmp_path / "blocks")
    families = lines_of(families_table(market), tmp_path / "families")
    shapes = lines_of(shapes_table(market), tmp_path / "shapes")
    for lines in (blocks, families, shapes):
        assert max(map(len, lines)) <= 80
        assert "…" not in "".join(lines)
    fourth = generations[3]
    row = next(line.split() for line in blocks if line.split()[:1] == ["4"])
    assert row[:5] == ["4", "letters", "F1", str(fourth.generation), fourth.miner]
    assert row[5:8] == [f"{ppm / 10_000:.2f}" for ppm in accuracies(fourth)]
    row = next(line for line in shapes if "F1 " in line).split()
    assert row == ["F1", "letters", "1bit:conv4p-dense3", "1", "4"]
    assert any("animal-mnist" in line and "F12 x F10" in line for line in shapes)
    row = next(line for line in families if "F1 " in line).split()
    first = market.families[0]
    assert row[1:5] == ["144", "3", "0", "2"]
    figures = [*accuracies(first.best), *accuracies(first.first)[1:]]
    assert row[5:] == [f"{ppm / 10_000:.2f}" for ppm in figures]


def test_what_happened_is_told(shown: tuple[list[GenerationReport], MarketReport]) -> None:
    _, market = shown
    told = list(happenings(market))
    assert told[:2] == [
        "turns: open families were at most 1 apart",
        "families: 2 opened by shape evolution, 2 closed",
    ]
    gained = [
        f"untouched images of {name}: {first.reserve_ppm / 10_000:.2f} % -> "
        f"{best.reserve_ppm / 10_000:.2f} %"
        for name, first, best in market.gains
    ]
    assert told[2:] == gained


def test_an_upload_is_told_from_its_block_to_its_settlement(
    shown: tuple[list[GenerationReport], MarketReport], tmp_path: Path
) -> None:
    _, market = shown
    offer = UploadReport(
        height=2,
        dataset="letters",
        uploader="node-1",
        bounty=400_000_000,
        bonus=20_000_000,
        bond=200_000_000,
        scheduled=4,
        holders=3,
        ended=43,
        closing=56,
    )
    paid = BountyReport(height=9, dataset="letters", receiver="node-1", amount=20_000_000)
    revealed = RevealReport(height=44, dataset="letters", images=2_000)
    share = ShareReport(receiver="node-1", owed=100_000_000, paid=87_500_000)
    settled = SettlementReport(height=56, dataset="letters", shares=(share,), returned=300_000_000)
    more = replace(
        market,
        uploads=(offer,),
        bounties=(paid,),
        reveals=(revealed,),
        settlements=(settled,),
    )
    assert list(happenings(more))[len(list(happenings(market))) :] == [
        "height 2: node-1 uploaded letters: bounty 400000000, 20000000 a record",
        "  bond 200000000, closing at height 56",
        "height 4: enough miners hold letters; 3 do by the end",
        "height 43: mining on letters has ended",
        "height 44: 2000 images of letters were revealed",
        "height 56: letters is settled; 300000000 went back to its uploader",
    ]
    lines = lines_of(money_table(more), tmp_path / "money")
    assert max(map(len, lines)) <= 80
    rows = [line.split() for line in lines if line.split()[:1] in (["9"], ["56"])]
    assert [row[:3] for row in rows] == [["9", "letters", "node-1"], ["56", "letters", "node-1"]]
    assert rows[0][3:] == f"a model of {taken(market, 9)} 10000000 up to 10000000".split()
    assert rows[1][3:] == ["second", "halves", "of", "100000000", "87500000"]


def taken(market: MarketReport, height: int) -> str:
    """Return the label of the family whose block it is."""
    by_id = {family.family: family.label for family in market.families}
    return next(by_id[turn.family] for turn in market.turns if turn.height == height)
