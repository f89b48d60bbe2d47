# SPDX-License-Identifier: Apache-2.0
"""Valid blocks with bits, bytes or fields changed: none is accepted, every one has its error.

Blocks of evolution (stages.py) and of a lottery (lottery_stages.py).
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from itertools import islice

import nacl.bindings
import nacl.exceptions
import pytest

from edge_node.primitives.hashing import Prf
from edge_node.spec.block import Block, Header, body_from_bytes, header_from_bytes
from edge_node.spec.encoding import Decoded, decode, encode
from edge_node.spec.engine import ReferenceEngine
from edge_node.spec.errors import InvalidInput
from tests.spec import lottery_stages
from tests.spec.samples import stream
from tests.spec.stages import ALICE, Stage, stages
from tests.spec.toy_chain import Tip, miner, recommitted, sealed

KINDS = ("founder", "population", "child", "fallback")
LOTTERY_KINDS = ("founder", "step", "cross", "fallback")
MALLORY = miner("mallory")


@dataclass(frozen=True, slots=True, kw_only=True)
class SodiumEngine(ReferenceEngine):
    """The reference engine with libsodium's signatures, which are 70 times faster."""

    def verify(self, key: bytes, message: bytes, signature_bytes: bytes) -> bool:
        """See Engine."""
        try:
            nacl.bindings.crypto_sign_open(signature_bytes + message, key)
        except (nacl.exceptions.BadSignatureError, ValueError):
            return False
        return True


def with_sodium(tip: Tip) -> Tip:
    engine = tip.network.engine
    assert isinstance(engine, ReferenceEngine)
    fast = SodiumEngine(splits=engine.splits)
    return replace(tip, network=replace(tip.network, engine=fast))


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A valid block as bytes, and its parent."""

    tip: Tip
    header: bytes
    body: bytes

    def judge(self, header: bytes, body: bytes) -> str:
        """Return the reason of the refusal, or `accepted`; another exception goes through."""
        try:
            block = Block(header=header_from_bytes(header), body=body_from_bytes(body))
            self.tip.validate(block)
        except InvalidInput as error:
            return error.reason
        return "accepted"


def target(stage: Stage) -> Target:
    return Target(
        tip=with_sodium(stage.tip),
        header=stage.header.encode(),
        body=stage.block.body.encode(),
    )


def targets() -> list[Target]:
    return [target(stages()[kind]) for kind in KINDS]


def lottery_targets() -> list[Target]:
    return [target(lottery_stages.stages()[kind]) for kind in LOTTERY_KINDS]


def mutated(prf: Prf, data: bytes, others: list[bytes]) -> bytes:
    """Return the bytes with something changed, and mostly of the same length."""
    kind = prf.below(10)
    if kind >= 8:
        return encode(swapped(prf, decoded(data), [decoded(one) for one in others]))
    at, other = prf.below(len(data)), prf.below(len(data))
    low, high = sorted((at, other))
    inserted = prf.u32().to_bytes(4, "little")[: 1 + prf.below(4)]
    changed = bytearray(data)
    for place in (prf.below(8 * len(data)) for _ in range(1 + prf.below(3))):
        changed[place >> 3] ^= 1 << (place & 7)
    forms = {
        3: data[:at] + inserted[:1] + data[at + 1 :],
        4: data[:at],
        5: data[:low] + data[high:],
        6: data[:high] + data[low:],
        7: data[:at] + inserted + data[at:],
    }
    return forms.get(kind, bytes(changed))


def decoded(data: bytes) -> list["Decoded"]:
    value = decode(data, max_bytes=len(data))
    assert isinstance(value, list)
    return value


def swapped(prf: Prf, items: list["Decoded"], others: list[list["Decoded"]]) -> list["Decoded"]:
    """Return the items with two changed for each other, or one for that of another block."""
    items = list(items)
    at, other = prf.below(len(items)), prf.below(len(items))
    if prf.below(2):
        items[at], items[other] = items[other], items[at]
    else:
        source = others[prf.below(len(others))]
        items[at] = source[prf.below(len(source))]
    return items


def mutants(count: int, seed: str, aims: list[Target]) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield the place of a block in `aims`, and its header and body of which something changed."""
    prf = stream(seed)
    headers, bodies = [aim.header for aim in aims], [aim.body for aim in aims]
    made = 0
    while made < count:
        place = prf.below(len(aims))
        header, body = headers[place], bodies[place]
        part = prf.below(16)
        if part < 10:
            header = mutated(prf, header, headers)
        if part >= 8:
            body = mutated(prf, body, bodies)
        if (header, body) == (headers[place], bodies[place]):
            continue
        made += 1
        yield place, header, body


def attack(count: int, seed: str, aims: list[Target]) -> Counter[str]:
    roots = [aim.tip.state.root() for aim in aims]
    reasons: Counter[str] = Counter()
    for place, header, body in mutants(count, seed, aims):
        reasons[aims[place].judge(header, body)] += 1
    assert [aim.tip.state.root() for aim in aims] == roots
    return reasons


