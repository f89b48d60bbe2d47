# SPDX-License-Identifier: Apache-2.0
"""libsodium's Ed25519, by ctypes and by PyNaCl, has the values and verdicts of the law (R-11)."""

import ctypes
import hashlib
from collections.abc import Callable

import pytest

from edge_node.kernels import libsodium
from edge_node.kernels.libsodium import (
    BOX_KEY_BYTES,
    MAC_BYTES,
    NONCE_BYTES,
    SALT_BYTES,
    Boxes,
    Ed25519,
    LibsodiumMissing,
    load_boxes,
    load_ed25519,
)
from edge_node.spec import signature as law

pytestmark = pytest.mark.arm


def _pynacl(monkeypatch: pytest.MonkeyPatch) -> Ed25519:
    pytest.importorskip("nacl", reason="PyNaCl has no wheel for this machine")

    def missing(_name: str) -> ctypes.CDLL:
        raise OSError

    monkeypatch.setattr(ctypes, "CDLL", missing)
    return load_ed25519()


def _system(_monkeypatch: pytest.MonkeyPatch) -> Ed25519:
    return load_ed25519()


@pytest.fixture(params=[_system, _pynacl])
def ed25519(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Ed25519:
    make: Callable[[pytest.MonkeyPatch], Ed25519] = request.param
    return make(monkeypatch)


@pytest.mark.parametrize("size", [0, 1, 66, 4_096])
def test_r_11_keys_and_signatures_are_those_of_the_law(ed25519: Ed25519, size: int) -> None:
    seed = hashlib.sha256(size.to_bytes(4, "big")).digest()
    message = bytes(size)
    key = ed25519.public_key(seed)
    signed = ed25519.sign(seed, message)
    assert (key, signed) == (law.public_key(seed), law.sign(seed, message))
    assert ed25519.verify(key, message, signed)
    assert not ed25519.verify(key, message + b"x", signed)


def test_r_11_a_small_order_key_signs_nothing(ed25519: Ed25519) -> None:
    identity = (1).to_bytes(32, "little")
    forged = identity + bytes(32)  # R is the identity, S is 0: OpenSSL would take it
    assert not law.verify(identity, b"m", forged)
    assert not ed25519.verify(identity, b"m", forged)


def test_r_11_wrong_lengths_are_no_signature(ed25519: Ed25519) -> None:
    assert not ed25519.verify(bytes(31), b"m", bytes(64))
    assert not ed25519.verify(bytes(32), b"m", bytes(63))


@pytest.fixture(params=[_system, _pynacl])
def boxes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Boxes:
    request.param(monkeypatch)
    return load_boxes()


def test_boxes_are_libsodiums_and_open_for_their_key_alone(boxes: Boxes) -> None:
    key = boxes.stretch(b"correct horse", bytes(range(SALT_BYTES)), 2, 1 << 16)
    assert len(key) == BOX_KEY_BYTES
    assert key == load_boxes().stretch(b"correct horse", bytes(range(SALT_BYTES)), 2, 1 << 16)
    assert key != boxes.stretch(b"correct horse", bytes(SALT_BYTES), 2, 1 << 16)
    nonce = bytes(range(NONCE_BYTES))
    for secret in (b"", b"secret", bytes(1_000)):
        box = boxes.lock(key, nonce, secret)
        assert len(box) == len(secret) + MAC_BYTES
        assert boxes.unlock(key, nonce, box) == secret
        assert boxes.unlock(bytes(BOX_KEY_BYTES), nonce, box) is None
        assert boxes.unlock(key, nonce, box[:-1]) is None
        assert boxes.unlock(key, nonce, box[:-1] + bytes([box[-1] ^ 1])) is None
    assert boxes.unlock(key, nonce[1:], bytes(40)) is None


def test_both_libraries_make_the_same_box(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    for how in (_system, _pynacl):
        how(monkeypatch)
        boxes = load_boxes()
        key = boxes.stretch(b"pass", bytes(SALT_BYTES), 2, 1 << 16)
        made.append((key, boxes.lock(key, bytes(NONCE_BYTES), b"secret")))
    assert made[0] == made[1]


def test_neither_library_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_name: str) -> ctypes.CDLL:
        raise OSError

    def not_installed() -> Ed25519:
        raise ImportError

    monkeypatch.setattr(ctypes, "CDLL", missing)
    monkeypatch.setattr(libsodium, "_PyNaCl", not_installed)
    with pytest.raises(LibsodiumMissing, match="apt install libsodium23"):
        load_ed25519()
