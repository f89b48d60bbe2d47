# SPDX-License-Identifier: Apache-2.0
"""Signatures that were checked once: what the mempool has checked needs no check in a block.

A check costs as much as everything else that is done for a transfer, so this halves a node's work.
Law of the file: only valid signatures are remembered, by key, message and signature together; the
oldest are forgotten.
Read next: service.py.
"""

from edge_node.kernels.libsodium import Ed25519
from edge_node.primitives.types import PublicKey, Signature

MAX_REMEMBERED = 32_768
"""More than a full mempool and a block; about 10 MB."""


class RememberingEd25519:
    """Ed25519 that answers at once for what it has found valid before.

    Parameters
    ----------
    ed25519 : Ed25519
        Does the work.
    most : int
        Signatures to remember.
    """

    def __init__(self, ed25519: Ed25519, most: int = MAX_REMEMBERED) -> None:
        self.name = ed25519.name
        self._ed25519 = ed25519
        self._most = most
        self._valid: dict[tuple[bytes, bytes, bytes], None] = {}

    def public_key(self, seed: bytes) -> PublicKey:
        """See Ed25519."""
        return self._ed25519.public_key(seed)

    def sign(self, seed: bytes, message: bytes) -> Signature:
        """See Ed25519."""
        return self._ed25519.sign(seed, message)

    def verify(self, key: bytes, message: bytes, signature: bytes) -> bool:
        """See Ed25519."""
        name = (bytes(key), bytes(message), bytes(signature))
        if name in self._valid:
            return True
        if not self._ed25519.verify(key, message, signature):
            return False
        self._valid[name] = None
        if len(self._valid) > self._most:
            del self._valid[next(iter(self._valid))]
        return True
