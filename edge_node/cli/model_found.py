# SPDX-License-Identifier: Apache-2.0
"""`edge-node model found`: a model that was made elsewhere is to found a family of the chain.

Law of the file: the model and its salt are on the disk before the running node is told of them.
Read next: ../node/imports.py; edge_node/spec/commits.py.
"""

import secrets
from pathlib import Path

import click

from edge_node.cli.dataset_opening import classified_option, opened_dataset
from edge_node.cli.model_file import read_model
from edge_node.cli.output import emit, json_option, short
from edge_node.cli.session import Session
from edge_node.node.control import ask
from edge_node.node.imports import save_import
from edge_node.primitives.counting import counted
from edge_node.spec.constants import COMMIT_SALT_BYTES
from edge_node.spec.proof.founding import check_shape


@click.command("found")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@classified_option
@json_option
@click.pass_obj
def found_family(session: Session, /, *, file: Path, dataset: str, as_json: bool) -> None:
    """Have the running node found a family with the model in FILE.

    The node commits to the model now, and shows it in a block as soon as that is allowed and a
    founder is due: when too few families of the dataset are open, or no block came for long.
    `edge-node status` counts models that wait; `model import` and `model train` write such files.
    """
    found = read_model(file)
    manifest = opened_dataset(session, dataset, offline=True).manifest
    directory = session.directory
    parameters = directory.genesis().parameters
    check_shape(found.architecture, manifest, (), parameters)
    salt = secrets.token_bytes(COMMIT_SALT_BYTES)
    save_import(directory.imports, manifest.dataset_id(), found, salt)
    name = found.model_hash().hex()
    answer = ask(directory.control, "imports", {"model": name})
    emit(
        {"model": name, **answer},
        as_json=as_json,
        show=lambda: click.echo(
            f"the node commits to model {short(name)} and shows it "
            f"{counted(parameters.commit_delay_blocks, 'block')} later, when a founder is due"
        ),
    )
