# SPDX-License-Identifier: Apache-2.0
"""What the commands about one device share: its port, its speed, and which model it is to have.

Law of the file: one way from words to a device or a model, or one sentence.
Read next: bridge_commands.py.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from edge_node.chain.database import is_made
from edge_node.cli.chain_access import ChainEmpty
from edge_node.cli.model_choice import choose_model
from edge_node.cli.model_file import read_model
from edge_node.cli.session import Session
from edge_node.node.bridge.accepted import AcceptedModels
from edge_node.node.bridge.errors import NoModelYet
from edge_node.node.bridge.session import greeted
from edge_node.node.system import SystemClock
from edge_node_bridge.device import Device

LEAST_BAUD, MOST_BAUD = 1_200, 4_000_000

port_argument = click.argument("port")
"""For every command about one device."""
speed_option = click.option(
    "--baud",
    type=click.IntRange(LEAST_BAUD, MOST_BAUD),
    help="Bits a second of the line.  [default: bridge.baud of the configuration, 115200]",
)
"""For every command that opens a port."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """A model on its way to a device."""

    blob: bytes
    """Its canonical encoding."""
    model_hash: bytes
    """Its name on the chain."""
    height: int | None
    """Of its block, where it was looked for by its age."""


@contextmanager
def at_port(session: Session, port: str, baud: int | None) -> Iterator[Device]:
    """Give the device at a port, which was greeted.

    Raises
    ------
    BridgeFailed
    """
    speed = session.config.bridge.baud if baud is None else baud
    with greeted(port, SystemClock(), baud=speed) as device:
        yield device


def model_to_push(session: Session, *, model: str | None, family: str, file: Path | None) -> Pushed:
    """Return a file's model, one of the chain by its hash, or the chain's newest.

    Parameters
    ----------
    session : Session
    model : str or None
        The beginning of a hash, or `best`.
    family : str
        The beginning of a family's id; empty for any.
    file : Path or None

    Raises
    ------
    ModelFileUnreadable, ModelNotFound, ModelAmbiguous
    NoModelYet, FamilyAmbiguous, NotInitialised, ChainEmpty
    """
    if file is not None or model is not None:
        found = choose_model(session, model or "", None) if file is None else read_model(file)
        return Pushed(blob=found.blob(), model_hash=found.model_hash(), height=None)
    directory = session.directory
    genesis = directory.genesis()
    if not is_made(directory.chain):
        raise ChainEmpty(directory.root)
    with closing(AcceptedModels(directory.chain, genesis, family)) as models:
        models.look()
        newest = models.newest()
    if newest is None:
        raise NoModelYet(family)
    return Pushed(blob=newest.blob, model_hash=newest.model_hash, height=newest.height)
