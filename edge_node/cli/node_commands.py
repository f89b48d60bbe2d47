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

from edge_node.cli.mnist_store import parse_dataset_id, stored_mnist
from edge_node.cli.output import console, emit, json_option, percent, table
from edge_node.cli.session import Session
from edge_node.datasets.store import DatasetStore
from edge_node.gossip.genesis_fetch import fetch_genesis
from edge_node.gossip.join_line import JoinLine, parse_join_line
from edge_node.kernels.libsodium import load_ed25519
from edge_node.node.control import JsonObject, ask
from edge_node.node.networks import LAN, new_genesis
from edge_node.node.parameters_file import read_parameters
from edge_node.node.service import options_of, run_service
from edge_node.node.system import SystemClock
from edge_node.node.toml_files import Setting, SettingValue, toml_text
from edge_node.primitives.types import NetworkId
from edge_node.spec.dataset import Manifest
from edge_node.spec.genesis import Genesis, genesis_from_bytes
from edge_node.spec.signature import SEED_BYTES

JOIN_TIMEOUT_MS = 15_000
"""To reach the broker and find the genesis on it."""


@click.command()
@click.option("--broker", "brokers", multiple=True, help="HOST:PORT, tried in turn.")
@click.option("--backend", help="auto, native, numpy, reference, lce or tflite.")
@click.option("--no-trainer", is_flag=True, help="Validate only.")
@click.pass_obj
def run(
    session: Session, /, *, brokers: tuple[str, ...], backend: str | None, no_trainer: bool
) -> None:
    """Run the node of the data directory until Ctrl-C or SIGTERM."""
    flags: dict[str, str] = {}
    if brokers:
        flags["network.brokers"] = ",".join(brokers)
    if backend is not None:
        flags["inference.backend"] = backend
    if no_trainer:
        flags["trainer.enabled"] = "false"
    run_service(options_of(session.with_flags(flags).config), stop_on_signals())


@click.group()
def trainer() -> None:
    """Mine with another machine's processors."""


@trainer.command("run")
@click.pass_obj
def run_trainer(session: Session, /) -> None:
    """Run a node whose work is mining, at normal priority."""
    flags = {"trainer.enabled": "true", "trainer.nice": "0"}
    run_service(options_of(session.with_flags(flags).config), stop_on_signals())


def stop_on_signals() -> threading.Event:
    """Return an event that Ctrl-C and SIGTERM set."""
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    return stop


@click.command()
@click.option("--join", "line", help="Join line of a network, as `edge-node broker run` prints it.")
@click.option("--name", default="edge", show_default=True, help="Name of a new network.")
@click.option("--mnist-from", type=click.Path(path_type=Path), help="Your own MNIST files.")
@click.option("--offline", is_flag=True, help="Take MNIST from files or cache only.")
@click.option("--dataset", help="Id of a dataset that you imported, instead of MNIST.")
@click.option(
    "--parameters",
    type=click.Path(path_type=Path, dir_okay=False),
    help="TOML file with rules of the new network.",
)
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
    dataset: str | None,
    parameters: Path | None,
    as_json: bool,
) -> None:
    """Make a node: found a new network that learns MNIST, or join one by its line."""
    directory = session.directory
    directory.check_new()
    seed = secrets.token_bytes(SEED_BYTES)
    key = load_ed25519().public_key(seed)
    if line is None:
        rules = LAN if parameters is None else read_parameters(parameters, LAN)
        manifest = _manifest(session, dataset, mnist_from, offline=offline)
        genesis = new_genesis(name, [manifest], [key], rules, SystemClock().now_ms())
        directory.initialise(genesis, seed)
    else:
        join_line = parse_join_line(line)
        genesis = _fetch(join_line)
        directory.initialise(genesis, seed, settings=toml_text(_settings_of(join_line)))
    answer: JsonObject = {
        "data_dir": str(session.data_dir),
        "network": genesis.network_id().hex(),
        "network_name": genesis.name,
        "public_key": key.hex(),
    }
    emit(
        answer,
        as_json=as_json,
        show=lambda: console.print(
            f"node ready in {session.data_dir}, network {genesis.name} "
            f"({answer['network']}); start it with `edge-node run`"
        ),
    )


