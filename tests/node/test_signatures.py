# SPDX-License-Identifier: Apache-2.0
"""Valid signatures are checked once; no other key, message or signature profits from that."""

from edge_node.kernels.libsodium import Ed25519, load_ed25519
from edge_node.node.signatures import RememberingEd25519
from edge_node.primitives.types import PublicKey, Signature

SEED = bytes(range(32))


class Counting:
    """Libsodium that counts its checks."""

    def __init__(self) -> None:
        self._ed25519: Ed25519 = load_ed25519()
        self.name = self._ed25519.name
        self.checks = 0

    def public_key(self, seed: bytes) -> PublicKey:
        return self._ed25519.public_key(seed)

    def sign(self, seed: bytes, message: bytes) -> Signature:
        return self._ed25519.sign(seed, message)

    def verify(self, key: bytes, message: bytes, signature: bytes) -> bool:
        self.checks += 1
        return self._ed25519.verify(key, message, signature)


def test_valid_signature_is_checked_once() -> None:
    counting = Counting()
    ours = RememberingEd25519(counting)
    key, signature = ours.public_key(SEED), ours.sign(SEED, b"text")
    assert [ours.verify(key, b"text", signature) for _ in range(3)] == [True] * 3
    assert counting.checks == 1


def test_what_differs_in_anything_is_checked_and_refused_every_time() -> None:
    counting = Counting()
    ours = RememberingEd25519(counting)
    key, signature = ours.public_key(SEED), ours.sign(SEED, b"text")
    assert ours.verify(key, b"text", signature)
    other = ours.public_key(bytes(32))
    flipped = bytes([signature[0] ^ 1]) + signature[1:]
    for _ in range(2):
        assert not ours.verify(other, b"text", signature)
        assert not ours.verify(key, b"texu", signature)
        assert not ours.verify(key, b"text", flipped)
    assert counting.checks == 1 + 6


def test_oldest_is_forgotten() -> None:
    counting = Counting()
    ours = RememberingEd25519(counting, most=2)
    key = ours.public_key(SEED)
    for text in (b"1", b"2", b"3", b"3", b"1"):
        assert ours.verify(key, text, ours.sign(SEED, text))
    assert counting.checks == 4
