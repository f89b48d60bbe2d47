# SPDX-License-Identifier: Apache-2.0
"""The node's key against the law's own Ed25519."""

from edge_node.kernels.libsodium import load_ed25519
from edge_node.node.signer import KeySigner
from edge_node.spec import signature

SEED = bytes(range(32))


def test_signs_what_the_law_verifies() -> None:
    signer = KeySigner(load_ed25519(), SEED)
    assert signer.public_key == signature.public_key(SEED)
    signed = signer.sign(b"message")
    assert signature.verify(signer.public_key, b"message", signed)
    assert not signature.verify(signer.public_key, b"massage", signed)


def test_seed_is_not_shown() -> None:
    signer = KeySigner(load_ed25519(), SEED)
    assert SEED.hex() not in repr(signer)
    assert not any(value == SEED for name, value in vars(signer).items() if name[0] != "_")
