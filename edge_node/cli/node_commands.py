# SPDX-License-Identifier: Apache-2.0
"""`edge-node run`, `trainer run` and `upgrade`: the life of a node.

Law of the file: from options to edge_node/node and back to words.
Read next: edge_node/node/service.py.
"""

import gc
import logging

import click

from edge_node.chain.database import Database
from edge_node.cli.events import events_option, stop_on_signals, told
from edge_node.cli.joining import join_as_told
from edge_node.cli.output import emit, json_option
from edge_node.cli.session import Session
from edge_node.node.control import JsonObject
from edge_node.node.hardware import detect, why_other_board
from edge_node.node.service import options_of, run_service

_LOG = logging.getLogger(__name__)

GARBAGE_THRESHOLDS = (20_000, 50, 100)
"""How many new objects before the young, the middle and the old are searched for cycles.

Nothing here makes cycles in numbers, and a full mempool has some 100,000 objects: searched as often
as by default, they cost a tenth of what is done for a transfer.
"""


@click.command()
@click.option(
    "--broker",
    "brokers",
    multiple=True,
    metavar="BROKER",
    help="HOST[:PORT], or mqtt://[USER:PASSWORD@]HOST[:PORT], or mqtts://... for TLS; several are"
    " tried in turn.",
)
@click.option(
    "--backend",
    help="auto, native, numpy, reference, lce, tflite, overlay-sim, overlay or serial.",
)
@click.option("--no-trainer", is_flag=True, help="Validate only.")
@events_option
@click.pass_obj
def run(
    session: Session,
    /,
    *,
    brokers: tuple[str, ...],
    backend: str | None,
    no_trainer: bool,
    as_json: bool,
) -> None:
    """Run the node until Ctrl-C or SIGTERM.

    Where there is no node yet, a join line in the file `join` of the data directory makes one.

    With --json, each line is an object with the key `event`: `started`, `head` (a new head),
    `mined` (a block of its own), `stopped`.
    """
    flags: dict[str, str] = {}
    if brokers:
        flags["network.brokers"] = ",".join(brokers)
    if backend is not None:
        flags["inference.backend"] = backend
    if no_trainer:
        flags["trainer.enabled"] = "false"
    _run(session.with_flags(flags), as_json=as_json)


@click.group()
def trainer() -> None:
    """Mine with another machine's processors."""


@trainer.command("run")
@events_option
@click.pass_obj
def run_trainer(session: Session, /, *, as_json: bool) -> None:
    """Run a node whose work is mining, at normal priority.

    With --json, it tells the same events as `edge-node run`.
    """
    _run(
        session.with_flags({"trainer.enabled": "true", "trainer.nice": "0"}),
        as_json=as_json,
    )


def _run(session: Session, *, as_json: bool) -> None:
    stop = stop_on_signals()
    if join_as_told(session):
        session = session.with_flags({})
    config = session.config
    if why := why_other_board(detect(config.node.machine_root), config.node.board):
        _LOG.warning("%s", why)
    options = options_of(config)
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    if not as_json:
        run_service(options, stop)
        return
    with told(session.directory.control, stop):
        run_service(options, stop)


@click.command()
@click.option("--backup", is_flag=True, help="Copy the data directory first.")
@json_option
@click.pass_obj
def upgrade(session: Session, /, *, backup: bool, as_json: bool) -> None:
    """Bring the data directory to this program's format.

    One that this program can not use is refused with the reason, and nothing in it is changed.
    """
    directory = session.directory
    directory.open()
    try:
        network = directory.genesis().network_id()
        if directory.chain.exists():
            Database(directory.chain, network).close()
        copy = directory.backup() if backup else None
    finally:
        directory.close()
    answer: JsonObject = {"data_dir": str(session.data_dir), "backup": str(copy) if copy else None}
    emit(
        answer,
        as_json=as_json,
        show=lambda: click.echo(
            f"{session.data_dir} has this program's format"
            + (f"; its copy is {copy}" if copy else "")
        ),
    )
