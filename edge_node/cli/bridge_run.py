# SPDX-License-Identifier: Apache-2.0
"""`edge-node bridge run`: microcontrollers on the newest accepted model, predictions on MQTT.

Law of the file: from options to edge_node/node/bridge/service.py and back to words.
Read next: edge_node/node/bridge/service.py.
"""

import click

from edge_node.cli.bridge_session import speed_option
from edge_node.cli.events import events_option, stop_on_signals, tell
from edge_node.cli.output import reader_is_gone
from edge_node.cli.session import Session
from edge_node.gossip.join_line import parse_broker
from edge_node.gossip.topics import node_id
from edge_node.kernels.libsodium import load_ed25519
from edge_node.node.bridge.service import Bridge, BridgeOptions, broker_of
from edge_node.node.config import BRIDGE_INTERVAL_MS
from edge_node.node.configuration import read_password
from edge_node.node.configuration_schema import MAX_INTERVAL_MS
from edge_node.node.control import JsonObject
from edge_node.node.service import tls_of
from edge_node.node.system import SystemClock


@click.command("run")
@click.argument("ports", metavar="[PORT]...", nargs=-1)
@click.option(
    "--family",
    help="Only models of a family: how its id begins.  [default: bridge.family, any]",
)
@click.option(
    "--interval-ms",
    type=click.IntRange(0, MAX_INTERVAL_MS),
    help="The least time from one sample to the next.  [default: bridge.interval_ms,"
    f" {BRIDGE_INTERVAL_MS}]",
)
@click.option(
    "--home-assistant/--no-home-assistant",
    default=None,
    help="Announce the devices to Home Assistant.  [default: bridge.home_assistant, no]",
)
@click.option(
    "--broker",
    "brokers",
    multiple=True,
    metavar="BROKER",
    help="As of `edge-node run`.  [default: the node's]",
)
@speed_option
@events_option
@click.pass_obj
def run_bridge(
    session: Session,
    /,
    *,
    ports: tuple[str, ...],
    family: str | None,
    interval_ms: int | None,
    home_assistant: bool | None,
    brokers: tuple[str, ...],
    baud: int | None,
    as_json: bool,
) -> None:
    """Keep devices on the newest accepted model, until Ctrl-C or SIGTERM.

    Without PORT those of bridge.ports in the configuration; with any there, `edge-node
    install-service` makes a service of this.

    Each runs the newest model that it can hold and that fits its sensor, on what its sensor sees;
    predictions go as JSON to edge-node/bridge/NODE/DEVICE/prediction at the node's broker. A board
    may be unplugged and plugged in again. A device signs nothing and holds no keys, and predictions
    are not signed: trust in them is trust in the broker's accounts.

    With --json, each line is an object with the key `event`: `started`, `device`, `model`,
    `prediction`, `lost`, `stopped`.
    """
    if len(set(ports)) < len(ports):
        raise click.UsageError("name each PORT once")
    chosen = session.config.bridge
    ports = ports or chosen.ports
    if not ports:
        raise click.UsageError(
            "there is no PORT: name one of those that `edge-node bridge list` shows, or set"
            f" bridge.ports in {session.directory.settings}"
        )
    flags = {"network.brokers": ",".join(brokers)} if brokers else {}
    config, directory = session.with_flags(flags).config, session.directory
    genesis, network = directory.genesis(), config.network
    broker = broker_of(
        directory.broker,
        tuple(parse_broker(each, tls=network.tls) for each in network.brokers),
        network.user,
        read_password(network),
        tls_of(network),
    )
    options = BridgeOptions(
        ports=ports,
        chain=directory.chain,
        genesis=genesis,
        node=node_id(load_ed25519().public_key(directory.seed())),
        broker=broker,
        family=chosen.family if family is None else family,
        baud=chosen.baud if baud is None else baud,
        interval_ms=chosen.interval_ms if interval_ms is None else interval_ms,
        home_assistant=chosen.home_assistant if home_assistant is None else home_assistant,
    )
    try:
        Bridge(options, SystemClock(), tell if as_json else _keep_quiet, stop_on_signals()).run()
    except BrokenPipeError:
        reader_is_gone()


def _keep_quiet(_event: str, _facts: JsonObject) -> None:
    """Tell nothing: the log has words for all of it."""
