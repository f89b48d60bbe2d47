# SPDX-License-Identifier: Apache-2.0
"""Our own back ends remember no model or images they should not, and say when they can not run.

That their logits are the law's is tested in test_select.py.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from edge_node.inference import native
from edge_node.inference.backend import Backend, BackendFailed, BackendUnavailable, ImagesDoNotFit
from edge_node.inference.native import NativeBackend, NumpyBackend
from edge_node.inference.reference import ReferenceBackend
from edge_node.kernels import engine
from edge_node.kernels.evaluation import CompiledImages, EvaluatorUnavailable
from edge_node.spec.architecture import BINARY_4K, Architecture, conv, dense
from tests.inference.interpreters import need_kernels
from tests.inference.models import random_images, random_labels, random_model

pytestmark = pytest.mark.arm

SMALL, SMALL_UINT8 = (
    Architecture(
        height=8,
        width=8,
        input_channels=1,
        input_bits=bits,
        layers=(conv(6, pool=True), conv(9, kernel=2), dense(4)),
    )
    for bits in (1, 8)
)


@pytest.fixture(params=[NativeBackend, NumpyBackend])
def backend(request: pytest.FixtureRequest) -> Backend:
    made: type[NativeBackend | NumpyBackend] = request.param
    if made is NativeBackend:
        need_kernels()
    return made()


@pytest.mark.parametrize("architecture", [SMALL, SMALL_UINT8], ids=["1-bit", "8-bit"])
@pytest.mark.parametrize("sliced_from", [1, 1_000])
def test_it_follows_every_change_of_model_and_images(
    backend: Backend,
    architecture: Architecture,
    sliced_from: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(native, "SLICED_IMAGES_MIN", sliced_from)
    law = ReferenceBackend()
    labels = random_labels(architecture, 70, 3)
    images = random_images(architecture, 70, 4)
    models = [random_model(architecture, seed) for seed in (1, 2)]
    for model in (*models, models[0]):
        for start in (0, 64):
            images[start] = 255 - images[start]  # in place: the array stays the same object
            expected = law.count_correct(model, images, labels)
            assert backend.count_correct(model, images, labels) == expected
            assert np.array_equal(backend.logits(model, images), law.logits(model, images))
    backend.close()
    assert backend.count_correct(models[1], images[:3], labels[:3]) == law.count_correct(
        models[1], images[:3], labels[:3]
    )


def test_unchangeable_images_are_sliced_once(monkeypatch: pytest.MonkeyPatch) -> None:
    need_kernels()
    count = native.SLICED_IMAGES_MIN + 1
    pixels = random_images(SMALL, 2 * count, 1).tobytes()
    both = np.frombuffer(pixels, np.uint8).reshape(2 * count, 64)
    first, second = both[:count], both[count:]
    labels = random_labels(SMALL, count, 3)
    backend, law, slicings = NativeBackend(), ReferenceBackend(), []

    def counted(*args: Any, **kwargs: Any) -> CompiledImages:
        slicings.append(args)
        return CompiledImages(*args, **kwargs)

    monkeypatch.setattr(native, "CompiledImages", counted)
    for images, total in ((first, 1), (first, 1), (second, 2), (first, 3)):
        for seed in (1, 2):
            model = random_model(SMALL, seed)
            expected = law.count_correct(model, images, labels)
            assert backend.count_correct(model, images, labels) == expected
            assert np.array_equal(backend.logits(model, images), law.logits(model, images))
        assert len(slicings) == total


def test_view_of_an_array_that_can_change_is_not_remembered() -> None:
    need_kernels()
    owner = random_images(SMALL, native.SLICED_IMAGES_MIN, 1)
    view = owner[:]
    view.flags.writeable = False
    backend, model = NativeBackend(), random_model(SMALL, 1)
    for _ in range(2):
        expected = ReferenceBackend().logits(model, view)
        assert np.array_equal(backend.logits(model, view), expected)
        owner ^= 255


def test_same_pixels_in_another_form_are_sliced_anew() -> None:
    need_kernels()
    wide = replace(SMALL, height=4, width=16, layers=(conv(5), dense(4)))
    images = np.frombuffer(random_images(SMALL, 600, 1).tobytes(), np.uint8).reshape(600, 64)
    backend = NativeBackend()
    for architecture in (SMALL, wide, SMALL):
        model = random_model(architecture, 1)
        expected = ReferenceBackend().logits(model, images)
        assert np.array_equal(backend.logits(model, images), expected)


def test_images_of_another_form_are_refused(backend: Backend) -> None:
    model = random_model(BINARY_4K, 1)
    with pytest.raises(ImagesDoNotFit):
        backend.logits(model, np.zeros((2, 783), np.uint8))
    with pytest.raises(ImagesDoNotFit):
        backend.count_correct(model, np.zeros((2, 784), np.uint8), np.zeros(3, np.uint8))


def test_without_kernels_it_says_how_to_build_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "load_library", lambda: None)
    assert native.why_unavailable() == native._NOT_BUILT
    with pytest.raises(BackendUnavailable, match=r"native can not be used here: .*make"):
        NativeBackend()


def test_kernels_out_of_memory_are_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    need_kernels()

    def no_engine(*_: object, **__: object) -> None:
        raise engine.EngineUnavailable("no memory for the model")

    def no_images(*_: object, **__: object) -> None:
        raise EvaluatorUnavailable("no memory for the images")

    backend, model = NativeBackend(), random_model(SMALL, 1)
    monkeypatch.setattr(native, "Engine", no_engine)
    monkeypatch.setattr(native, "CompiledImages", no_images)
    with pytest.raises(BackendFailed, match=r"native failed \(no memory for the model\)"):
        backend.logits(model, random_images(SMALL, 1, 1))
    with pytest.raises(BackendFailed, match=r"native failed \(no memory for the images\)"):
        backend.logits(model, random_images(SMALL, native.SLICED_IMAGES_MIN, 1))
