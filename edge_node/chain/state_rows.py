# SPDX-License-Identifier: Apache-2.0
"""States as rows: one key and value for each account, family and dataset, and one for the rest.

A block touches few rows, so storing the state after it, and undoing it, costs what it changed. What
those rows hold on the other side of the block is its record: a Crossing puts it in and returns the
record that leads back.
Law of the file: `state_from_rows(rows_of(state)) == state`; crossing there and back changes
nothing.
Read next: ledger_store.py.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import zip_longest
from typing import NamedTuple, TypeAlias

from edge_node.chain.errors import StoreCorrupt
from edge_node.chain.state_values import (
    account_from,
    as_bytes,
    as_hash,
    as_int,
    as_list,
    commit_from,
    dataset_from,
    decoded,
    family_from,
    have_from,
    punished_from,
    reward_from,
)
from edge_node.primitives.hashing import tagged_hash
from edge_node.primitives.types import (
    Amount,
    BlockHash,
    DatasetId,
    FamilyId,
    Hash32,
    Height,
    ModelHash,
    TimestampMs,
)
from edge_node.spec.encoding import Value, encode
from edge_node.spec.errors import InvalidInput
from edge_node.spec.merkle import MerkleTree, MountainRange
from edge_node.spec.state import (
    Account,
    Accounts,
    DatasetEntry,
    Family,
    KnownModels,
    State,
)

Rows: TypeAlias = dict[bytes, bytes]
"""Key to value."""


class Change(NamedTuple):
    """A row in which two states differ."""

    key: bytes
    """The row's name."""
    before: bytes | None
    """Its value in the one; None where there is no row."""
    after: bytes | None
    """Its value in the other."""


_ACCOUNT, _FAMILY, _DATASET, _MODEL, _REST = b"a", b"f", b"d", b"m", b"s"
_SEAL_BYTES = 32


def rows_of(state: State) -> Rows:
    """Return every row of a state."""
    rows = {_REST: _rest(state)}
    for number, account in enumerate(state.accounts.rows):
        rows[_account_key(number)] = account.encode()
    for key, family in state.families.items():
        rows[_FAMILY + key] = encode(family.value())
    for dataset, entry in state.datasets.items():
        rows[_DATASET + dataset] = encode([entry.manifest.value(), entry.value()])
    for model_hash in state.models.hashes:
        rows[_MODEL + model_hash] = b""
    return rows


def changes_between(before: State, after: State) -> list[Change]:
    """Return the rows in which two states differ; what they share is not looked at."""
    changes = [Change(_REST, _rest(before), _rest(after))]
    if before.accounts.rows is not after.accounts.rows:
        pairs = zip_longest(before.accounts.rows, after.accounts.rows)
        for number, (old, new) in enumerate(pairs):
            if old is not new:
                changes.append(Change(_account_key(number), _account_row(old), _account_row(new)))
    for key in before.families.keys() | after.families.keys():
        mine, theirs = before.families.get(key), after.families.get(key)
        if mine is not theirs:
            changes.append(Change(_FAMILY + key, _family_row(mine), _family_row(theirs)))
    for dataset in before.datasets.keys() | after.datasets.keys():
        here, there = before.datasets.get(dataset), after.datasets.get(dataset)
        if here is not there:
            changes.append(Change(_DATASET + dataset, _dataset_row(here), _dataset_row(there)))
    for model_hash in before.models.hashes ^ after.models.hashes:
        gone = model_hash in before.models.hashes
        changes.append(Change(_MODEL + model_hash, b"" if gone else None, None if gone else b""))
    return changes


def record_of(
    name: BlockHash, start: BlockHash, end: BlockHash, rows: Iterable[tuple[bytes, bytes | None]]
) -> bytes:
    """Return the record of a block, which leads across it.

    Parameters
    ----------
    name : BlockHash
        The block.
    start, end : BlockHash
        Heads of the states that the way begins and ends in: the block itself and its parent, or
        the other way round.
    rows : iterable of (bytes, bytes or None)
        Keys, each with the value that its row gets, or None for no row.
    """
    items: list[Value] = [[key] if value is None else [key, value] for key, value in rows]
    content = encode([start, end, items])
    return tagged_hash("block-record", name, content) + content


