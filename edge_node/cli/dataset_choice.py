# SPDX-License-Identifier: Apache-2.0
"""Which dataset a user means: by its name, by its id, or by how its id begins.

Law of the file: one dataset or one sentence; it never guesses.
Read next: dataset_commands.py.
"""

from collections.abc import Iterable, Sequence

from edge_node.datasets.errors import DatasetError
from edge_node.datasets.store import WHOLE, DatasetStore
from edge_node.primitives.hashing import ZERO_HASH
from edge_node.primitives.types import DatasetId, Hash32
from edge_node.spec.dataset import SplitName
from edge_node.spec.state import State

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


class DatasetNotOnChain(DatasetError):
    """No dataset of the chain has this name or id."""

    reason = "dataset-not-on-chain"

    def __init__(self, text: str) -> None:
        super().__init__(f"no dataset of the chain is {text!r}; see `edge-node market`")
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


def choose_dataset(
    store: DatasetStore, text: str, splits: Sequence[SplitName] = WHOLE
) -> DatasetId:
    """Return the one dataset of a store that has these splits and this name, or begin of its id.

    Raises
    ------
    DatasetNotHere, DatasetAmbiguous
    """
    here = store.ids(splits)
    found = _matches(((each, store.table(each).manifest.name) for each in here), text)
    if not found:
        raise DatasetNotHere(text)
    return _one_of(found, text)


def choose_on_chain(state: State, text: str) -> DatasetId:
    """Return the one dataset of the chain that has this name, or whose id begins so.

    Raises
    ------
    DatasetNotOnChain, DatasetAmbiguous
    """
    names = ((dataset, entry.manifest.name) for dataset, entry in sorted(state.datasets.items()))
    found = _matches(names, text)
    if not found:
        raise DatasetNotOnChain(text)
    return _one_of(found, text)


def _matches(names: Iterable[tuple[DatasetId, str]], text: str) -> list[DatasetId]:
    known = list(names)
    found = [dataset for dataset, name in known if name == text]
    if found or len(text) < _MIN_PREFIX_DIGITS:
        return found
    return [dataset for dataset, _ in known if dataset.hex().startswith(text.lower())]


def _one_of(found: list[DatasetId], text: str) -> DatasetId:
    if len(found) > 1:
        raise DatasetAmbiguous(text, found)
    return found[0]
