# SPDX-License-Identifier: Apache-2.0
"""Ed25519 (RFC 8032) in pure Python, with the acceptance rules of libsodium.

Rule R-11. Libraries disagree on crafted signatures, which would fork a chain; so the law is what
libsodium does: S below the group order, no small-order R or A in any encoding, A canonical, and R
compared byte by byte without the cofactor.
Law of the file: the oracle of the tests and the fallback without libsodium; it is not constant
time, so a key that guards money signs through edge_node/kernels/libsodium.py.
Read next: transaction.py.
"""

import hashlib
from collections.abc import Callable
from typing import TypeAlias

from edge_node.primitives.types import PublicKey, Signature

PUBLIC_KEY_BYTES = 32
SIGNATURE_BYTES = 64
SEED_BYTES = 32

SignatureCheck: TypeAlias = Callable[[bytes, bytes, bytes], bool]
"""verify(key, message, signature), as `verify` defines it."""

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
_SQRT_MINUS_1 = pow(2, (_P - 1) // 4, _P)

_Point: TypeAlias = tuple[int, int, int, int]
"""Extended coordinates (X, Y, Z, T): x = X/Z, y = Y/Z, xy = T/Z."""

_IDENTITY: _Point = (0, 1, 1, 0)

_ORDER_8_Y = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_SMALL_ORDER_Y = frozenset((0, 1, _ORDER_8_Y, _P - _ORDER_8_Y, _P - 1, _P, _P + 1))
"""y of every point of order 1, 2, 4 or 8, canonical or not, as libsodium's blacklist has them."""

_Y_MASK = (1 << 255) - 1


def public_key(seed: bytes) -> PublicKey:
    """Return the public key of a 32-byte secret seed."""
    scalar, _ = _expand(seed)
    return PublicKey(_compress(_multiply(scalar, _BASE)))


def sign(seed: bytes, message: bytes) -> Signature:
    """Return the signature of `message` by the key of `seed`."""
    scalar, prefix = _expand(seed)
    key = _compress(_multiply(scalar, _BASE))
    r = _hash_scalar(prefix, message)
    point = _compress(_multiply(r, _BASE))
    s = (r + _hash_scalar(point, key, message) * scalar) % _L
    return Signature(point + s.to_bytes(32, "little"))


def verify(key: bytes, message: bytes, signature: bytes) -> bool:
    """Return True if libsodium accepts `signature` of `message` by `key` (R-11)."""
    if len(key) != PUBLIC_KEY_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    point, s = signature[:32], int.from_bytes(signature[32:], "little")
    if s >= _L or _has_small_order(point):
        return False
    if int.from_bytes(key, "little") & _Y_MASK >= _P or _has_small_order(key):
        return False
    negated = _decompress_negated(key)
    if negated is None:
        return False
    challenge = _hash_scalar(point, key, message)
    return _compress(_double_multiply(challenge, negated, s, _BASE)) == point


def _has_small_order(encoded: bytes) -> bool:
    return int.from_bytes(encoded, "little") & _Y_MASK in _SMALL_ORDER_Y


def _expand(seed: bytes) -> tuple[int, bytes]:
    digest = hashlib.sha512(seed).digest()
    scalar = int.from_bytes(digest[:32], "little")
    scalar = scalar & ((1 << 254) - 8) | 1 << 254
    return scalar, digest[32:]


def _hash_scalar(*parts: bytes) -> int:
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little") % _L


def _add(a: _Point, b: _Point) -> _Point:
    u = (a[1] - a[0]) * (b[1] - b[0]) % _P
    v = (a[1] + a[0]) * (b[1] + b[0]) % _P
    w = 2 * a[3] * b[3] * _D % _P
    z = 2 * a[2] * b[2] % _P
    e, f, g, h = v - u, z - w, z + w, v + u
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _double(a: _Point) -> _Point:
    xx, yy, zz = a[0] * a[0] % _P, a[1] * a[1] % _P, 2 * a[2] * a[2] % _P
    h = xx + yy
    e = h - (a[0] + a[1]) * (a[0] + a[1]) % _P
    g = xx - yy
    f = zz + g
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _multiply(scalar: int, point: _Point) -> _Point:
    result = _IDENTITY
    for bit in f"{scalar:b}":
        result = _double(result)
        if bit == "1":
            result = _add(result, point)
    return result


def _double_multiply(m: int, a: _Point, n: int, b: _Point) -> _Point:
    """Return m * a + n * b, both scalars read together (Straus)."""
    both = _add(a, b)
    result = _IDENTITY
    for i in reversed(range(max(m.bit_length(), n.bit_length()))):
        result = _double(result)
        chosen = m >> i & 1 | (n >> i & 1) << 1
        if chosen:
            result = _add(result, (a, b, both)[chosen - 1])
    return result


def _compress(point: _Point) -> bytes:
    inverse = pow(point[2], -1, _P)
    x, y = point[0] * inverse % _P, point[1] * inverse % _P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _decompress_negated(encoded: bytes) -> _Point | None:
    number = int.from_bytes(encoded, "little")
    y, sign_bit = number & _Y_MASK, number >> 255
    x = _recover_x(y)
    if x is None:
        return None
    if x & 1 == sign_bit:
        x = (_P - x) % _P
    return x, y, 1, x * y % _P


def _recover_x(y: int) -> int | None:
    u, v = (y * y - 1) % _P, (_D * y * y + 1) % _P
    square = u * pow(v, -1, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if x * x % _P == square:
        return x
    x = x * _SQRT_MINUS_1 % _P
    return x if x * x % _P == square else None


def _base_point() -> _Point:
    y = 4 * pow(5, -1, _P) % _P
    x = _recover_x(y)
    assert x is not None
    x = x if x % 2 == 0 else _P - x
    return x, y, 1, x * y % _P


_BASE = _base_point()
