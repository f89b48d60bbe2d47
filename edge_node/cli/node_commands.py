# SPDX-License-Identifier: Apache-2.0
"""`edge-node init`, `run`, `status` and `upgrade`: the life of a node.

Law of the file: from options to edge_node/node and back to words.
Read next: edge_node/node/service.py.
"""

import secrets
import signal
import threading
from pathlib import Path
from types import FrameType

import click

from edge_node.cli.app import Session
from edge_node.cli.output import console, emit, json_option
from edge_node.gossip.join_line import parse_broker, parse_join_line
from edge_node.kernels.libsodium import load_ed25519
from edge_node.node.control import JsonObject
from edge_node.node.service import ServiceOptions, run_service
from edge_node.spec.architecture import BINARY_4K
from edge_node.spec.signature import SEED_BYTES
from edge_node.trainer.process import TrainerOptions


@click.command()
@click.option("--broker", "brokers", multiple=True, help="HOST:PORT, tried in turn.")
@click.option("--backend", default="auto", show_default=True)
@click.option("--user", default="", envvar="EDGE_NODE_NETWORK_USER")
@click.option("--password", default="", envvar="EDGE_NODE_NETWORK_PASSWORD")
@click.pass_obj
def run(
    session: Session, /, *, brokers: tuple[str, ...], backend: str, user: str, password: str
) -> None:
    """Run the node of the data directory until Ctrl-C or SIGTERM."""
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    run_service(
        ServiceOptions(
            data_dir=session.data_dir,
            brokers=tuple(parse_broker(each) for each in brokers),
            user=user,
            password=password,
            backend=backend,
            trainer=TrainerOptions(selection_images=20_000, nice=5),
            new_family=BINARY_4K,
        ),
        stop,
    )


@click.command()
@click.option("--join", "line", help="Join line of a network, as `edge-node broker run` prints it.")
@click.option("--name", default="edge", show_default=True, help="Name of a new network.")
@click.option("--mnist-from", type=click.Path(path_type=Path), help="Your own MNIST files.")
@click.option("--offline", is_flag=True, help="Take MNIST from files or cache only.")
@json_option
@click.pass_obj
def init(
    session: Session,
    /,
    *,
    line: str | None,
    name: str,
    mnist_from: Path | None,
    offline: bool,
    as_json: bool,
) -> None:
    """Make a node: found a new network that learns MNIST, or join one by its line."""
    directory = session.directory
    seed = secrets.token_bytes(SEED_BYTES)
    if line is None:
        genesis = _found(session, name, seed, mnist_from, offline=offline)
        directory.initialise(genesis, seed)
    else:
        join_line = parse_join_line(line)
        genesis = _fetch(join_line)
        directory.initialise(genesis, seed)
        directory.write_settings(settings_of(join_line))
    answer: JsonObject = {
        "data_dir": str(session.data_dir),
        "network": genesis.network_id().hex(),
        "network_name": genesis.name,
        "public_key": load_ed25519().public_key(seed).hex(),
    }
    emit(
        answer,
        as_json=as_json,
        show=lambda: console.print(
            f"node ready in {session.data_dir}, network {genesis.name} "
            f"({answer['network']}); start it with `edge-node run`"
        ),
    )
