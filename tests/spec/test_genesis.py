# SPDX-License-Identifier: Apache-2.0
"""The genesis: every range at both ends, what values must be to each other, what its id covers."""

from dataclasses import fields, replace

import pytest

from edge_node.primitives.hashing import ZERO_HASH, tagged_hash
from edge_node.primitives.types import Address, Amount, PublicKey, TimestampMs
from edge_node.spec import genesis as module
from edge_node.spec.constants import MAX_AMOUNT, MAX_DATASETS, MAX_GENESIS_BYTES, PPM
from edge_node.spec.dataset import Manifest, ManifestMalformed, Split
from edge_node.spec.encoding import Decoded, InvalidEncoding, decode, encode
from edge_node.spec.genesis import (
    GUIDING_GRADIENT,
    GUIDING_GRADIENT_PAPER,
    LOTTERIES,
    MAX_ALLOCATIONS,
    MAX_MEMBERS,
    PROOF_RULES,
    RECIPE,
    Genesis,
    GenesisMalformed,
    Parameters,
    genesis_from_bytes,
)
from tests.spec.toy_chain import PARAMETERS, toy_dataset

MANIFEST = toy_dataset().manifest
FREE = Parameters(rung_ms=1 << 40, min_interval_ms=0, max_future_ms=1, halving_blocks=1)
"""Nothing here keeps another value from its limits."""
GENESIS = Genesis(
    name="toy",
    proof="evolution",
    timestamp=TimestampMs(1_700_000_000_000),
    members=(PublicKey(bytes([1]) * 32), PublicKey(bytes([2]) * 32)),
    datasets=(MANIFEST,),
    allocations=((Address(bytes([3]) * 20), Amount(5)), (Address(bytes([4]) * 20), Amount(6))),
    parameters=PARAMETERS,
)


def parts() -> list["Decoded"]:
    value = decode(GENESIS.encode(), max_bytes=MAX_GENESIS_BYTES)
    assert isinstance(value, list)
    return value


def with_part(index: int, part: "Decoded") -> bytes:
    return encode([part if i == index else old for i, old in enumerate(parts())])


def test_r_24_genesis_survives() -> None:
    assert genesis_from_bytes(GENESIS.encode()) == GENESIS
    bare = replace(GENESIS, members=(), allocations=(), name="x")
    assert genesis_from_bytes(bare.encode()) == bare


def test_r_24_every_parameter_has_a_range() -> None:
    ranged = {name for name, _, _ in module._RANGES}
    assert ranged == {field.name for field in fields(Parameters)} - {"step_schedule", "upgrades"}


@pytest.mark.parametrize(("name", "least", "most"), module._RANGES)
def test_r_24_parameter_is_held_to_its_range(name: str, least: int, most: int) -> None:
    for value in (least, most):
        if (name, value) not in {
            ("rung_ms", 1),
            ("max_future_ms", most),
            ("min_interval_ms", most),
            ("have_window_blocks", most),
            ("reveal_blocks", 1),
        }:
            assert getattr(replace(FREE, **{name: value}), name) == value  # type: ignore[arg-type]  # an int
    for value in (least - 1, most + 1, -(1 << 63), 1 << 64):
        with pytest.raises(GenesisMalformed, match=f"R-24: the genesis must be one with {name} in"):
            replace(FREE, **{name: value})  # type: ignore[arg-type]  # an int


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"rung_ms": 3_999}, "rung_ms >= 4"),
        ({"max_future_ms": 1_001}, "rung_ms >= 4"),
        ({"reveal_blocks": 3}, "reveal_blocks of 4 at least"),
        ({"min_interval_ms": 4_000}, "min_interval_ms below rung_ms"),
        ({"upgrades": ((0, 2),)}, "heights of upgrades"),
        ({"upgrades": ((5, 1),)}, "versions of upgrades"),
        ({"upgrades": ((5, 2), (5, 3))}, "heights of upgrades"),
        ({"upgrades": ((5, 3), (6, 2))}, "versions of upgrades"),
        ({"upgrades": tuple((n, n + 1) for n in range(1, 18))}, "upgrades in"),
        ({"step_schedule": ()}, "a step_schedule"),
        ({"step_schedule": ((1, 3),) * 17}, "a step_schedule"),
        ({"step_schedule": ((1, 15),)}, "step exponents in"),
        ({"step_schedule": ((1, 3), (2, -1))}, "step exponents in"),
        ({"step_schedule": ((0, 3),)}, "samples of a step_schedule in"),
        ({"step_schedule": ((-5, 3),)}, "samples of a step_schedule in"),
        ({"population_cross_percent_ppm": PPM // 2 + 1}, "population_cross_percent_ppm in"),
    ],
)
def test_r_24_values_that_contradict_each_other_are_refused(
    changes: dict[str, object], what: str
) -> None:
    replace(PARAMETERS, rung_ms=4_000, max_future_ms=1_000, min_interval_ms=3_999)
    with pytest.raises(GenesisMalformed, match=what):
        replace(PARAMETERS, **changes)  # type: ignore[arg-type]  # one field or another


