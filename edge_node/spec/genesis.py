# SPDX-License-Identifier: Apache-2.0
"""The genesis: everything that the members of a network agree on before the first block.

Rule R-24 (design, section 2). Its canonical bytes hash to the network id, which is inside every
signed message and every seed; so two networks with different rules can never take each other's
blocks. Names follow paper A, with the unit behind them.
Law of the file: a genesis is checked whole when it is built; nothing later doubts it.
Read next: ledger.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import ClassVar

from edge_node.primitives.hashing import tagged_hash
from edge_node.primitives.types import Address, Amount, Height, NetworkId, PublicKey, TimestampMs
from edge_node.spec import constants as limits
from edge_node.spec.dataset import Manifest, SplitName, manifest_from_value
from edge_node.spec.encoding import Decoded, Value, decode, encode
from edge_node.spec.errors import InvalidGenesis
from edge_node.spec.recipe import EvolutionRates
from edge_node.spec.signature import PUBLIC_KEY_BYTES
from edge_node.spec.transaction import ADDRESS_BYTES

EVOLUTION, RECIPE = "evolution", "recipe"
GUIDING_GRADIENT, GUIDING_GRADIENT_PAPER = "guiding_gradient", "guiding_gradient_paper"
LOTTERIES = (RECIPE, GUIDING_GRADIENT)
"""Proof rules whose blocks win by a ticket."""
PROOF_RULES = (*LOTTERIES, EVOLUTION, GUIDING_GRADIENT_PAPER)
"""Names that a genesis may have; the one mode of guiding_gradient is hardened, the other as
published."""

HARDENED = (4, 0)
"""k and cross_weight of guiding_gradient, hardened: no crossover (design, section 7)."""

MAX_WALK_SAMPLES = 1 << 14
"""burst_steps * burst_batch of guiding_gradient as published: its proof, which names each image,
stays within MAX_ITEMS and MAX_PROOF_BYTES."""
MAX_MEMBERS = 256
"""Members that may sign checkpoints."""
MAX_ALLOCATIONS = 1_024
"""First accounts; with all else at its most they stay within MAX_GENESIS_BYTES."""
_MAX_NAME_BYTES = 64
_MAX_SCHEDULE = 16
_MAX_UPGRADES = 16
_MAX_VERSION = 1 << 16
_MAX_STEP_EXPONENT = 14
_MAX_SAMPLES = 1 << 40
_MAX_MS = 1 << 40
_MAX_TIMESTAMP = 1 << 48
_HALF_PPM = limits.PPM // 2


class GenesisMalformed(InvalidGenesis):
    """A genesis does not have the form of R-24, or a value contradicts another."""

    reason: ClassVar[str] = "R-24"
    wants: ClassVar[str] = "the genesis"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """The rules that a network chooses; the order of the fields is their order in the encoding."""

    min_families: int = 1
    """Families that a dataset has open: below it, the next block founds one."""
    min_population: int = 3
    """Back-propagated models of a family before evolution begins."""
    min_family_acc_ppm: int = 600_000
    """Least accuracy of a founder or population model."""
    min_family_diff_ppm: int = 50_000
    """Least shape distance between families of a dataset."""
    min_population_acc_ppm: int = 2_000
    """Least gain of a record over the family's record; the start of `needed_gain`."""
    min_population_diff_ppm: int = 5_000
    """Least Hamming distance of a model to each earlier one of its family's stage."""
    max_family_generations: int = 64
    """Records after which a family closes."""
    max_idle_blocks: int = 16
    """Skips without a record after which a family closes."""
    max_connection_count: int = 1 << 21
    """Most weights of a network."""
    population_cross_percent_ppm: int = 100_000
    """Share of each layer's weights that a crossover takes."""
    population_mutate_percent_ppm: int = 50_000
    """Share of one channel's weights that a mutation may flip."""
    max_recipe_steps: int = 4_000
    """Most steps of a recipe."""
    max_recipe_draws: int = 1 << 22
    """Most places that the steps of a recipe may draw (`recipe.most_draws`)."""
    max_founder_steps: int = 512
    """Most training steps of a founder or population model."""
    max_founder_macs: int = 1 << 38
    """Most multiplications, counted forward, of a founder's or population model's training."""
    max_evaluation_macs: int = 1 << 40
    """Most multiplications of counting a model's correct images once."""
    founder_batch: int = 32
    """S: samples of a training step."""
    step_schedule: tuple[tuple[int, int], ...] = ((32_768, 6), (65_536, 5), (131_072, 4), (1, 3))
    """(samples, u): training steps are 2**u while fewer samples were seen; the last holds on."""
    min_interval_ms: int = 2_000
    """Least time between a block and its parent."""
    rung_ms: int = 60_000
    """One rung of the time ladder."""
    max_future_ms: int = 5_000
    """A block further ahead of the local clock waits."""
    target_ms: int = 20_000
    """evolution: needed_gain rises by an image after a faster record, falls after a slower; 0:
    never. Lotteries: the mean time between blocks."""
    min_evaluation_images: int = 2_000
    """Least size of an evaluation split."""
    max_dataset_bytes: int = 1 << 28
    """Most bytes of a dataset."""
    base_reward: int = 50_000_000
    """Coins minted for a block on a genesis dataset, before the first halving."""
    halving_blocks: int = 210_000
    """The base reward halves every so many blocks."""
    min_fee: int = 0
    """Least fee of a transaction."""
    min_bounty: int = 50_000_000
    """Least bounty of an uploaded dataset: it takes one of MAX_DATASETS places."""
    have_window_blocks: int = limits.HAVE_WINDOW_BLOCKS
    """Last blocks whose miners must hold a dataset before families are founded on it."""
    reveal_blocks: int = 2 * limits.HAVE_WINDOW_BLOCKS
    """Blocks before its closing height in which nobody mines on a dataset: to show the reserve."""
    commit_delay_blocks: int = 8
    """Blocks between a commitment and the imported model that it is about."""
    burst_steps: int = 16
    """T: training steps of a burst, or most batches in a proof of guiding_gradient as published."""
    burst_batch: int = 32
    """S: samples of each of these steps."""
    requirements: int = 1
    """k: weights that must have moved as the hash of a burst's result, or the last block, says."""
    continue_weight: int = 14
    """Chance, to those of the other operators, that a burst continues from the family's head."""
    mutate_weight: int = 1
    """Chance that it strikes population_mutate_percent of the head's latents first."""
    cross_weight: int = 1
    """Chance that it crosses the head with another of the family's last blocks first."""
    accuracy_tolerance_ppm: int = 10_000
    """What a step block may lose against the family's head; twice that against its record."""
    max_cost: int = 1 << 31
    """Most multiplications, counted forward, of a burst; the cost at which the target is the
    header's."""
    first_work: int = 1 << 10
    """Bursts of max_cost that the first block is expected to take."""
    learning_shift: int = 6
    """s: guiding_gradient as published moves a latent by its gradient / 2**s."""
    upgrades: tuple[tuple[int, int], ...] = ()
    """(height, version): from this height on, blocks are of this version of the protocol."""

    def version_at(self, height: Height) -> int:
        """Return the protocol version of the block at `height` (R-68)."""
        version = limits.PROTOCOL_VERSION_AT_START
        for start, later in self.upgrades:
            if height >= start:
                version = later
        return version

    def founder_steps(self, macs: int) -> int:
        """Return the most training steps of a founder of `macs` multiplications per image."""
        return min(self.max_founder_steps, self.max_founder_macs // (self.founder_batch * macs))

    @property
    def rates(self) -> EvolutionRates:
        """The shares that recipes use."""
        return EvolutionRates(
            mutate_ppm=self.population_mutate_percent_ppm,
            cross_ppm=self.population_cross_percent_ppm,
        )

    def __post_init__(self) -> None:
        """Check every value and what they must be to each other."""
        # a value out of its range is refused here, once, and never met again.
        for name, least, most in _RANGES:
            _check_within(name, getattr(self, name), least, most)
        _check_within("lines of a step_schedule", len(self.step_schedule), 1, _MAX_SCHEDULE)
        for samples, exponent in self.step_schedule:
            _check_within("samples of a step_schedule", samples, 1, _MAX_SAMPLES)
            _check_within("step exponents", exponent, 0, _MAX_STEP_EXPONENT)
        _check_within("upgrades", len(self.upgrades), 0, _MAX_UPGRADES)
        for (height, version), (later, next_version) in pairwise(((0, 1), *self.upgrades)):
            _check_within("heights of upgrades", later, height + 1, _MAX_MS)
            _check_within("versions of upgrades", next_version, version + 1, _MAX_VERSION)
        if self.rung_ms < 4 * self.max_future_ms:
            raise GenesisMalformed(
                expected="one with rung_ms >= 4 * max_future_ms", actual=self.rung_ms
            )
        if self.min_interval_ms >= self.rung_ms:
            raise GenesisMalformed(
                expected=f"one with min_interval_ms below rung_ms ({self.rung_ms})",
                actual=self.min_interval_ms,
            )
        if self.reveal_blocks < self.have_window_blocks:
            raise GenesisMalformed(
                expected=f"one with reveal_blocks of {self.have_window_blocks} at least",
                actual=self.reveal_blocks,
            )


_RANGES: tuple[tuple[str, int, int], ...] = (
    ("min_families", 1, 1_000),
    ("min_population", 1, 64),
    ("min_family_acc_ppm", 0, limits.PPM),
    ("min_family_diff_ppm", 0, limits.PPM),
    ("min_population_acc_ppm", 0, limits.PPM),
    ("min_population_diff_ppm", 0, _HALF_PPM),
    ("max_family_generations", 1, 1_000),
    ("max_idle_blocks", 1, 1_000_000),
    ("max_connection_count", 1, limits.MAX_CONNECTIONS),
    ("population_cross_percent_ppm", 0, _HALF_PPM),
    ("population_mutate_percent_ppm", 0, _HALF_PPM),
    # A proof of 6,000 crossovers, and a delta of as many moved thresholds, stay within MAX_ITEMS.
    ("max_recipe_steps", 1, 6_000),
    ("max_recipe_draws", 1, 1 << 32),
    ("max_founder_steps", 1, 1 << 20),
    ("max_founder_macs", 1, 1 << 48),
    ("max_evaluation_macs", 1, 1 << 48),
    ("founder_batch", 1, limits.MAX_BATCH),
    ("min_interval_ms", 0, _MAX_MS),
    ("rung_ms", 1, _MAX_MS),
    ("max_future_ms", 1, _MAX_MS),
    ("target_ms", 0, _MAX_MS),
    ("min_evaluation_images", 1, 1 << 24),
    ("max_dataset_bytes", 1, limits.MAX_DATASET_BYTES),
    ("base_reward", 0, 1 << 40),
    ("halving_blocks", 1, 1 << 40),
    ("min_fee", 0, limits.MAX_AMOUNT),
    ("min_bounty", 1, limits.MAX_AMOUNT),
    ("have_window_blocks", 1, limits.HAVE_WINDOW_BLOCKS),
    ("reveal_blocks", 1, limits.MAX_OFFER_BLOCKS // 2),
    ("commit_delay_blocks", 1, limits.MAX_COMMIT_AGE_BLOCKS // 2),
    ("burst_steps", 1, 1 << 10),
    ("burst_batch", 1, limits.MAX_BATCH),
    ("requirements", 1, 64),
    ("continue_weight", 1, limits.PPM),
    ("mutate_weight", 0, limits.PPM),
    ("cross_weight", 0, limits.PPM),
    ("accuracy_tolerance_ppm", 0, limits.PPM),
    ("max_cost", 1, 1 << 48),
    ("first_work", 1, 1 << 63),
    ("learning_shift", 0, limits.MAX_LEARNING_SHIFT),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Genesis:
    """A network's first page."""

    name: str
    """For people."""
    proof: str
    """The proof rule that the network runs, one of PROOF_RULES."""
    timestamp: TimestampMs
    """When the network was made; the genesis block's time."""
    members: tuple[PublicKey, ...]
    """Keys whose quorum may sign checkpoints, ascending."""
    datasets: tuple[Manifest, ...]
    """Datasets that blocks may be mined on from the start."""
    allocations: tuple[tuple[Address, Amount], ...]
    """Coins that exist from the start, by ascending address."""
    parameters: Parameters
    """The chosen rules."""

    @property
    def deciding_members(self) -> tuple[PublicKey, ...]:
        """Keys whose quorum makes blocks final (R-51); none where the most work decides."""
        return self.members if self.proof == EVOLUTION else ()

    def __post_init__(self) -> None:
        """Check R-24."""
        if self.proof not in PROOF_RULES:
            raise GenesisMalformed(
                expected=f"one with a proof rule of {', '.join(PROOF_RULES)}", actual=self.proof
            )
        if self.proof in LOTTERIES and not self.parameters.target_ms:
            raise GenesisMalformed(expected="one with a target_ms for its lottery", actual=0)
        if self.proof == GUIDING_GRADIENT:
            asked = (self.parameters.requirements, self.parameters.cross_weight)
            if asked != HARDENED:
                raise GenesisMalformed(
                    expected=f"one with requirements and cross_weight {HARDENED} for its rule",
                    actual=asked,
                )
        if self.proof == GUIDING_GRADIENT_PAPER:
            samples = self.parameters.burst_steps * self.parameters.burst_batch
            _check_within("burst_steps * burst_batch", samples, 1, MAX_WALK_SAMPLES)
        _check_within("bytes of the name", len(_utf_8(self.name)), 1, _MAX_NAME_BYTES)
        _check_within("the timestamp", self.timestamp, 0, _MAX_TIMESTAMP)
        _check_within("members", len(self.members), 0, MAX_MEMBERS)
        _check_within("datasets", len(self.datasets), 1, limits.MAX_DATASETS)
        _check_within("allocations", len(self.allocations), 0, MAX_ALLOCATIONS)
        for member in self.members:
            _check_within("bytes of a member's key", len(member), *(PUBLIC_KEY_BYTES,) * 2)
        for address, amount in self.allocations:
            _check_within("bytes of an address", len(address), *(ADDRESS_BYTES,) * 2)
            _check_within("an allocation", amount, 0, limits.MAX_AMOUNT)
        least = self.parameters.min_evaluation_images
        for manifest in self.datasets:
            images = manifest.splits[SplitName.EVALUATION].count
            if images < least:
                raise GenesisMalformed(
                    expected=f"one with {least} evaluation images a dataset", actual=images
                )
            if manifest.total_bytes > self.parameters.max_dataset_bytes:
                raise GenesisMalformed(
                    expected=f"one with datasets up to {self.parameters.max_dataset_bytes} bytes",
                    actual=manifest.total_bytes,
                )
        addresses = [address for address, _ in self.allocations]
        _check_ascending("allocations", addresses)
        _check_ascending("members", self.members)
        _check_ascending("datasets", sorted(m.dataset_id() for m in self.datasets))
        # Rewards halve, so all of them are under two first epochs: no sum ever leaves u64.
        minted = 2 * self.parameters.base_reward * self.parameters.halving_blocks
        total = sum(amount for _, amount in self.allocations) + minted
        if total > limits.MAX_AMOUNT:
            raise GenesisMalformed(
                expected=f"one with coins up to {limits.MAX_AMOUNT}", actual=total
            )

    def encode(self) -> bytes:
        """Return the canonical bytes."""
        return encode(
            [
                limits.PROTOCOL_VERSION,
                self.name,
                self.proof,
                self.timestamp,
                list(self.members),
                [manifest.value() for manifest in self.datasets],
                [list(allocation) for allocation in self.allocations],
                [_plain(getattr(self.parameters, f.name)) for f in fields(Parameters)],
            ]
        )

    def network_id(self) -> NetworkId:
        """Return the hash that names the network."""
        return NetworkId(tagged_hash("genesis", self.encode()))


def genesis_from_bytes(data: bytes) -> Genesis:
    """Return the genesis that canonical bytes encode.

    Raises
    ------
    InvalidEncoding, GenesisMalformed, ManifestMalformed
        R-2, R-24, R-17.
    """
    match decode(data, max_bytes=limits.MAX_GENESIS_BYTES):
        case [
            limits.PROTOCOL_VERSION,
            str(name),
            str(proof),
            int(timestamp),
            list(members),
            list(datasets),
            list(allocations),
            list(values),
        ]:
            return Genesis(
                name=name,
                proof=proof,
                timestamp=TimestampMs(timestamp),
                members=tuple(PublicKey(_bytes(key)) for key in members),
                datasets=tuple(manifest_from_value(manifest) for manifest in datasets),
                allocations=tuple(_allocation_from_value(item) for item in allocations),
                parameters=_parameters_from_value(values),
            )
        case _:
            raise GenesisMalformed(expected="an array of its eight parts", actual="another form")


def _parameters_from_value(values: list[Decoded]) -> Parameters:
    names = [field.name for field in fields(Parameters)]
    if len(values) != len(names):
        raise GenesisMalformed(expected=f"one with {len(names)} parameters", actual=len(values))
    named: dict[str, object] = dict(zip(names, values, strict=True))
    schedule = _pairs_from_value(named.pop("step_schedule"), "step_schedule")
    upgrades = _pairs_from_value(named.pop("upgrades"), "upgrades")
    for name, value in named.items():
        if not isinstance(value, int):
            raise GenesisMalformed(expected=f"one with an integer {name}", actual=value)
    return Parameters(**named, step_schedule=schedule, upgrades=upgrades)  # type: ignore[arg-type]  # checked above


def _pairs_from_value(value: object, name: str) -> tuple[tuple[int, int], ...]:
    pairs: list[tuple[int, int]] = []
    for item in value if isinstance(value, list) else [value]:
        match item:
            case [int(left), int(right)]:
                pairs.append((left, right))
            case _:
                raise GenesisMalformed(
                    expected=f"one with pairs of integers in {name}", actual=item
                )
    return tuple(pairs)


def _allocation_from_value(value: Decoded) -> tuple[Address, Amount]:
    match value:
        case [bytes(address), int(amount)]:
            return Address(address), Amount(amount)
        case _:
            raise GenesisMalformed(expected="one with [address, amount] allocations", actual=value)


def _bytes(value: Decoded) -> bytes:
    if not isinstance(value, bytes):
        raise GenesisMalformed(expected="one with keys of bytes", actual=value)
    return value


def _utf_8(name: str) -> bytes:
    try:
        return name.encode()
    except UnicodeEncodeError:
        raise GenesisMalformed(expected="one with a name in UTF-8", actual=ascii(name)) from None


def _check_within(what: str, actual: int, least: int, most: int) -> None:
    if not least <= actual <= most:
        raise GenesisMalformed(expected=f"one with {what} in {least}..{most}", actual=actual)


def _check_ascending(what: str, items: Sequence[bytes]) -> None:
    for before, after in pairwise(items):
        if after <= before:
            raise GenesisMalformed(expected=f"one with ascending {what}, each once", actual=after)


def _plain(value: object) -> Value:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    assert isinstance(value, int)
    return value
