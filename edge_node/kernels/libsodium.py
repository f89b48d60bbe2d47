# SPDX-License-Identifier: Apache-2.0
"""Ed25519 by libsodium, the twin of spec/signature.py, and boxes under a passphrase.

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


SALT_BYTES = 16
NONCE_BYTES = 24
BOX_KEY_BYTES = 32
MAC_BYTES = 16
"""By how much a box is longer than what is in it."""
_ARGON2ID = 2


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


class Boxes(Protocol):
    """Secrets under a passphrase: Argon2id (version 1.3), then XSalsa20 with Poly1305."""

    def stretch(self, passphrase: bytes, salt: bytes, passes: int, memory_bytes: int) -> bytes:
        """Return the key of a passphrase; slow on purpose.

        Raises
        ------
        MemoryError
            There is not so much memory.
        """

    def lock(self, key: bytes, nonce: bytes, secret: bytes) -> bytes:
        """Return a box that `key` opens; a nonce serves once for a key."""

    def unlock(self, key: bytes, nonce: bytes, box: bytes) -> bytes | None:
        """Return what is in a box; None if the key is wrong or the box was changed."""


def load_ed25519() -> Ed25519:
    """Return libsodium's Ed25519.

    Raises
    ------
    LibsodiumMissing
    """
    return _load()


def load_boxes() -> Boxes:
    """Return libsodium's boxes.

    Raises
    ------
    LibsodiumMissing
    """
    return _load()


def _load() -> "_SystemLibsodium | _PyNaCl":
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

    def stretch(self, passphrase: bytes, salt: bytes, passes: int, memory_bytes: int) -> bytes:
        assert len(salt) == SALT_BYTES
        key = ctypes.create_string_buffer(BOX_KEY_BYTES)
        failed: int = self._library.crypto_pwhash(
            key,
            ctypes.c_ulonglong(BOX_KEY_BYTES),
            passphrase,
            ctypes.c_ulonglong(len(passphrase)),
            salt,
            ctypes.c_ulonglong(passes),
            ctypes.c_size_t(memory_bytes),
            ctypes.c_int(_ARGON2ID),
        )
        if failed:
            raise MemoryError
        return key.raw

    def lock(self, key: bytes, nonce: bytes, secret: bytes) -> bytes:
        assert (len(key), len(nonce)) == (BOX_KEY_BYTES, NONCE_BYTES)
        box = ctypes.create_string_buffer(len(secret) + MAC_BYTES)
        length = ctypes.c_ulonglong(len(secret))
        self._library.crypto_secretbox_easy(box, secret, length, nonce, key)
        return box.raw

    def unlock(self, key: bytes, nonce: bytes, box: bytes) -> bytes | None:
        if (len(key), len(nonce)) != (BOX_KEY_BYTES, NONCE_BYTES) or len(box) < MAC_BYTES:
            return None
        secret = ctypes.create_string_buffer(max(1, len(box) - MAC_BYTES))
        length = ctypes.c_ulonglong(len(box))
        failed: int = self._library.crypto_secretbox_open_easy(secret, box, length, nonce, key)
        return None if failed else secret.raw[: len(box) - MAC_BYTES]

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

    def stretch(self, passphrase: bytes, salt: bytes, passes: int, memory_bytes: int) -> bytes:
        from nacl.exceptions import RuntimeError as Failed  # noqa: PLC0415 - no wheel on 32-bit ARM

        assert len(salt) == SALT_BYTES
        try:
            key = self._bindings.crypto_pwhash_alg(
                BOX_KEY_BYTES, passphrase, salt, passes, memory_bytes, _ARGON2ID
            )
        except Failed:
            raise MemoryError from None
        return bytes(key)

    def lock(self, key: bytes, nonce: bytes, secret: bytes) -> bytes:
        return bytes(self._bindings.crypto_secretbox(secret, nonce, key))

    def unlock(self, key: bytes, nonce: bytes, box: bytes) -> bytes | None:
        from nacl.exceptions import CryptoError  # noqa: PLC0415 - no wheel on 32-bit ARM

        if (len(key), len(nonce)) != (BOX_KEY_BYTES, NONCE_BYTES) or len(box) < MAC_BYTES:
            return None
        try:
            return bytes(self._bindings.crypto_secretbox_open(box, nonce, key))
        except CryptoError:
            return None
