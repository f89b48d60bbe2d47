# SPDX-License-Identifier: Apache-2.0
"""Block validation: the main path of the law, from bytes to the state after the block.

Rules R-30 and R-47 to R-49 (paper A, section 4.5), and all others in the order of their cost: form,
place, time, signature, commitments, proof, accuracy, transactions.
Law of the file: pure functions; an invalid block leaves no trace.
Read next: fork_choice.py.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

from edge_node.primitives.errors import EdgeNodeError
from edge_node.primitives.types import Amount, Height, NetworkId, TimestampMs
from edge_node.spec import ledger, market, scheduling
from edge_node.spec.block import Block, Header
from edge_node.spec.constants import MAX_TRANSACTIONS_BYTES, PROTOCOL_VERSION
from edge_node.spec.engine import Engine, LatentSource, ModelSource
from edge_node.spec.errors import InvalidBody, InvalidHeader
from edge_node.spec.genesis import (
    EVOLUTION,
    GUIDING_GRADIENT,
    GUIDING_GRADIENT_PAPER,
    RECIPE,
    Genesis,
    Parameters,
)
from edge_node.spec.model import Model
from edge_node.spec.proof.evolution import EvolutionRule
from edge_node.spec.proof.guiding_gradient import GuidingGradientPaperRule
from edge_node.spec.proof.recipe import RecipeRule
from edge_node.spec.proof.rule import Learned, ProofContext, ProofRule
from edge_node.spec.state import Have, State, genesis_state
from edge_node.spec.transaction import address_of


class HeaderOutOfPlace(InvalidHeader):
    """A header does not follow its parent: network, height, parent or roots (R-30)."""

    reason: ClassVar[str] = "R-30"
    wants: ClassVar[str] = "the header"


class TimestampInvalid(InvalidHeader):
    """A timestamp goes back, comes too soon, or is not on the rung it claims (R-47)."""

    reason: ClassVar[str] = "R-47"
    wants: ClassVar[str] = "the timestamp"


class BlockSignatureInvalid(InvalidHeader):
    """The miner did not sign this header (R-48)."""

    reason: ClassVar[str] = "R-48"
    wants: ClassVar[str] = "the block's signature"


class BodyMismatch(InvalidBody):
    """The body is not the one that the header commits to, or too large (R-49)."""

    reason: ClassVar[str] = "R-49"
    wants: ClassVar[str] = "the body"


class VersionWrong(InvalidHeader):
    """A header is of another protocol version than blocks at its height are (R-68)."""

    reason: ClassVar[str] = "R-68"
    wants: ClassVar[str] = "the protocol version"


class ProtocolNewer(EdgeNodeError):
    """The network goes on under a version that this program does not know: it has to wait."""

    reason: ClassVar[str] = "upgrade"

    def __init__(self, *, version: int, height: Height) -> None:
        super().__init__(
            f"from height {height} on, blocks are of protocol version {version}; "
            f"install an edge-node that knows more than version {PROTOCOL_VERSION}"
        )
        self.version = version
        self.height = height


class BlockFromTheFuture(EdgeNodeError):
    """A block lies further ahead of the local clock than the network allows: it waits."""

    reason: ClassVar[str] = "early"

    def __init__(self, *, timestamp: TimestampMs, latest: TimestampMs) -> None:
        super().__init__(
            f"block of {timestamp} ms is ahead of {latest} ms; set the clock if it is yours"
        )
        self.timestamp = timestamp
        self.latest = latest


_PROOF_RULES: dict[str, Callable[[Parameters], ProofRule]] = {
    EVOLUTION: lambda _: EvolutionRule(),
    RECIPE: lambda _: RecipeRule(),
    GUIDING_GRADIENT: lambda _: RecipeRule(),
    GUIDING_GRADIENT_PAPER: lambda chosen: GuidingGradientPaperRule(chosen.requirements),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What all blocks of a network are judged by."""

    network: NetworkId
    """Hash of the genesis."""
    parameters: Parameters
    """The network's chosen rules."""
    proof_rule: ProofRule
    """The rule that the genesis names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A valid block's effect."""

    state: State
    """The state after the block."""
    model: Model | None
    """The block's model; None for a fallback."""
    latents: bytes
    """Packed latents of the model's family after the block; empty if nothing was trained on."""


def rules_of(genesis: Genesis) -> Rules:
    """Return the rules that a genesis sets."""
    return Rules(
        network=genesis.network_id(),
        parameters=genesis.parameters,
        proof_rule=_PROOF_RULES[genesis.proof](genesis.parameters),
    )


def first_state(genesis: Genesis) -> State:
    """Return the state before a network's first block."""
    rules = rules_of(genesis)
    return genesis_state(genesis, rules.proof_rule.first_target(genesis.parameters))


def validate_block(
    block: Block,
    parent: State,
    rules: Rules,
    engine: Engine,
    models: ModelSource,
    latents: LatentSource,
) -> Verdict:
    """Judge a block on top of its parent's state.

    Parameters
    ----------
    block : Block
    parent : State
        The state after the block's parent.
    rules : Rules
    engine : Engine
    models : ModelSource
    latents : LatentSource

    Raises
    ------
    InvalidInput
        The first rule that the block breaks.
    DatasetMissing, ProtocolNewer
        This node can not judge the block yet.
    """
    header, body = block.header, block.body
    check_header(header, parent, rules)
    check_signature(header, engine)
    check_body(block)
    learned = rules.proof_rule.verify(
        block,
        ProofContext(
            network=rules.network,
            parameters=rules.parameters,
            parent=parent,
            engine=engine,
            models=models,
            latents=latents,
        ),
    )
    for transaction in body.transactions:
        ledger.check_transaction_signature(transaction, rules.network, engine.verify)
    return Verdict(
        state=_state_after(block, learned, parent, rules, engine, models),
        model=learned.model,
        latents=learned.latents,
    )


