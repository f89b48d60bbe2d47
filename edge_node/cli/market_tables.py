# SPDX-License-Identifier: Apache-2.0
"""Tables of a demonstration with several datasets or families.

Law of the file: words and columns around edge_node/demo/market.py; no figure is made here.
Read next: demo.py.
"""

from collections.abc import Iterator, Sequence

from rich.table import Table

from edge_node.cli.output import percent, table
from edge_node.demo.generations import GenerationReport
from edge_node.demo.market import MarketReport
from edge_node.primitives.counting import counted


def market_generations(generations: Sequence[GenerationReport], market: MarketReport) -> Table:
    """Return a line for each block with a model: whose turn it was, and what it reached."""
    columns = (
        ">height",
        "!dataset",
        "family",
        ">gen",
        "!miner",
        ">train %",
        ">eval %",
        ">untouched %",
        "!proof",
        ">after s",
    )
    by_id = {family.family: family for family in market.families}
    rows = [
        (
            g.height,
            by_id[g.family].dataset,
            by_id[g.family].label,
            g.generation,
            g.miner,
            percent(g.train_ppm),
            percent(g.evaluation_ppm),
            percent(g.reserve_ppm),
            g.payload.partition(" +")[0],
            f"{g.interval_ms // 1_000}.{g.interval_ms % 1_000 // 100}",
        )
        for g in generations
    ]
    return table("blocks", columns, rows, crowded=True)


def shapes_table(market: MarketReport) -> Table:
    """Return a line for each family: its shape, where that comes from, and its life."""
    columns = ("!family", "!dataset", "shape", "!parents", ">opened", ">closed")
    rows = [
        (
            family.label,
            family.dataset,
            family.architecture,
            " x ".join(family.origin),
            family.founded,
            "" if family.closed is None else family.closed,
        )
        for family in market.families
    ]
    return table("families", columns, rows, crowded=True)


def families_table(market: MarketReport) -> Table:
    """Return a line for each family: its turns, and its best model beside its founder."""
    columns = (
        "!family",
        ">weights",
        ">blocks",
        ">skips",
        ">records",
        ">train %",
        ">eval %",
        ">untouched %",
        ">founder: eval %",
        ">untouched %",
    )
    rows = [
        (
            family.label,
            family.connections,
            family.blocks,
            family.skips,
            family.generations,
            percent(family.best.train_ppm),
            percent(family.best.evaluation_ppm),
            percent(family.best.reserve_ppm),
            percent(family.first.evaluation_ppm),
            percent(family.first.reserve_ppm),
        )
        for family in market.families
    ]
    return table("families' best models", columns, rows, crowded=True)


def happenings(market: MarketReport) -> Iterator[str]:
    """Yield what else happened, in lines."""
    spread = max((turn.spread for turn in market.turns), default=0)
    yield f"turns: open families were at most {spread} apart"
    evolved = [family for family in market.families if family.origin]
    closed = [family for family in market.families if family.closed is not None]
    yield f"families: {len(evolved)} opened by shape evolution, {len(closed)} closed"
    for dataset, first, best in market.gains:
        rise = f"{percent(first.reserve_ppm)} % -> {percent(best.reserve_ppm)} %"
        yield f"untouched images of {dataset}: {rise}"
    for offer in market.uploads:
        yield (
            f"height {offer.height}: {offer.uploader} uploaded {offer.dataset}: bounty "
            f"{offer.bounty}, {offer.bonus} a record"
        )
        yield f"  bond {offer.bond}, closing at height {offer.closing}"
        if offer.scheduled is not None:
            yield (
                f"height {offer.scheduled}: enough miners hold {offer.dataset}; "
                f"{offer.holders} do by the end"
            )
        if offer.ended is not None:
            yield f"height {offer.ended}: mining on {offer.dataset} has ended"
    for reveal in market.reveals:
        name = reveal.dataset
        images = counted(reveal.images, f"image of {name} was", f"images of {name} were")
        yield f"height {reveal.height}: {images} revealed"
    for settled in market.settlements:
        yield (
            f"height {settled.height}: {settled.dataset} is settled; {settled.returned} went back "
            "to its uploader"
        )


def money_table(market: MarketReport) -> Table:
    """Return a line for each bonus and each share of a settlement."""
    columns = (">height", "!dataset", "!node", "for", ">paid", ">paid later")
    taken = {turn.height: turn.family for turn in market.turns}
    labels = {family.family: family.label for family in market.families}
    rows: list[tuple[object, ...]] = [
        (
            bonus.height,
            bonus.dataset,
            bonus.receiver,
            f"a model of {labels[taken[bonus.height]]}",
            bonus.amount - bonus.amount // 2,
            f"up to {bonus.amount // 2}",
        )
        for bonus in market.bounties
    ]
    rows += [
        (
            settled.height,
            settled.dataset,
            share.receiver,
            f"second halves of {share.owed}",
            share.paid,
            "",
        )
        for settled in market.settlements
        for share in settled.shares
    ]
    return table("bounties", columns, rows, crowded=True)
