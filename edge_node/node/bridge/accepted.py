# SPDX-License-Identifier: Apache-2.0
"""The newest models that a chain has accepted, read from its database beside the running node.

Accepted is what stands on the main chain of this data directory: its node has judged every block.
Law of the file: nothing is written, and what is read at one look is of one moment.
Read next: worker.py.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge_node.chain.block_store import BlockStore
from edge_node.chain.database import Database
from edge_node.chain.ledger_store import LedgerStore
from edge_node.node.bridge.errors import FamilyAmbiguous
from edge_node.spec.architecture import Architecture
from edge_node.spec.genesis import Genesis
from edge_node.spec.model import hash_of_blob
from edge_node.spec.state import Family, State
from edge_node.spec.validation import first_state


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedModel:
    """A model of the main chain."""

    model_hash: bytes
    """Its name on the chain."""
    height: int
    """Of the block that brought it."""
    family: str
    """Id of its family, in hex."""
    dataset: str
    """Name of what it classifies."""
    architecture: Architecture
    """Its shape."""
    blob: bytes
    """Its canonical encoding."""


Fits = Callable[[Architecture, int], bool]
"""Whether a device can run a model: by its shape, and by the bytes of its blob."""


class AcceptedModels:
    """A look at the chain of a data directory, whether or not its node runs.

    Parameters
    ----------
    path : Path
        The chain's database, of which `chain.database.is_made` holds.
    genesis : Genesis
    family : str
        How the only family's id begins; empty for all.

    Raises
    ------
    StoreCorrupt, StoreUnavailable, StoreFormatNewer, WrongNetwork
    """

    def __init__(self, path: Path, genesis: Genesis, family: str = "") -> None:
        self._database = Database(path, genesis.network_id())
        self._ledger = LedgerStore(self._database, first_state(genesis))
        self._blocks = BlockStore(self._database)
        self._family = family.lower()
        self.head = b""
        """The block up to which the chain was read; empty before the first look."""
        self._found: tuple[AcceptedModel, ...] = ()

    def look(self) -> bool:
        """Read the chain if its head has moved; say whether it has.

        Raises
        ------
        FamilyAmbiguous
        StoreCorrupt, StoreUnavailable
        """
        with self._database.snapshot():
            head = self._blocks.main_hash(self._blocks.main_height()) or b""
            if head == self.head:
                return False
            self._found = self._newest_of_each(self._ledger.load())
            self.head = head
        return True

    def newest(self, fits: Fits = lambda _shape, _bytes: True) -> AcceptedModel | None:
        """Return the newest model that fits; None if there is none as of the last look."""
        chosen = (each for each in self._found if fits(each.architecture, len(each.blob)))
        return next(chosen, None)

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def _newest_of_each(self, state: State) -> tuple[AcceptedModel, ...]:
        """Return each family's last model, the newest first."""
        families = [each for each in state.families.values() if self._is_meant(each)]
        if self._family and len(families) > 1:
            raise FamilyAmbiguous(self._family, len(families))
        found: list[AcceptedModel] = []
        for family in families:
            last = family.models[-1]
            blob = self._blocks.model_blob(last.model_hash)
            if blob is None or hash_of_blob(blob) != last.model_hash:
                continue  # of a closed family, in a pruned chain
            found.append(
                AcceptedModel(
                    model_hash=last.model_hash,
                    height=last.height,
                    family=family.family_id.hex(),
                    dataset=state.datasets[family.dataset].manifest.name,
                    architecture=family.architecture,
                    blob=blob,
                )
            )
        return tuple(sorted(found, key=lambda each: -each.height))

    def _is_meant(self, family: Family) -> bool:
        return bool(family.models) and family.family_id.hex().startswith(self._family)
