# SPDX-License-Identifier: Apache-2.0
"""The shared vectors are those of the law, and say what other implementations rely on."""

import json

import nacl.bindings
import nacl.exceptions
import pytest

from tools.make_vectors import FOLDER, VECTORS, render


@pytest.mark.parametrize("name", VECTORS)
def test_vectors_are_up_to_date(name: str) -> None:
    stored = (FOLDER / f"{name}.json").read_text()
    assert stored == render(name), "the law has changed, or run `python -m tools.make_vectors`"


def test_libsodium_agrees_with_every_signature_vector() -> None:
    cases = json.loads((FOLDER / "signatures.json").read_text())["cases"]
    for case in cases:
        key, message, signed = (bytes.fromhex(case[k]) for k in ("key", "message", "signature"))
        try:
            nacl.bindings.crypto_sign_open(signed + message, key)
            accepted = True
        except nacl.exceptions.BadSignatureError:
            accepted = False
        assert accepted == case["valid"], case["what"]
    assert {case["valid"] for case in cases} == {True, False}
