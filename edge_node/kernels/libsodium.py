# SPDX-License-Identifier: Apache-2.0
"""Ed25519 by libsodium: the twin of spec/signature.py.

The system's library by ctypes, which drops the interpreter's lock while it works; else PyNaCl's
copy. No other implementation will do: they accept other crafted signatures (R-11).
Law of the file: the same names and arguments as the definition.
Read next: edge_node/spec/signature.py.
"""

import ctypes
from typing import Protocol

from edge_node.primitives.errors import EdgeNodeError
from edge_node.primitives.types import PublicKey, Signature
from edge_node.spec.signature import PUBLIC_KEY_BYTES, SEED_BYTES, SIGNATURE_BYTES

_SONAMES = ("libsodium.so.23", "libsodium.so.26")
_SECRET_KEY_BYTES = 64


class LibsodiumMissing(EdgeNodeError):
    """Neither the system's libsodium nor PyNaCl is installed."""

    reason = "libsodium-missing"

    def __init__(self) -> None:
        super().__init__("libsodium is not installed; run `sudo apt install libsodium23`")


class Ed25519(Protocol):
    """Ed25519 as spec/signature.py defines it."""

    name: str
    """Where the implementation comes from."""

    def public_key(self, seed: bytes) -> PublicKey:
        """Return the public key of a 32-byte secret seed."""

    def sign(self, seed: bytes, message: bytes) -> Signature:
        """Return the signature of `message` by the key of `seed`."""

    def verify(self, key: bytes, message: bytes, signature: bytes) -> bool:
        """Return True if libsodium accepts `signature` of `message` by `key`."""


def load_ed25519() -> Ed25519:
    """Return libsodium's Ed25519.

    Raises
    ------
    LibsodiumMissing
    """
    for soname in _SONAMES:
        try:
            return _SystemLibsodium(ctypes.CDLL(soname))
        except OSError:
            continue
    try:
        return _PyNaCl()
    except ImportError:
        raise LibsodiumMissing from None


class _SystemLibsodium:
    def __init__(self, library: ctypes.CDLL) -> None:
        library.sodium_init()
        library.sodium_version_string.restype = ctypes.c_char_p
        self.name = f"libsodium {library.sodium_version_string().decode()}"
        self._library = library

    def public_key(self, seed: bytes) -> PublicKey:
        return PublicKey(self._key_pair(seed)[0])

    def sign(self, seed: bytes, message: bytes) -> Signature:
        signature = ctypes.create_string_buffer(SIGNATURE_BYTES)
        secret = self._key_pair(seed)[1]
        length = ctypes.c_ulonglong(len(message))
        self._library.crypto_sign_detached(signature, None, message, length, secret)
        return Signature(signature.raw)

    def verify(self, key: bytes, message: bytes, signature: bytes) -> bool:
        if len(key) != PUBLIC_KEY_BYTES or len(signature) != SIGNATURE_BYTES:
            return False
        length = ctypes.c_ulonglong(len(message))
        result: int = self._library.crypto_sign_verify_detached(signature, message, length, key)
        return result == 0

    def _key_pair(self, seed: bytes) -> tuple[bytes, bytes]:
        assert len(seed) == SEED_BYTES
        public = ctypes.create_string_buffer(PUBLIC_KEY_BYTES)
        secret = ctypes.create_string_buffer(_SECRET_KEY_BYTES)
        self._library.crypto_sign_seed_keypair(public, secret, seed)
        return public.raw, secret.raw


class _PyNaCl:
    def __init__(self) -> None:
        # Lazily: 32-bit ARM has no wheel and uses the system's library.
        from nacl import bindings  # noqa: PLC0415 - no wheel on 32-bit ARM

        self.name = "libsodium of PyNaCl"
        self._bindings = bindings

    def public_key(self, seed: bytes) -> PublicKey:
        return PublicKey(self._bindings.crypto_sign_seed_keypair(seed)[0])

    def sign(self, seed: bytes, message: bytes) -> Signature:
        secret = self._bindings.crypto_sign_seed_keypair(seed)[1]
        return Signature(self._bindings.crypto_sign(message, secret)[:SIGNATURE_BYTES])

    def verify(self, key: bytes, message: bytes, signature: bytes) -> bool:
        if len(key) != PUBLIC_KEY_BYTES or len(signature) != SIGNATURE_BYTES:
            return False
        from nacl.exceptions import BadSignatureError  # noqa: PLC0415 - no wheel on 32-bit ARM

        try:
            self._bindings.crypto_sign_open(signature + message, key)
        except BadSignatureError:
            return False
        return True
