# SPDX-License-Identifier: Apache-2.0
"""What state rows hold, read back: the values of accounts, families, datasets and the rest.

Law of the file: a value of another form raises KeyError, ValueError, TypeError or InvalidInput,
which state_rows.py takes as damage.
Read next: state_rows.py.
"""

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
)
from edge_node.spec.architecture import architecture_from_value
from edge_node.spec.dataset import manifest_from_value
from edge_node.spec.difference import WeightRecord
from edge_node.spec.encoding import Decoded, decode
from edge_node.spec.state import (
    Account,
    Bounty,
    DatasetEntry,
    Family,
    FamilyModel,
    Have,
    Owed,
    PendingCommit,
    Punished,
    Reward,
)

_MAX_ROW_BYTES = 1 << 24
_MAX_ROW_ITEMS = 1 << 20


def account_from(value: bytes) -> Account:
    """Return the account of a row."""
    address, balance, nonce = as_list(decoded(value))
    return Account(
        address=Address(as_bytes(address)), balance=Amount(as_int(balance)), nonce=as_int(nonce)
    )


def dataset_from(value: Decoded) -> DatasetEntry:
    """Return the dataset of a row."""
    manifest, entry = as_list(value)
    height, scheduled, closed, bounty = as_list(entry)
    offered = as_list(bounty)
    return DatasetEntry(
        manifest=manifest_from_value(manifest),
        height=Height(as_int(height)),
        scheduled=bool(as_int(scheduled)),
        closed=bool(as_int(closed)),
        bounty=_bounty(offered[0]) if offered else None,
    )


def _bounty(value: Decoded) -> Bounty:
    uploader, numbers, owed = as_list(value)
    escrow, bonus, bond, closing_height, revealed = map(as_int, as_list(numbers))
    return Bounty(
        uploader=Address(as_bytes(uploader)),
        escrow=Amount(escrow),
        bonus=Amount(bonus),
        bond=Amount(bond),
        closing_height=Height(closing_height),
        revealed=bool(revealed),
        owed=tuple(_owed(item) for item in as_list(owed)),
    )


def _owed(value: Decoded) -> Owed:
    family, address, amount = as_list(value)
    return Owed(
        family=FamilyId(as_hash(family)),
        address=Address(as_bytes(address)),
        amount=Amount(as_int(amount)),
    )


def commit_from(value: Decoded) -> PendingCommit:
    """Return a commitment."""
    address, commitment, height = as_list(value)
    return PendingCommit(
        address=Address(as_bytes(address)),
        commitment=as_hash(commitment),
        height=Height(as_int(height)),
    )


def punished_from(value: Decoded) -> Punished:
    """Return a double signing."""
    address, height = as_list(value)
    return Punished(address=Address(as_bytes(address)), height=Height(as_int(height)))


def reward_from(value: Decoded) -> Reward:
    """Return a reward."""
    due, address, amount = as_list(value)
    return Reward(
        due=Height(as_int(due)), address=Address(as_bytes(address)), amount=Amount(as_int(amount))
    )


def have_from(value: Decoded) -> Have:
    """Return a `have` list."""
    miner, datasets = as_list(value)
    return Have(
        miner=PublicKey(as_bytes(miner)),
        datasets=tuple(DatasetId(as_hash(dataset)) for dataset in as_list(datasets)),
    )


def family_from(family_id: FamilyId, value: Decoded) -> Family:
    """Return the family of a row."""
    dataset, genome, numbers, models, record = as_list(value)
    join_turn, skips, idle, needed_gain, closed, forgotten = map(as_int, as_list(numbers))
    epoch, seen_plus, seen_minus = as_list(record)
    architecture = architecture_from_value(genome)
    return Family(
        family_id=family_id,
        dataset=DatasetId(as_hash(dataset)),
        architecture=architecture,
        join_turn=join_turn,
        skips=skips,
        idle=idle,
        needed_gain=needed_gain,
        closed=bool(closed),
        models=tuple(_family_model(model) for model in as_list(models)),
        weight_record=WeightRecord(
            weight_count=architecture.weight_count,
            seen_plus=int.from_bytes(as_bytes(seen_plus), "little"),
            seen_minus=int.from_bytes(as_bytes(seen_minus), "little"),
            epoch=as_int(epoch),
        ),
        forgotten=forgotten,
    )


def _family_model(value: Decoded) -> FamilyModel:
    block, height, model_hash, correct_count, record, latent_root = as_list(value)
    return FamilyModel(
        block=BlockHash(as_hash(block)),
        height=Height(as_int(height)),
        model_hash=ModelHash(as_hash(model_hash)),
        correct_count=as_int(correct_count),
        record=bool(as_int(record)),
        latent_root=as_hash(latent_root),
    )


def decoded(data: bytes) -> Decoded:
    """Return what a row encodes."""
    return decode(data, max_bytes=_MAX_ROW_BYTES, max_items=_MAX_ROW_ITEMS)


def as_list(value: Decoded) -> list[Decoded]:
    """Return a value that must be a list."""
    if not isinstance(value, list):
        raise TypeError(value)
    return value


def as_int(value: Decoded) -> int:
    """Return a value that must be an integer."""
    if not isinstance(value, int):
        raise TypeError(value)
    return value


def as_bytes(value: Decoded) -> bytes:
    """Return a value that must be a byte string."""
    if not isinstance(value, bytes):
        raise TypeError(value)
    return value


def as_hash(value: Decoded) -> Hash32:
    """Return a value that must be a hash."""
    return Hash32(as_bytes(value))
