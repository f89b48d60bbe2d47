# SPDX-License-Identifier: Apache-2.0
"""`edge-node status`: what the running node says of itself, in words and tables.

Law of the file: it imports nothing that only a node needs; on a small board that takes seconds.
Read next: edge_node/node/answers.py, which answers.
"""

import textwrap

import click
from rich.table import Table

from edge_node.cli.output import console, emit, json_option, percent, printable, short, table
from edge_node.cli.session import Session
from edge_node.node.control import JsonObject, ask
from edge_node.primitives.counting import counted


@click.command()
@json_option
@click.pass_obj
def status(session: Session, /, *, as_json: bool) -> None:
    """Show what the running node does."""
    answer = ask(session.directory.control, "status", {})
    emit(answer, as_json=as_json, show=lambda: _show_status(answer))


def _show_status(answer: JsonObject) -> None:
    families, peers = answer["families"], answer["peers"]
    assert isinstance(families, list)
    assert isinstance(peers, list)
    connected = "connected" if answer["connected"] else "not connected"
    synced = "in sync" if answer["synced"] else "not yet in sync"
    coins = f"{answer['balance']}, and {answer['immature']} more when they mature"
    network = f"{printable(str(answer['network_name']))} ({short(answer['network'])})"
    waiting = _counted(answer, "waiting_transactions", "transaction waits", "transactions wait")
    judged, mined = (_counted(answer, key, "block") for key in ("imported", "mined"))
    facts = {
        "network": network,
        "head": f"{short(answer['head'])}, height {answer['height']}",
        "final": _final(answer),
        "broker": f"{connected}, {synced}",
        "address": answer["address"],
        "coins": f"{coins}; {waiting}",
        "judged": f"{judged} since the start, by {answer['backend']}",
        "mined": f"{mined} since the start; trainer {answer['trainer']}",
    }
    if heat := answer.get("temperature"):  # a node that runs on from an older program has none
        facts["heat"] = str(heat)
    if answer["waiting_models"]:
        models = _counted(answer, "waiting_models", "model waits", "models wait")
        facts["imports"] = f"{models} until a founder is due"
    offload = answer.get("offload")
    if isinstance(offload, dict):
        facts["offload"] = f"{offload['words']}; evaluates, and never mines, attests or relays"
    reasons = answer.get("reasons")
    if isinstance(reasons, list) and reasons:
        facts["wrong"] = "; ".join(map(str, reasons))
    for name, value in facts.items():
        lines = textwrap.wrap(str(value), 70, break_long_words=False, break_on_hyphens=False)
        click.echo(f"{name:10}" + f"\n{'':10}".join(lines))
    if families:
        console.print(_families(families))
    console.print(_peers(peers) if peers else "no other node was seen yet")


def _counted(answer: JsonObject, key: str, one: str, many: str = "") -> str:
    return counted(int(str(answer[key])), one, many)


def _final(answer: JsonObject) -> str:
    final = f"height {answer['final_height']}, {short(answer['final'])}"
    words = final if answer["final"] else "no block yet"
    if not answer["member"]:
        return words
    return f"{words}; a member, which has signed up to height {answer['signed_height']}"


def _families(families: list[JsonObject]) -> Table:
    columns = ("family", "dataset", ">models", ">gen", ">evaluation %", ">coverage %")
    rows = [
        (
            short(family["family"]),
            family["dataset"],
            family["models"],
            family["generations"],
            percent(int(str(family["evaluation_ppm"]))),
            percent(int(str(family["coverage_ppm"]))),
        )
        for family in families
    ]
    return table("families", columns, rows)


def _peers(peers: list[JsonObject]) -> Table:
    rows = [
        (short(peer["node"]), _presence(peer), peer["height"], peer["software"]) for peer in peers
    ]
    return table("peers", ("node", "online", ">height", "software"), rows)


def _presence(peer: JsonObject) -> str:
    if peer["banned"]:
        return "ignored"
    return "yes" if peer["online"] else "no"
