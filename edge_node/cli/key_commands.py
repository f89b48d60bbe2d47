# SPDX-License-Identifier: Apache-2.0
"""`edge-node key`: the node's key before there is a node, and what others may know of it.

Law of the file: the secret is never printed.
Read next: edge_node/node/data_directory.py.
"""

import secrets

import click

from edge_node.cli.output import emit, json_option
from edge_node.cli.session import Session
from edge_node.gossip.topics import node_id
from edge_node.kernels.libsodium import load_ed25519
from edge_node.node.control import JsonObject
from edge_node.spec.signature import SEED_BYTES
from edge_node.spec.transaction import address_of


@click.group()
def key() -> None:
    """Show, make, keep and bring back the node's key."""


@key.command("new")
@json_option
@click.pass_obj
def new_key(session: Session, /, *, as_json: bool) -> None:
    """Make a key before there is a node, so that a founder can name it with `init --member`."""
    session.directory.make_key(secrets.token_bytes(SEED_BYTES))
    _show(session, as_json=as_json)


@key.command("show")
@json_option
@click.pass_obj
def show_key(session: Session, /, *, as_json: bool) -> None:
    """Show the public key, which others may know."""
    _show(session, as_json=as_json)


def _show(session: Session, *, as_json: bool) -> None:
    public = load_ed25519().public_key(session.directory.seed())
    answer: JsonObject = {
        "public_key": public.hex(),
        "node": str(node_id(public)),
        "address": address_of(public).hex(),
    }
    emit(answer, as_json=as_json, show=lambda: click.echo(public.hex()))
