# SPDX-License-Identifier: Apache-2.0
"""Which dataset a user means: by its name, by its id, or by how its id begins.

Law of the file: one dataset or one sentence; it never guesses.
Read next: dataset_commands.py.
"""

from edge_node.datasets.errors import DatasetError
from edge_node.datasets.store import DatasetStore
from edge_node.primitives.hashing import ZERO_HASH
from edge_node.primitives.types import DatasetId, Hash32

_ID_BYTES = len(ZERO_HASH)
_MIN_PREFIX_DIGITS = 4


class DatasetIdMalformed(DatasetError):
    """Something else stands where a dataset's id is wanted."""

    reason = "dataset-id"

    def __init__(self, text: str) -> None:
        super().__init__(
            f"a dataset id has {2 * _ID_BYTES} hex digits, not {text!r}; "
            "see `edge-node dataset list --json` where the dataset is"
        )
        self.text = text


class DatasetNotHere(DatasetError):
    """No dataset of the data directory has this name or id."""

    reason = "dataset-not-here"

    def __init__(self, text: str) -> None:
        super().__init__(
            f"no dataset of this data directory is {text!r}; see `edge-node dataset list`"
        )
        self.text = text


class DatasetAmbiguous(DatasetError):
    """Several datasets of the data directory have this name, or ids that begin so."""

    reason = "dataset-ambiguous"

    def __init__(self, text: str, found: list[DatasetId]) -> None:
        ids = ", ".join(each.hex() for each in found)
        super().__init__(f"{len(found)} datasets are {text!r}; give one of these ids: {ids}")
        self.text = text
        self.found = tuple(found)


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


def choose_dataset(store: DatasetStore, text: str) -> DatasetId:
    """Return the one whole dataset of a store that has this name, or whose id begins so.

    Raises
    ------
    DatasetNotHere, DatasetAmbiguous
    """
    ids = store.ids()
    found = [each for each in ids if store.table(each).manifest.name == text]
    if not found and len(text) >= _MIN_PREFIX_DIGITS:
        found = [each for each in ids if each.hex().startswith(text.lower())]
    if not found:
        raise DatasetNotHere(text)
    if len(found) > 1:
        raise DatasetAmbiguous(text, found)
    return found[0]
