# SPDX-License-Identifier: Apache-2.0
"""The bit-sliced evaluator against the law, on every path of this CPU and in numpy."""

import functools
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pytest

from edge_node.kernels import shared_object
from edge_node.kernels.evaluation import (
    CompiledImages,
    EvaluatorUnavailable,
    ImagesDoNotFit,
    NumpyImages,
    SlicedImages,
    all_logits,
    count_correct,
    slice_images,
)
from edge_node.kernels.shared_object import KernelPath, supported_paths
from edge_node.spec import evaluation as law
from edge_node.spec.architecture import BINARY_4K, UINT8_4K, Architecture, Layer, conv, dense
from edge_node.spec.model import Model
from tests.kernels.compiled import PATHS, need_library, this_cpus_path
from tests.spec.samples import random_architecture, random_images, random_labels, random_model

pytestmark = pytest.mark.arm

Slice = Callable[[Architecture, bytes], SlicedImages]


def network(height: int, width: int, channels: int, bits: int, *layers: Layer) -> Architecture:
    return Architecture(
        height=height, width=width, input_channels=channels, input_bits=bits, layers=layers
    )


# Name -> architecture, images. Each takes another way through csrc/bitslice_body.h.
NETWORKS: Mapping[str, tuple[Architecture, int]] = {
    "dense only": (network(3, 5, 1, 1, dense(3)), 65),
    "one pixel": (network(1, 1, 1, 1, dense(1), dense(2)), 1),
    "nine taps, pooled": (network(9, 8, 1, 1, conv(8, pool=True), dense(10)), 600),
    "nine taps, padded": (network(4, 5, 1, 1, conv(9, same=True), conv(8), dense(8)), 130),
    "nine taps of three rows": (network(3, 3, 1, 1, conv(9), dense(9)), 64),
    "nine channels, one tap": (network(3, 3, 9, 1, conv(8, kernel=1), dense(8)), 64),
    "kernels 4 and 5": (
        network(10, 9, 2, 1, conv(8, kernel=4), conv(11, kernel=5), dense(9)),
        129,
    ),
    "kernel 2, five channels": (network(5, 6, 5, 1, conv(10, kernel=2), dense(8)), 63),
    "few channels": (network(6, 6, 3, 1, conv(2, pool=True), conv(3, kernel=2), dense(2)), 66),
    "counters of 8, 12 and 14 planes": (
        network(4, 4, 2, 1, conv(520), conv(9, kernel=2), dense(600), dense(9), dense(3)),
        20,
    ),
    "256 classes": (network(4, 4, 1, 1, conv(7), dense(256)), 40),
    "pixels": (network(8, 7, 1, 8, conv(9, pool=True), dense(8)), 200),
    "pixels, colour": (network(6, 5, 4, 8, conv(8, kernel=5), dense(3)), 70),
    "pixels, few channels": (network(6, 7, 2, 8, conv(2), dense(3)), 33),
    "pixels, dense": (network(7, 5, 2, 8, dense(9), dense(3)), 80),
    "the greatest fan-in": (network(64, 64, 4, 1, dense(1), dense(2)), 3),
    "many pixels": (network(32, 32, 1, 8, dense(1), dense(2)), 20),
    "UINT8_4K": (UINT8_4K, 5),
    "BINARY_4K": (BINARY_4K, 520),
}
RANDOM_NETWORKS = 12
CASES = [*NETWORKS, *map(str, range(RANDOM_NETWORKS))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A network, and what the law says of it."""

    model: Model
    images: bytes
    labels: bytes
    logits: npt.NDArray[np.int32]
    correct: int


@functools.cache
def case(name: str) -> Case:
    architecture, count = NETWORKS.get(name) or (random_architecture(name), 70 + 64 * int(name))
    model = random_model(architecture, name)
    images = random_images(architecture, count, name)
    sliced = law.slice_images(architecture, images)
    logits = np.array(law.all_logits(model, sliced), np.int32)
    labels = bytearray(random_labels(architecture, count, name))
    labels[::2] = logits.argmax(axis=1)[::2].astype(np.uint8).tobytes()
    return Case(
        model=model,
        images=images,
        labels=bytes(labels),
        logits=logits,
        correct=law.count_correct(model, sliced, bytes(labels)),
    )


@pytest.fixture(params=["numpy", *PATHS])
def sliced(request: pytest.FixtureRequest) -> Slice:
    if request.param == "numpy":
        return NumpyImages
    return functools.partial(CompiledImages, path=this_cpus_path(request.param))


def test_logits_and_accuracy_are_those_of_the_law(sliced: Slice) -> None:
    for name in CASES:
        expected = case(name)
        images = sliced(expected.model.architecture, expected.images)
        np.testing.assert_array_equal(all_logits(expected.model, images), expected.logits, name)
        assert count_correct(expected.model, images, expected.labels) == expected.correct, name
        assert 0 < expected.correct <= images.count, name


def test_any_number_of_images(sliced: Slice) -> None:
    expected = case("nine taps, pooled")
    size = expected.model.architecture.image_bytes
    for count in (0, 1, 63, 64, 128, 129, 256, 512, 513):
        images = sliced(expected.model.architecture, expected.images[: count * size])
        assert images.count == count
        logits = all_logits(expected.model, images)
        np.testing.assert_array_equal(logits, expected.logits[:count], f"{count} images")
        right = logits.argmax(axis=1) == np.frombuffer(expected.labels[:count], np.uint8)
        assert count_correct(expected.model, images, expected.labels[:count]) == right.sum(), count


@pytest.mark.parametrize("name", ["dense only", "BINARY_4K", "pixels", "pixels, colour"])
def test_images_in_another_order_are_the_same_images(sliced: Slice, name: str) -> None:
    expected = case(name)
    images = sliced(expected.model.architecture, expected.images)
    order = np.random.default_rng(1).permutation(images.count)
    other = images.reordered(order)
    again = other.reordered(order)
    assert other.count == again.count == images.count > 8
    np.testing.assert_array_equal(all_logits(expected.model, other), expected.logits[order])
    np.testing.assert_array_equal(all_logits(expected.model, again), expected.logits[order][order])
    np.testing.assert_array_equal(all_logits(expected.model, images), expected.logits)


def test_of_equal_logits_the_first_wins(sliced: Slice) -> None:
    architecture = network(1, 1, 1, 1, dense(4))
    model = Model(architecture=architecture, weights=((0, 1, 0, 1),), thresholds=((0, 2, 0, 2),))
    images = sliced(architecture, bytes([255] * 5 + [0] * 4))  # logits 1 1 1 1, and -1 3 -1 3
    assert count_correct(model, images, bytes([0, 1, 2, 3, 0, 0, 1, 2, 3])) == 3


def test_a_label_that_is_no_class_is_never_met(sliced: Slice) -> None:
    expected = case("dense only")
    images = sliced(expected.model.architecture, expected.images)
    for label in (3, 255):
        assert count_correct(expected.model, images, bytes([label]) * images.count) == 0


@pytest.mark.parametrize("biases", [(-(1 << 15), 1 << 15), (1 << 15, 1 << 15), (-7, -6)])
def test_logit_biases_of_any_size(sliced: Slice, biases: tuple[int, int]) -> None:
    base = random_model(network(5, 5, 1, 1, conv(4), dense(2)), "biases")
    model = replace(base, thresholds=(*base.thresholds[:-1], biases))
    pixels = random_images(model.architecture, 90, "biases")
    oracle = law.slice_images(model.architecture, pixels)
    images = sliced(model.architecture, pixels)
    assert all_logits(model, images).tolist() == law.all_logits(model, oracle)
    for labels in (bytes(90), bytes([1] * 90)):
        assert count_correct(model, images, labels) == law.count_correct(model, oracle, labels)


def test_the_same_images_serve_other_families_and_threads(sliced: Slice) -> None:
    names = ["other", "layers", "again", "once more"]
    layers = [
        (dense(3),),
        (conv(8), dense(3)),
        (conv(9, same=True), dense(3)),
        (dense(9), dense(2)),
    ]
    models = [
        random_model(network(6, 6, 1, 1, *genes), name)
        for name, genes in zip(names, layers, strict=True)
    ]
    pixels = random_images(models[0].architecture, 600, "shared")
    labels = random_labels(models[0].architecture, 600, "shared")
    images = sliced(models[0].architecture, pixels)
    oracle = law.slice_images(models[0].architecture, pixels)
    expected = [law.count_correct(model, oracle, labels) for model in models]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            counts = pool.map(lambda model: count_correct(model, images, labels), models)
            assert list(counts) == expected


def test_images_may_be_arrays(sliced: Slice) -> None:
    expected = case("kernels 4 and 5")
    shape = (-1, 10, 9, 2)
    images = sliced(
        expected.model.architecture,
        np.frombuffer(expected.images, np.uint8).reshape(shape),  # type: ignore[arg-type] # arrays
    )
    np.testing.assert_array_equal(all_logits(expected.model, images), expected.logits)


def test_what_does_not_belong_together_is_refused(sliced: Slice) -> None:
    expected = case("dense only")
    images = sliced(expected.model.architecture, expected.images)
    for other in (network(5, 3, 1, 1, dense(3)), network(3, 5, 1, 8, dense(2), dense(3))):
        with pytest.raises(ImagesDoNotFit):
            count_correct(random_model(other, "other"), images, expected.labels)
        with pytest.raises(ImagesDoNotFit):
            all_logits(random_model(other, "other"), images)
    with pytest.raises(ImagesDoNotFit, match="expected 65, not 64"):
        count_correct(expected.model, images, expected.labels[:-1])
    with pytest.raises(ImagesDoNotFit, match="a multiple of 15, not 974"):
        sliced(expected.model.architecture, expected.images[:-1])


def test_the_fastest_form_is_chosen() -> None:
    library = need_library()
    images = slice_images(BINARY_4K, bytes(784))
    assert isinstance(images, CompiledImages)
    assert images.path == supported_paths(library)[0]


def test_numpy_takes_the_place_of_a_missing_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_object, "LIBRARY_NAME", "missing.so")
    assert isinstance(slice_images(BINARY_4K, bytes(784)), NumpyImages)
    with pytest.raises(EvaluatorUnavailable, match="make kernels"):
        CompiledImages(BINARY_4K, bytes(784))


def test_a_path_of_another_processor_is_refused() -> None:
    library = need_library()
    foreign = next(path for path in KernelPath if path not in supported_paths(library))
    with pytest.raises(EvaluatorUnavailable, match=foreign.name):
        CompiledImages(BINARY_4K, bytes(784), foreign)
