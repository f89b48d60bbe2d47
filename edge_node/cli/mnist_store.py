# SPDX-License-Identifier: Apache-2.0
"""MNIST in a dataset store: fetched once, checked, then only opened.

Law of the file: what demonstration, bench and `dataset fetch` have in common.
Read next: edge_node/datasets/sources.py.
"""

import logging
import os
from pathlib import Path

from edge_node.datasets.errors import DatasetError
from edge_node.datasets.mnist import MNIST_ID
from edge_node.datasets.sources import FetchRequest, cache_folder, fetch_mnist
from edge_node.datasets.store import DatasetStore
from edge_node.node.configuration import dataset_mirrors
from edge_node.primitives.types import DatasetId, Hash32

_ID_BYTES = 32
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
        The user's own files.
    offline : bool
        Look at files and cache only.

    Raises
    ------
    DatasetError
    """
    store = DatasetStore(root)
    if not store.has(MNIST_ID):
        request = FetchRequest(
            cache=cache_folder(os.environ),
            files=files,
            mirrors=dataset_mirrors("mnist"),
            offline=offline,
        )
        store.add(fetch_mnist(request, lambda line: _LOG.info("%s", line)))
    return store, MNIST_ID


class DatasetIdMalformed(DatasetError):
    """Something else stands where a dataset's id is wanted."""

    reason = "dataset-id"

    def __init__(self, text: str) -> None:
        super().__init__(
            f"a dataset id has {2 * _ID_BYTES} hex digits, not {text!r}; "
            "see `edge-node dataset list`"
        )
        self.text = text


def parse_dataset_id(text: str) -> DatasetId:
    """Return the dataset id that a user typed.

    Raises
    ------
    DatasetIdMalformed
    """
    try:
        data = bytes.fromhex(text)
    except ValueError:
        data = b""
    if len(data) != _ID_BYTES:
        raise DatasetIdMalformed(text)
    return DatasetId(Hash32(data))
