# SPDX-License-Identifier: Apache-2.0
"""Models made elsewhere that are to found a family: committed to, then shown when a founder is due.

A waiting model is a file of the data directory, with its salt, written before anything is said; so
it survives a restart, and no other file can be shown for the commitment. One is worked on at a
time, for an account has one commitment (R-66); what can found no family is put away and says why.
Law of the file: nothing of a model leaves the node before its commitment is old enough.
Read next: edge_node/spec/commits.py.
"""

import logging
import os
from dataclasses import dataclass
from pathlib import Path

from edge_node.chain.block_builder import Finding
from edge_node.chain.errors import MempoolRejected
from edge_node.chain.importer import Importer
from edge_node.gossip.ports import Action
from edge_node.node.errors import BeyondLimits, DirectoryDamaged, ImportRefused
from edge_node.node.intake import Intake
from edge_node.node.purse import Purse
from edge_node.primitives.hashing import ZERO_HASH
from edge_node.primitives.types import DatasetId, Hash32, ModelHash, TimestampMs
from edge_node.spec import scheduling
from edge_node.spec.commits import check_import
from edge_node.spec.constants import COMMIT_SALT_BYTES, MAX_COMMIT_AGE_BLOCKS, MAX_PROOF_BYTES
from edge_node.spec.dataset import SplitName
from edge_node.spec.encoding import decode, encode
from edge_node.spec.engine import DatasetMissing, Engine
from edge_node.spec.errors import InvalidInput, InvalidTransaction
from edge_node.spec.genesis import EVOLUTION
from edge_node.spec.model import Model, model_from_blob
from edge_node.spec.proof.evolution_proof import ImportProof
from edge_node.spec.proof.founding import check_shape, family_id
from edge_node.spec.state import DatasetEntry
from edge_node.spec.transaction import ModelCommit, commitment_to

_LOG = logging.getLogger(__name__)

SUFFIX = ".import"
_MAX_FILE_BYTES = MAX_PROOF_BYTES + 256


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingModel:
    """A model that waits to found its family."""

    dataset: DatasetId
    """What it is for."""
    model: Model
    """The model."""
    salt: bytes
    """COMMIT_SALT_BYTES that hide it."""

    @property
    def proof(self) -> ImportProof:
        """What its block shows."""
        return ImportProof(dataset=self.dataset, blob=self.model.blob(), salt=self.salt)


