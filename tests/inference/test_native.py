# SPDX-License-Identifier: Apache-2.0
"""Our own back ends remember no model or images they should not, and say when they can not run.

That their logits are the law's is tested in test_select.py.
"""

import numpy as np
import pytest

from edge_node.inference import native
from edge_node.inference.backend import Backend, BackendFailed, BackendUnavailable, ImagesDoNotFit
from edge_node.inference.native import NativeBackend, NumpyBackend
from edge_node.inference.reference import ReferenceBackend
from edge_node.kernels import engine
from edge_node.spec.architecture import BINARY_4K, Architecture, conv, dense
from tests.inference.models import random_images, random_labels, random_model

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
    if made is NativeBackend and native.why_unavailable():
        pytest.skip("no C compiler built the kernels")
    return made()


@pytest.mark.parametrize("architecture", [SMALL, SMALL_UINT8], ids=["1-bit", "8-bit"])
def test_it_follows_every_change_of_model_and_images(
    backend: Backend, architecture: Architecture
) -> None:
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
    if native.why_unavailable():
        pytest.skip("no C compiler built the kernels")

    def no_memory(*_: object) -> None:
        raise engine.EngineUnavailable("no memory")

    backend = NativeBackend()
    monkeypatch.setattr(native, "Engine", no_memory)
    with pytest.raises(BackendFailed, match="native failed"):
        backend.logits(random_model(BINARY_4K, 1), random_images(BINARY_4K, 1, 1))
