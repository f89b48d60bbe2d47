# SPDX-License-Identifier: Apache-2.0
"""Files of both kinds give the law's logits, in every bit, on the interpreters installed here.

Architectures at the limits of R-4 and thresholds at those of R-6; test_select.py has the others.
"""

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from edge_node.inference import lce, tflite
from edge_node.inference.hosted import HostedBackend
from edge_node.inference.reference import ReferenceBackend
from edge_node.inference.tflite_export import int8_file, lce_file
from edge_node.spec.architecture import (
    BINARY_4K,
    UINT8_4K,
    Architecture,
    conv,
    dense,
)
from edge_node.spec.model import Model
from tests.inference.interpreters import NEEDS, need_tflite
from tests.inference.models import random_architecture, random_images, random_model

pytestmark = pytest.mark.slow

RANDOM_SEEDS = range(100, 108)
WAYS = {
    "LCE's operators on LCE": (lce.NAME, lce_file),
    "int8 operators on LCE": (lce.NAME, int8_file),
    "int8 operators on TFLite": (tflite.NAME, int8_file),
}
SMALL, SMALL_UINT8 = (
    Architecture(
        height=8,
        width=8,
        input_channels=1,
        input_bits=bits,
        layers=(conv(6, pool=True), conv(9, same=True), dense(4)),
    )
    for bits in (1, 8)
)
EXTREME = {
    "one layer": Architecture(
        height=5, width=3, input_channels=2, input_bits=1, layers=(dense(2),)
    ),
    "one pixel": Architecture(
        height=1, width=1, input_channels=1, input_bits=8, layers=(dense(1), dense(256))
    ),
    "many channels": Architecture(
        height=2, width=2, input_channels=1024, input_bits=1, layers=(conv(65, kernel=1), dense(2))
    ),
    "greatest fan-in": Architecture(
        height=64, width=64, input_channels=4, input_bits=8, layers=(dense(3), dense(2))
    ),
    "a kernel wider than its map": Architecture(
        height=3,
        width=2,
        input_channels=1,
        input_bits=1,
        layers=(conv(4, kernel=7, same=True), dense(2)),
    ),
    "eight-bit everything": Architecture(
        height=6, width=6, input_channels=3, input_bits=8, layers=(conv(5, kernel=6), dense(2))
    ),
}


@pytest.fixture(scope="module", params=WAYS)
def backend(request: pytest.FixtureRequest) -> Iterator[HostedBackend]:
    name, author = WAYS[request.param]
    NEEDS[name]()
    made = HostedBackend(name=name, author=author, description=request.param)
    yield made
    made.close()


@pytest.mark.parametrize("seed", RANDOM_SEEDS)
def test_random_architectures_give_the_law(backend: HostedBackend, seed: int) -> None:
    model = random_model(random_architecture(seed), seed)
    images = random_images(model.architecture, 11, seed)
    assert np.array_equal(backend.logits(model, images), ReferenceBackend().logits(model, images))


@pytest.mark.parametrize("name", EXTREME)
def test_extreme_architectures_give_the_law(backend: HostedBackend, name: str) -> None:
    model = random_model(EXTREME[name], 7)
    images = random_images(model.architecture, 9, 7)
    assert np.array_equal(backend.logits(model, images), ReferenceBackend().logits(model, images))


@pytest.mark.parametrize("extreme", [0, 1], ids=["least", "greatest"])
@pytest.mark.parametrize("architecture", [SMALL, SMALL_UINT8], ids=["1-bit", "8-bit"])
def test_thresholds_at_their_limits_give_the_law(
    backend: HostedBackend, architecture: Architecture, extreme: int
) -> None:
    thresholds = tuple(
        tuple(shape.threshold_range[extreme] for _ in range(shape.channels))
        for shape in architecture.shapes
    )
    weights = random_model(architecture, 1).weights
    model = Model(architecture=architecture, weights=weights, thresholds=thresholds)
    images = random_images(architecture, 9, 1)
    assert np.array_equal(backend.logits(model, images), ReferenceBackend().logits(model, images))


def test_users_find_pixels_and_logits_in_the_file() -> None:
    need_tflite()
    interpreter = tflite.TfliteInterpreter(int8_file(random_model(BINARY_4K, 1)))
    assert (interpreter.batch, interpreter.image_bytes) == (1, 784)
    file = int8_file(random_model(BINARY_4K, 1), batch=5)
    assert b"Input pixels: uint8 (5, 28, 28, 1), each 0..255 as in the image." in file
    assert b"Output logits: float32, exact integers; the class is the greatest of 10" in file


@pytest.mark.parametrize("author", [int8_file, lce_file])
def test_one_model_has_one_file(author: Callable[[Model], bytes]) -> None:
    assert author(random_model(UINT8_4K, 1)) == author(random_model(UINT8_4K, 1))
    assert author(random_model(UINT8_4K, 1)) != author(random_model(UINT8_4K, 2))