def _state_after(
    block: Block,
    learned: Learned,
    parent: State,
    rules: Rules,
    engine: Engine,
    models: ModelSource,
) -> State:
    """Return the state after a block whose proof is valid.

    Raises
    ------
    InvalidTransaction
        One of its transactions is not.
    DatasetMissing
    """
    header, parameters, height = block.header, rules.parameters, block.header.height
    state = ledger.mature_rewards(parent, height)
    state, fees = ledger.apply_transactions(state, block.body.transactions, parameters)
    minted = Amount(0)
    if learned.model is not None:
        state = replace(state, models=state.models.added(header.model_hash))
        if state.datasets[learned.families[0].dataset].is_of_genesis:
            minted = ledger.base_reward(parameters, height)
    state = ledger.pay_miner(state, header.miner, height, minted, fees)
    for family in learned.families:
        state = state.with_family(family)
    if learned.model is not None and learned.earns_bonus:
        miner = address_of(header.miner)
        state = market.pay_bonus(state, learned.families[0], miner, parameters, height)
    state = state.with_have(Have(miner=header.miner, datasets=block.body.have))
    state = market.after_block(state, parameters, height, engine, models)
    return _advanced(state, header, rules)


def check_header(header: Header, parent: State, rules: Rules) -> None:
    """Check what follows from the parent alone.

    Raises
    ------
    VersionWrong, HeaderOutOfPlace, TimestampInvalid
        R-68, R-30, R-47.
    ProtocolNewer
        This program can not judge it.
    """
    version = rules.parameters.version_at(Height(parent.height + 1))
    check_version_known(version, Height(parent.height + 1))
    # a network changes its rules at one height, for everybody.
    if header.version != version:
        raise VersionWrong(expected=version, actual=header.version)
    # one place in one chain of one network.
    for name, expected, actual in (
        ("network", rules.network, header.network),
        ("height", Height(parent.height + 1), header.height),
        ("previous_hash", parent.head, header.previous_hash),
        ("target", parent.target, header.target),
        ("history_root", parent.history.root(), header.history_root),
        ("state_root", parent.root(), header.state_root),
    ):
        if expected != actual:
            shown = expected.hex() if isinstance(expected, bytes) else expected
            raise HeaderOutOfPlace(expected=f"{name} {shown}", actual=actual)
    # time moves on, and the rung is what the timestamps say.
    earliest = parent.timestamp + max(1, rules.parameters.min_interval_ms)
    if header.timestamp < earliest:
        raise TimestampInvalid(expected=f"at least {earliest}", actual=header.timestamp)
    rung = scheduling.rung_at(rules.parameters, parent.timestamp, header.timestamp)
    if header.rung != rung:
        raise TimestampInvalid(expected=f"on rung {rung}", actual=f"rung {header.rung}")


def check_version_known(version: int, height: Height) -> None:
    """Check that this program knows the rules of a height: not a rule of validity.

    Raises
    ------
    ProtocolNewer
    """
    if version > PROTOCOL_VERSION:
        raise ProtocolNewer(version=version, height=height)


def check_signature(header: Header, engine: Engine) -> None:
    """Check that the miner signed the header.

    Raises
    ------
    BlockSignatureInvalid
        R-48.
    """
    # one key, one block; whoever changes a bit signs for it himself.
    if not engine.verify(header.miner, header.block_hash(), header.signature):
        raise BlockSignatureInvalid(expected=f"by {header.miner.hex()}", actual="another's")


def check_body(block: Block) -> None:
    """Check that a body belongs to its header.

    Raises
    ------
    BodyMismatch
        R-49.
    """
    # what travels beside a header is what its miner signed for.
    header, body = block.header, block.body
    size = sum(len(transaction.encode()) for transaction in body.transactions)
    if size > MAX_TRANSACTIONS_BYTES:
        raise BodyMismatch(expected=f"at most {MAX_TRANSACTIONS_BYTES} bytes", actual=size)
    root = body.tx_root()
    if root != header.tx_root:
        raise BodyMismatch(expected=header.tx_root, actual=root)
    if body.proof_root() != header.proof_root:
        raise BodyMismatch(expected=header.proof_root, actual=body.proof_root())


def check_not_early(header: Header, now_ms: TimestampMs, parameters: Parameters) -> None:
    """Check a block against the local clock: not a rule of validity, it is only held back.

    Raises
    ------
    BlockFromTheFuture
    """
    latest = TimestampMs(now_ms + parameters.max_future_ms)
    if header.timestamp > latest:
        raise BlockFromTheFuture(timestamp=header.timestamp, latest=latest)


def _advanced(state: State, header: Header, rules: Rules) -> State:
    block_hash = header.block_hash()
    interval_ms = header.timestamp - state.timestamp
    return replace(
        state,
        height=header.height,
        head=block_hash,
        timestamp=header.timestamp,
        work=state.work + rules.proof_rule.work(header),
        target=rules.proof_rule.next_difficulty(state.target, interval_ms, rules.parameters),
        history=state.history.appended(block_hash),
    )
