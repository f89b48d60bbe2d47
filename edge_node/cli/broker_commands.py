# SPDX-License-Identifier: Apache-2.0
"""`edge-node broker`: a broker for the LAN and the line that lets others join, or a cluster.

Law of the file: the broker runs as long as the command does.
Read next: cluster_commands.py, edge_node/gossip/embedded_broker.py.
"""

import click

from edge_node.cli.cluster_commands import cluster
from edge_node.cli.events import events_option, stop_on_signals, tell
from edge_node.cli.output import reader_is_gone
from edge_node.cli.session import Session
from edge_node.gossip.embedded_broker import BrokerOptions, start_broker
from edge_node.gossip.errors import GossipError
from edge_node.gossip.join_line import DEFAULT_PORT, format_join_line
from edge_node.node.local_broker import announced
from edge_node.node.system import SystemClock

WATCH_S = 0.5


class BrokerEnded(GossipError):
    """The broker has ended before the command did."""

    reason = "broker-ended"
    wants = "the broker"


@click.group()
def broker() -> None:
    """Run an MQTT broker for the LAN, or a cluster of them."""


broker.add_command(cluster)


@broker.command("run")
@click.option("--listen", default="0.0.0.0", show_default=True, help="Address to listen on.")  # noqa: S104 - the LAN is the purpose
@click.option(
    "--port", default=DEFAULT_PORT, show_default=True, help="Port to listen on; 0 for any free one."
)
@click.option("--advertise", default="", help="Address that the join line names.")
@click.option(
    "--program",
    type=click.Choice(["auto", "mosquitto", "amqtt"]),
    default="auto",
    show_default=True,
    help="What to run; auto prefers mosquitto.",
)
@events_option
@click.pass_obj
def run_broker(
    session: Session, /, *, listen: str, port: int, advertise: str, program: str, as_json: bool
) -> None:
    """Run a broker for this network, and print its join line.

    It runs until Ctrl-C or SIGTERM. With --json, each line is an object with the key `event`:
    `started` (with the join line), `stopped`.
    """
    directory = session.directory
    network = directory.genesis().network_id()
    stop = stop_on_signals()
    running = start_broker(
        BrokerOptions(
            data_dir=directory.broker,
            host=listen,
            port=port,
            program="" if program == "auto" else program,
        ),
        SystemClock(),
    )
    line = format_join_line(running.join_line(network, advertise=advertise))
    address = str(running.address)
    try:
        if as_json:
            tell("started", {"join": line, "program": running.program, "address": address})
        else:
            click.echo(
                f"{running.program} listens at {address}; on another machine run\n\n"
                f"    edge-node init --join '{line}'\n    edge-node run\n"
            )
        with announced(directory.broker, running.address):
            while not stop.wait(WATCH_S):
                if not running.is_alive:
                    log = directory.broker / "broker.log"
                    raise BrokerEnded(expected="running", actual=f"ended; its log is {log}")
        if as_json:
            tell("stopped", {})
    except BrokenPipeError:
        reader_is_gone()
    finally:
        running.stop()
