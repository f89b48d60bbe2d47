# SPDX-License-Identifier: Apache-2.0
"""The chain's file: made once, refused by name when foreign, newer, damaged or not usable now."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge_node.chain.database import FORMAT, Database, is_made
from edge_node.chain.errors import (
    StoreCorrupt,
    StoreFormatNewer,
    StoreUnavailable,
    WrongNetwork,
)
from edge_node.primitives.hashing import tagged_hash
from edge_node.primitives.types import NetworkId

NETWORK = NetworkId(tagged_hash("test", b"network"))
OTHER = NetworkId(tagged_hash("test", b"other"))
ADVICE = "move chain.sqlite3 away and start again, the node then fetches the chain from its peers"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    with closing(Database(path, NETWORK)) as opened:
        yield opened


def write(path: Path, statement: str, *arguments: object) -> None:
    """Change a closed file behind the program's back."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement, arguments)


def put(database: Database, key: str, value: object) -> None:
    with database.transaction() as connection:
        connection.execute("INSERT INTO meta VALUES (?, ?)", (key, value))


def made(path: Path) -> bytes:
    """Make a chain's file, close it, and return its bytes."""
    Database(path, NETWORK).close()
    return path.read_bytes()


def test_file_is_made_with_its_format_and_network_and_opens_again(path: Path) -> None:
    made(path)
    with closing(Database(path, NETWORK)) as database:
        assert (database.meta("format"), database.meta("network")) == (FORMAT, NETWORK)
        assert database.meta("nothing") is None


def test_commits_reach_the_disk_before_they_are_acknowledged(database: Database) -> None:
    assert database.row("PRAGMA journal_mode") == ("wal",)
    assert database.row("PRAGMA synchronous") == (2,)  # FULL


def synced(database: Database, *, durable: bool) -> bool:
    """Say whether a transaction is on the disk when it ends; NORMAL waits for another one."""
    with database.transaction(durable=durable) as connection:
        (level,) = connection.execute("PRAGMA synchronous").fetchone()
    assert level in (1, 2)
    return bool(level == 2)


def test_what_peers_have_is_synced_now_and_then_and_the_rest_always(path: Path) -> None:
    with closing(Database(path, NETWORK, sync_every=3)) as database:
        assert [synced(database, durable=False) for _ in range(7)] == [
            *(False, False, True),
            *(False, False, True),
            False,
        ]
        assert synced(database, durable=True)
        assert [synced(database, durable=False) for _ in range(3)] == [False, False, True]


def test_without_a_card_to_spare_everything_is_synced(database: Database) -> None:
    assert all(synced(database, durable=durable) for durable in (False, False, True, False))


def test_newer_format_is_refused_and_not_touched(path: Path) -> None:
    made(path)
    write(path, "UPDATE meta SET value = ? WHERE key = 'format'", FORMAT + 1)
    write(path, "DROP TABLE block")  # whatever the newer program does
    before = path.read_bytes()
    with pytest.raises(StoreFormatNewer, match="install the newer edge-node") as caught:
        Database(path, NETWORK)
    assert (caught.value.expected, caught.value.actual) == (FORMAT, FORMAT + 1)
    assert path.read_bytes() == before


def test_file_of_another_network_is_refused_and_not_touched(path: Path) -> None:
    before = made(path)
    with pytest.raises(WrongNetwork, match="use another data directory") as caught:
        Database(path, OTHER)
    assert (caught.value.expected, caught.value.actual) == (OTHER, NETWORK)
    assert path.read_bytes() == before


@pytest.mark.parametrize("value", [0, -1, "1", b"\x01", 1.5])
def test_format_that_is_no_number_is_damage(path: Path, value: object) -> None:
    made(path)
    write(path, "UPDATE meta SET value = ? WHERE key = 'format'", value)
    with pytest.raises(StoreCorrupt, match="format number"):
        Database(path, NETWORK)


@pytest.mark.parametrize("key", ["format", "network"])
def test_missing_name_is_damage(path: Path, key: str) -> None:
    made(path)
    write(path, "DELETE FROM meta WHERE key = ?", key)
    with pytest.raises(StoreCorrupt, match=key):
        Database(path, NETWORK)