class Crossing:
    """A state on its way across blocks: the rows that they change, on top of where it began.

    Parameters
    ----------
    start : State
    """

    def __init__(self, start: State) -> None:
        self._start = start
        self._head = start.head
        self._rows: dict[bytes, bytes | None] = {}

    def cross(self, name: BlockHash, record: bytes) -> bytes:
        """Put a block's record into the rows, and return the record that leads back.

        Raises
        ------
        StoreCorrupt
            It is not the record of this block, or does not begin in this state.
        """
        seal, content = record[:_SEAL_BYTES], record[_SEAL_BYTES:]
        if seal != tagged_hash("block-record", name, content):
            raise StoreCorrupt(f"the record of block {name.hex()}")
        start, end, items = as_list(decoded(content))
        if start != self._head:
            raise StoreCorrupt(f"the record of block {name.hex()} begins in another state")
        back: list[tuple[bytes, bytes | None]] = []
        for item in as_list(items):
            key, *value = map(as_bytes, as_list(item))
            back.append((key, self._row(key)))
            self._rows[key] = value[0] if value else None
        before, self._head = self._head, BlockHash(as_hash(end))
        return record_of(name, self._head, before, back)

    def changes(self) -> list[Change]:
        """Return the rows in which the state differs from where it began."""
        changes = (Change(k, _row_of(self._start, k), value) for k, value in self._rows.items())
        return [change for change in changes if change.before != change.after]

    def state(self) -> State:
        """Return the state at the end of the way so far.

        Raises
        ------
        StoreCorrupt
            The records have led to no state.
        """
        return self._start if not self._rows else _told(partial(_patched, self._start, self._rows))

    def _row(self, key: bytes) -> bytes | None:
        return self._rows[key] if key in self._rows else _row_of(self._start, key)


def _row_of(state: State, key: bytes) -> bytes | None:
    """Return the row of a state; None if it has no such row."""
    kind, name = key[:1], Hash32(key[1:])
    if kind == _ACCOUNT:
        number = int.from_bytes(name, "big")
        accounts = state.accounts.rows
        return accounts[number].encode() if number < len(accounts) else None
    if kind == _FAMILY:
        return _family_row(state.families.get(FamilyId(name)))
    if kind == _DATASET:
        return _dataset_row(state.datasets.get(DatasetId(name)))
    if kind == _MODEL:
        return b"" if name in state.models.hashes else None
    return _rest(state)


def row_hash(key: bytes, value: bytes | None) -> int:
    """Return what a row adds, by exclusive or, to the check over all rows; 0 for no row."""
    if value is None:
        return 0
    return int.from_bytes(tagged_hash("state-row", encode([key, value])), "big")


def state_from_rows(rows: Mapping[bytes, bytes]) -> State:
    """Return the state that rows hold.

    Raises
    ------
    StoreCorrupt
        They are not the rows of a state.
    """
    return _told(partial(_state_from_rows, rows))


def _told(make: Callable[[], State]) -> State:
    """Return the state that is made; whatever stands in the way is damage."""
    try:
        return make()
    except (KeyError, ValueError, TypeError, InvalidInput) as error:
        raise StoreCorrupt(f"the rows of the state: {error!r}") from error


def _state_from_rows(rows: Mapping[bytes, bytes]) -> State:
    accounts = [account_from(rows[key]) for key in sorted(k for k in rows if k[:1] == _ACCOUNT)]
    families: dict[FamilyId, Family] = {}
    datasets: dict[DatasetId, DatasetEntry] = {}
    hashes: list[ModelHash] = []
    for key in sorted(rows):
        name = Hash32(key[1:])
        if key[:1] == _FAMILY:
            families[FamilyId(name)] = family_from(FamilyId(name), decoded(rows[key]))
        elif key[:1] == _DATASET:
            datasets[DatasetId(name)] = dataset_from(decoded(rows[key]))
        elif key[:1] == _MODEL:
            hashes.append(ModelHash(name))
    return _state(_accounts(accounts), families, datasets, frozenset(hashes), rows[_REST])


