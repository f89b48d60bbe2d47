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
from edge_node.spec.constants import HAVE_WINDOW_BLOCKS, REWARD_MATURITY_BLOCKS
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
    latent_root: Hash32 = ZERO_HASH
    """Latents after its training; zeros where the proof rule trains nothing."""

    def value(self) -> Value:
        """Return the entry as an encodable value."""
        return [
            self.block,
            self.height,
            self.model_hash,
            self.correct_count,
            int(self.record),
            self.latent_root,
        ]


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
    """Its models, the founder first; of those that `forgotten` counts, none."""
    weight_record: WeightRecord
    """Values that each weight has had in records (paper A, section 4.1)."""
    forgotten: int = 0
    """Models that nothing refers to any more: neither records nor the last MAX_RELATIVES."""
    _root: Hash32 | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def model_count(self) -> int:
        """Paper A's counter: blocks of the family."""
        return self.forgotten + len(self.models)

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
            [
                self.join_turn,
                self.skips,
                self.idle,
                self.needed_gain,
                int(self.closed),
                self.forgotten,
            ],
            [model.value() for model in self.models],
            [
                record.epoch,
                record.seen_plus.to_bytes(size, "little"),
                record.seen_minus.to_bytes(size, "little"),
            ],
        ]

    def root(self) -> Hash32:
        """Return the commitment to the family, computed once: most blocks change one family."""
        if self._root is None:
            root = tagged_hash("family-state", encode(self.value()))
            object.__setattr__(self, "_root", root)
            return root
        return self._root


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """The second halves of one miner's bonuses in one family, until the closing height."""

    family: FamilyId
    """Whose reserve gain decides how much of it is paid."""
    address: Address
    """Who gets them."""
    amount: Amount
    """Coins, taken from the escrow."""

    def value(self) -> Value:
        """Return the debt as an encodable value."""
        return [self.family, self.address, self.amount]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounty:
    """What a model trainer offers for models of a dataset (paper A, section 4.7)."""

    uploader: Address
    """Who gets back what is not spent."""
    escrow: Amount
    """Coins left for bonuses."""
    bonus: Amount
    """Coins for a record."""
    bond: Amount
    """Coins that pay what is owed if the reserve is not revealed."""
    closing_height: Height
    """The block that settles."""
    revealed: bool
    """The uploader has said that it serves the reserve."""
    owed: tuple[Owed, ...]
    """By family and address, in the order in which they were earned."""

    @property
    def coins(self) -> int:
        """All coins that it holds."""
        return self.escrow + self.bond + sum(each.amount for each in self.owed)

    def value(self) -> Value:
        """Return the bounty as an encodable value."""
        return [
            self.uploader,
            [self.escrow, self.bonus, self.bond, self.closing_height, int(self.revealed)],
            [each.value() for each in self.owed],
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetEntry:
    """A dataset that families may be founded on."""

    manifest: Manifest
    """What it is."""
    height: Height
    """When it was uploaded; 0 for the genesis'."""
    scheduled: bool = True
    """Enough miners hold it, or it is of the genesis: blocks may be about it."""
    closed: bool = False
    """No block is about it any more."""
    bounty: Bounty | None = None
    """What is paid for models; None for the genesis' and once it is settled."""

    def value(self) -> Value:
        """Return all but the manifest, which the dataset's id stands for."""
        bounty: list[Value] = [] if self.bounty is None else [self.bounty.value()]
        return [self.height, int(self.scheduled), int(self.closed), bounty]

    @property
    def is_open(self) -> bool:
        """True while blocks may be about it."""
        return self.scheduled and not self.closed

    @property
    def is_of_genesis(self) -> bool:
        """True if its blocks mint base rewards."""
        return self.height == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingCommit:
    """An account's last commitment to a model."""

    address: Address
    """Whose it is."""
    commitment: Hash32
    """By transaction.commitment_to."""
    height: Height
    """The block that confirmed it."""

    def value(self) -> Value:
        """Return the commitment as an encodable value."""
        return [self.address, self.commitment, self.height]


@dataclass(frozen=True, slots=True, kw_only=True)
class Punished:
    """A double signing that was paid for."""

    address: Address
    """Whose."""
    height: Height
    """The height that was signed twice."""

    def value(self) -> Value:
        """Return it as an encodable value."""
        return [self.address, self.height]


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
    target: Hash32
    """Target of the next block (proof/lottery.py); zeros where the proof rule has no lottery."""
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
    """Coins that ever came to be: allocations and base rewards."""
    burned: Amount
    """Coins that were taken away for good."""
    commits: tuple[PendingCommit, ...] = ()
    """Commitments of the last MAX_COMMIT_AGE_BLOCKS blocks, the oldest first."""
    punished: tuple[Punished, ...] = ()
    """Evidence paid for in the last EVIDENCE_WINDOW_BLOCKS blocks, the oldest first."""

    @property
    def supply(self) -> int:
        """Coins that anybody holds, can spend or waits for: `minted` less `burned` (R-29)."""
        held = sum(account.balance for account in self.accounts.rows)
        waiting = sum(reward.amount for reward in self.immature)
        return held + waiting + sum(e.bounty.coins for e in self.datasets.values() if e.bounty)

    def root(self) -> Hash32:
        """Return the commitment to everything but the head's own name (R-25)."""
        return tagged_hash(
            "state",
            encode(
                [
                    self.accounts.tree.root,
                    [reward.value() for reward in self.immature],
                    [self.families[key].root() for key in sorted(self.families)],
                    [[key, self.datasets[key].value()] for key in sorted(self.datasets)],
                    [[have.miner, list(have.datasets)] for have in self.have],
                    self.models.root,
                    self.minted,
                    self.burned,
                    [commit.value() for commit in self.commits],
                    [each.value() for each in self.punished],
                    self.target,
                ]
            ),
        )

    def with_family(self, family: Family) -> "State":
        """Return the state with one family put in or replaced."""
        return replace(self, families={**self.families, family.family_id: family})

    def with_dataset(self, dataset: DatasetId, entry: DatasetEntry) -> "State":
        """Return the state with one dataset put in or replaced."""
        return replace(self, datasets={**self.datasets, dataset: entry})

    def with_reward(self, address: Address, amount: int, height: Height) -> "State":
        """Return the state with coins that a block at `height` pays once they are mature (R-29)."""
        if amount == 0:
            return self
        due = Height(height + REWARD_MATURITY_BLOCKS)
        reward = Reward(due=due, address=address, amount=Amount(amount))
        return replace(self, immature=(*self.immature, reward))

    def with_have(self, have: Have) -> "State":
        """Return the state with one more `have` list."""
        return replace(self, have=(*self.have, have)[-HAVE_WINDOW_BLOCKS:])


def genesis_state(genesis: Genesis, target: Hash32 = ZERO_HASH) -> State:
    """Return the state before the first block, which is to have a target."""
    network = genesis.network_id()
    return State(
        height=Height(0),
        head=BlockHash(network),
        timestamp=genesis.timestamp,
        work=0,
        target=target,
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
        burned=Amount(0),
    )
