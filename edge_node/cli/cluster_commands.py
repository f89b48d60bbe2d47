# SPDX-License-Identifier: Apache-2.0
"""`edge-node broker cluster`: the files of several brokers that stand in for one.

Law of the file: writes folders to copy; starts nothing and reaches no other machine.
Read next: edge_node/gossip/broker_cluster.py, hw_configs/broker/README.md.
"""

from pathlib import Path

import click

from edge_node.cli.output import emit, json_option
from edge_node.cli.session import Session
from edge_node.gossip.broker_cluster import plan_cluster, write_client, write_cluster
from edge_node.gossip.topics import NodeId, node_id
from edge_node.primitives.types import Hash32, NetworkId, PublicKey

_HASH_DIGITS = 64

folder_option = click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default="broker-cluster",
    show_default=True,
    help="Folder of the cluster's files. It holds the authority's key: keep it.",
)


@click.group()
def cluster() -> None:
    """Make a cluster of mosquittos for the LAN: three or more, any of which may fail."""


@cluster.command("make")
@click.argument("brokers", nargs=-1, required=True, metavar="HOST[:PORT]...")
@folder_option
@click.option("--network", help="Network id.  [default: this node's network]")
@click.option(
    "--client",
    "clients",
    multiple=True,
    metavar="KEY",
    help="Public key or id of a node to make a certificate for; may be given again.",
)
@json_option
@click.pass_obj
def make_cluster(
    session: Session,
    /,
    *,
    brokers: tuple[str, ...],
    output: Path,
    network: str | None,
    clients: tuple[str, ...],
    as_json: bool,
) -> None:
    """Write a folder for each broker: configuration, access list and certificates.

    Copy each folder to its machine and start `mosquitto -c mosquitto.conf` in it.
    """
    if network is None:
        known = session.directory.genesis().network_id()
    elif _is_hex(network):
        known = NetworkId(Hash32(bytes.fromhex(network)))
    else:
        raise click.UsageError(f"--network takes an id of {_HASH_DIGITS} hex digits")
    plan = plan_cluster(brokers, known)
    folders = write_cluster(plan, output)
    made = [write_client(output, _node(each)) for each in clients]
    answer = {
        "network": known.hex(),
        "brokers": {each.name: str(each) for each in folders},
        "clients": {each.name: str(each) for each in made},
    }

    def show() -> None:
        for folder, broker in zip(folders, plan.brokers, strict=True):
            click.echo(f"{folder}: copy to {broker.host}, there `mosquitto -c mosquitto.conf`")
        for folder in made:
            _tell_client(folder)
        if not made:
            click.echo(
                f"\nFor each node: `edge-node broker cluster client KEY --output {output}`;"
                " on its machine `edge-node key new` or `edge-node key show` tells the key."
            )

    emit(answer, as_json=as_json, show=show)


@cluster.command("client")
@click.argument("node", metavar="KEY")
@folder_option
@click.option("--home", default="", metavar="NAME", help="Broker it connects to first, such as b2.")
@json_option
def make_client(*, node: str, output: Path, home: str, as_json: bool) -> None:
    """Write a folder for a node: its certificate, a configuration and the join line.

    KEY is the node's public key, as its `edge-node key show` tells, or its id.
    """
    folder = write_client(output, _node(node), home=home)
    answer = {
        "node": folder.name,
        "folder": str(folder),
        "join": (folder / "join").read_text(encoding="utf-8").strip(),
    }
    emit(answer, as_json=as_json, show=lambda: _tell_client(folder))


def _node(text: str) -> NodeId:
    """Return the id that a key or an id stands for."""
    return node_id(PublicKey(bytes.fromhex(text))) if _is_hex(text) else NodeId(text)


def _is_hex(text: str) -> bool:
    return len(text) == _HASH_DIGITS and set(text) <= set("0123456789abcdef")


def _tell_client(folder: Path) -> None:
    click.echo(
        f"{folder}: copy to the node's machine, there `edge-node --config config.toml run`, or"
        ' `edge-node --config config.toml init --join "$(cat join)"` if it is new'
    )
