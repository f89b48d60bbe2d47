# SPDX-License-Identifier: Apache-2.0
"""The state of a chain after a block: accounts, families, datasets, and what later blocks need.

Rule R-25 (state root; design, section 4). States are values: a block makes a new one and leaves its
parent's as it was, so nothing that fails can have changed anything, and a fork is two states side
by side.
Law of the file: data and its commitment; how a block changes it is in ledger.py, scheduling.py
and proof/.
Read next: ledger.py.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from edge_node.primitives.hashing import ZERO_HASH, tagged_hash
from edge_node.primitives.types import (
    Address,
    Amount,
    BlockHash,
    DatasetId,
    FamilyId,
    Hash32,
    Height,
    ModelHash,
    PublicKey,
    TimestampMs,
)
from edge_node.spec.architecture import Architecture
from edge_node.spec.constants import HAVE_WINDOW_BLOCKS
from edge_node.spec.dataset import Manifest
from edge_node.spec.difference import WeightRecord
from edge_node.spec.encoding import Value, encode
from edge_node.spec.genesis import Genesis
from edge_node.spec.merkle import MerkleTree, MountainRange


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One account of the ledger."""

    address: Address
    """Who it belongs to."""
    balance: Amount
    """Coins that can be spent."""
    nonce: int
    """Transactions sent so far."""

    def encode(self) -> bytes:
        """Return the leaf of the account tree."""
        return encode([self.address, self.balance, self.nonce])


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """All accounts, numbered in the order in which they first got coins."""

    rows: tuple[Account, ...] = ()
    """By number."""
    numbers: Mapping[Address, int] = field(default_factory=dict)
    """Number of each address."""
    tree: MerkleTree = field(default_factory=lambda: MerkleTree(()))
    """Commitment over the rows."""

    def get(self, address: Address) -> Account:
        """Return an account; one that never got coins is empty."""
        number = self.numbers.get(address)
        if number is None:
            return Account(address=address, balance=Amount(0), nonce=0)
        return self.rows[number]

    def updated(self, changed: Iterable[Account]) -> "Accounts":
        """Return the table with some accounts replaced or, in the order given, appended."""
        rows, numbers = list(self.rows), dict(self.numbers)
        leaves: dict[int, bytes] = {}
        for account in changed:
            number = numbers.setdefault(account.address, len(rows))
            if number == len(rows):
                rows.append(account)
            else:
                rows[number] = account
            leaves[number] = account.encode()
        return Accounts(rows=tuple(rows), numbers=numbers, tree=self.tree.updated(leaves))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reward:
    """Coins that a miner has earned and can not spend yet."""

    due: Height
    """The block that makes them spendable."""
    address: Address
    """Who gets them."""
    amount: Amount
    """Base reward and fees."""

    def value(self) -> Value:
        """Return the reward as an encodable value."""
        return [self.due, self.address, self.amount]


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyModel:
    """A model of a family, in the order of its blocks."""

    block: BlockHash
    """The block that carried it."""
    height: Height
    """That block's height."""
    model_hash: ModelHash
    """The model."""
    correct_count: int
    """Images of the evaluation split that it classifies correctly."""
    record: bool
    """It is, or was, the family's best: a generation."""

    def value(self) -> Value:
        """Return the entry as an encodable value."""
        return [self.block, self.height, self.model_hash, self.correct_count, int(self.record)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """All models of one architecture for one dataset (paper A's model family)."""

    family_id: FamilyId
    """H(dataset, genome)."""
    dataset: DatasetId
    """What it classifies."""
    architecture: Architecture
    """Its shape."""
    join_turn: int
    """The lowest open turn when it was founded."""
    skips: int
    """Turns that another block took."""
    idle: int
    """Skips since its last record."""
    needed_gain: int
    """Images by which the next record must beat the last, before the ladder."""
    closed: bool
    """No more blocks of this family."""
    models: tuple[FamilyModel, ...]
    """Every model, the founder first."""
    weight_record: WeightRecord
    """Values that each weight has had in records (paper A, section 4.1)."""

    @property
    def model_count(self) -> int:
        """Paper A's counter: blocks of the family."""
        return len(self.models)

    @property
    def records(self) -> tuple[FamilyModel, ...]:
        """The generations, oldest first; each beats the one before."""
        return tuple(model for model in self.models if model.record)

    @property
    def head(self) -> BlockHash:
        """The family's last block."""
        return self.models[-1].block

    @property
    def turn(self) -> int:
        """Whose turn it is: the lowest goes next."""
        return self.join_turn + self.model_count + self.skips

    def value(self) -> Value:
        """Return the family as an encodable value."""
        record = self.weight_record
        size = -(-max(record.seen_plus, record.seen_minus, 1).bit_length() // 8)
        return [
            self.dataset,
            self.architecture.value(),
            [self.join_turn, self.skips, self.idle, self.needed_gain, int(self.closed)],
            [model.value() for model in self.models],
            [
                record.epoch,
                record.seen_plus.to_bytes(size, "little"),
                record.seen_minus.to_bytes(size, "little"),
            ],
        ]

    def root(self) -> Hash32:
        """Return the commitment to the family."""
        return tagged_hash("family-state", encode(self.value()))


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetEntry:
    """A dataset that families may be founded on."""

    manifest: Manifest
    """What it is."""
    height: Height
    """When it was uploaded; 0 for the genesis'."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Have:
    """Datasets that a block's miner said to hold."""

    miner: PublicKey
    """Who said so."""
    datasets: tuple[DatasetId, ...]
    """What it holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownModels:
    """The global set of model hashes, with a commitment that grows by one hash a block."""

    hashes: frozenset[ModelHash] = frozenset()
    """Every model that a block carried."""
    root: Hash32 = ZERO_HASH
    """Chain of hashes over them in order."""

    def added(self, model_hash: ModelHash) -> "KnownModels":
        """Return the set with one more model."""
        return KnownModels(
            hashes=self.hashes | {model_hash},
            root=tagged_hash("known-models", self.root, model_hash),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Everything that decides what the next block may be."""

    height: Height
    """Height of the last block."""
    head: BlockHash
    """Hash of the last block; the network id before the first."""
    timestamp: TimestampMs
    """Timestamp of the last block."""
    work: int
    """Cumulative work (fork_choice.py)."""
    history: MountainRange
    """Over the hashes of all blocks, the genesis first."""
    accounts: Accounts
    """Who owns what."""
    immature: tuple[Reward, ...]
    """Rewards not due yet, by height."""
    families: Mapping[FamilyId, Family]
    """Open and closed families."""
    datasets: Mapping[DatasetId, DatasetEntry]
    """Datasets of the network."""
    have: tuple[Have, ...]
    """`have` lists of the last HAVE_WINDOW_BLOCKS blocks."""
    models: KnownModels
    """Models of all families."""
    minted: Amount
    """Coins that exist: allocations and base rewards."""

    def root(self) -> Hash32:
        """Return the commitment to everything but the head's own name (R-25)."""
        return tagged_hash(
            "state",
            encode(
                [
                    self.accounts.tree.root,
                    [reward.value() for reward in self.immature],
                    [self.families[key].root() for key in sorted(self.families)],
                    [[key, self.datasets[key].height] for key in sorted(self.datasets)],
                    [[have.miner, list(have.datasets)] for have in self.have],
                    self.models.root,
                    self.minted,
                ]
            ),
        )

    def with_family(self, family: Family) -> "State":
        """Return the state with one family put in or replaced."""
        return replace(self, families={**self.families, family.family_id: family})

    def with_have(self, have: Have) -> "State":
        """Return the state with one more `have` list."""
        return replace(self, have=(*self.have, have)[-HAVE_WINDOW_BLOCKS:])


def genesis_state(genesis: Genesis) -> State:
    """Return the state before the first block."""
    network = genesis.network_id()
    return State(
        height=Height(0),
        head=BlockHash(network),
        timestamp=genesis.timestamp,
        work=0,
        history=MountainRange().appended(network),
        accounts=Accounts().updated(
            Account(address=address, balance=amount, nonce=0)
            for address, amount in genesis.allocations
        ),
        immature=(),
        families={},
        datasets={
            manifest.dataset_id(): DatasetEntry(manifest=manifest, height=Height(0))
            for manifest in genesis.datasets
        },
        have=(),
        models=KnownModels(),
        minted=Amount(sum(amount for _, amount in genesis.allocations)),
    )
