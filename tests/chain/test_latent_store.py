# SPDX-License-Identifier: Apache-2.0
"""Latents of a lottery's chain: kept, written now and then, rebuilt by replay, never wrong.

Forty toy blocks on a file, and a branch; the oracle is what the law itself gave for each block.
"""

import functools
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from edge_node.chain.errors import StoreCorrupt
from edge_node.chain.importer import Importer
from edge_node.chain.latent_store import KEPT_BLOCKS, SNAPSHOT_BLOCKS
from edge_node.primitives.types import BlockHash, DatasetId
from edge_node.spec.burst import BurstResult, BurstRules, BurstStart
from edge_node.spec.engine import DatasetMissing, ReferenceEngine
from edge_node.spec.state import Family, State
from edge_node.spec.training import root_of
from tests.chain.workshop import ANN, BOB, Grown, RememberingEngine, Tree, opened, take
from tests.spec import toy_lottery as toy
from tests.spec.toy_chain import BLOCK_MS, Miner, Network, Work, toy_dataset

BLOCKS = 2 * SNAPSHOT_BLOCKS + 8
BRANCH_AT = 25
"""Blocks below the branch: the fork stands between two rows."""


class CountingEngine(RememberingEngine):
    """An engine that computes nothing twice, and says how often it is asked for a burst."""

    bursts = 0

    def burst(
        self, seed: bytes, rules: BurstRules, start: BurstStart, dataset: DatasetId
    ) -> BurstResult:
        self.bursts += 1
        return super().burst(seed, rules, start, dataset)


@functools.cache
def engine() -> CountingEngine:
    return CountingEngine(_network().engine)


@functools.cache
def _network() -> Network:
    rules = replace(toy.CHEAP, first_work=2)  # the target moves
    return toy.lottery_network([toy_dataset("few", (40, 20, 20))], parameters=rules)


@functools.cache
def network() -> Network:
    plain = _network()
    return Network(genesis=plain.genesis, rules=plain.rules, engine=engine())


def grow(tree: Tree, parent: BlockHash | None, count: int, who: Miner) -> list[Grown]:
    """Mine `count` blocks, each on the one before."""
    grown: list[Grown] = []
    for number in range(count):
        after_ms = BLOCK_MS + 400 * (number % 3) + 100 * (who is BOB)
        work = Work(tip=tree.tip(parent), miner=who, after_ms=after_ms)
        first = not work.tip.state.families
        mined = toy.founder(work, toy.SMALL) if first else toy.step(work)
        grown.append(tree.add(work.tip.state.head, mined))
        parent = grown[-1].block_hash
    return grown


@functools.cache
def forest() -> tuple[Tree, list[Grown], list[Grown]]:
    """Return blocks in a line, and a longer branch from the block at BRANCH_AT."""
    tree = Tree(network())
    line = grow(tree, None, BLOCKS, ANN)
    branch = grow(tree, line[BRANCH_AT - 1].block_hash, BLOCKS - BRANCH_AT + 2, BOB)
    return tree, line, branch


def family_of(state: State) -> Family:
    (family,) = state.families.values()
    return family


def expected(grown: Grown) -> bytes:
    """Return the latents after a block, by the law."""
    tree, _, _ = forest()
    return tree.tip(grown.block_hash).latents.latents(family_of(grown.state))


def rows(importer: Importer) -> dict[bytes, int]:
    found = importer.latents._database.rows("SELECT block, model_count FROM latents")
    return {bytes(block): int(count) for block, count in found}


def run(importer: Importer, statement: str, *values: object) -> int:
    with importer.latents._database.transaction() as connection:
        return int(connection.execute(statement, values).rowcount)


@pytest.fixture
def filled(path: Path) -> Path:
    """Return a file with the line of blocks."""
    _, line, _ = forest()
    with opened(path, network()) as importer:
        for grown in line:
            assert take(importer, grown.mined).head_changed
    return path


def replays(importer: Importer, family: Family) -> int:
    """Return how many bursts it takes to come to a family's latents."""
    before = engine().bursts
    importer.latents.latents(family)
    return engine().bursts - before


def test_chain_of_bursts_is_stored_with_a_row_every_sixteen_blocks(filled: Path) -> None:
    _, line, _ = forest()
    with opened(filled, network()) as importer:
        assert importer.head == line[-1].state
        assert rows(importer) == {
            line[count - 1].block_hash: count for count in (SNAPSHOT_BLOCKS, 2 * SNAPSHOT_BLOCKS)
        }


def test_restart_rebuilds_from_the_last_row_and_only_once(filled: Path) -> None:
    _, line, _ = forest()
    family = family_of(line[-1].state)
    with opened(filled, network()) as importer:
        assert replays(importer, family) == BLOCKS - 2 * SNAPSHOT_BLOCKS == 8
        assert replays(importer, family) == 0
        assert importer.latents.latents(family) == expected(line[-1])


def test_latents_after_every_block_can_be_had_again(filled: Path) -> None:
    _, line, _ = forest()
    with opened(filled, network()) as importer:
        for grown in reversed(line):
            family = family_of(grown.state)
            packed = importer.latents.latents(family)
            assert packed == expected(grown)
            assert root_of(packed) == family.models[-1].latent_root


def test_restart_without_rows_replays_from_the_start(filled: Path) -> None:
    _, line, _ = forest()
    with opened(filled, network()) as importer:
        assert run(importer, "DELETE FROM latents") == 2
        assert replays(importer, family_of(line[-1].state)) == BLOCKS
        assert importer.latents.latents(family_of(line[-1].state)) == expected(line[-1])


