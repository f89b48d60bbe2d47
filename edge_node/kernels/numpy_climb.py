# SPDX-License-Identifier: Apache-2.0
"""The climb in numpy: the same as csrc/climb.h, for machines without a compiler.

A walker keeps its model's activations. A candidate, made by the law's own code, differs from the
model in one channel, so only that channel and the layers behind it are evaluated, stretch by
stretch, and the candidate is dropped once it lies too far behind.
Law of the file: it keeps exactly the candidates that csrc/climb.c keeps.
Read next: climb.py.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_node.kernels.evaluation import NumpyImages
from edge_node.kernels.numpy_evaluation import LayerPlanes, Planes, layer_planes
from edge_node.kernels.recipe import apply_by_law
from edge_node.kernels.walker import Stretch
from edge_node.spec.model import Model
from edge_node.spec.recipe import MAX_NONCE, EvolutionRates, RecipeContext, Step, StepKind

RACE_IMAGES = 256
"""Racing compares after so many images."""
KINDS = 8
"""One in so many nonces, the last, moves a threshold; the others flip weights."""
_WORD_IMAGES = 64
_RACE_WORDS = RACE_IMAGES // _WORD_IMAGES
_GROWTH = 2
"""Who survives a stretch is seldom dropped in the next, so that one is so many times as long,"""
_MAX_WORDS = 32
"""up to so many words."""


class NumpyWalker:
    """Holds a model and tries candidates on it; see walker.Walker."""

    def __init__(
        self,
        images: NumpyImages,
        labels: bytes,
        model: Model,
        context: RecipeContext,
        rates: EvolutionRates,
        margin: int,
    ) -> None:
        self._planes = images.planes
        self._labels = np.frombuffer(labels, np.uint8)
        self._context = context
        self._rates = rates
        self._margin = margin
        self.move(model)

    def walk(self, index: int, nonce: int, candidates: int, most: int) -> Stretch:
        """Try candidates."""
        accepted: list[Step] = []
        tried = 0
        while tried < candidates and len(accepted) < most and nonce <= MAX_NONCE:
            kind = StepKind.THRESHOLD if nonce % KINDS == KINDS - 1 else StepKind.FLIP
            step = Step(kind=kind, nonce=nonce)
            tried += 1
            nonce += 1
            if self._try(step, index):
                accepted.append(step)
                index += 1
                nonce = 0
        return Stretch(accepted=tuple(accepted), next_nonce=nonce, tried=tried)

    def move(self, model: Model) -> None:
        """Go on from another model."""
        self._model = model
        self._layers = layer_planes(model)
        self._correct = np.zeros(len(self._labels), bool)
        self._inputs = [self._planes]
        for layer in self._layers[:-1]:
            shape = layer.shape
            size = (shape.channels, 1, shape.out_height, shape.out_width, self._planes.shape[-1])
            self._inputs.append(np.zeros(size, np.uint64))
        for words in self._stretches():
            self._keep(self._evaluate(self._layers, 0, self._planes[..., words], words))

    def copy(self) -> "NumpyWalker":
        """Return a walker in the same place that goes on by itself."""
        twin = copy.copy(self)
        twin._correct = self._correct.copy()  # noqa: SLF001 - one of its own
        images, *maps = self._inputs
        twin._inputs = [images, *(each.copy() for each in maps)]  # noqa: SLF001 - one of its own
        return twin

    def model(self) -> Model:
        """Return the model."""
        return self._model

    def correct(self) -> int:
        """Return the model's correct images."""
        return int(np.count_nonzero(self._correct))

    def _try(self, step: Step, index: int) -> bool:
        child = apply_by_law(
            self._model, (), (step,), self._rates, self._context, first_index=index
        )
        place = _changed_channel(self._model, child)
        if place is None:
            return False
        depth, channel = place
        layers = list(self._layers)
        layers[depth] = layers[depth].with_channel(
            channel, child.weights[depth][channel], child.thresholds[depth][channel]
        )
        parts: list[_Part] = []
        ahead = 0
        for words in self._stretches():
            part = self._candidate(layers, depth, channel, words)
            if part is None:
                continue
            parts.append(part)
            lead = part.correct.astype(np.int64) - self._correct[_images(words)]
            behind = ahead + np.cumsum(lead)[RACE_IMAGES - 1 :: RACE_IMAGES] < -self._margin
            ahead += int(lead.sum())
            if behind.any():
                return False
        if ahead < 0:
            return False
        self._model, self._layers = child, layers
        for part in parts:
            self._keep(part)
        return True

    def _candidate(
        self, layers: list[LayerPlanes], depth: int, channel: int, words: slice
    ) -> "_Part | None":
        """Return what a candidate comes to on some images; None if they see no difference."""
        inputs = self._inputs[depth][..., words]
        if depth == len(layers) - 1:
            return self._evaluate(layers, depth, inputs, words)
        signs = layers[depth].channel(channel).signs(inputs)[0]
        outputs = self._inputs[depth + 1][..., words]
        if np.array_equal(signs, outputs[channel]):
            return None
        outputs = outputs.copy()
        outputs[channel] = signs
        return self._evaluate(layers, depth + 1, outputs, words)

    def _evaluate(
        self, layers: list[LayerPlanes], depth: int, maps: Planes, words: slice
    ) -> "_Part":
        """Send maps through layers[depth:]."""
        inputs = [maps]
        for layer in layers[depth:-1]:
            inputs.append(layer.signs(inputs[-1]))
        labels = self._labels[_images(words)]
        logits = layers[-1].logits(inputs[-1])[: len(labels)]
        correct = logits.argmax(axis=1) == labels  # the first of equals
        return _Part(words=words, depth=depth, inputs=inputs, correct=correct)

    def _keep(self, part: "_Part") -> None:
        self._correct[_images(part.words)] = part.correct
        for ours, news in zip(self._inputs[part.depth :], part.inputs, strict=True):
            if ours is not self._planes:  # the images stay as they are
                ours[..., part.words] = news

    def _stretches(self) -> Iterator[slice]:
        """Return the words that a candidate is evaluated on, one stretch after the other."""
        start, words = 0, _RACE_WORDS
        while start < self._planes.shape[-1]:
            yield slice(start, start + words)
            start += words
            words = min(_GROWTH * words, _MAX_WORDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """What a model makes of some images."""

    words: slice
    """The images, 64 for each word."""
    depth: int
    """The first layer that differs from the walker's model, or gets another input."""
    inputs: list[Planes]
    """inputs[i] goes into layer depth + i."""
    correct: npt.NDArray[np.bool_]
    """Which images are classified correctly."""


def _images(words: slice) -> slice:
    return slice(words.start * _WORD_IMAGES, words.stop * _WORD_IMAGES)


def _changed_channel(model: Model, child: Model) -> tuple[int, int] | None:
    """Return layer and channel in which a child by one step differs; None if it does not."""
    ours = zip(model.weights, model.thresholds, strict=True)
    theirs = zip(child.weights, child.thresholds, strict=True)
    for depth, (before, after) in enumerate(zip(ours, theirs, strict=True)):
        if before != after:
            pairs = zip(zip(*before, strict=True), zip(*after, strict=True), strict=True)
            return depth, next(channel for channel, (old, new) in enumerate(pairs) if old != new)
    return None
