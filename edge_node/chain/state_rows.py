# SPDX-License-Identifier: Apache-2.0
"""States as rows: one key and value for each account, family and dataset, and one for the rest.

A block touches few rows, so storing a state after it, and undoing it, costs what it changed. The
old values of the rows that a block touched are its undo record.
Law of the file: `state_from_rows(rows_of(state)) == state`.
Read next: ledger_store.py.
"""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from edge_node.chain.errors import StoreCorrupt
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
from edge_node.spec.architecture import architecture_from_value
from edge_node.spec.dataset import manifest_from_value
from edge_node.spec.difference import WeightRecord
from edge_node.spec.encoding import Decoded, Value, decode, encode
from edge_node.spec.merkle import MerkleTree, MountainRange
from edge_node.spec.state import (
    Account,
    Accounts,
    DatasetEntry,
    Family,
    FamilyModel,
    Have,
    KnownModels,
    Reward,
    State,
)

Rows: TypeAlias = dict[bytes, bytes]
"""Key to value."""

Change: TypeAlias = "tuple[bytes, bytes | None, bytes | None]"
"""Key, value before, value after; None where there is no row."""

_ACCOUNT, _FAMILY, _DATASET, _MODEL, _REST = b"a", b"f", b"d", b"m", b"s"
_MAX_ROW_BYTES = 1 << 24
_MAX_ROW_ITEMS = 1 << 20


def rows_of(state: State) -> Rows:
    """Return every row of a state."""
    rows = {_account_key(n): account.encode() for n, account in enumerate(state.accounts.rows)}
    for key, family in state.families.items():
        rows[_FAMILY + key] = encode(family.value())
    for dataset, entry in state.datasets.items():
        rows[_DATASET + dataset] = encode([entry.height, entry.manifest.value()])
    for model_hash in state.models.hashes:
        rows[_MODEL + model_hash] = b""
    rows[_REST] = _rest(state)
    return rows


def changes_between(before: State, after: State) -> list[Change]:
    """Return the rows in which two states differ; what they share is not looked at."""
    changes: list[Change] = []
    old_accounts, new_accounts = before.accounts.rows, after.accounts.rows
    if old_accounts is not new_accounts:
        for n in range(max(len(old_accounts), len(new_accounts))):
            old = old_accounts[n] if n < len(old_accounts) else None
            new = new_accounts[n] if n < len(new_accounts) else None
            if old is not new:
                changes.append(
                    (_account_key(n), old.encode() if old else None, new.encode() if new else None)
                )
    for key in before.families.keys() | after.families.keys():
        mine, theirs = before.families.get(key), after.families.get(key)
        if mine is not theirs:
            changes.append(
                (
                    _FAMILY + key,
                    encode(mine.value()) if mine else None,
                    encode(theirs.value()) if theirs else None,
                )
            )
    if before.datasets is not after.datasets:
        changes += _differences(before, after)
    for model_hash in before.models.hashes ^ after.models.hashes:
        gone = model_hash in before.models.hashes
        changes.append((_MODEL + model_hash, b"" if gone else None, None if gone else b""))
    changes.append((_REST, _rest(before), _rest(after)))
    return changes


def _differences(before: State, after: State) -> list[Change]:
    old = {_DATASET + k: encode([e.height, e.manifest.value()]) for k, e in before.datasets.items()}
    new = {_DATASET + k: encode([e.height, e.manifest.value()]) for k, e in after.datasets.items()}
    return [
        (key, old.get(key), new.get(key))
        for key in old.keys() | new.keys()
        if old.get(key) != new.get(key)
    ]


def encode_undo(changes: Iterable[Change]) -> bytes:
    """Return an undo record: each key with its value before, or without one."""
    record: list[Value] = [[key] if before is None else [key, before] for key, before, _ in changes]
    return encode(record)


def undone(rows: Rows, record: bytes) -> None:
    """Put the rows back to what they were before a block."""
    for item in _list(_decode(record)):
        match item:
            case [bytes(key)]:
                rows.pop(key, None)
            case [bytes(key), bytes(value)]:
                rows[key] = value
            case _:
                raise StoreCorrupt("an undo record")


def state_from_rows(rows: Mapping[bytes, bytes]) -> State:
    """Return the state that rows hold.

    Raises
    ------
    StoreCorrupt
        They are not the rows of a state.
    """
    try:
        return _state_from_rows(rows)
    except (KeyError, ValueError, TypeError) as error:
        raise StoreCorrupt(f"state rows: {error!r}") from error


