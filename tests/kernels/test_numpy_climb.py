# SPDX-License-Identifier: Apache-2.0
"""The climb without a compiler: what it accepts replays by the law and classifies no fewer images.

That it takes the very steps of the compiled climb is shown in test_climb.py.
"""

import hashlib

import numpy as np

from edge_node.kernels.evaluation import NumpyImages
from edge_node.kernels.numpy_climb import NumpyWalker
from edge_node.primitives.types import BlockHash, Hash32, NetworkId, PublicKey
from edge_node.spec.architecture import Architecture, conv, dense
from edge_node.spec.evaluation import count_correct, slice_images
from edge_node.spec.recipe import EvolutionRates, RecipeContext, apply_recipe
from edge_node.spec.training import initial_state, model_from_state

ARCHITECTURE = Architecture(
    height=6,
    width=6,
    input_channels=1,
    input_bits=1,
    layers=(conv(3, pool=True), conv(4, kernel=2), dense(3)),
)
RATES = EvolutionRates(mutate_ppm=50_000, cross_ppm=100_000)
CONTEXT = RecipeContext(
    network=NetworkId(Hash32(bytes(32))),
    base=BlockHash(Hash32(bytes(32))),
    miner=PublicKey(bytes(32)),
)


def test_r_10_a_walk_replays_by_the_law_and_loses_no_image() -> None:
    pixels = hashlib.shake_128(b"climb").digest(300 * ARCHITECTURE.image_bytes)
    labels = bytes(byte % 3 for byte in hashlib.shake_128(b"labels").digest(300))
    base = model_from_state(ARCHITECTURE, initial_state(ARCHITECTURE, b"climb"))
    rows = np.frombuffer(pixels, np.uint8).reshape(300, -1)
    walker = NumpyWalker(NumpyImages(ARCHITECTURE, rows), labels, base, CONTEXT, RATES, 4)
    before = walker.correct()
    stretch = walker.walk(0, 0, 120, 20)
    assert stretch.accepted
    assert stretch.tried <= 120
    child = apply_recipe(base, (), stretch.accepted, RATES, CONTEXT)
    assert walker.model() == child
    images = slice_images(ARCHITECTURE, pixels)
    assert before <= walker.correct() == count_correct(child, images, labels)


def test_a_copy_shares_the_images_and_nothing_writes_to_them() -> None:
    pixels = hashlib.shake_128(b"climb").digest(300 * ARCHITECTURE.image_bytes)
    images = NumpyImages(ARCHITECTURE, pixels)
    images.planes.flags.writeable = False
    base = model_from_state(ARCHITECTURE, initial_state(ARCHITECTURE, b"climb"))
    walker = NumpyWalker(images, bytes(300), base, CONTEXT, RATES, 4)
    twin = walker.copy()
    assert twin.walk(0, 0, 60, 9) == walker.walk(0, 0, 60, 9)
    assert twin._inputs[0] is walker._inputs[0] is images.planes
    assert not np.shares_memory(twin._inputs[1], walker._inputs[1])
