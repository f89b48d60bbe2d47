# SPDX-License-Identifier: Apache-2.0
"""The known-answer test: what every back end must compute before it is used.

Two small networks and their images are drawn from a PRF; the digests of their logits were computed
by spec/bnn.py, and a test computes them again. The networks have what tends to go wrong: odd maps,
channel counts around 32, padding, pooling, pixels at the zero point, thresholds that never pass.
Law of the file: fixed for ever; a back end that differs is broken, not the constants.
Read next: select.py.
"""

from dataclasses import dataclass

import numpy as np

from edge_node.inference.backend import Backend, BackendFailed, Images
from edge_node.primitives.hashing import Prf
from edge_node.spec.architecture import Architecture, LayerShape, conv, dense
from edge_node.spec.evaluation import logits_digest
from edge_node.spec.model import Model

PRF_TAG = "known-answer"
IMAGE_COUNT = 19
"""No multiple of any batch or word."""
COUNT_REPEATS = 27
"""Correct images are counted on so many times the images: back ends have other kernels for many,
and by these blocks are judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownAnswer:
    """A network, by name of its PRF stream, and what it must compute."""

    name: str
    """Seed of weights, thresholds and images."""
    architecture: Architecture
    """Its shape."""
    digest: str
    """spec.evaluation.logits_digest of all images."""
    correct: int
    """Images whose class is their label: image i has label i % classes."""


KNOWN_ANSWERS = (
    KnownAnswer(
        name="binary",
        architecture=Architecture(
            height=9,
            width=7,
            input_channels=2,
            input_bits=1,
            layers=(
                conv(33, same=True, pool=True),
                conv(5, kernel=2),
                conv(32, kernel=5, same=True),
                dense(31),
                dense(4),
            ),
        ),
        digest="2fe1c8e2e8412a8d619bf5372e28d7d05fc2bee67ac28370ca235fc111283dfd",
        correct=5,
    ),
    KnownAnswer(
        name="eight-bit",
        architecture=Architecture(
            height=7,
            width=8,
            input_channels=1,
            input_bits=8,
            layers=(conv(33, pool=True), conv(31, same=True), dense(10)),
        ),
        digest="50e4f4bfed927e92ebec9242b799bb98a5438bc62224d627178d1183b30ee626",
        correct=3,
    ),
)


def check_known_answers(backend: Backend) -> None:
    """Let a back end compute the known answers.

    Raises
    ------
    BackendFailed
        A logit or a count differs.
    UnsupportedArchitecture, BackendFailed
        The back end did not compute them at all.
    """
    for known in KNOWN_ANSWERS:
        model, images = known_model(known), known_images(known)
        labels = (np.arange(len(images)) % known.architecture.classes).astype(np.uint8)
        many, their_labels = np.tile(images, (COUNT_REPEATS, 1)), np.tile(labels, COUNT_REPEATS)
        digest = logits_digest(backend.logits(model, images).tolist())
        correct = backend.count_correct(model, many, their_labels)
        if (digest, correct) != (known.digest, COUNT_REPEATS * known.correct):
            why = f"its answer to the known network {known.name} is wrong"
            raise BackendFailed(backend=backend.name, why=why)


def known_model(known: KnownAnswer) -> Model:
    """Return the network."""
    prf = Prf(PRF_TAG, known.name.encode())
    weights: list[tuple[int, ...]] = []
    thresholds: list[tuple[int, ...]] = []
    for shape in known.architecture.shapes:
        weights.append(tuple(_draw_bits(prf, shape.fan_in) for _ in range(shape.channels)))
        thresholds.append(tuple(_draw_threshold(prf, shape) for _ in range(shape.channels)))
    return Model(
        architecture=known.architecture, weights=tuple(weights), thresholds=tuple(thresholds)
    )


def known_images(known: KnownAnswer) -> Images:
    """Return uint8 (IMAGE_COUNT, image_bytes)."""
    prf = Prf(PRF_TAG, known.name.encode() + b" images")
    size = known.architecture.image_bytes
    pixels = [_draw_pixel(prf) for _ in range(IMAGE_COUNT * size)]
    return np.array(pixels, dtype=np.uint8).reshape(IMAGE_COUNT, size)


def _draw_bits(prf: Prf, count: int) -> int:
    bits = 0
    for shift in range(0, count, 32):
        bits |= prf.u32() << shift
    return bits & ((1 << count) - 1)


def _draw_threshold(prf: Prf, shape: LayerShape) -> int:
    least, most = shape.threshold_range
    if prf.below(16) == 0:
        return least if prf.below(2) else most
    # Around what sums are on average, so that most channels decide something.
    middle = 0 if shape.eight_bit or shape.last else shape.fan_in // 2
    reach = 400 if shape.eight_bit else 4
    return max(least, min(most, middle - reach + prf.below(2 * reach + 1)))


def _draw_pixel(prf: Prf) -> int:
    return 127 + prf.below(2) if prf.below(4) == 0 else prf.below(256)
