# SPDX-License-Identifier: Apache-2.0
"""The packed engine against the law, on every path of this CPU and in numpy, odd widths first."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import pytest

from edge_node.kernels import shared_object
from edge_node.kernels.engine import Engine, EngineUnavailable
from edge_node.kernels.numpy_engine import NumpyEngine
from edge_node.kernels.shared_object import KernelPath, load_library, supported_paths
from edge_node.spec import bnn
from edge_node.spec.architecture import conv, dense
from edge_node.spec.constants import MAX_FAN_IN
from edge_node.spec.evaluation import count_correct, slice_images
from edge_node.spec.model import Model
from tests.kernels.compiled import need_library, this_cpus_path
from tests.kernels.engine_models import (
    FAMILIES,
    NETWORKS,
    RANDOM_NETWORKS,
    case,
    network,
    random_images,
    random_model,
)

pytestmark = pytest.mark.arm

Prepare = Callable[[Model], Engine | NumpyEngine]

CASES = [*NETWORKS, *map(str, range(RANDOM_NETWORKS)), *FAMILIES]


def compiled(path: KernelPath | None = None) -> Prepare:
    need_library()
    if path is not None:
        this_cpus_path(path.name)
    return lambda model: Engine(model, path)


@pytest.fixture(params=["numpy", *(path.name for path in KernelPath)])
def prepare(request: pytest.FixtureRequest) -> Prepare:
    if request.param == "numpy":
        return NumpyEngine
    return compiled(KernelPath[request.param])


@pytest.fixture
def fastest() -> Prepare:
    return compiled()


def test_logits_are_those_of_the_law(prepare: Prepare) -> None:
    for name in CASES:
        expected = case(name)
        logits = prepare(expected.model).logits(expected.images)
        np.testing.assert_array_equal(logits, expected.logits, name)


def test_any_number_of_images(prepare: Prepare) -> None:
    expected = case("same, pooled, wide")
    engine = prepare(expected.model)
    for count in (0, 1, 2, 3, 4, 5, 15, 16, 17):
        logits = engine.logits(expected.images[:count])
        np.testing.assert_array_equal(logits, expected.logits[:count], f"{count} images")


def test_accuracy_is_that_of_the_law(prepare: Prepare) -> None:
    expected = case("8 bits")
    labels = np.resize(np.arange(5, dtype=np.uint8), len(expected.images))  # 4 is no class
    labels[::2] = expected.logits.argmax(axis=1)[::2]
    sliced = slice_images(expected.model.architecture, expected.images.tobytes())
    engine = prepare(expected.model)
    correct = count_correct(expected.model, sliced, labels.tobytes())
    assert engine.count_correct(expected.images, labels) == correct
    assert 0 < correct < len(labels)


def test_of_equal_logits_the_first_wins(prepare: Prepare) -> None:
    model = Model(
        architecture=network((1, 2, 1), 1, dense(4)),
        weights=((0b11, 0b01, 0b01, 0b01),),
        thresholds=((0, 0, 0, -1),),
    )
    image = np.array([[0, 255]], np.uint8)  # the logits are 0, 2, 2, 1
    wins = [prepare(model).count_correct(image, np.array([k], np.uint8)) for k in range(4)]
    assert wins == [0, 1, 0, 0]


@pytest.mark.parametrize("bits", [1, 8])
@pytest.mark.parametrize("negative", [False, True])
def test_greatest_sums_of_the_greatest_fan_in(prepare: Prepare, bits: int, negative: bool) -> None:
    weights = (1 << MAX_FAN_IN) - 1 if negative else 0
    architecture = network((64, 64, 4), bits, dense(3), dense(3))
    most = architecture.shapes[0].threshold_range[1]
    sums = most - 1 if bits == 8 else most  # every product -1: what black times +1 gives
    model = Model(
        architecture=architecture,
        weights=((weights,) * 3, (0b001, 0b010, 0b100)),
        thresholds=((sums - 1, sums, most), (0, 0, 0)),
    )
    images = np.zeros((2, architecture.image_bytes), np.uint8)
    images[1] = 255
    expected = by_the_law(model, images)
    np.testing.assert_array_equal(prepare(model).logits(images), expected)


def test_greatest_width(prepare: Prepare) -> None:
    architecture = network((4, 4, 1), 1, conv(1_024, kernel=1), dense(2))  # a fan-in of 16,384
    model = random_model(architecture, 0)
    images = random_images(architecture, 3, 0)
    np.testing.assert_array_equal(prepare(model).logits(images), by_the_law(model, images))


def test_images_need_not_lie_together(prepare: Prepare) -> None:
    expected = case("8 bits, colour")
    np.testing.assert_array_equal(
        prepare(expected.model).logits(expected.images[::3]), expected.logits[::3]
    )


@pytest.mark.parametrize("name", FAMILIES)
def test_families_agree_with_numpy_on_many_images(fastest: Prepare, name: str) -> None:
    model = case(name).model
    images = random_images(model.architecture, 50, 7)
    np.testing.assert_array_equal(fastest(model).logits(images), NumpyEngine(model).logits(images))


def test_threads_may_share_an_engine(fastest: Prepare) -> None:
    expected = case("same")
    engine = fastest(expected.model)
    with ThreadPoolExecutor(4) as pool:
        for logits in pool.map(lambda _: engine.logits(expected.images), range(40)):
            np.testing.assert_array_equal(logits, expected.logits)


def test_path_of_another_processor_is_refused_by_name(fastest: Prepare) -> None:
    library = load_library()
    assert library is not None
    missing = set(KernelPath) - set(supported_paths(library))
    for path in missing:
        with pytest.raises(EngineUnavailable, match=path.name):
            Engine(case("dense only").model, path)
    assert missing  # no processor runs both AVX2 and NEON


def test_without_the_library_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_object, "LIBRARY_NAME", "missing.so")
    with pytest.raises(EngineUnavailable, match="make kernels"):
        Engine(case("dense only").model)


def by_the_law(model: Model, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.int32]:
    return np.array([bnn.logits(model, image.tobytes()) for image in images], np.int32)
