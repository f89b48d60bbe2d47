# SPDX-License-Identifier: Apache-2.0
"""`edge-node model verify`: the contract's keys, equal logits, and files that are no models."""

import json
from pathlib import Path

import pytest

from edge_node.inference import select
from edge_node.inference.backend import BackendFailed, Images, Logits
from edge_node.inference.reference import ReferenceBackend
from edge_node.inference.select import BackendEntry
from edge_node.spec.model import Model
from tests.cli.typing_in import typed
from tests.inference.test_select import OneLogitOff

pytestmark = pytest.mark.slow

KEYS = {"name", "available", "digest", "correct", "total", "images_per_s"}
IMAGES = 20
"""On which a model is verified here."""


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


def test_limit_takes_the_first_images(toy_node: Path, blob: str) -> None:
    digests = []
    for name in ("reference", "numpy"):
        words = ("model", "verify", blob, "--backend", name, "--dataset", "easy", "--limit", "7")
        (verdict,) = typed(toy_node, *words, "--json").json()["backends"]
        assert verdict["total"] == 7
        digests.append(verdict["digest"])
    assert digests[0] == digests[1]
    words = ("model", "verify", blob, "--backend", "numpy", "--dataset", "easy", "--limit", "999")
    assert typed(toy_node, *words, "--json").json()["backends"][0]["total"] == IMAGES
    assert typed(toy_node, *words[:-1], "0").code == 2


WORDS = ("--dataset", "easy", "--backend")


def only(monkeypatch: pytest.MonkeyPatch, **entries: BackendEntry) -> None:
    """Make it so that these are all back ends there are, beside the law."""
    law = BackendEntry(why_unavailable=lambda: None, construct=ReferenceBackend)
    monkeypatch.setattr(select, "BACKENDS", {"reference": law, **entries})


def test_back_end_that_is_not_there_is_told_and_not_counted(
    toy_node: Path, blob: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = BackendEntry(why_unavailable=lambda: "install it", construct=ReferenceBackend)
    only(monkeypatch, lce=missing)
    answer = typed(toy_node, "model", "verify", blob, *WORDS, "all", "--json").json()
    assert answer["equal"]
    assert [each["available"] for each in answer["backends"]] == [True, False]
    assert "not installed" in typed(toy_node, "model", "verify", blob, *WORDS, "all").out
    assert "install it" in typed(toy_node, "model", "verify", blob, *WORDS, "lce").sentence(9)
    assert "not 'abacus'" in typed(toy_node, "model", "verify", blob, *WORDS, "abacus").sentence(9)


class Crashing(ReferenceBackend):
    """Passes the known answers, and breaks on the images."""

    def logits(self, model: Model, images: Images) -> Logits:
        if len(images) == IMAGES:
            raise BackendFailed(backend="lce", why="ended by signal 11")
        return super().logits(model, images)


class OffOnTheImages(ReferenceBackend):
    """Passes the known answers, and is wrong on the images."""

    def logits(self, model: Model, images: Images) -> Logits:
        return super().logits(model, images) + 2 * (len(images) == IMAGES)


def present(made: type[ReferenceBackend]) -> BackendEntry:
    return BackendEntry(why_unavailable=lambda: None, construct=made)


@pytest.mark.parametrize(
    ("made", "why"), [(OneLogitOff, "is wrong"), (Crashing, "ended by signal 11")]
)
@pytest.mark.parametrize("asked", ["all", "lce"])
@pytest.mark.slow
def test_back_end_that_is_installed_and_fails_is_a_no(
    toy_node: Path,
    blob: str,
    monkeypatch: pytest.MonkeyPatch,
    made: type[ReferenceBackend],
    why: str,
    asked: str,
) -> None:
    only(monkeypatch, lce=present(made))
    seen = typed(toy_node, "model", "verify", blob, *WORDS, asked, "--json")
    answer = json.loads(seen.out)
    assert (seen.code, answer["equal"]) == (1, False)
    assert why in seen.err
    failed = answer["backends"][-1]
    nothing = {"correct": 0, "total": 0, "images_per_s": 0}
    assert failed == {"name": "lce", "available": True, "digest": None, **nothing}
    told = typed(toy_node, "model", "verify", blob, *WORDS, asked)
    assert told.code == 1
    assert told.out.startswith("NOT EQUAL logits")
    assert "FAILED" in told.out
    assert why.rpartition(" ")[2] in told.out  # the cell is folded between words
    assert "not installed" not in told.out


def test_one_wrong_logit_is_a_no(
    toy_node: Path, blob: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, lce=present(OffOnTheImages))
    seen = typed(toy_node, "model", "verify", blob, *WORDS, "all", "--json")
    answer = json.loads(seen.out)
    assert (seen.code, answer["equal"]) == (1, False)
    assert len({each["digest"] for each in answer["backends"]}) == 2


def test_other_files_and_other_datasets(toy_node: Path, blob: str) -> None:
    other = toy_node / "genesis"
    words = ("--backend", "reference", "--dataset")
    assert "is not a model blob" in typed(toy_node, "model", "verify", str(other)).sentence(6)
    unknown = typed(toy_node, "model", "verify", blob, *words, "nothing")
    assert "edge-node dataset list" in unknown.sentence(7)
    assert typed(toy_node, "model", "verify", "nowhere").code == 2
