# SPDX-License-Identifier: Apache-2.0
"""The list of datasets with long names, large amounts and every state: no word is cut in 80."""

from dataclasses import replace

import pytest

from edge_node.cli.market_facts import FamilyFact, MarketFacts
from edge_node.cli.market_list import market_list
from edge_node.cli.output import console

FAMILY = FamilyFact(
    family="f0" * 32,
    models=150,
    generations=120,
    best_ppm=978_900,
    best_model="b0" * 32,
    closed=False,
)
OFFERED = MarketFacts(
    dataset="ab" * 32,
    name="handwritten-letters-of-2026-second-part",
    state="open",
    words="open",
    uploader="cd" * 20,
    bounty=1_000_000_000_000,
    bounty_left=950_000_000_000,
    bonus=50_000_000_000,
    bond=500_000_000_000,
    owed=(),
    reveal_height=1_234_000,
    closing_height=1_234_567,
    holders=None,
    families=(FAMILY,) * 12,
)
HELD = "113 of 171 blocks, 57 of 58 miners"
WAITING = replace(
    OFFERED, dataset="01" * 32, state="waiting", words=f"waiting for holders: {HELD}", families=()
)
CLOSED = replace(OFFERED, dataset="02" * 32, state="closed", words="closed, reveal due")
REVEALED = replace(OFFERED, dataset="03" * 32, state="revealed", words=f"revealed, held by {HELD}")
SETTLED = replace(OFFERED, dataset="04" * 32, state="settled", words="settled", bounty_left=0)
PRUNED = replace(
    SETTLED,
    dataset="05" * 32,
    uploader="",
    bounty=None,
    bonus=None,
    bond=None,
    reveal_height=None,
    closing_height=None,
)
GENESIS = replace(PRUNED, dataset="06" * 32, name="mnist", state="genesis", words="genesis")
ALL = (GENESIS, WAITING, OFFERED, CLOSED, REVEALED, SETTLED, PRUNED)


def printed(*found: MarketFacts) -> list[str]:
    with console.capture() as capture:
        for part in market_list(1_200_000, found):
            console.print(part)
    return [line.rstrip() for line in capture.get().splitlines()]


def words_of(facts: MarketFacts) -> set[str]:
    """Return every word that must stand there whole."""
    amounts = (facts.bounty, facts.bonus, facts.bond, facts.closing_height)
    told = f"{facts.dataset[:12]} {facts.name} {facts.words}".split()
    told += [str(each) for each in amounts if each is not None]
    return {*told, str(facts.bounty_left)} if facts.uploader else set(told)


def test_no_word_is_cut_in_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "_width", 80)
    lines = printed(*ALL)
    assert max(map(len, lines)) <= 80
    shown = {word for line in lines for word in line.split()}
    for facts in ALL:
        assert words_of(facts) <= shown
    assert {"dataset", "state", "families", "best", "left", "bounty", "bond", "closes"} <= shown


def test_a_dataset_stands_in_one_line_of_each_table() -> None:
    lines = [line.split() for line in printed(GENESIS, OFFERED)]
    key = OFFERED.dataset[:12]
    amounts = ["950000000000", "1000000000000", "50000000000", "500000000000", "1234567"]
    assert [line for line in lines if line[:1] == [key]] == [
        [key, OFFERED.name, "open", "12", "97.89"],
        [key, *amounts],
    ]


def test_what_it_waits_for_is_told_below() -> None:
    *_, waits, closed = printed(WAITING, OFFERED, CLOSED)
    assert waits == f"{'01' * 6} waiting for holders: {HELD}"
    assert closed == f"{'02' * 6} closed, reveal due"


def test_no_bounties_no_table() -> None:
    assert "bounties" not in printed(GENESIS, PRUNED)
    assert "bounties" in printed(OFFERED)
