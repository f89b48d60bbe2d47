# SPDX-License-Identifier: Apache-2.0
"""The dataset that `--dataset` names: a published one is fetched where it is missing.

Law of the file: one way from a name to images, for every command that evaluates or trains.
Read next: dataset_choice.py, edition_store.py.
"""

import click

from edge_node.cli.dataset_choice import choose_dataset
from edge_node.cli.edition_store import stored_edition
from edge_node.cli.session import Session
from edge_node.datasets.content import Dataset
from edge_node.datasets.sources import EDITIONS
from edge_node.datasets.store import JUDGING, DatasetStore

classified_option = click.option(
    "--dataset",
    default="mnist",
    show_default=True,
    help="What it classifies: a published dataset, or another one's name or id.",
)
"""For every command that takes a model from outside the chain."""
offline_option = click.option(
    "--offline", is_flag=True, help="Take a published dataset from the cache only."
)
"""For those that need its images."""


def opened_dataset(session: Session, name: str, *, offline: bool) -> Dataset:
    """Return a dataset of the data directory, its arrays mapped from the disk.

    Parameters
    ----------
    session : Session
    name : str
        A published dataset's name, or what `choose_dataset` takes.
    offline : bool
        A published dataset is not fetched over the network.

    A sealed reserve that is not here has no images.

    Raises
    ------
    DatasetError
    """
    root = session.directory.datasets
    if name in EDITIONS:
        store, dataset_id = stored_edition(EDITIONS[name], root, offline=offline)
    else:
        store = DatasetStore(root)
        dataset_id = choose_dataset(store, name, JUDGING)
    return store.open(dataset_id) if store.has(dataset_id) else store.open_sealed(dataset_id)
