# SPDX-License-Identifier: Apache-2.0
"""Ed25519 against RFC 8032 and libsodium, on crafted forms too, over which libraries disagree."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_node.kernels.libsodium import load_ed25519
from edge_node.spec import signature
from edge_node.spec.signature import public_key, sign, verify

pytestmark = pytest.mark.arm

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
TOP = 1 << 255
"""The sign bit of an encoded point."""

SEED = bytes(range(32))
KEY = public_key(SEED)
MESSAGE = b"a header's hash"

RFC_8032 = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e3970"
            "1cf9b46bd25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613"
            "d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760"
            "984dc6594a7c15e9716ed28dc027beceea1ec40a"
        ),
    ),
]


LIBSODIUM = load_ed25519()


def agreed(key: bytes, message: bytes, signed: bytes) -> bool:
    verdict = verify(key, message, signed)
    assert verdict == LIBSODIUM.verify(key, message, signed)
    return verdict


def encoded(number: int) -> bytes:
    return number.to_bytes(32, "little")


def torsion_points() -> list[signature._Point]:
    """Return the eight points whose order divides eight, the identity first."""
    y = signature._ORDER_8_Y
    x = signature._recover_x(y)
    assert x is not None
    points = [signature._IDENTITY]
    for _ in range(7):
        points.append(signature._add(points[-1], (x, y, 1, x * y % P)))
    return points


SMALL_ORDER = sorted({signature._compress(point) for point in torsion_points()})
SMALL_ORDER_ODD = [
    encoded(number)
    for number in (P, P + 1, TOP | P, TOP | P + 1, TOP | 1, TOP | P - 1)  # -0 and y above p
]


@pytest.mark.parametrize(("seed", "key", "message", "signed"), RFC_8032)
def test_r_11_vectors_of_the_rfc(seed: str, key: str, message: str, signed: str) -> None:
    secret, text = bytes.fromhex(seed), bytes.fromhex(message)
    assert public_key(secret).hex() == key
    assert sign(secret, text).hex() == signed
    assert verify(bytes.fromhex(key), text, bytes.fromhex(signed))


@settings(max_examples=25)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=80), st.data())
def test_r_11_keys_and_signatures_are_libsodiums(
    seed: bytes, message: bytes, data: st.DataObject
) -> None:
    key, signed = LIBSODIUM.public_key(seed), LIBSODIUM.sign(seed, message)
    assert public_key(seed) == key
    assert sign(seed, message) == signed
    assert agreed(key, message, signed)
    place = data.draw(st.integers(0, 8 * (32 + 64 + len(message)) - 1))
    every = bytearray(key + signed + message)
    every[place >> 3] ^= 1 << (place & 7)
    assert not agreed(bytes(every[:32]), bytes(every[96:]), bytes(every[32:96]))


@settings(max_examples=40)
@given(st.binary(min_size=32, max_size=32), st.binary(min_size=64, max_size=64))
def test_r_11_rubbish_is_refused_by_both(key: bytes, signed: bytes) -> None:
    assert not agreed(key, MESSAGE, signed)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_r_11_key_of_another_length_is_refused(size: int) -> None:
    assert not verify(bytes(size), MESSAGE, sign(SEED, MESSAGE))


@pytest.mark.parametrize("size", [0, 63, 65])
def test_r_11_signature_of_another_length_is_refused(size: int) -> None:
    assert not verify(KEY, MESSAGE, (sign(SEED, MESSAGE) + b"\0")[:size])


def test_r_11_s_has_one_form() -> None:
    signed = sign(SEED, MESSAGE)
    s = int.from_bytes(signed[32:], "little")
    assert agreed(KEY, MESSAGE, signed)
    for number in (s + L, s + 2 * L, s + 8 * L, s + 15 * L, L, L + 1, TOP | s):
        if number < 1 << 256:
            assert not agreed(KEY, MESSAGE, signed[:32] + encoded(number))


@pytest.mark.parametrize("key", [*SMALL_ORDER, *SMALL_ORDER_ODD], ids=bytes.hex)
def test_r_11_key_of_small_order_signs_nothing(key: bytes) -> None:
    # With S = 0 and R = identity the equation holds for one message in eight, or for all.
    for point in (*SMALL_ORDER, KEY):
        for number in range(16):
            assert not agreed(key, bytes([number]), point + encoded(0))


@pytest.mark.parametrize("key", [*SMALL_ORDER, *SMALL_ORDER_ODD], ids=bytes.hex)
def test_r_11_key_of_small_order_signs_nothing_with_a_point_of_the_group(key: bytes) -> None:
    # R = r B and S = r: what the key adds is nothing for one message in eight, or for all.
    for r in range(1, 17):
        point = signature._compress(signature._multiply(r, signature._BASE))
        assert not agreed(key, MESSAGE, point + encoded(r))


@pytest.mark.parametrize("point", [*SMALL_ORDER, *SMALL_ORDER_ODD], ids=bytes.hex)
def test_r_11_r_of_small_order_is_refused(point: bytes) -> None:
    scalar, _ = signature._expand(SEED)
    challenge = signature._hash_scalar(point, KEY, MESSAGE)
    assert not agreed(KEY, MESSAGE, point + encoded(challenge * scalar % L))


def test_r_11_key_with_a_part_of_small_order_signs_one_message_in_eight() -> None:
    # The equation is taken without the cofactor: a library that takes it with would accept all.
    scalar, prefix = signature._expand(SEED)
    base = signature._multiply(scalar, signature._BASE)
    accepted = 0
    for number, torsion in enumerate(torsion_points()[1:] * 8):
        key = signature._compress(signature._add(base, torsion))
        message = bytes([number])
        r = signature._hash_scalar(prefix, message)
        point = signature._compress(signature._multiply(r, signature._BASE))
        s = (r + signature._hash_scalar(point, key, message) * scalar) % L
        accepted += agreed(key, message, point + encoded(s))
    assert 0 < accepted < 40


def test_r_11_r_with_a_part_of_small_order_is_refused() -> None:
    scalar, prefix = signature._expand(SEED)
    for torsion in torsion_points()[1:]:
        r = signature._hash_scalar(prefix, MESSAGE)
        mixed = signature._add(signature._multiply(r, signature._BASE), torsion)
        point = signature._compress(mixed)
        s = (r + signature._hash_scalar(point, KEY, MESSAGE) * scalar) % L
        assert not agreed(KEY, MESSAGE, point + encoded(s))


def test_r_11_key_above_p_is_refused() -> None:
    signed = sign(SEED, MESSAGE)
    for number in range(19):
        for high in (0, TOP):
            assert not agreed(encoded(high | P + number), MESSAGE, signed)
            assert not agreed(KEY, MESSAGE, encoded(high | P + number) + signed[32:])


def test_r_11_key_beside_the_curve_is_refused() -> None:
    signed = sign(SEED, MESSAGE)
    beside = [y for y in range(2, 40) if signature._recover_x(y) is None]
    assert len(beside) > 10
    for y in beside:
        assert not agreed(encoded(y), MESSAGE, signed)