def test_unchanged_blocks_are_accepted() -> None:
    for aims in (targets(), lottery_targets()):
        assert [aim.judge(aim.header, aim.body) for aim in aims] == ["accepted"] * 4


@pytest.mark.parametrize("aims", [targets, lottery_targets])
def test_no_mutated_block_is_accepted(aims: Callable[[], list[Target]]) -> None:
    reasons = attack(2_000, "mutated blocks", aims())
    assert reasons["accepted"] == 0
    # The attack reaches every check that a signature can not stop before.
    assert {"R-2", "R-22", "R-23", "R-30", "R-47", "R-48", "R-49"} <= set(reasons)


@pytest.mark.slow
def test_no_mutated_block_of_100000_is_accepted() -> None:
    assert attack(100_000, "100,000 mutated blocks", targets())["accepted"] == 0


@pytest.mark.slow
def test_no_mutated_lottery_block_of_50000_is_accepted() -> None:
    assert attack(50_000, "50,000 mutated blocks", lottery_targets())["accepted"] == 0


def flipped(data: bytes) -> Iterator[bytes]:
    """Yield the bytes with each of their bits changed alone."""
    for place in range(8 * len(data)):
        changed = bytearray(data)
        changed[place >> 3] ^= 1 << (place & 7)
        yield bytes(changed)


@pytest.mark.slow
@pytest.mark.parametrize("place", range(4))
def test_no_bit_of_a_lottery_block_is_free(place: int) -> None:
    aim = lottery_targets()[place]
    reasons = Counter(aim.judge(header, aim.body) for header in flipped(aim.header))
    reasons += Counter(aim.judge(aim.header, body) for body in flipped(aim.body))
    assert reasons["accepted"] == 0
    assert reasons.total() == 8 * (len(aim.header) + len(aim.body))


@pytest.mark.slow
@pytest.mark.parametrize("kind", LOTTERY_KINDS)
def test_no_bit_of_a_lottery_header_is_free_to_who_signs_it(kind: str) -> None:
    """Nor is one of what a miner may say after the work: every 29th bit, signed anew."""
    stage = lottery_stages.stages()[kind]
    aim = target(stage)
    reasons: Counter[str] = Counter()
    for data in islice(flipped(aim.header[: -len(stage.header.signature)]), 0, None, 29):
        try:
            header = header_from_bytes(data + stage.header.signature)
        except InvalidInput as error:
            reasons[error.reason] += 1
            continue
        block = sealed(header, stage.block.body, ALICE)
        reasons[aim.judge(block.header.encode(), aim.body)] += 1
    assert reasons["accepted"] == 0
    assert {"R-30", "R-47", "R-49", "R-72"} <= set(reasons)


def resigned_by_mallory(prf: Prf, stage: Stage) -> Block:
    """Return a block with some of its fields changed, committed to and signed by a stranger."""
    header = replace(stage.header, miner=MALLORY.key)
    names = [field.name for field in fields(Header)[:-1] if field.name != "miner"]
    for name in (names[prf.below(len(names))] for _ in range(prf.below(3))):
        value = getattr(header, name)
        changed = bytes(32) if isinstance(value, bytes) else value + prf.below(3)
        header = replace(header, **{name: changed})  # type: ignore[arg-type]  # of its own type
    body = stage.block.body
    if prf.below(3) == 0:
        others = [stages()[kind].block.body.proof for kind in KINDS]
        proof = mutated(prf, body.proof, others)
        body = replace(body, proof=proof)
    return recommitted(header, body, MALLORY)


def thefts(count: int, seed: str) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield the place of a block in KINDS, and its header and body made Mallory's."""
    prf = stream(seed)
    for _ in range(count):
        place = prf.below(3)  # anyone may make a fallback
        block = resigned_by_mallory(prf, stages()[KINDS[place]])
        yield place, block.header.encode(), block.body.encode()


def steal(count: int, seed: str) -> Counter[str]:
    aims = targets()
    return Counter(aims[place].judge(header, body) for place, header, body in thefts(count, seed))


def test_nobody_makes_anothers_win_his_own() -> None:
    prf = stream("stolen wins")
    reasons: Counter[str] = Counter()
    for number in range(60):
        stage = lottery_stages.stages()[LOTTERY_KINDS[number % 4]]
        block = resigned_by_mallory(prf, stage)
        reasons[target(stage).judge(block.header.encode(), block.body.encode())] += 1
    assert reasons["accepted"] == 0
    assert {"R-30", "R-72", "R-77"} <= set(reasons)


@pytest.mark.slow
def test_nobody_makes_anothers_work_his_own() -> None:
    reasons = steal(60, "stolen blocks")
    assert reasons["accepted"] == 0
    assert {"R-43", "R-44", "R-36"} <= set(reasons)


@pytest.mark.slow
def test_nobody_makes_anothers_work_his_own_in_500_tries() -> None:
    assert steal(500, "more stolen blocks")["accepted"] == 0
