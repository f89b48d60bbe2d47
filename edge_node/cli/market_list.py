# SPDX-License-Identifier: Apache-2.0
"""All datasets of the chain for people: how they stand, what is offered, what they wait for.

Three short parts instead of one wide table: names and amounts may be long, and a terminal has 80
columns.
Law of the file: words and columns around market_facts.py; no figure is made here.
Read next: market_facts.py, market_commands.py.
"""

from collections.abc import Iterable, Iterator, Sequence

from rich.table import Table

from edge_node.cli.market_facts import MarketFacts
from edge_node.cli.output import percent, short, table


def market_list(height: int, found: Sequence[MarketFacts]) -> Iterator[Table | str]:
    """Yield what is printed, from top to bottom.

    Parameters
    ----------
    height : int
        The head's.
    found : sequence of MarketFacts
        In the order in which they are listed.
    """
    rows = [
        (
            short(each.dataset),
            each.name,
            each.state,
            len(each.families),
            "" if each.best_ppm is None else percent(each.best_ppm),
        )
        for each in found
    ]
    columns = ("!dataset", "name", "!state", ">families", ">best %")
    yield table(f"datasets at height {height}", columns, rows, crowded=True)
    offered = [each for each in found if each.uploader]
    if offered:
        yield _bounties(offered)
    for each in found:
        if each.words != each.state:
            yield f"{short(each.dataset)} {each.words}"


def _bounties(offered: Iterable[MarketFacts]) -> Table:
    columns = ("!dataset", ">left", ">bounty", ">bonus", ">bond", ">closes")
    rows = [
        (
            short(each.dataset),
            each.bounty_left,
            *map(or_nothing, (each.bounty, each.bonus, each.bond, each.closing_height)),
        )
        for each in offered
    ]
    return table("bounties", columns, rows, crowded=True)


def or_nothing(value: int | None) -> str:
    """Return a number in digits; nothing for one that is not known."""
    return "" if value is None else str(value)
