# SPDX-License-Identifier: Apache-2.0
"""A key's backup in its box: what went in comes out, for the passphrase and nothing else."""

import json
from dataclasses import replace

import pytest

from edge_node.kernels.libsodium import NONCE_BYTES, SALT_BYTES, load_boxes
from edge_node.node.errors import BackupUnreadable, PassphraseWrong
from edge_node.node.key_backup import Chance, KeyBackup, lock_backup, unlock_backup
from edge_node.primitives.hashing import ZERO_HASH
from edge_node.primitives.types import BlockHash, Height, Signature
from edge_node.spec.fork_choice import Checkpoint
from tests.chain.workshop import ANN

pytestmark = pytest.mark.slow

BOXES = load_boxes()
WORD = Checkpoint(
    height=Height(15), block=BlockHash(ZERO_HASH), member=ANN.key, signature=Signature(bytes(64))
)
KEPT = KeyBackup(seed=ANN.seed, session=7, word=WORD)
CHANCE = Chance(salt=bytes(SALT_BYTES), nonce=bytes(NONCE_BYTES))
PASSPHRASE = "four words or s\u00f6"
LOCKED = lock_backup(KEPT, ANN.key, PASSPHRASE, BOXES, CHANCE)


def test_what_went_in_comes_out() -> None:
    assert unlock_backup(LOCKED, PASSPHRASE, BOXES) == KEPT
    bare = replace(KEPT, word=None)
    locked = lock_backup(bare, ANN.key, PASSPHRASE, BOXES, CHANCE)
    assert unlock_backup(locked, PASSPHRASE, BOXES) == bare


def test_nothing_of_the_secret_shows() -> None:
    assert ANN.seed not in LOCKED
    assert ANN.seed.hex().encode() not in LOCKED
    other = Chance(salt=bytes(SALT_BYTES - 1) + b"\x01", nonce=CHANCE.nonce)
    again = json.loads(lock_backup(KEPT, ANN.key, PASSPHRASE, BOXES, other))
    assert again["box"][:64] != json.loads(LOCKED)["box"][:64]


@pytest.mark.parametrize("wrong", ["", "four words or so", PASSPHRASE + " "])
def test_wrong_passphrase_is_one_sentence(wrong: str) -> None:
    with pytest.raises(PassphraseWrong, match="the passphrase is wrong, or the backup is damaged"):
        unlock_backup(LOCKED, wrong, BOXES)


def test_every_changed_byte_of_the_box_is_found() -> None:
    fields = json.loads(LOCKED)
    box = bytearray.fromhex(fields["box"])
    for place in (0, 15, 16, len(box) - 1):
        changed = bytearray(box)
        changed[place] ^= 1
        data = json.dumps(fields | {"box": changed.hex()}).encode()
        with pytest.raises(PassphraseWrong):
            unlock_backup(data, PASSPHRASE, BOXES)


@pytest.mark.parametrize(
    "change",
    [
        {"edge_node_key_backup": 2},
        {"passes": 0},
        {"passes": 1 << 30},
        {"memory_bytes": 1 << 40},
        {"memory_bytes": "64"},
        {"salt": "00"},
        {"nonce": "zz" * NONCE_BYTES},
        {"box": ""},
    ],
)
def test_other_fields_are_refused_before_any_work(change: dict[str, object]) -> None:
    data = json.dumps(json.loads(LOCKED) | change).encode()
    with pytest.raises(BackupUnreadable, match="edge-node key backup"):
        unlock_backup(data, PASSPHRASE, BOXES)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff", b"[" * 100_000, LOCKED[:-20]])
def test_what_is_no_backup_is_one_sentence(data: bytes) -> None:
    with pytest.raises(BackupUnreadable, match="name another file"):
        unlock_backup(data, PASSPHRASE, BOXES)
