# SPDX-License-Identifier: Apache-2.0
"""A published dataset in a dataset store: fetched once, checked, then only opened.

Law of the file: what demonstration, bench, `init` and `dataset fetch` have in common.
Read next: edge_node/datasets/sources.py.
"""

import logging
import os
from pathlib import Path

from edge_node.datasets.edition import Edition
from edge_node.datasets.mnist import MNIST
from edge_node.datasets.sources import FetchRequest, cache_folder, fetch_edition
from edge_node.datasets.store import DatasetStore
from edge_node.node.configuration import dataset_mirrors
from edge_node.primitives.types import DatasetId

_LOG = logging.getLogger(__name__)


def stored_edition(
    edition: Edition, root: Path, *, files: Path | None = None, offline: bool = False
) -> tuple[DatasetStore, DatasetId]:
    """Return a store that holds an edition, and its id.

    Parameters
    ----------
    edition : Edition
    root : Path
        Folder of the store.
    files : Path, optional
        The user's own; looked at even if the edition is here, as the cache is filled from them.
    offline : bool
        Look at files and cache only.

    Raises
    ------
    DatasetError
    """
    store, dataset = DatasetStore(root), edition.dataset_id
    is_here = store.is_sound(dataset)
    if files is not None or not is_here:
        request = FetchRequest(
            cache=cache_folder(os.environ),
            files=files,
            mirrors=dataset_mirrors(edition.name),
            offline=offline,
        )
        fetched = fetch_edition(edition, request, lambda line: _LOG.info("%s", line))
        if not is_here:
            store.add(fetched)
    return store, dataset


def stored_mnist(
    root: Path, *, files: Path | None = None, offline: bool = False
) -> tuple[DatasetStore, DatasetId]:
    """Return a store that holds MNIST, and MNIST's id; see stored_edition."""
    return stored_edition(MNIST, root, files=files, offline=offline)
