# SPDX-License-Identifier: Apache-2.0
"""Every installed back end gives one logits digest, the law's; what is chosen, and why, is logged.

Digests over the reference families and over random architectures of every form.
"""

import logging
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from edge_node.inference import overlay, select
from edge_node.inference.backend import (
    Backend,
    BackendFailed,
    BackendUnavailable,
    Images,
    Labels,
    Logits,
)
from edge_node.inference.bitstream import AdoptedOverlay
from edge_node.inference.reference import ReferenceBackend
from edge_node.inference.select import (
    AUTO_ORDER,
    BACKENDS,
    BackendStatus,
    UnknownBackend,
    available_backends,
    open_backend,
    select_backend,
    select_backends,
)
from edge_node.spec import bnn
from edge_node.spec.architecture import BINARY_4K, DENSE_256, UINT8_1M, UINT8_4K, UINT8_94K
from edge_node.spec.evaluation import logits_digest
from edge_node.spec.model import Model
from tests.inference.interpreters import NEEDS
from tests.inference.models import (
    random_architecture,
    random_images,
    random_labels,
    random_model,
)

FAMILIES = {
    "BINARY_4K": BINARY_4K,
    "UINT8_4K": UINT8_4K,
    "UINT8_94K": UINT8_94K,
    "DENSE_256": DENSE_256,
}
IMAGE_COUNT = 530
"""More than one word of any kernel, and no multiple of one."""


@cache
def law_digest(family: str) -> str:
    model = random_model(FAMILIES[family], 1)
    images = random_images(FAMILIES[family], IMAGE_COUNT, 2)
    return logits_digest(ReferenceBackend().logits(model, images).tolist())


@cache
def random_case(seed: int) -> tuple[Model, Images, Labels, Logits, int]:
    model = random_model(random_architecture(seed), seed)
    images = random_images(model.architecture, 11, seed)
    labels = random_labels(model.architecture, 11, seed)
    law = ReferenceBackend()
    correct = law.count_correct(model, images, labels)
    return model, images, labels, law.logits(model, images), correct


OPENED_HERE = [
    pytest.param(name, marks=pytest.mark.fpga) if name == "overlay-sim" else name
    for name in BACKENDS
    if name not in ("reference", "overlay", "serial")  # the law; and what has tests of its own
]


@pytest.fixture(scope="module", params=OPENED_HERE)
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    if need := NEEDS.get(request.param):
        need()
    opened = open_backend(request.param)
    yield opened
    opened.close()


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_reference_families_have_one_digest(backend: Backend, family: str) -> None:
    model = random_model(FAMILIES[family], 1)
    images = random_images(FAMILIES[family], IMAGE_COUNT, 2)
    assert logits_digest(backend.logits(model, images).tolist()) == law_digest(family)


@pytest.mark.parametrize(
    "seed", [*range(6), *(pytest.param(s, marks=pytest.mark.slow) for s in range(6, 30))]
)
def test_random_architectures_have_one_digest(backend: Backend, seed: int) -> None:
    model, images, labels, logits, correct = random_case(seed)
    assert np.array_equal(backend.logits(model, images), logits)
    assert backend.count_correct(model, images, labels) == correct


@pytest.mark.slow
def test_the_greatest_family_has_one_digest(backend: Backend) -> None:
    model = random_model(UINT8_1M, 1)
    images = random_images(UINT8_1M, 3, 2)
    expected = [bnn.logits(model, image.tobytes()) for image in images]
    assert backend.logits(model, images).tolist() == expected


def test_no_images_are_no_trouble(backend: Backend) -> None:
    model = random_model(BINARY_4K, 1)
    images = random_images(BINARY_4K, 0, 1)
    logits = backend.logits(model, images)
    assert logits.shape == (0, 10)
    assert logits.dtype == np.int32
    assert backend.count_correct(model, images, np.empty(0, np.uint8)) == 0