@click.command()
@json_option
@click.pass_obj
def status(session: Session, /, *, as_json: bool) -> None:
    """Show what the running node does."""
    answer = ask(session.directory.control, "status", {})
    emit(answer, as_json=as_json, show=lambda: _show_status(answer))


@click.command()
@click.option("--backup", is_flag=True, help="Copy the data directory first.")
@json_option
@click.pass_obj
def upgrade(session: Session, /, *, backup: bool, as_json: bool) -> None:
    """Bring the data directory to this program's format."""
    directory = session.directory
    directory.open()
    copy = directory.backup() if backup else None
    directory.close()
    answer: JsonObject = {"data_dir": str(session.data_dir), "backup": str(copy) if copy else None}
    emit(
        answer,
        as_json=as_json,
        show=lambda: console.print(
            f"{session.data_dir} has this program's format"
            + (f"; its copy is {copy}" if copy else "")
        ),
    )


def _manifest(
    session: Session, dataset: str | None, mnist_from: Path | None, *, offline: bool
) -> Manifest:
    """Return what a new network learns: a dataset that is here already, or MNIST."""
    folder = session.directory.datasets
    if dataset is None:
        store, dataset_id = stored_mnist(folder, files=mnist_from, offline=offline)
    else:
        store, dataset_id = DatasetStore(folder), parse_dataset_id(dataset)
    return store.open(dataset_id).manifest


def _fetch(line: JoinLine) -> Genesis:
    data = fetch_genesis(
        line,
        client_id=f"edge-node-join-{secrets.token_hex(8)}",
        genesis_id=_network_id,
        clock=SystemClock(),
        timeout_ms=JOIN_TIMEOUT_MS,
    )
    return genesis_from_bytes(data)


def _settings_of(line: JoinLine) -> list[Setting]:
    values: dict[str, SettingValue] = {
        "brokers": tuple(str(broker) for broker in line.brokers),
        "user": line.user,
        "password": line.password,
        "tls": line.tls,
    }
    return [Setting(section="network", key=key, value=value) for key, value in values.items()]


def _network_id(data: bytes) -> NetworkId:
    return genesis_from_bytes(data).network_id()


def _show_status(answer: JsonObject) -> None:
    families, peers = answer["families"], answer["peers"]
    assert isinstance(families, list)
    assert isinstance(peers, list)
    console.print(
        f"{answer['network_name']} ({str(answer['network'])[:8]}), height {answer['height']}, "
        f"head {str(answer['head'])[:16]}, "
        f"{'connected' if answer['connected'] else 'not connected'}, "
        f"{'synced' if answer['synced'] else 'syncing'}\n"
        f"address {answer['address']}, balance {answer['balance']} "
        f"(+{answer['immature']} immature), {answer['waiting_transactions']} waiting\n"
        f"back end {answer['backend']}, judged {answer['imported']}, mined {answer['mined']}, "
        f"trainer {answer['trainer']}"
    )
    console.print(
        table(
            "families",
            ("family", "dataset", ">models", ">generations", ">evaluation %", ">coverage %"),
            [
                (
                    family["family"][:16],
                    family["dataset"],
                    family["models"],
                    family["generations"],
                    percent(family["evaluation_ppm"]),
                    percent(family["coverage_ppm"]),
                )
                for family in families
            ],
        )
    )
    console.print(
        table(
            "peers",
            ("node", "online", ">height", "software"),
            [
                (peer["node"], "yes" if peer["online"] else "no", peer["height"], peer["software"])
                for peer in peers
            ],
        )
    )
