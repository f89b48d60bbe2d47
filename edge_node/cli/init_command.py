# SPDX-License-Identifier: Apache-2.0
"""`edge-node init`: a data directory with a key, and the genesis of a new or a joined network.

Law of the file: what can be refused is refused before anything is fetched or written.
Read next: joining.py, edge_node/node/data_directory.py.
"""

import os
from dataclasses import replace
from pathlib import Path

import click

from edge_node.cli.dataset_choice import choose_dataset
from edge_node.cli.edition_store import stored_edition, stored_mnist
from edge_node.cli.joining import join_network, own_seed
from edge_node.cli.output import emit, json_option, short
from edge_node.cli.session import Session
from edge_node.datasets.sources import EDITIONS
from edge_node.datasets.store import DatasetStore
from edge_node.kernels.libsodium import load_ed25519
from edge_node.node.control import JsonObject
from edge_node.node.data_directory import DataDirectory
from edge_node.node.errors import NodeError
from edge_node.node.members_file import read_members
from edge_node.node.networks import lan_parameters, new_genesis
from edge_node.node.parameters_file import read_parameters
from edge_node.node.system import SystemClock
from edge_node.node.time_wait import check_founding_time
from edge_node.spec.dataset import Manifest
from edge_node.spec.genesis import PROOF_RULES, RECIPE


class DirectoryUnusable(NodeError):
    """The data directory can not be made or written."""

    reason = "directory-unusable"

    def __init__(self, root: Path, why: str) -> None:
        super().__init__(f"{root} can not be a data directory ({why}); name another --data-dir")
        self.root = root


@click.command()
@click.option(
    "--join",
    "line",
    metavar="LINE",
    help="Join a network: the line of `edge-node broker run`, or one with your own broker. The"
    " network.tls_* settings count, and are kept.",
)
@click.option(
    "--proof",
    type=click.Choice(PROOF_RULES),
    help=f"By what blocks of the new network win.  [default: {RECIPE}]",
)
@click.option("--name", default="edge", show_default=True, help="Name of a new network.")
@click.option(
    "--dataset",
    "datasets",
    metavar="NAME_OR_ID",
    multiple=True,
    help="What it learns, instead of MNIST; give it again for more than one.",
)
@click.option(
    "--dataset-from",
    metavar="DIRECTORY",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Data directory that has the datasets.  [default: this one]",
)
@click.option(
    "--mnist-from",
    type=click.Path(path_type=Path, exists=True),
    help="Your own MNIST: a folder with its four IDX files, or an .npz file.",
)
@click.option("--offline", is_flag=True, help="Look among your files and in the cache only.")
@click.option(
    "--min-families",
    type=click.IntRange(1, 1_000),
    metavar="N",
    help="Families of each dataset that are open at a time; those after the first evolve shapes.",
)
@click.option(
    "--parameters",
    type=click.Path(path_type=Path, dir_okay=False),
    help="TOML file with rules of the new network.",
)
@click.option(
    "--member",
    "named",
    multiple=True,
    metavar="KEY",
    help="Public key of another node that is to sign checkpoints of the new network, as its"
    " `edge-node key show` tells; this node always does. May be given several times.",
)
@click.option(
    "--members",
    "members_file",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="File with such keys, one a line.",
)
@json_option
@click.pass_obj
def init(  # noqa: PLR0913 - one per option
    session: Session,
    /,
    *,
    line: str | None,
    proof: str | None,
    name: str,
    datasets: tuple[str, ...],
    dataset_from: Path | None,
    mnist_from: Path | None,
    offline: bool,
    min_families: int | None,
    parameters: Path | None,
    named: tuple[str, ...],
    members_file: Path | None,
    as_json: bool,
) -> None:
    """Make a node of a new network, or of one to join.

    A new network learns MNIST, or datasets that you name: `mnist`, `animal-mnist`, or yours.
    """
    of_founders = (proof, datasets, dataset_from, mnist_from, parameters, min_families)
    if line is not None and any((*of_founders, named, members_file)):
        raise click.UsageError("--join takes dataset and rules from the network; leave yours out")
    if dataset_from and not datasets:
        raise click.UsageError("--dataset-from goes with --dataset only; name the dataset too")
    if datasets and mnist_from:
        raise click.UsageError("--mnist-from goes without --dataset only; choose one of them")
    directory = session.directory
    directory.check_new()
    _check_usable(session.data_dir)
    others = read_members(named, members_file)
    seed = own_seed(directory)
    key = load_ed25519().public_key(seed)
    if line is not None:
        genesis = join_network(session, line, seed)
    else:
        check_founding_time(SystemClock().now_ms())
        proof = proof or RECIPE
        rules = lan_parameters(proof)
        if parameters is not None:
            rules = read_parameters(parameters, rules)
        if min_families is not None:
            rules = replace(rules, min_families=min_families)
        if datasets:
            manifests = [
                _dataset(directory, each, dataset_from, offline=offline) for each in datasets
            ]
        else:
            store, mnist = stored_mnist(directory.datasets, files=mnist_from, offline=offline)
            manifests = [store.table(mnist).manifest]
        members = list({key, *others})
        founded_ms = SystemClock().now_ms()
        genesis = new_genesis(name, manifests, members, rules, founded_ms, proof)
        directory.initialise(genesis, seed)
    answer: JsonObject = {
        "data_dir": str(session.data_dir),
        "network": genesis.network_id().hex(),
        "network_name": genesis.name,
        "public_key": key.hex(),
        "members": [member.hex() for member in genesis.members],
    }
    emit(
        answer,
        as_json=as_json,
        show=lambda: click.echo(
            f"node ready in {session.data_dir}, network {genesis.name} "
            f"({short(genesis.network_id().hex())}); start it with `{session.line('run')}`"
        ),
    )


def _check_usable(root: Path) -> None:
    """Make the directory and see that files can be made in it.

    Raises
    ------
    DirectoryUnusable
    """
    if root.is_file():
        raise DirectoryUnusable(root, "it is a file")
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DirectoryUnusable(root, (error.strerror or str(error)).lower()) from None
    if not os.access(root, os.W_OK | os.X_OK):
        raise DirectoryUnusable(root, "it is not writable")


def _dataset(
    directory: DataDirectory, text: str, elsewhere: Path | None, *, offline: bool
) -> Manifest:
    """Return the manifest of a dataset that is here, fetched or copied from a node if need be.

    Raises
    ------
    DatasetError
    """
    store = DatasetStore(directory.datasets)
    if elsewhere is not None:
        other = DatasetStore(DataDirectory(elsewhere).datasets)
        dataset_id = choose_dataset(other, text)
        if not store.has(dataset_id):
            store.add(other.open(dataset_id))
    elif text in EDITIONS:
        _, dataset_id = stored_edition(EDITIONS[text], directory.datasets, offline=offline)
    else:
        dataset_id = choose_dataset(store, text)
    return store.open(dataset_id).manifest
