# SPDX-License-Identifier: Apache-2.0
"""`edge-node wallet`: the address and the coins of a data directory's key.

Law of the file: read from the chain, whether or not the node runs; only the node knows what waits.
Read next: edge_node/spec/ledger.py, tx_commands.py.
"""

from collections import Counter

import click

from edge_node.cli.chain_access import open_chain
from edge_node.cli.output import console, emit, json_option, short, table
from edge_node.cli.session import Session
from edge_node.kernels.libsodium import load_ed25519
from edge_node.node.control import JsonObject, ask
from edge_node.node.errors import NodeNotRunning
from edge_node.node.signer import KeySigner
from edge_node.primitives.types import Address
from edge_node.spec.state import State
from edge_node.spec.transaction import address_of


@click.command()
@json_option
@click.pass_obj
def wallet(session: Session, /, *, as_json: bool) -> None:
    """Show this node's address and coins, also those to come."""
    signer = KeySigner(load_ed25519(), session.directory.seed())
    with open_chain(session) as chain:
        facts = _facts(chain.state, address_of(signer.public_key))
    try:
        facts["waiting"] = ask(session.directory.control, "account", {})["waiting"]
    except NodeNotRunning:
        facts["waiting"] = None
    emit(facts, as_json=as_json, show=lambda: _show(facts))


def _facts(state: State, address: Address) -> JsonObject:
    account = state.accounts.get(address)
    due: Counter[int] = Counter()
    for reward in state.immature:
        if reward.address == address:
            due[reward.due] += reward.amount
    owed = [
        {
            "dataset": dataset.hex(),
            "name": entry.manifest.name,
            "amount": sum(each.amount for each in entry.bounty.owed if each.address == address),
            "closing_height": entry.bounty.closing_height,
        }
        for dataset, entry in sorted(state.datasets.items())
        if entry.bounty and any(each.address == address for each in entry.bounty.owed)
    ]
    own = [
        {"dataset": dataset.hex(), "name": entry.manifest.name, "coins": entry.bounty.coins}
        for dataset, entry in sorted(state.datasets.items())
        if entry.bounty and entry.bounty.uploader == address
    ]
    return {
        "address": address.hex(),
        "height": state.height,
        "balance": account.balance,
        "nonce": account.nonce,
        "immature": sum(due.values()),
        "maturing": [{"height": height, "amount": due[height]} for height in sorted(due)],
        "owed": owed,
        "offered": own,
    }


def _show(facts: JsonObject) -> None:
    words = {
        "address": facts["address"],
        "coins": f"{facts['balance']} at height {facts['height']}",
        "immature": facts["immature"],
        "nonce": facts["nonce"],
    }
    for name, value in words.items():
        click.echo(f"{name:10}{value}")
    waiting, maturing, owed, offered = (
        _rows(facts[name]) for name in ("waiting", "maturing", "owed", "offered")
    )
    for each in waiting:
        click.echo(f"waiting   {each['kind']} for {each['cost']}, {short(each['transaction'])}")
    if facts["waiting"] is None:
        click.echo("waiting   not known: no node runs here; start it with `edge-node run`")
    for each in offered:
        click.echo(f"offered   {each['coins']} with dataset {short(each['dataset'])}")
    for each in owed:
        which = f"dataset {short(each['dataset'])} closes at height {each['closing_height']}"
        click.echo(f"owed      up to {each['amount']} when {which}")
    if maturing:
        rows = [(each["height"], each["amount"]) for each in maturing]
        console.print(table("rewards that mature", (">height", ">coins"), rows))


def _rows(value: object) -> list[JsonObject]:
    return value if isinstance(value, list) else []