@pytest.mark.parametrize("content", [b"no database", b"SQLite format 3\0" + bytes(5_000)])
def test_file_of_another_kind_is_damage_with_advice(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(StoreCorrupt) as caught:
        Database(path, NETWORK)
    assert str(caught.value).endswith(ADVICE)
    assert path.read_bytes() == content


def test_database_of_another_program_is_damage(path: Path) -> None:
    write(path, "CREATE TABLE songs (title TEXT)")
    with pytest.raises(StoreCorrupt, match="no such table: meta"):
        Database(path, NETWORK)


def test_emptied_file_with_a_log_is_damage_and_keeps_its_log(path: Path) -> None:
    with closing(Database(path, NETWORK)) as database:
        put(database, "word", 5)
        log = path.with_name(path.name + "-wal")
        kept = log.read_bytes()
    path.write_bytes(b"")
    log.write_bytes(kept)
    with pytest.raises(StoreCorrupt, match="empty"):
        Database(path, NETWORK)
    assert log.read_bytes() == kept


def test_folder_that_is_not_there_is_no_damage(path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="unable to open database file"):
        Database(path.parent / "nowhere" / "chain.sqlite3", NETWORK)


def test_full_disk_is_no_damage_and_changes_nothing(database: Database) -> None:
    pages = database.row("PRAGMA page_count")
    assert pages is not None
    database.row(f"PRAGMA max_page_count = {pages[0]}")
    with pytest.raises(StoreUnavailable, match="see to the disk's space"):
        put(database, "large", bytes(100_000))
    database.row("PRAGMA max_page_count = 1000000")
    put(database, "large", bytes(100_000))
    assert database.meta("large") == bytes(100_000)


def test_disk_that_can_not_be_written_is_no_damage(database: Database) -> None:
    database.row("PRAGMA query_only = ON")
    with pytest.raises(StoreUnavailable, match="readonly"):
        put(database, "word", 5)
    database.row("PRAGMA query_only = OFF")
    put(database, "word", 5)


def test_file_that_another_program_holds_is_no_damage(path: Path, database: Database) -> None:
    database.row("PRAGMA busy_timeout = 0")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked"):
            put(database, "word", 5)
    put(database, "word", 5)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_what_raises_inside_a_transaction_undoes_it(
    path: Path, database: Database, error: type[BaseException]
) -> None:
    class Ours(error):  # type: ignore[valid-type,misc]  # mypy wants a class, not a variable
        pass

    def fail() -> None:
        with database.transaction() as connection:
            connection.execute("INSERT INTO meta VALUES ('word', 5)")
            raise Ours

    with pytest.raises(Ours):
        fail()
    assert database.meta("word") is None
    put(database, "word", 6)
    database.close()
    with closing(Database(path, NETWORK)) as reopened:
        assert reopened.meta("word") == 6


def test_snapshot_sees_nothing_of_what_another_writes_meanwhile(
    path: Path, database: Database
) -> None:
    put(database, "word", 1)
    with closing(Database(path, NETWORK)) as reader:
        with reader.snapshot():
            assert reader.meta("word") == 1
            write(path, "UPDATE meta SET value = 2 WHERE key = 'word'")
            assert reader.meta("word") == 1
        with pytest.raises(ValueError, match="by the reader"), reader.snapshot():
            raise ValueError("by the reader")
        with reader.snapshot():
            assert reader.meta("word") == 2


def test_file_is_made_once_it_has_a_state_and_asking_makes_nothing(path: Path) -> None:
    assert not is_made(path)
    assert not path.exists()
    with closing(Database(path, NETWORK)) as database:
        assert not is_made(path)
        with database.transaction() as connection:
            connection.execute("INSERT INTO state_row VALUES (x'00', x'00')")
            assert not is_made(path)
        assert is_made(path)
    assert is_made(path)
    path.write_bytes(b"years of work, " * 1_000)
    assert is_made(path), "who opens it tells of the damage"


def test_file_that_was_cut_off_counts_as_made_and_keeps_its_log(path: Path) -> None:
    log = path.with_name(f"{path.name}-wal")
    path.touch()
    log.write_bytes(b"what was not yet in the file")
    assert is_made(path), "who opens it tells of the damage"
    assert log.read_bytes() == b"what was not yet in the file"


def test_query_that_the_file_can_not_answer_is_damage(database: Database) -> None:
    with pytest.raises(StoreCorrupt, match="no such table"):
        database.row("SELECT 1 FROM nowhere")
    with pytest.raises(StoreCorrupt, match="no such table"):
        database.rows("SELECT 1 FROM nowhere")