def many(count: int) -> tuple[Manifest, ...]:
    return tuple(replace(MANIFEST, name=f"toy {number}") for number in range(count))


def test_r_24_datasets_are_limited() -> None:
    assert len(replace(GENESIS, datasets=many(MAX_DATASETS)).datasets) == MAX_DATASETS
    small = replace(PARAMETERS, min_evaluation_images=101)
    large = replace(PARAMETERS, max_dataset_bytes=MANIFEST.total_bytes - 1)
    replace(GENESIS, parameters=replace(PARAMETERS, min_evaluation_images=100))
    replace(GENESIS, parameters=replace(PARAMETERS, max_dataset_bytes=MANIFEST.total_bytes))
    for wrong, what in (
        ({"datasets": ()}, r"datasets in 1\.\.64"),
        ({"datasets": many(MAX_DATASETS + 1)}, r"datasets in 1\.\.64"),
        ({"datasets": (MANIFEST, MANIFEST)}, "ascending datasets, each once"),
        ({"parameters": small}, "101 evaluation images"),
        ({"parameters": large}, "datasets up to"),
    ):
        with pytest.raises(GenesisMalformed, match=what):
            replace(GENESIS, **wrong)


def test_r_24_lists_are_in_order_and_coins_fit_u64() -> None:
    (one, other), (first, second) = GENESIS.members, GENESIS.allocations
    for wrong in (
        {"members": (other, one)},
        {"members": (one, one)},
        {"allocations": (second, first)},
        {"allocations": (first, first)},
        {"allocations": (first, (second[0], Amount(MAX_AMOUNT)))},
        {"proof": "recipes"},
        {"proof": ""},
    ):
        with pytest.raises(GenesisMalformed):
            replace(GENESIS, **wrong)


@pytest.mark.parametrize("proof", LOTTERIES)
def test_r_24_lottery_has_a_time_between_blocks(proof: str) -> None:
    rules = replace(PARAMETERS, requirements=4, cross_weight=0)
    assert replace(GENESIS, proof=proof, parameters=rules).proof in PROOF_RULES
    with pytest.raises(GenesisMalformed, match="a target_ms for its lottery"):
        replace(GENESIS, proof=proof, parameters=replace(rules, target_ms=0))


@pytest.mark.parametrize("asked", [(3, 0), (4, 1), (1, 1)])
def test_r_24_hardened_guiding_gradient_has_its_own_numbers(asked: tuple[int, int]) -> None:
    rules = replace(PARAMETERS, requirements=asked[0], cross_weight=asked[1])
    with pytest.raises(GenesisMalformed, match=r"requirements and cross_weight \(4, 0\)"):
        replace(GENESIS, proof=GUIDING_GRADIENT, parameters=rules)
    assert replace(GENESIS, proof=RECIPE, parameters=rules).parameters == rules


def test_r_24_walk_of_paper_b_fits_a_proof() -> None:
    rules = replace(PARAMETERS, burst_steps=1 << 10, burst_batch=16)
    assert replace(GENESIS, proof=GUIDING_GRADIENT_PAPER, parameters=rules).parameters == rules
    longer = replace(rules, burst_batch=17)
    with pytest.raises(GenesisMalformed, match="burst_steps \\* burst_batch"):
        replace(GENESIS, proof=GUIDING_GRADIENT_PAPER, parameters=longer)
    assert replace(GENESIS, proof=RECIPE, parameters=longer).parameters == longer


def test_r_24_all_coins_that_will_ever_be_minted_fit_u64() -> None:
    rules = replace(PARAMETERS, base_reward=1 << 40, halving_blocks=1 << 20)
    most = MAX_AMOUNT - (1 << 61)  # the rewards halve: twice the first epoch's at most
    rich = (GENESIS.allocations[0][0], Amount(most))
    replace(GENESIS, parameters=rules, allocations=(rich,))
    for wrong in (
        {"parameters": rules, "allocations": ((rich[0], Amount(most + 1)),)},
        {"parameters": replace(rules, halving_blocks=1 << 23)},
    ):
        with pytest.raises(GenesisMalformed, match="coins up to"):
            replace(GENESIS, **wrong)


@pytest.mark.parametrize(
    ("index", "part"),
    [
        (0, 0),
        (0, 2),
        (1, b"toy"),
        (2, b"evolution"),
        (3, "now"),
        (4, b""),
        (4, [0]),
        (4, [bytes(31)]),
        (4, [bytes(33)]),
        (5, {}),
        (6, [0]),
        (6, [[]]),
        (6, [[bytes(20)]]),
        (6, [[bytes(20), 1, 1]]),
        (6, [[bytes(20), -1]]),
        (6, [[bytes(19), 1]]),
        (6, [[0, 1]]),
        (7, 0),
        (7, []),
    ],
)
def test_r_24_genesis_of_another_form_is_refused(index: int, part: "Decoded") -> None:
    with pytest.raises(GenesisMalformed):
        genesis_from_bytes(with_part(index, part))


