# SPDX-License-Identifier: Apache-2.0
"""MNIST in a dataset store: fetched once, checked, then only opened.

Law of the file: what demonstration, bench and `dataset fetch` have in common.
Read next: edge_node/datasets/sources.py.
"""

import logging
import os
from pathlib import Path

from edge_node.datasets.mnist import MNIST_ID
from edge_node.datasets.sources import FetchRequest, cache_folder, fetch_mnist
from edge_node.datasets.store import DatasetStore
from edge_node.node.configuration import dataset_mirrors
from edge_node.primitives.types import DatasetId

_LOG = logging.getLogger(__name__)


def stored_mnist(
    root: Path, *, files: Path | None = None, offline: bool = False
) -> tuple[DatasetStore, DatasetId]:
    """Return a store that holds MNIST, and MNIST's id.

    Parameters
    ----------
    root : Path
        Folder of the store.
    files : Path, optional
        The user's own files; looked at even if MNIST is here, as the cache is filled from them.
    offline : bool
        Look at files and cache only.

    Raises
    ------
    DatasetError
    """
    store = DatasetStore(root)
    is_here = store.is_sound(MNIST_ID)
    if files is not None or not is_here:
        request = FetchRequest(
            cache=cache_folder(os.environ),
            files=files,
            mirrors=dataset_mirrors("mnist"),
            offline=offline,
        )
        fetched = fetch_mnist(request, lambda line: _LOG.info("%s", line))
        if not is_here:
            store.add(fetched)
    return store, MNIST_ID
