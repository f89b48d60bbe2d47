# SPDX-License-Identifier: Apache-2.0
"""The node's key, for blocks, transactions and messages.

Law of the file: the seed never leaves it.
Read next: node.py.
"""

from edge_node.kernels.libsodium import Ed25519
from edge_node.primitives.types import PublicKey, Signature


class KeySigner:
    """Signs with one key (the chain's Signer port).

    Parameters
    ----------
    ed25519 : Ed25519
    seed : bytes
        32 secret bytes.
    """

    def __init__(self, ed25519: Ed25519, seed: bytes) -> None:
        self._ed25519 = ed25519
        self._seed = seed
        self._public_key = ed25519.public_key(seed)

    @property
    def public_key(self) -> PublicKey:
        """The key that others see."""
        return self._public_key

    def sign(self, message: bytes) -> Signature:
        """Return the key's signature of `message`."""
        return self._ed25519.sign(self._seed, message)