def save_import(folder: Path, dataset: DatasetId, model: Model, salt: bytes) -> Path:
    """Put a model among those that wait, and return its file; one that waits stays as it is.

    Parameters
    ----------
    folder : Path
        `DataDirectory.imports`.
    dataset : DatasetId
    model : Model
    salt : bytes
        COMMIT_SALT_BYTES that nobody can guess.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / f"{model.model_hash().hex()}{SUFFIX}"
    if path.exists():
        return path
    new = path.with_suffix(".new")
    with new.open("wb") as file:
        file.write(encode([dataset, model.blob(), salt]))
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    return path


def _read(path: Path) -> WaitingModel:
    try:
        match decode(path.read_bytes(), max_bytes=_MAX_FILE_BYTES):
            case [bytes(dataset), bytes(blob), bytes(salt)] if len(salt) == COMMIT_SALT_BYTES:
                name = DatasetId(Hash32(dataset))
                return WaitingModel(dataset=name, model=model_from_blob(blob), salt=salt)
    except InvalidInput as error:
        raise DirectoryDamaged(path) from error
    raise DirectoryDamaged(path)


class Imports:
    """The models of a folder on their way into blocks.

    Parameters
    ----------
    importer : Importer
    intake : Intake
        Where commitments go.
    purse : Purse
        Who commits.
    folder : Path
        `DataDirectory.imports`.

    Raises
    ------
    DirectoryDamaged
        A file there is no waiting model.
    """

    def __init__(self, importer: Importer, intake: Intake, purse: Purse, folder: Path) -> None:
        self._importer = importer
        self._intake = intake
        self._purse = purse
        self._folder = folder
        self._waiting: list[WaitingModel] = []
        self._counts: dict[ModelHash, int] = {}
        self._first: WaitingModel | None = None
        self._sent: ModelCommit | None = None
        self._refused_on: Hash32 | None = None
        self._tried_on: Hash32 | None = None
        self.look()

    @property
    def count(self) -> int:
        """How many models wait."""
        return len(self._waiting)

    def look(self) -> None:
        """Look what waits in the folder."""
        self._waiting = [_read(path) for path in sorted(self._folder.glob(f"*{SUFFIX}"))]
        self._tried_on = self._first = None

    def admit(self, name: ModelHash, engine: Engine) -> None:
        """Look what waits, and put a model away again if it can found no family.

        Raises
        ------
        ImportRefused
        """
        self.look()
        for waiting in self._waiting:
            if waiting.model.model_hash() == name:
                why = self._hindrance(waiting, engine)
                if why is not None:
                    self._put_away(waiting)
                    raise ImportRefused(name, why)

    def tick(self, engine: Engine) -> list[Action]:
        """Commit to the first model that waits and can be, and put away those that can not."""
        head = self._importer.head
        if not self._waiting or self._tried_on == head.head:
            return []
        self._tried_on, self._first = head.head, None
        for waiting in tuple(self._waiting):
            entry = head.datasets.get(waiting.dataset)
            if entry is None:  # a reorg may bring it back
                continue
            name = waiting.model.model_hash()
            if name in head.models.hashes:
                _LOG.info("the imported model %s is in a block", name.hex()[:8])
                self._put_away(waiting)
                continue
            why = self._hindrance(waiting, engine)
            if why is not None:
                _LOG.warning("the imported model %s waits no longer: %s", name.hex()[:8], why)
                self._put_away(waiting)
            elif entry.is_open and name in self._counts:
                self._first = waiting
                return self._commit(self._commitment(waiting))
        return []

    def due(self, now_ms: TimestampMs) -> Finding | None:
        """Return what a block of this moment would show, or None if no founder is due."""
        head, rules = self._importer.head, self._importer.rules
        first = self._first
        if first is None or self._refused_on == head.head or self._tried_on != head.head:
            return None
        if now_ms < head.timestamp + max(1, rules.parameters.min_interval_ms):
            return None
        rung = scheduling.rung_at(rules.parameters, head.timestamp, now_ms)
        turns = scheduling.turns(head, rules.parameters, rung)
        if first.dataset != turns.due_dataset and not turns.any_founder:
            return None
        proof = first.proof
        try:
            check_import(head, proof.blob, proof.salt, self._purse.public_key, rules.parameters)
        except InvalidInput:
            return None
        return Finding(
            family=family_id(first.dataset, first.model.architecture),
            proof=proof.encode(),
            model_hash=first.model.model_hash(),
            latent_root=ZERO_HASH,
            nonce=0,
            correct_count=self._counts[first.model.model_hash()],
        )

    def refuse(self) -> None:
        """Try no more on this head."""
        self._refused_on = self._importer.head.head

    def _commit(self, commitment: Hash32) -> list[Action]:
        head = self._importer.head
        oldest = head.height + 1 - MAX_COMMIT_AGE_BLOCKS
        own = [each for each in head.commits if each.address == self._purse.address]
        if any(each.commitment == commitment and each.height > oldest for each in own):
            return []
        sent = self._sent
        if sent and sent.commitment == commitment and self._purse.has_waiting(sent):
            return []
        self._sent = self._purse.make(ModelCommit, commitment=commitment)
        try:
            return self._intake.submit(self._sent)
        except (InvalidTransaction, MempoolRejected) as error:
            _LOG.warning("no commitment to the imported model yet: %s", error)
            return []

    def _commitment(self, waiting: WaitingModel) -> Hash32:
        return commitment_to(waiting.model.blob(), self._purse.public_key, waiting.salt)

    def _hindrance(self, waiting: WaitingModel, engine: Engine) -> str | None:
        """Return why a model can found no family, or None."""
        head, parameters = self._importer.head, self._importer.rules.parameters
        entry = head.datasets.get(waiting.dataset)
        if self._importer.proof != EVOLUTION:
            return f"by {self._importer.proof} families are founded by training alone"
        if waiting.model.model_hash() in head.models.hashes:
            return "it is in a block"
        if entry is None or entry.closed:
            return _no_mining(waiting.dataset, entry)
        siblings = [
            family.architecture
            for family in head.families.values()
            if family.dataset == waiting.dataset
        ]
        images = entry.manifest.splits[SplitName.EVALUATION].count
        wanted = scheduling.share_of(images, parameters.min_family_acc_ppm)
        try:
            check_shape(waiting.model.architecture, entry.manifest, siblings, parameters)
            correct = self._count(waiting, engine)
        except (InvalidInput, BeyondLimits) as error:
            return str(error)
        if correct is None or correct >= wanted:
            return None
        return f"{correct} of {images} evaluation images are right, and {wanted} must be"

    def _count(self, waiting: WaitingModel, engine: Engine) -> int | None:
        """Return how many images a model has right, or None while they are not here."""
        name = waiting.model.model_hash()
        if name not in self._counts:
            try:
                self._counts[name] = engine.count_correct(waiting.model, waiting.dataset)
            except DatasetMissing:
                return None
        return self._counts[name]

    def _put_away(self, waiting: WaitingModel) -> None:
        self._waiting.remove(waiting)
        self._counts.pop(waiting.model.model_hash(), None)
        path = self._folder / f"{waiting.model.model_hash().hex()}{SUFFIX}"
        path.replace(path.with_suffix(".done"))


def _no_mining(dataset: DatasetId, entry: DatasetEntry | None) -> str:
    if entry is None:
        return f"the chain has no dataset {dataset.hex()[:12]}"
    return f"mining on {entry.manifest.name} has ended"