def _state_from_rows(rows: Mapping[bytes, bytes]) -> State:
    accounts = [_account(rows[key]) for key in sorted(k for k in rows if k[:1] == _ACCOUNT)]
    families: dict[FamilyId, Family] = {}
    datasets: dict[DatasetId, DatasetEntry] = {}
    hashes: list[ModelHash] = []
    for key in sorted(rows):
        name = Hash32(key[1:])
        if key[:1] == _FAMILY:
            families[FamilyId(name)] = _family(FamilyId(name), _decode(rows[key]))
        elif key[:1] == _DATASET:
            height, manifest = _list(_decode(rows[key]))
            datasets[DatasetId(name)] = DatasetEntry(
                manifest=manifest_from_value(manifest), height=Height(_int(height))
            )
        elif key[:1] == _MODEL:
            hashes.append(ModelHash(name))
    height, head, timestamp, work, count, peaks, immature, have, models_root, minted = _list(
        _decode(rows[_REST])
    )
    return State(
        height=Height(_int(height)),
        head=BlockHash(_hash(head)),
        timestamp=TimestampMs(_int(timestamp)),
        work=int.from_bytes(_bytes(work), "big"),
        history=MountainRange(_int(count), tuple(_hash(peak) for peak in _list(peaks))),
        accounts=Accounts(
            rows=tuple(accounts),
            numbers={account.address: n for n, account in enumerate(accounts)},
            tree=MerkleTree.build([account.encode() for account in accounts]),
        ),
        immature=tuple(_reward(item) for item in _list(immature)),
        families=families,
        datasets=datasets,
        have=tuple(_have(item) for item in _list(have)),
        models=KnownModels(hashes=frozenset(hashes), root=_hash(models_root)),
        minted=Amount(_int(minted)),
    )


def _rest(state: State) -> bytes:
    work = state.work
    return encode(
        [
            state.height,
            state.head,
            state.timestamp,
            work.to_bytes(-(-work.bit_length() // 8), "big"),
            state.history.count,
            list(state.history.peaks),
            [reward.value() for reward in state.immature],
            [[have.miner, list(have.datasets)] for have in state.have],
            state.models.root,
            state.minted,
        ]
    )


def _account_key(number: int) -> bytes:
    return _ACCOUNT + number.to_bytes(8, "big")


def _account(value: bytes) -> Account:
    address, balance, nonce = _list(_decode(value))
    return Account(
        address=Address(_bytes(address)), balance=Amount(_int(balance)), nonce=_int(nonce)
    )


def _reward(value: Decoded) -> Reward:
    due, address, amount = _list(value)
    return Reward(
        due=Height(_int(due)), address=Address(_bytes(address)), amount=Amount(_int(amount))
    )


def _have(value: Decoded) -> Have:
    miner, datasets = _list(value)
    return Have(
        miner=PublicKey(_bytes(miner)),
        datasets=tuple(DatasetId(_hash(dataset)) for dataset in _list(datasets)),
    )


def _family(family_id: FamilyId, value: Decoded) -> Family:
    dataset, genome, numbers, models, record = _list(value)
    join_turn, skips, idle, needed_gain, closed = map(_int, _list(numbers))
    epoch, seen_plus, seen_minus = _list(record)
    architecture = architecture_from_value(genome)
    return Family(
        family_id=family_id,
        dataset=DatasetId(_hash(dataset)),
        architecture=architecture,
        join_turn=join_turn,
        skips=skips,
        idle=idle,
        needed_gain=needed_gain,
        closed=bool(closed),
        models=tuple(_family_model(model) for model in _list(models)),
        weight_record=WeightRecord(
            weight_count=architecture.weight_count,
            seen_plus=int.from_bytes(_bytes(seen_plus), "little"),
            seen_minus=int.from_bytes(_bytes(seen_minus), "little"),
            epoch=_int(epoch),
        ),
    )


def _family_model(value: Decoded) -> FamilyModel:
    block, height, model_hash, correct_count, record = _list(value)
    return FamilyModel(
        block=BlockHash(_hash(block)),
        height=Height(_int(height)),
        model_hash=ModelHash(_hash(model_hash)),
        correct_count=_int(correct_count),
        record=bool(_int(record)),
    )


def _decode(data: bytes) -> Decoded:
    return decode(data, max_bytes=_MAX_ROW_BYTES, max_items=_MAX_ROW_ITEMS)


def _list(value: Decoded) -> list[Decoded]:
    if not isinstance(value, list):
        raise TypeError(value)
    return value


def _int(value: Decoded) -> int:
    if not isinstance(value, int):
        raise TypeError(value)
    return value


def _bytes(value: Decoded) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError(value)
    return value


def _hash(value: Decoded) -> Hash32:
    return Hash32(_bytes(value))
