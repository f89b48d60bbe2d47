# SPDX-License-Identifier: Apache-2.0
"""The state on disk: records lead to every state of a tree, few rows are written, damage is told.

What the store gives back is compared with the states that the law gave in memory.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from edge_node.chain.database import Database
from edge_node.chain.errors import StoreCorrupt
from edge_node.chain.ledger_store import LedgerStore
from edge_node.primitives.types import BlockHash
from edge_node.spec.state import State
from tests.chain.workshop import ANN, BOB, CAT, DAN, Grown, Tree, contents, easy_network
from tests.spec.toy_chain import Network, miner, transfer


@contextmanager
def ledger_of(path: Path, network: Network) -> Iterator[tuple[LedgerStore, Database]]:
    with closing(Database(path, network.rules.network)) as database:
        yield LedgerStore(database, network.start()), database


def advance(database: Database, ledger: LedgerStore, start: State, branch: Sequence[Grown]) -> None:
    for grown in branch:
        with database.transaction():
            ledger.advance(start, grown.state)
        start = grown.state


def newest_first(branch: Sequence[Grown]) -> list[BlockHash]:
    return [grown.block_hash for grown in reversed(branch)]


def hashes(branch: Sequence[Grown]) -> list[BlockHash]:
    return [grown.block_hash for grown in branch]


def test_store_begins_with_the_genesis_and_keeps_it(path: Path, tree: Tree) -> None:
    for _ in range(2):
        with ledger_of(path, tree.network) as (ledger, _database):
            assert ledger.load() == tree.start


def test_state_is_that_of_the_last_block_after_every_start(path: Path, tree: Tree) -> None:
    before = tree.start
    for grown in tree.branch(None, 5):
        with ledger_of(path, tree.network) as (ledger, database):
            assert ledger.load() == before
            advance(database, ledger, before, [grown])
        before = grown.state
    with ledger_of(path, tree.network) as (ledger, _):
        assert ledger.load() == before


@pytest.mark.slow
def test_records_lead_back_to_every_earlier_state(path: Path, tree: Tree) -> None:
    branch = pay_day(tree)
    with ledger_of(path, tree.network) as (ledger, database):
        advance(database, ledger, tree.start, branch)
        before = contents(database)
        for depth in range(len(branch) + 1):
            expected = branch[-1 - depth].state if depth < len(branch) else tree.start
            found = ledger.state_across(ledger.load(), newest_first(branch)[:depth])
            assert found == expected
            assert found.root() == expected.root()
        assert contents(database) == before


def pay_day(tree: Tree) -> list[Grown]:
    """Return blocks that pay old and new accounts, with a fallback among them, past maturity."""
    branch = tree.branch(None, 2)
    network = tree.network
    for n in range(4):
        parent = branch[-1].block_hash
        payments = (
            transfer(ANN, miner(f"new {n}").address, 10 + n, network=network, nonce=2 * n),
            transfer(ANN, BOB.address, 1, network=network, nonce=2 * n + 1, fee=3),
            transfer(CAT, ANN.address, 7, network=network, nonce=n),
        )
        branch.append(tree.grow(parent, DAN, rung=7 if n == 2 else 0, transactions=payments))
    return branch + tree.branch(branch[-1].block_hash, 18, DAN)


def test_records_lead_down_one_branch_and_up_another(path: Path, tree: Tree) -> None:
    main = tree.branch(None, 6)
    side = tree.branch(main[1].block_hash, 4, BOB)
    with ledger_of(path, tree.network) as (ledger, database):
        advance(database, ledger, tree.start, main)
        before = main[1].state
        for grown in side:
            with database.transaction():
                ledger.add_side(before, grown.state)
            before = grown.state
        down = newest_first(main[2:])
        for length in range(len(side) + 1):
            expected = side[length - 1].state if length else main[1].state
            assert ledger.state_across(ledger.load(), [*down, *hashes(side)[:length]]) == expected
        assert ledger.load() == main[-1].state


def test_head_moves_to_another_branch_and_back(path: Path, tree: Tree) -> None:
    main = tree.branch(None, 6)
    side = tree.branch(main[1].block_hash, 3, BOB)
    with ledger_of(path, tree.network) as (ledger, database):
        advance(database, ledger, tree.start, main)
        before = main[1].state
        for grown in side:
            with database.transaction():
                ledger.add_side(before, grown.state)
            before = grown.state
        start = contents(database)
        there = [*newest_first(main[2:]), *hashes(side)]
        back = [*newest_first(side), *hashes(main[2:])]
        with database.transaction():
            assert ledger.move(ledger.load(), there) == side[-1].state
        assert ledger.load() == side[-1].state
        # From here the records of both branches lead the other way.
        assert ledger.state_across(ledger.load(), newest_first(side)) == main[1].state
        assert ledger.state_across(ledger.load(), back) == main[-1].state
        with database.transaction():
            assert ledger.move(ledger.load(), back) == main[-1].state
        assert contents(database) == start


def test_move_that_fails_half_way_changes_nothing(path: Path, tree: Tree) -> None:
    main = tree.branch(None, 4)
    with ledger_of(path, tree.network) as (ledger, database):
        advance(database, ledger, tree.start, main)
        before = contents(database)
        unknown = tree.grow(who=BOB).block_hash
        with pytest.raises(StoreCorrupt, match=unknown.hex()), database.transaction():
            ledger.move(ledger.load(), [*newest_first(main), unknown])
        assert contents(database) == before


def test_what_a_block_costs_is_what_it_changes_not_what_there_is(path: Path) -> None:
    crowd = tuple(miner(f"crowd {n}") for n in range(40))
    network = easy_network(rich=(ANN, *crowd))
    tree = Tree(network)
    main = tree.branch(None, 2)
    payment = transfer(ANN, crowd[5].address, 5, network=network)
    paid = tree.grow(main[-1].block_hash, transactions=(payment,))
    side = tree.grow(main[0].block_hash, BOB)
    with ledger_of(path, network) as (ledger, database):
        assert len(database.rows("SELECT key FROM state_row")) > len(crowd)
        advance(database, ledger, tree.start, main)
        written = database.connection.total_changes
        advance(database, ledger, main[-1].state, [paid])
        # Two accounts, family, model and rest; the check; the record.
        assert database.connection.total_changes - written == 5 + 1 + 1
        with database.transaction():
            ledger.add_side(main[0].state, side.state)
        written = database.connection.total_changes
        with database.transaction():
            ledger.move(ledger.load(), [paid.block_hash, main[1].block_hash, side.block_hash])
        # Two accounts, family, three models and rest; the check; three records.
        assert database.connection.total_changes - written == 7 + 1 + 3
        assert ledger.load() == side.state


TAMPERINGS = {
    "changed": "UPDATE state_row SET value = value || x'00' WHERE key = (SELECT max(key) FROM {})",
    "typed": "UPDATE state_row SET value = 'text' WHERE key = (SELECT min(key) FROM {})",
    "gone": "DELETE FROM state_row WHERE key = (SELECT max(key) FROM {})",
    "model gone": "DELETE FROM state_row WHERE substr(key, 1, 1) = x'6d'",
    "all but one gone": "DELETE FROM state_row WHERE key > (SELECT min(key) FROM {})",
    "added": "INSERT INTO state_row VALUES (x'6d00', x'')",
    "renamed": "UPDATE state_row SET key = x'6100' WHERE key = (SELECT min(key) FROM {})",
    "check gone": "DELETE FROM meta WHERE key = 'state_check'",
    "check typed": "UPDATE meta SET value = 0 WHERE key = 'state_check'",
    "check changed": "UPDATE meta SET value = zeroblob(32) WHERE key = 'state_check'",
}


@pytest.mark.parametrize("tampering", TAMPERINGS)
def test_rows_that_do_not_fit_their_check_are_damage(
    path: Path, tree: Tree, tampering: str
) -> None:
    with ledger_of(path, tree.network) as (ledger, database):
        advance(database, ledger, tree.start, tree.branch(None, 2))
        with database.transaction() as connection:
            connection.execute(TAMPERINGS[tampering].format("state_row"))
        with pytest.raises(StoreCorrupt):
            ledger.load()
    with ledger_of(path, tree.network) as (ledger, _), pytest.raises(StoreCorrupt):
        ledger.load()


def test_vanished_state_is_damage_and_no_new_chain(path: Path, tree: Tree) -> None:
    with ledger_of(path, tree.network) as (ledger, database):
        advance(database, ledger, tree.start, tree.branch(None, 2))
        with database.transaction() as connection:
            connection.execute("DELETE FROM state_row")
    with pytest.raises(StoreCorrupt), ledger_of(path, tree.network):
        pass


def test_swapped_balances_do_not_fit_their_check(path: Path, tree: Tree) -> None:
    with ledger_of(path, tree.network) as (ledger, database):
        advance(database, ledger, tree.start, pay_day(tree))
        first, second = database.rows("SELECT key, value FROM state_row ORDER BY key LIMIT 2")
        assert first[1] != second[1]
        with database.transaction() as connection:
            for key, value in ((first[0], second[1]), (second[0], first[1])):
                connection.execute("UPDATE state_row SET value = ? WHERE key = ?", (value, key))
        with pytest.raises(StoreCorrupt, match="do not fit"):
            ledger.load()


@pytest.mark.parametrize("record", [b"", b"text", bytes(64), 7, None])
def test_damaged_record_is_told_and_loses_nothing_else(
    path: Path, tree: Tree, record: object
) -> None:
    branch = tree.branch(None, 3)
    with ledger_of(path, tree.network) as (ledger, database):
        advance(database, ledger, tree.start, branch)
        name = branch[1].block_hash
        with database.transaction() as connection:
            if record is None:
                connection.execute("DELETE FROM other_side WHERE hash = ?", (name,))
            else:
                connection.execute(
                    "UPDATE other_side SET record = ? WHERE hash = ?", (record, name)
                )
        with pytest.raises(StoreCorrupt, match=f"the record of block {name.hex()}"):
            ledger.state_across(ledger.load(), newest_first(branch))
        assert ledger.state_across(ledger.load(), newest_first(branch)[:1]) == branch[1].state
        assert ledger.load() == branch[-1].state


def test_record_of_another_block_is_damage(path: Path, tree: Tree) -> None:
    branch = tree.branch(None, 3)
    with ledger_of(path, tree.network) as (ledger, database):
        advance(database, ledger, tree.start, branch)
        with database.transaction() as connection:
            connection.execute(
                "UPDATE other_side SET record = (SELECT record FROM other_side WHERE hash = ?)"
                " WHERE hash = ?",
                (branch[1].block_hash, branch[2].block_hash),
            )
        with pytest.raises(StoreCorrupt, match=branch[2].block_hash.hex()):
            ledger.state_across(ledger.load(), newest_first(branch)[:1])
