# SPDX-License-Identifier: Apache-2.0
"""The order in which a climb looks at images: doubtful ones first, found anew, equal everywhere."""

import numpy as np
import pytest

from edge_node.kernels.compiled_climb import CompiledWalker
from edge_node.kernels.evaluation import NumpyImages, SlicedImages, slice_images
from edge_node.kernels.numpy_climb import NumpyWalker
from edge_node.kernels.ordered_climb import FIRST_SHARE, OrderedWalker, doubtful_first
from edge_node.kernels.walker import Stretch
from edge_node.spec.architecture import Architecture, conv, dense
from edge_node.spec.recipe import EvolutionRates
from tests.kernels.test_climb import CONTEXT, Slice
from tests.spec.samples import random_images, random_model

pytestmark = pytest.mark.arm

ARCHITECTURE = Architecture(
    height=7, width=6, input_channels=1, input_bits=1, layers=(conv(4), conv(4), dense(4))
)
RATES = EvolutionRates(mutate_ppm=150_000, cross_ppm=50_000)
COUNT = 530


def test_the_closest_decisions_come_first() -> None:
    logits = np.array([[9, 0, 1], [4, 5, 0], [0, 7, 7], [1, 9, 0], [3, 3, 3]], np.int32)
    leads = [8, -1, 0, -9, 0]  # of class 0, 0, 1, 2 and 2 before the best other
    order = doubtful_first(logits, bytes([0, 0, 1, 2, 2]))
    assert order.tolist() == [2, 4, 1, 0, 3]
    assert sorted(abs(lead) for lead in leads) == [abs(leads[i]) for i in order]


def test_images_whose_label_is_no_class_come_last() -> None:
    logits = np.array([[5, 5], [9, 0], [2, 4]], np.int32)
    assert doubtful_first(logits, bytes([2, 1, 0])).tolist() == [2, 1, 0]


def test_no_images_and_a_single_class_have_an_order() -> None:
    assert doubtful_first(np.zeros((0, 3), np.int32), b"").tolist() == []
    assert sorted(doubtful_first(np.array([[3], [-2]], np.int32), bytes(2)).tolist()) == [0, 1]


@pytest.mark.parametrize("kind", [slice_images, NumpyImages])
def test_without_images_every_candidate_does_no_harm(kind: Slice) -> None:
    """And the walk ends."""
    walker = OrderedWalker(
        kind(ARCHITECTURE, b""), b"", random_model(ARCHITECTURE, "base"), CONTEXT, RATES, 3
    )
    assert walker.walk(0, 0, 5, 5).tried == 5
    assert walker.correct() == 0


def new_walker(images: SlicedImages) -> OrderedWalker:
    labels = np.random.default_rng(1).integers(0, 4, COUNT, np.uint8).tobytes()
    return OrderedWalker(images, labels, random_model(ARCHITECTURE, "base"), CONTEXT, RATES, 1)


def all_at_once(walker: OrderedWalker, candidates: int) -> Stretch:
    return walker.walk(0, 0, candidates, candidates)


def test_images_are_put_in_order_again_on_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the images as they are, or put in order only once, other steps are kept."""
    pixels = random_images(ARCHITECTURE, COUNT, "ordered")
    count = 40 * (COUNT // FIRST_SHARE)
    anew = all_at_once(new_walker(slice_images(ARCHITECTURE, pixels)), count).accepted
    monkeypatch.setattr("edge_node.kernels.ordered_climb.GROWTH", COUNT)
    once = all_at_once(new_walker(slice_images(ARCHITECTURE, pixels)), count).accepted
    monkeypatch.setattr("edge_node.kernels.ordered_climb.doubtful_first", _as_they_are)
    never = all_at_once(new_walker(slice_images(ARCHITECTURE, pixels)), count).accepted
    assert len({anew, once, never}) == 3


def _as_they_are(logits: object, labels: bytes) -> object:
    return np.arange(len(labels))


def test_the_steps_do_not_depend_on_who_walks() -> None:
    pixels = random_images(ARCHITECTURE, COUNT, "ordered")
    count = 9 * (COUNT // FIRST_SHARE)
    fastest, numpy = (
        new_walker(kind(ARCHITECTURE, pixels)) for kind in (slice_images, NumpyImages)
    )
    assert all_at_once(fastest, count) == all_at_once(numpy, count)
    assert fastest.model() == numpy.model()
    assert isinstance(numpy.copy()._walker, NumpyWalker)
    assert isinstance(fastest.copy()._walker, CompiledWalker | NumpyWalker)


def test_a_copy_is_in_the_same_place() -> None:
    walker = new_walker(slice_images(ARCHITECTURE, random_images(ARCHITECTURE, COUNT, "ordered")))
    walker.walk(0, 0, COUNT, COUNT)
    twin = walker.copy()
    assert twin.walk(9, 0, COUNT, COUNT) == walker.walk(9, 0, COUNT, COUNT)
    assert twin.correct() == walker.correct()