@pytest.mark.parametrize("value", [0, b"", {}, []])
def test_r_24_another_value_is_no_genesis(value: "Decoded") -> None:
    with pytest.raises(GenesisMalformed):
        genesis_from_bytes(encode(value))


@pytest.mark.parametrize("number", range(len(fields(Parameters))))
def test_r_24_parameter_of_another_type_is_refused(number: int) -> None:
    values = parts()[7]
    assert isinstance(values, list)
    wrong: list[Decoded] = [b"\0", "0", {}, [0], [[0]], [[0, 0, 0]], [[b"", 0]]]
    for item in wrong:
        changed = [item if i == number else v for i, v in enumerate(values)]
        with pytest.raises(GenesisMalformed):
            genesis_from_bytes(with_part(7, changed))
    for other in (values[:-1], [*values, 0]):
        with pytest.raises(GenesisMalformed, match="parameters"):
            genesis_from_bytes(with_part(7, other))


def test_manifest_in_a_genesis_is_refused_by_its_rule() -> None:
    with pytest.raises(ManifestMalformed):
        genesis_from_bytes(with_part(5, [0]))


def test_r_24_largest_genesis_survives() -> None:
    full = replace(
        GENESIS,
        name="n" * 64,
        members=tuple(PublicKey(number.to_bytes(32, "big")) for number in range(MAX_MEMBERS)),
        datasets=many(MAX_DATASETS),
        allocations=tuple(
            (Address(number.to_bytes(20, "big")), Amount(1)) for number in range(MAX_ALLOCATIONS)
        ),
        parameters=replace(PARAMETERS, step_schedule=((1 << 40, 14),) * 16),
    )
    assert genesis_from_bytes(full.encode()) == full
    # One dataset and one amount take at most so many bytes more than these.
    longest = replace(MANIFEST, name="n" * 64, splits=(Split(count=1 << 24, root=ZERO_HASH),) * 3)
    more = len(encode(longest.value())) - len(encode(full.datasets[0].value()))
    at_most = len(full.encode()) + MAX_DATASETS * more + MAX_ALLOCATIONS * 8
    at_most += 9 * len(fields(Parameters))
    assert at_most <= MAX_GENESIS_BYTES


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"name": ""}, "bytes of the name"),
        ({"name": "ü" * 33}, "bytes of the name"),
        ({"name": "\udcff"}, "a name in UTF-8, not '.udcff'"),
        ({"timestamp": -1}, "the timestamp"),
        ({"timestamp": 1 << 48 | 1}, "the timestamp"),
        ({"members": (PublicKey(bytes(31)),)}, "a member's key"),
        (
            {"members": tuple(PublicKey(bytes([i, j]) * 16) for i in (0, 1) for j in range(129))},
            "members in 0..256",
        ),
        ({"allocations": ((Address(bytes(21)), Amount(1)),)}, "an address"),
        ({"allocations": ((Address(bytes(20)), Amount(-1)),)}, "an allocation"),
        (
            {
                "allocations": tuple(
                    (Address(number.to_bytes(20, "big")), Amount(0))
                    for number in range(MAX_ALLOCATIONS + 1)
                )
            },
            "allocations in",
        ),
    ],
)
def test_r_24_what_would_not_come_back_is_refused(changes: dict[str, object], what: str) -> None:
    with pytest.raises(GenesisMalformed, match=what):
        replace(GENESIS, **changes)  # type: ignore[arg-type]  # one field or another


def test_genesis_above_its_limit_is_not_even_read() -> None:
    with pytest.raises(InvalidEncoding, match="above the limit"):
        genesis_from_bytes(bytes(MAX_GENESIS_BYTES + 1))


def test_r_24_network_id_changes_with_every_field() -> None:
    other = toy_dataset("other").manifest
    variants = [
        GENESIS,
        replace(GENESIS, name="toy2"),
        replace(GENESIS, timestamp=TimestampMs(GENESIS.timestamp + 1)),
        replace(GENESIS, members=GENESIS.members[:1]),
        replace(GENESIS, members=()),
        replace(GENESIS, datasets=(other,)),
        replace(GENESIS, datasets=(MANIFEST, other)),
        replace(GENESIS, datasets=(other, MANIFEST)),
        replace(GENESIS, allocations=GENESIS.allocations[:1]),
        replace(GENESIS, allocations=()),
    ]
    for field in fields(Parameters):
        value = getattr(PARAMETERS, field.name)
        changed = value + 1 if isinstance(value, int) else ((1, 3),)
        assert changed != value
        if field.name == "max_future_ms":
            changed = value - 1
        parameters = replace(PARAMETERS, **{field.name: changed})  # type: ignore[arg-type]  # own type
        variants.append(replace(GENESIS, parameters=parameters))
    assert len({genesis.network_id() for genesis in variants}) == len(variants)
    assert GENESIS.network_id() == tagged_hash("genesis", GENESIS.encode())
