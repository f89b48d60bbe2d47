# SPDX-License-Identifier: Apache-2.0
"""`edge-node model verify`: the contract's keys, equal logits, and files that are no models."""

from pathlib import Path

import pytest

from tests.cli.typing_in import typed

KEYS = {"name", "available", "digest", "correct", "total", "images_per_s"}


@pytest.fixture
def blob(toy_node: Path) -> str:
    path = toy_node.parent / "best.bnn"
    typed(toy_node, "model", "export", "best", "--format", "blob", "--output", str(path))
    return str(path)


def test_two_back_ends_agree_in_every_bit(toy_node: Path, blob: str) -> None:
    verdicts = []
    for name in ("reference", "numpy"):
        words = ("model", "verify", blob, "--backend", name, "--dataset", "easy", "--json")
        answer = typed(toy_node, *words).json()
        assert answer["equal"]
        (verdict,) = answer["backends"]
        assert set(verdict) == KEYS
        verdicts.append((verdict["digest"], verdict["correct"], verdict["total"]))
    assert verdicts[0] == verdicts[1]


def test_table_names_the_back_end(toy_node: Path, blob: str) -> None:
    words = ("model", "verify", blob, "--backend", "reference", "--dataset", "easy")
    shown = typed(toy_node, *words).out
    assert shown.startswith("equal logits on 20 images")
    assert "reference" in shown


def test_back_end_that_is_not_there_is_told_and_not_counted(toy_node: Path, blob: str) -> None:
    words = ("model", "verify", blob, "--backend", "abacus", "--dataset", "easy")
    seen = typed(toy_node, *words)
    assert seen.code == 1
    assert "not installed" in seen.out


def test_other_files_and_other_datasets(toy_node: Path, blob: str) -> None:
    other = toy_node / "genesis"
    words = ("--backend", "reference", "--dataset")
    assert "is not a model blob" in typed(toy_node, "model", "verify", str(other)).sentence(1)
    unknown = typed(toy_node, "model", "verify", blob, *words, "nothing")
    assert "edge-node dataset list" in unknown.sentence(7)
    assert typed(toy_node, "model", "verify", "nowhere").code == 2
