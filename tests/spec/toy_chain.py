# SPDX-License-Identifier: Apache-2.0
"""A small network for tests, and an honest miner for every kind of its blocks.

`ToyChain` holds one chain; `founder`, `population`, `child` and `fallback` mine on any `Tip`,
whoever keeps it. Its dataset (toy_data.py) is easy: a block takes a fraction of a second.
Law of the file: everything follows from seeds; what is mined is judged by the law alone.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TypeVar

from edge_node.primitives.hashing import ZERO_HASH
from edge_node.primitives.types import (
    Address,
    Amount,
    BlockHash,
    DatasetId,
    FamilyId,
    Hash32,
    Height,
    ModelHash,
    Signature,
    TimestampMs,
)
from edge_node.spec import market, recipe, scheduling, training
from edge_node.spec.architecture import Architecture, conv, dense
from edge_node.spec.block import Block, Body, Header
from edge_node.spec.constants import PROTOCOL_VERSION
from edge_node.spec.dataset import SplitName
from edge_node.spec.difference import WeightRecord, hamming
from edge_node.spec.engine import LatentSource, ModelSource
from edge_node.spec.genesis import Parameters
from edge_node.spec.model import Model
from edge_node.spec.proof.evolution import train_founder
from edge_node.spec.proof.evolution_proof import (
    ChildProof,
    FallbackProof,
    FounderProof,
    PopulationProof,
    Proof,
)
from edge_node.spec.proof.founding import ShapeOrigin, family_id
from edge_node.spec.proof.guiding_gradient_proof import GuidingProof
from edge_node.spec.proof.recipe_proof import LotteryProof
from edge_node.spec.proof.rule import ProofContext
from edge_node.spec.recipe import RecipeContext, Step, StepKind
from edge_node.spec.signature import SIGNATURE_BYTES
from edge_node.spec.state import Family, State
from edge_node.spec.transaction import Transaction, Transfer
from edge_node.spec.validation import Verdict, validate_block
from tests.spec.toy_data import CLASSES, SIDE, ToyDataset, toy_dataset
from tests.spec.toy_network import (
    ALLOCATION,
    GENESIS_TIME,
    PARAMETERS,
    Miner,
    Network,
    miner,
    toy_network,
)

__all__ = [  # and all that follows
    "ALLOCATION",
    "CLASSES",
    "GENESIS_TIME",
    "PARAMETERS",
    "SIDE",
    "Miner",
    "Network",
    "ToyDataset",
    "miner",
    "toy_dataset",
    "toy_network",
]

FOUNDER_STEPS = 6
MAX_TRIES = 3_000
"""Nonces that a toy miner tries before it gives up."""

ARCHITECTURE = Architecture(
    height=SIDE,
    width=SIDE,
    input_channels=1,
    input_bits=1,
    layers=(conv(4, pool=True), dense(CLASSES)),
)
"""144 weights."""
SECOND_ARCHITECTURE = replace(ARCHITECTURE, layers=(dense(6), dense(CLASSES)))
"""402 weights, far from the first in shape."""
THIRD_ARCHITECTURE = replace(
    ARCHITECTURE, input_bits=8, layers=(conv(6, pool=True), conv(5, kernel=2), dense(CLASSES))
)
"""234 weights, 8-bit input."""

ARCHITECTURES = (ARCHITECTURE, SECOND_ARCHITECTURE, THIRD_ARCHITECTURE)

BLOCK_MS = 2_000
"""Time that a toy miner lets pass before its block."""


class Models:
    """Models by their hash, latents by their block: a ModelSource and a LatentSource."""

    def __init__(self, models: Iterable[Model] = ()) -> None:
        self._models = {model.model_hash(): model for model in models}
        self._latents: dict[BlockHash, bytes] = {}

    def model(self, model_hash: ModelHash) -> Model:
        """See ModelSource."""
        return self._models[model_hash]

    def latents(self, family: Family) -> bytes:
        """See LatentSource."""
        return self._latents[family.head]

    def add(self, model: Model) -> None:
        """Keep one more."""
        self._models[model.model_hash()] = model

    def keep(self, verdict: Verdict) -> None:
        """Keep what a valid block has brought."""
        if verdict.model is not None:
            self.add(verdict.model)
        if verdict.latents:
            self._latents[verdict.state.head] = verdict.latents

    def copy(self) -> "Models":
        """Return another shelf with the same models."""
        copied = Models(self._models.values())
        copied._latents = dict(self._latents)
        return copied


@dataclass(frozen=True, slots=True, kw_only=True)
class Tip:
    """Where a miner stands."""

    network: Network
    """Its network."""
    state: State
    """The state after the block to build on."""
    models: ModelSource
    """Models up to there."""
    latents: LatentSource = field(default_factory=Models)
    """Latents of family heads up to there."""

    @property
    def parameters(self) -> Parameters:
        """The network's chosen rules."""
        return self.network.rules.parameters

    def context(self) -> ProofContext:
        """Return what a proof on top of this tip is judged by."""
        return ProofContext(
            network=self.network.rules.network,
            parameters=self.parameters,
            parent=self.state,
            engine=self.network.engine,
            models=self.models,
            latents=self.latents,
        )

    def validate(self, block: Block) -> Verdict:
        """Judge a block on top of this tip."""
        return validate_block(
            block,
            self.state,
            self.network.rules,
            self.network.engine,
            self.models,
            self.latents,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Mined:
    """A block, and the model that it is about."""

    block: Block
    """Header and body."""
    model: Model | None
    """None for a fallback."""

    @property
    def block_hash(self) -> BlockHash:
        """The block's name."""
        return self.block.header.block_hash()


class NothingFound(Exception):
    """A toy miner has given up: choose easier parameters for the test."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What an honest miner decides before it looks for a model."""

    tip: Tip
    """The parent."""
    miner: Miner
    """Who signs."""
    after_ms: int = BLOCK_MS
    """Time since the parent."""
    transactions: tuple[Transaction, ...] = ()
    """What the block confirms."""
    have: tuple[DatasetId, ...] | None = None
    """Datasets that the miner says to hold; None for all that there are."""
    first_nonce: int = 0
    """Where the search begins: another start finds another block."""
    tries: int = MAX_TRIES
    """How many nonces to try."""

    def nonces(self) -> Iterator[int]:
        """Yield what to try."""
        yield from range(self.first_nonce, self.first_nonce + self.tries)
        raise NothingFound

    @property
    def rung(self) -> int:
        """The rung of a block that is made now."""
        start = self.tip.state.timestamp
        return scheduling.rung_at(self.tip.parameters, start, TimestampMs(start + self.after_ms))


def founder(
    work: Work,
    architecture: Architecture = ARCHITECTURE,
    dataset: DatasetId | None = None,
    origin: ShapeOrigin | None = None,
) -> Mined:
    """Mine the first block of a family, for the due dataset if none is named."""
    tip = work.tip
    chosen = dataset or scheduling.turns(tip.state, tip.parameters, work.rung).due_dataset
    assert chosen is not None, "no founder is due: name a dataset"
    proof = FounderProof(
        architecture=architecture, dataset=chosen, steps=FOUNDER_STEPS, origin=origin
    )
    return _trained(work, founded(work, architecture, chosen), proof)


def founded(work: Work, architecture: Architecture, dataset: DatasetId) -> Family:
    """Return a family as it is before its first block."""
    tip = work.tip
    images = tip.state.datasets[dataset].manifest.splits[SplitName.EVALUATION].count
    return Family(
        family_id=family_id(dataset, architecture),
        dataset=dataset,
        architecture=architecture,
        join_turn=scheduling.join_turn(tip.state),
        skips=0,
        idle=0,
        needed_gain=scheduling.first_needed_gain(tip.parameters, images),
        closed=False,
        models=(),
        weight_record=WeightRecord(weight_count=architecture.weight_count),
    )


def population(work: Work, family: FamilyId | None = None) -> Mined:
    """Mine one more back-propagated model of a family, by default of the due one."""
    return _trained(work, family_of(work, family), PopulationProof(steps=FOUNDER_STEPS))


def child(work: Work, family: FamilyId | None = None) -> Mined:
    """Evolve a family's newest record into a better one, by default of the due family."""
    tip, parent = work.tip, family_of(work, family)
    record = parent.records[-1]
    base = tip.models.model(record.model_hash)
    context = RecipeContext(
        network=tip.network.rules.network, base=record.block, miner=work.miner.key
    )
    wanted = record.correct_count + scheduling.needed_gain_at(parent, work.rung)
    steps: tuple[Step, ...] = ()
    best = 0
    for nonce in work.nonces():
        tried = (*steps, Step(kind=StepKind(nonce % 2), nonce=nonce))
        model = recipe.apply_recipe(base, (), tried, tip.parameters.rates, context)
        correct = tip.network.engine.count_correct(model, parent.dataset)
        if correct < best:
            continue
        steps, best = tried, correct
        if correct >= wanted and _differs(model, parent, tip):
            proof = ChildProof(base=parent.models.index(record), steps=steps)
            return assembled(work, parent, proof, model)
    raise NothingFound


def fallback(work: Work) -> Mined:
    """Make a block without a model; `after_ms` must reach the last rung."""
    return assembled(work, None, FallbackProof(), None)


def due(work: Work) -> Mined:
    """Mine whatever is due: a founder, a model for a population, or a child."""
    tip = work.tip
    turns = scheduling.turns(tip.state, tip.parameters, work.rung)
    if turns.due_family is None:
        known = {family.architecture for family in tip.state.families.values()}
        return founder(work, next(a for a in ARCHITECTURES if a not in known))
    if tip.state.families[turns.due_family].records:
        return child(work)
    return population(work)


def family_of(work: Work, family: FamilyId | None) -> Family:
    """Return the named family, or the due one."""
    tip = work.tip
    chosen = family or scheduling.turns(tip.state, tip.parameters, work.rung).due_family
    assert chosen is not None, "a founder is due"
    return tip.state.families[chosen]


def _trained(work: Work, family: Family, proof: FounderProof | PopulationProof) -> Mined:
    tip = work.tip
    images = tip.state.datasets[family.dataset].manifest.splits[SplitName.EVALUATION].count
    wanted = scheduling.share_of(images, tip.parameters.min_family_acc_ppm)
    for nonce in work.nonces():
        latents = train_founder(
            tip.state.head,
            work.miner.key,
            nonce,
            proof.steps,
            family=family,
            context=tip.context(),
        )
        model = training.model_from_state(family.architecture, latents)
        correct = tip.network.engine.count_correct(model, family.dataset)
        if correct >= wanted and _differs(model, family, tip):
            return assembled(work, family, proof, model, latent_root=latents.root(), nonce=nonce)
    raise NothingFound


def _differs(model: Model, family: Family, tip: Tip) -> bool:
    if model.model_hash() in tip.state.models.hashes:
        return False
    needed = scheduling.share_of(
        family.architecture.weight_count, tip.parameters.min_population_diff_ppm
    )
    rivals = family.records or family.models
    return all(hamming(model, tip.models.model(r.model_hash)) >= needed for r in rivals)


def assembled(
    work: Work,
    family: Family | None,
    proof: Proof | LotteryProof | GuidingProof,
    model: Model | None,
    *,
    latent_root: Hash32 = ZERO_HASH,
    nonce: int = 0,
) -> Mined:
    """Return the signed block of a proof and its model, whatever the law thinks of them."""
    tip = work.tip
    body = Body(
        transactions=work.transactions,
        have=work.have if work.have is not None else everything(tip.state),
        proof=proof.encode(),
    )
    header = Header(
        version=PROTOCOL_VERSION,
        network=tip.network.rules.network,
        height=Height(tip.state.height + 1),
        previous_hash=tip.state.head,
        previous_model_hash=family.head if family and family.models else BlockHash(ZERO_HASH),
        timestamp=TimestampMs(tip.state.timestamp + work.after_ms),
        family=family.family_id if family else FamilyId(ZERO_HASH),
        generation=1 + len(family.records) if family else 0,
        rung=work.rung,
        target=tip.state.target,
        history_root=tip.state.history.root(),
        state_root=tip.state.root(),
        tx_root=body.tx_root(),
        miner=work.miner.key,
        nonce=nonce,
        proof_root=body.proof_root(),
        latent_root=latent_root,
        model_hash=model.model_hash() if model else ModelHash(ZERO_HASH),
        correct_count=(
            tip.network.engine.count_correct(model, family.dataset) if model and family else 0
        ),
        signature=Signature(bytes(SIGNATURE_BYTES)),
    )
    return Mined(block=sealed(header, body, work.miner), model=model)


def everything(state: State) -> tuple[DatasetId, ...]:
    """Return the `have` list of who holds every dataset and every revealed reserve."""
    reserves = (
        market.reserve_id(dataset)
        for dataset, entry in state.datasets.items()
        if entry.bounty is not None and entry.bounty.revealed
    )
    return tuple(sorted((*state.datasets, *reserves)))


def sealed(header: Header, body: Body, signer: Miner) -> Block:
    """Return the block of a header, as it is, signed by `signer`, and a body."""
    return Block(
        header=replace(header, signature=signer.sign(header.block_hash())),
        body=body,
    )


def recommitted(header: Header, body: Body, signer: Miner) -> Block:
    """Return the block of a header changed to commit to a body, signed by `signer`."""
    fitting = replace(header, tx_root=body.tx_root(), proof_root=body.proof_root())
    return sealed(fitting, body, signer)


class ToyChain:
    """One chain of a network, which judges every block by the law before it grows."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.state = network.start()
        self.models = Models()
        self.mined: list[Mined] = []

    @property
    def tip(self) -> Tip:
        """Where the next block goes."""
        return Tip(network=self.network, state=self.state, models=self.models, latents=self.models)

    def add(self, mined: Mined) -> Mined:
        """Append a block that the law accepts."""
        verdict = self.tip.validate(mined.block)
        self.state = verdict.state
        self.models.keep(verdict)
        self.mined.append(mined)
        return mined

    def grow(self, who: Miner, count: int = 1, after_ms: int = BLOCK_MS) -> list[Mined]:
        """Mine and append what is due, `count` times."""
        return [
            self.add(due(Work(tip=self.tip, miner=who, after_ms=after_ms))) for _ in range(count)
        ]

    def fork(self) -> "ToyChain":
        """Return a chain that is the same so far."""
        other = ToyChain(self.network)
        other.state = self.state
        other.models = self.models.copy()
        other.mined = list(self.mined)
        return other


def transfer(
    sender: Miner,
    recipient: Address,
    amount: int,
    *,
    network: Network,
    nonce: int = 0,
    fee: int = 1,
) -> Transfer:
    """Return a signed transfer."""
    unsigned = Transfer(
        sender=sender.key,
        nonce=nonce,
        recipient=recipient,
        amount=Amount(amount),
        fee=Amount(fee),
        signature=Signature(bytes(SIGNATURE_BYTES)),
    )
    return signed(unsigned, sender, network)


SomeTransaction = TypeVar("SomeTransaction", bound=Transaction)


def signed(transaction: SomeTransaction, sender: Miner, network: Network) -> SomeTransaction:
    """Return a transaction signed by `sender`."""
    message = transaction.signing_hash(network.rules.network)
    return replace(transaction, signature=sender.sign(message))