def test_images_that_can_not_be_written_and_lie_apart_are_taken(backend: Backend) -> None:
    model = random_model(BINARY_4K, 1)
    images = random_images(BINARY_4K, 40, 1)
    images.flags.writeable = False
    every_other = images[::2]
    expected = ReferenceBackend().logits(model, every_other)
    assert np.array_equal(backend.logits(model, every_other), expected)


class OneLogitOff(ReferenceBackend):
    closed = 0

    def logits(self, model: Model, images: Images) -> Logits:
        return super().logits(model, images) + 2

    def close(self) -> None:
        OneLogitOff.closed += 1


def with_native(
    monkeypatch: pytest.MonkeyPatch, *, why: str | None, made: type[ReferenceBackend]
) -> None:
    """Make it so that `native` is missing for that reason, or is that class; nothing else is."""
    here = select.BackendEntry(why_unavailable=lambda: None, construct=ReferenceBackend)
    native = select.BackendEntry(why_unavailable=lambda: why, construct=made)
    entries: Mapping[str, select.BackendEntry] = {"native": native, "reference": here}
    monkeypatch.setattr(select, "BACKENDS", entries)
    monkeypatch.setattr(select, "AUTO_ORDER", ("native", "reference"))


def test_a_back_end_that_computes_wrongly_is_not_handed_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with_native(monkeypatch, why=None, made=OneLogitOff)
    OneLogitOff.closed = 0
    with pytest.raises(BackendFailed, match="its answer to the known network binary is wrong"):
        select_backend("native")
    assert OneLogitOff.closed == 1
    with caplog.at_level(logging.WARNING):
        assert select_backend().name == "reference"
    assert "known network binary is wrong" in caplog.text


def test_without_kernels_the_next_is_taken_and_said_aloud(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with_native(monkeypatch, why="no gcc", made=ReferenceBackend)
    with caplog.at_level(logging.WARNING):
        assert select_backend().name == "reference"
    assert "back end native can not be used here: no gcc; trying the next" in caplog.text
    assert "back end reference, for lack of any other" in caplog.text


def test_the_choice_and_its_reason_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        select_backend("reference")
    assert "back end reference, as asked for: the law in pure Python" in caplog.text


def test_auto_takes_the_first_that_is_here() -> None:
    available = {status.name for status in available_backends() if status.available}
    backend = select_backend()
    assert backend.name == next(name for name in AUTO_ORDER if name in available)
    backend.close()


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownBackend, match=r"of auto, native, .*, not 'gpu'"):
        select_backend("gpu")


def test_a_missing_back_end_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    with_native(monkeypatch, why="install gcc", made=ReferenceBackend)
    with pytest.raises(BackendUnavailable, match="native can not be used here: install gcc"):
        select_backend("native")
    assert available_backends() == (
        BackendStatus(name="native", why_unavailable="install gcc"),
        BackendStatus(name="reference", why_unavailable=None),
    )


def test_auto_never_takes_the_overlay() -> None:
    assert not {"overlay", "overlay-sim"} & set(AUTO_ORDER)


def test_overlay_is_there_once_a_bitstream_was_adopted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    adopted = AdoptedOverlay(bitfile=tmp_path / "bnn.bit", sha256="", hwh_sha256="")
    asked: list[AdoptedOverlay | None] = []

    def why(given: AdoptedOverlay | None) -> str | None:
        asked.append(given)
        return "no board"

    monkeypatch.setattr(overlay, "why_no_board", why)
    for given in (None, adopted):
        status = {each.name: each for each in available_backends(given)}["overlay"]
        assert status.why_unavailable == "no board"
        with pytest.raises(BackendUnavailable, match="overlay can not be used here: no board"):
            select_backends("overlay", given)
    assert asked == [None, None, adopted, adopted]


@pytest.mark.parametrize("preference", ["auto", "reference"])
def test_the_law_is_always_the_last_resort(preference: str) -> None:
    backends = select_backends(preference)
    assert backends[-1].name == "reference"
    assert len({backend.name for backend in backends}) == len(backends)
    for backend in backends:
        backend.close()