def test_chain_goes_on_after_a_restart_in_the_midst(path: Path) -> None:
    _, line, _ = forest()
    for start in range(0, BLOCKS, 9):
        with opened(path, network()) as importer:
            for grown in line[start : start + 9]:
                take(importer, grown.mined)
    with opened(path, network()) as importer:
        assert importer.head == line[-1].state
        assert importer.latents.latents(family_of(importer.head)) == expected(line[-1])


@pytest.mark.parametrize("restarts", [False, True])
def test_reorganisation_takes_the_latents_of_the_other_branch(filled: Path, restarts: bool) -> None:
    _, line, branch = forest()
    with opened(filled, network()) as importer:
        for grown in branch[:4]:
            assert not take(importer, grown.mined).head_changed
        if not restarts:
            last = [take(importer, grown.mined) for grown in branch[4:]][-2:]
            assert {block for each in last for block in each.disconnected} == {
                grown.block_hash for grown in line[BRANCH_AT:]
            }
    with opened(filled, network()) as importer:
        for grown in branch[4:]:
            take(importer, grown.mined)
        assert importer.head == branch[-1].state
        assert importer.head.target != line[-1].state.target
        assert importer.latents.latents(family_of(importer.head)) == expected(branch[-1])
        assert importer.latents.latents(family_of(line[-1].state)) == expected(line[-1])
        assert list(rows(importer).values()).count(2 * SNAPSHOT_BLOCKS) == 2


@pytest.mark.parametrize("place", [0, 100, 383, -1])
def test_damaged_row_is_named_and_never_given_out(filled: Path, place: int) -> None:
    _, line, _ = forest()
    row = line[2 * SNAPSHOT_BLOCKS - 1]
    damaged = bytearray(expected(row))
    damaged[place] ^= 1
    with opened(filled, network()) as importer:
        change = "UPDATE latents SET packed = ? WHERE block = ?"
        assert run(importer, change, bytes(damaged), row.block_hash) == 1
        for grown in (row, row, line[-1]):
            with pytest.raises(StoreCorrupt, match="have another root"):
                importer.latents.latents(family_of(grown.state))
        before = line[2 * SNAPSHOT_BLOCKS - 2]
        assert importer.latents.latents(family_of(before.state)) == expected(before)


@pytest.mark.parametrize("packed", [b"", b"\0", bytes(384), bytes(400), "text", 7, None])
def test_row_that_holds_no_latents_is_named(filled: Path, packed: object) -> None:
    _, line, _ = forest()
    row = line[2 * SNAPSHOT_BLOCKS - 1]
    with opened(filled, network()) as importer:
        if packed is None:
            run(importer, "UPDATE latents SET model_count = 'x' WHERE block = ?", row.block_hash)
        else:
            run(importer, "UPDATE latents SET packed = ? WHERE block = ?", packed, row.block_hash)
        with pytest.raises(StoreCorrupt):
            importer.latents.latents(family_of(line[-1].state))


def test_row_under_another_count_leads_to_no_wrong_latents(filled: Path) -> None:
    _, line, _ = forest()
    row = line[SNAPSHOT_BLOCKS - 1]
    with opened(filled, network()) as importer:
        # The step size follows the count: what is replayed by another comes to another root.
        run(importer, "UPDATE latents SET model_count = 0 WHERE block = ?", row.block_hash)
        after = line[SNAPSHOT_BLOCKS + 3]
        with pytest.raises(StoreCorrupt, match="have another root"):
            importer.latents.latents(family_of(after.state))


def test_missing_or_damaged_block_of_a_family_is_named(filled: Path) -> None:
    _, line, _ = forest()
    with opened(filled, network()) as importer:
        name = line[BLOCKS - 3].block_hash
        run(importer, "UPDATE block SET header = x'00' WHERE hash = ?", name)
        with pytest.raises(StoreCorrupt, match=name.hex()):
            importer.latents.latents(family_of(line[-1].state))
        run(importer, "DELETE FROM block WHERE hash = ?", name)
        with pytest.raises(StoreCorrupt, match=name.hex()):
            importer.latents.latents(family_of(line[-1].state))


def test_node_without_the_dataset_says_so(filled: Path) -> None:
    _, line, _ = forest()
    poor = Network(
        genesis=network().genesis, rules=network().rules, engine=ReferenceEngine(splits={})
    )
    with opened(filled, poor) as importer, pytest.raises(DatasetMissing):
        importer.latents.latents(family_of(line[-1].state))


def test_old_rows_of_a_family_go(path: Path) -> None:
    tree, line, _ = forest()
    newest = family_of(tree.state(line[2 * SNAPSHOT_BLOCKS - 1].block_hash))
    counts = range(SNAPSHOT_BLOCKS, 7 * SNAPSHOT_BLOCKS, SNAPSHOT_BLOCKS)
    with opened(path, network()) as importer:
        for family in (newest.family_id, bytes(32)):
            for count in counts:
                name = root_of(family + bytes([count]))
                run(importer, "INSERT INTO latents VALUES (?, ?, ?, x'00')", name, family, count)
        with importer.latents._database.transaction():
            importer.latents.add(
                replace(newest, forgotten=newest.forgotten + KEPT_BLOCKS), b"later"
            )
        assert Counter(rows(importer).values()) == {
            SNAPSHOT_BLOCKS: 1,
            **dict.fromkeys(counts[1:], 2),
            6 * SNAPSHOT_BLOCKS: 3,
        }
