# SPDX-License-Identifier: Apache-2.0
"""A key's backup: what a node needs to go on under its key elsewhere, in a box.

A line of JSON. Its box, under a passphrase (Argon2id, then XSalsa20 with Poly1305), holds the seed,
the last session number and the last checkpoint that the key has signed. What it has signed since
then is not in it; the checkpoint comes back from the broker (finality.py).
Law of the file: the passphrase is never kept; whatever is wrong is one sentence.
Read next: data_directory.py, edge_node/kernels/libsodium.py.
"""

import json
import re
from dataclasses import dataclass
from typing import Final

from edge_node.kernels.libsodium import NONCE_BYTES, SALT_BYTES, Boxes
from edge_node.node.errors import BackupUnreadable, PassphraseWrong
from edge_node.primitives.types import PublicKey
from edge_node.spec.encoding import decode, encode
from edge_node.spec.errors import InvalidInput
from edge_node.spec.fork_choice import Checkpoint, checkpoint_from_bytes
from edge_node.spec.signature import SEED_BYTES

FORMAT: Final = 1
MAX_BACKUP_BYTES = 1 << 14
"""A backup has about 700 bytes."""
PASSES = 4
MEMORY_BYTES = 64 << 20
"""What a board with 512 MiB can spare; with 4 passes a guess costs 0.1 s on a PC."""
MOST_PASSES = 64
MOST_MEMORY_BYTES = 1 << 30
"""A stranger's file may ask for no more."""
MIN_PASSPHRASE_CHARACTERS = 8

_HEX = re.compile(r"(?:[0-9a-f]{2})+")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyBackup:
    """What is in the box."""

    seed: bytes
    """32 secret bytes."""
    session: int
    """The last session number that the node has used."""
    word: Checkpoint | None
    """The last checkpoint that the key has signed, if any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chance:
    """What makes each box another one."""

    salt: bytes
    """For the passphrase, SALT_BYTES."""
    nonce: bytes
    """For the box, NONCE_BYTES."""


def lock_backup(
    backup: KeyBackup, public_key: PublicKey, passphrase: str, boxes: Boxes, chance: Chance
) -> bytes:
    """Return the bytes of a backup's file."""
    word = b"" if backup.word is None else backup.word.encode()
    secret = encode([backup.seed, backup.session, word])
    key = boxes.stretch(_bytes(passphrase), chance.salt, PASSES, MEMORY_BYTES)
    fields = {
        "edge_node_key_backup": FORMAT,
        "public_key": public_key.hex(),
        "passes": PASSES,
        "memory_bytes": MEMORY_BYTES,
        "salt": chance.salt.hex(),
        "nonce": chance.nonce.hex(),
        "box": boxes.lock(key, chance.nonce, secret).hex(),
    }
    return json.dumps(fields).encode() + b"\n"


def unlock_backup(data: bytes, passphrase: str, boxes: Boxes) -> KeyBackup:
    """Return what a backup's file holds.

    Raises
    ------
    BackupUnreadable
        It is no backup of this format.
    PassphraseWrong
        The box does not open.
    """
    try:
        fields = json.loads(data) if len(data) <= MAX_BACKUP_BYTES else None
    except (ValueError, RecursionError):
        fields = None
    match fields:
        case {
            "edge_node_key_backup": 1,
            "passes": int(passes),
            "memory_bytes": int(memory_bytes),
            "salt": str(salt),
            "nonce": str(nonce),
            "box": str(box),
        } if (
            1 <= passes <= MOST_PASSES
            and 1 << 13 <= memory_bytes <= MOST_MEMORY_BYTES
            and len(salt) == 2 * SALT_BYTES
            and len(nonce) == 2 * NONCE_BYTES
            and all(_HEX.fullmatch(each) for each in (salt, nonce, box))
        ):
            try:
                key = boxes.stretch(_bytes(passphrase), bytes.fromhex(salt), passes, memory_bytes)
            except MemoryError:
                raise BackupUnreadable(f"it takes {memory_bytes >> 20} MiB to open it") from None
            secret = boxes.unlock(key, bytes.fromhex(nonce), bytes.fromhex(box))
        case _:
            raise BackupUnreadable("it is no file of `edge-node key backup`")
    if secret is None:
        raise PassphraseWrong
    return _opened(secret)


def _opened(secret: bytes) -> KeyBackup:
    try:
        match decode(secret, max_bytes=MAX_BACKUP_BYTES):
            case [bytes(seed), int(session), bytes(word)] if len(seed) == SEED_BYTES:
                return KeyBackup(
                    seed=seed,
                    session=session,
                    word=checkpoint_from_bytes(word) if word else None,
                )
    except InvalidInput:
        pass
    raise BackupUnreadable("what is in it has another form; use the program that wrote it")


def _bytes(passphrase: str) -> bytes:
    # A file's bytes that are no text count as they are.
    return passphrase.encode("utf-8", "surrogateescape")
