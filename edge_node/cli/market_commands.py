# SPDX-License-Identifier: Apache-2.0
"""`edge-node market`: datasets with a bounty, how their families stand, and the reveal.

Paper A, section 4.7. A dataset is offered by `edge-node dataset publish --bounty`.
Law of the file: words around market_facts.py and one transaction.
Read next: market_facts.py, market_list.py, bounty_offer.py.
"""

from collections.abc import Sequence
from dataclasses import asdict

import click

from edge_node.cli.chain_access import open_chain
from edge_node.cli.dataset_choice import choose_on_chain
from edge_node.cli.market_accuracy import accuracy_ppm
from edge_node.cli.market_facts import MarketFacts, market_facts
from edge_node.cli.market_list import market_list, or_nothing
from edge_node.cli.output import console, emit, json_option, percent, printable, short, table
from edge_node.cli.sending import NO_SIGNATURE, Draft, fee_option, send_transaction
from edge_node.cli.session import Session
from edge_node.datasets.store import DatasetStore
from edge_node.primitives.types import Amount
from edge_node.spec.dataset import SplitName
from edge_node.spec.transaction import ReserveReveal


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def market(context: click.Context, /, *, as_json: bool) -> None:
    """List the chain's datasets, with bounties and best models."""
    if context.invoked_subcommand is not None:
        return
    session: Session = context.obj
    with open_chain(session) as chain:
        found = [market_facts(chain, each) for each in sorted(chain.state.datasets)]
        height = chain.state.height
    # What can still be mined on comes first.
    found.sort(key=lambda each: each.state == "settled")
    emit(
        {"height": height, "datasets": [asdict(each) for each in found]},
        as_json=as_json,
        show=lambda: _show_all(height, found),
    )


@market.command("show")
@click.argument("name", metavar="NAME_OR_ID")
@json_option
@click.pass_obj
def show_dataset(session: Session, /, *, name: str, as_json: bool) -> None:
    """Show one dataset: bounty, what is owed, families."""
    with open_chain(session) as chain:
        dataset = choose_on_chain(chain.state, name)
        facts = market_facts(chain, dataset)
        store = DatasetStore(session.directory.datasets)
        seen = [accuracy_ppm(chain, store, dataset, each.best_model) for each in facts.families]
    names = [f"best_{each.name.lower()}_ppm" for each in SplitName]
    told = asdict(facts)
    told["families"] = [
        {**family, **dict(zip(names, found, strict=True))}
        for family, found in zip(told["families"], seen, strict=True)
    ]
    emit(told, as_json=as_json, show=lambda: _show_one(session, facts, seen))


@market.command("reveal")
@click.argument("name", metavar="NAME_OR_ID")
@fee_option
@json_option
@click.pass_obj
def reveal(session: Session, /, *, name: str, fee: int, as_json: bool) -> None:
    """Reveal the reserve of a dataset that this node has uploaded.

    A node that runs does it by itself, unless market.auto_reveal is false.
    """
    with open_chain(session) as chain:
        dataset = choose_on_chain(chain.state, name)

    def transaction(draft: Draft) -> ReserveReveal:
        return ReserveReveal(
            sender=draft.sender,
            nonce=draft.nonce,
            dataset=dataset,
            fee=Amount(fee),
            signature=NO_SIGNATURE,
        )

    answer = send_transaction(session, transaction)
    emit(
        {**answer, "dataset": dataset.hex()},
        as_json=as_json,
        show=lambda: click.echo(
            f"revealed in transaction {answer['transaction']}; keep this node running until"
            " enough miners have fetched the reserve"
        ),
    )


def _show_all(height: int, found: Sequence[MarketFacts]) -> None:
    for part in market_list(height, found):
        console.print(part)


def _show_one(session: Session, facts: MarketFacts, seen: Sequence[tuple[int | None, ...]]) -> None:
    words = {"dataset": facts.dataset, "name": printable(facts.name), "state": facts.words}
    if facts.uploader:
        words |= {
            "uploader": facts.uploader,
            "bounty": f"{facts.bounty_left} left of {or_nothing(facts.bounty) or 'unknown'},"
            f" {or_nothing(facts.bonus)} for a record",
            "bond": or_nothing(facts.bond),
            "reveal": f"from height {or_nothing(facts.reveal_height)}",
            "closes": f"at height {or_nothing(facts.closing_height)}",
            "owed": f"{sum(each.amount for each in facts.owed)} in second halves",
        }
    for name, value in words.items():
        click.echo(f"{name:10}{value}")
    if facts.families:
        rows = [
            (
                short(each.family),
                each.models,
                each.generations,
                short(each.best_model),
                *("" if ppm is None else percent(ppm) for ppm in found),
                "yes" if each.closed else "",
            )
            for each, found in zip(facts.families, seen, strict=True)
        ]
        names = ("family", ">models", ">gen", "best model", ">train %", ">evaluation %")
        columns = (*names, ">reserve %", "closed")
        console.print(table("families", columns, rows, crowded=True))
        best = f"model export best --dataset {short(facts.dataset)} --output best.tflite"
        click.echo(f"to take the best model home, run\n\n    {session.line(best)}\n")