def _patched(start: State, changed: Mapping[bytes, bytes | None]) -> State:
    """Return a state with other rows; what they leave alone is shared with it."""
    accounts = list(start.accounts.rows)
    families, datasets = dict(start.families), dict(start.datasets)
    for key in sorted(changed):
        row, name = changed[key], Hash32(key[1:])
        if key[:1] == _ACCOUNT:
            _put_account(accounts, int.from_bytes(name, "big"), row)
        elif key[:1] == _FAMILY:
            families.pop(FamilyId(name), None)
            if row is not None:
                families[FamilyId(name)] = family_from(FamilyId(name), decoded(row))
        elif key[:1] == _DATASET:
            datasets.pop(DatasetId(name), None)
            if row is not None:
                datasets[DatasetId(name)] = dataset_from(decoded(row))
    models = {key: row for key, row in changed.items() if key[:1] == _MODEL}
    gone = {ModelHash(Hash32(key[1:])) for key, row in models.items() if row is None}
    new = {ModelHash(Hash32(key[1:])) for key, row in models.items() if row is not None}
    rest = changed[_REST]
    if rest is None:
        raise StoreCorrupt("the rows of the state: the rest is gone")
    return _state(
        _accounts_after(start.accounts, accounts),
        families,
        datasets,
        start.models.hashes - gone | new,
        rest,
    )


def _put_account(accounts: list[Account], number: int, row: bytes | None) -> None:
    """Put a row in its place; rows are put in by number, and only the last ones may be gone."""
    if row is None:
        del accounts[number:]
    elif number < len(accounts):
        accounts[number] = account_from(row)
    elif number == len(accounts):
        accounts.append(account_from(row))
    else:
        raise StoreCorrupt(f"the rows of the state: account {number} after {len(accounts)}")


def _accounts_after(before: Accounts, rows: list[Account]) -> Accounts:
    """Return the table of these rows; it costs what differs, if no account lost its number."""
    if len(rows) >= len(before.rows):
        differing = [new for old, new in zip_longest(before.rows, rows) if old is not new]
        after = before.updated(differing)
        if after.rows == tuple(rows):
            return after
    return _accounts(rows)


def _accounts(rows: Sequence[Account]) -> Accounts:
    return Accounts(
        rows=tuple(rows),
        numbers={account.address: number for number, account in enumerate(rows)},
        tree=MerkleTree.build([account.encode() for account in rows]),
    )


def _state(
    accounts: Accounts,
    families: dict[FamilyId, Family],
    datasets: dict[DatasetId, DatasetEntry],
    hashes: frozenset[ModelHash],
    rest: bytes,
) -> State:
    place, history, immature, have, models_root, coins, commits, punished = as_list(decoded(rest))
    height, head, timestamp, work, target = as_list(place)
    count, peaks = as_list(history)
    minted, burned = as_list(coins)
    return State(
        height=Height(as_int(height)),
        head=BlockHash(as_hash(head)),
        timestamp=TimestampMs(as_int(timestamp)),
        work=int.from_bytes(as_bytes(work), "big"),
        target=as_hash(target),
        history=MountainRange(as_int(count), tuple(as_hash(peak) for peak in as_list(peaks))),
        accounts=accounts,
        immature=tuple(reward_from(item) for item in as_list(immature)),
        families=families,
        datasets=datasets,
        have=tuple(have_from(item) for item in as_list(have)),
        models=KnownModels(hashes=hashes, root=as_hash(models_root)),
        minted=Amount(as_int(minted)),
        burned=Amount(as_int(burned)),
        commits=tuple(commit_from(item) for item in as_list(commits)),
        punished=tuple(punished_from(item) for item in as_list(punished)),
    )


def _rest(state: State) -> bytes:
    work = state.work.to_bytes(-(-state.work.bit_length() // 8), "big")
    return encode(
        [
            [state.height, state.head, state.timestamp, work, state.target],
            [state.history.count, list(state.history.peaks)],
            [reward.value() for reward in state.immature],
            [[have.miner, list(have.datasets)] for have in state.have],
            state.models.root,
            [state.minted, state.burned],
            [commit.value() for commit in state.commits],
            [each.value() for each in state.punished],
        ]
    )


def _account_key(number: int) -> bytes:
    return _ACCOUNT + number.to_bytes(8, "big")


def _account_row(account: Account | None) -> bytes | None:
    return None if account is None else account.encode()


def _family_row(family: Family | None) -> bytes | None:
    return None if family is None else encode(family.value())


def _dataset_row(entry: DatasetEntry | None) -> bytes | None:
    return None if entry is None else encode([entry.manifest.value(), entry.value()])
