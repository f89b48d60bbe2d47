# SPDX-License-Identifier: Apache-2.0
"""The climb in C takes the steps of the climb in numpy, from wherever it is put."""

import hashlib

import numpy as np
import pytest

from edge_node.kernels.compiled_climb import CompiledWalker
from edge_node.kernels.evaluation import CompiledImages, NumpyImages
from edge_node.kernels.numpy_climb import NumpyWalker
from edge_node.kernels.walker import Walker
from edge_node.spec.recipe import apply_recipe
from edge_node.spec.training import initial_state, model_from_state
from tests.kernels.compiled import PATHS, this_cpus_path
from tests.kernels.test_numpy_climb import ARCHITECTURE, CONTEXT, RATES

pytestmark = pytest.mark.arm

IMAGES = 900  # more than two stretches of the walker in numpy
PIXELS = np.frombuffer(
    hashlib.shake_128(b"climb").digest(IMAGES * ARCHITECTURE.image_bytes), np.uint8
).reshape(IMAGES, -1)
LABELS = bytes(byte % 3 for byte in hashlib.shake_128(b"labels").digest(IMAGES))
BASE = model_from_state(ARCHITECTURE, initial_state(ARCHITECTURE, b"climb"))


def walkers(path: str) -> tuple[Walker, Walker]:
    sliced = CompiledImages(ARCHITECTURE, PIXELS, this_cpus_path(path))
    return (
        CompiledWalker(sliced, LABELS, BASE, CONTEXT, RATES, 4),
        NumpyWalker(NumpyImages(ARCHITECTURE, PIXELS), LABELS, BASE, CONTEXT, RATES, 4),
    )


@pytest.mark.parametrize("path", PATHS)
def test_r_10_both_walk_the_same_way(path: str) -> None:
    compiled, in_numpy = walkers(path)
    stretch = compiled.walk(0, 0, 120, 20)
    assert stretch == in_numpy.walk(0, 0, 120, 20)
    assert stretch.accepted
    assert compiled.model() == in_numpy.model()
    assert compiled.correct() == in_numpy.correct()
    moved = apply_recipe(BASE, (), stretch.accepted[:1], RATES, CONTEXT)
    for walker in (compiled, in_numpy):
        walker.move(moved)
        assert walker.model() == moved
    assert compiled.correct() == in_numpy.correct()
    assert compiled.walk(1, 0, 60, 3) == in_numpy.walk(1, 0, 60, 3)
