# SPDX-License-Identifier: Apache-2.0
"""Training in floats with Larq on TensorFlow, folded to a model that decides every image alike.

Paper A trains its first populations so. The network has the form that folds without loss: hidden
layers of +-1 kernels, pooling, batch norm without scale and sign; logits with one scale for all and
whole biases. Nothing is trusted: the folded model must give the float network's class for every
image of the train and the evaluation split, or it is refused with the number of those that differ.
Law of the file: chance comes from the seed.
Read next: larq_layers.py, folding.py; Larq's documentation for its quantizers and optimizers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import log2
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from edge_node.spec.architecture import Architecture
from edge_node.spec.model import Model
from edge_node.trainer.folding import (
    Decisions,
    FloatLayer,
    FloatLogits,
    Floats,
    Normalize,
    check_decisions,
    fold,
)
from edge_node.trainer.larq_layers import Images, load_larq, shaped

ADAM: Final = "adam"
"""Latent weights behind a straight-through sign, moved by Adam."""
BOP: Final = "bop"
"""No latent weights: Larq's optimizer flips signs; Adam moves the rest."""
OPTIMIZERS: Final = (ADAM, BOP)

BOP_THRESHOLD, BOP_GAMMA = 1e-8, 1e-4
BATCH_NORM_MOMENTUM = 0.95
DECIDED_AT_ONCE = 1_000
"""Images of a batch whose classes are asked for."""

Tell = Callable[[str], None]
"""Takes one line about how it is going."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainingSplits:
    """What to learn, and on what the result is checked."""

    train_images: Images
    """uint8 (N, image_bytes)."""
    train_labels: Images
    """uint8 (N,)."""
    evaluation_images: Images
    """uint8 (M, image_bytes): never trained on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackpropOptions:
    """How to train."""

    epochs: int = 10
    """Times that the train split is gone through."""
    batch: int = 128
    """Images of a step."""
    optimizer: str = ADAM
    """One of OPTIMIZERS."""
    learning_rate_ppm: int = 5_000
    """Adam's learning rate at the start, in millionths; it falls to a hundredth of it."""
    seed: int = 1
    """Of initial weights and of the order of images."""


def train_with_larq(
    architecture: Architecture, splits: TrainingSplits, options: BackpropOptions, tell: Tell
) -> Model:
    """Return a model that was trained by back-propagation in floats.

    Parameters
    ----------
    architecture : Architecture
    splits : TrainingSplits
    options : BackpropOptions
    tell : callable
        Hears of each epoch.

    Raises
    ------
    LarqMissing
    DecisionsDiffer
        Float network and folded model disagree on an image.
    """
    network = _Network(architecture, options)
    network.fit(splits, options, tell)
    model = network.folded()
    for split, images in (("train", splits.train_images), ("evaluation", splits.evaluation_images)):
        check_decisions(model, images, network.decisions(images), split=split)
        tell(f"{split}: the folded model decides all {len(images)} images as the float network")
    return model


class _Network:
    """A float network of Keras, with what folding asks of it."""

    def __init__(self, architecture: Architecture, options: BackpropOptions) -> None:
        loaded = load_larq()
        self._tf, self._larq = loaded.tf, loaded.larq
        keras = self._tf.keras
        keras.utils.set_random_seed(options.seed)
        self._architecture = architecture
        self._kernels: list[Any] = []
        self._norms: list[Any] = []
        pixels = loaded.pixels(architecture)
        values = loaded.values(architecture, pixels)
        for shape in architecture.shapes:
            first = not self._kernels
            kernel = loaded.kernel(shape, first=first, latent=options.optimizer != BOP)
            self._kernels.append(kernel)
            values = loaded.sums(shape, kernel, values)
            if shape.last:
                continue
            if shape.layer.pool:  # with a norm that rises, sign and maximum change places freely
                values = keras.layers.MaxPooling2D(2)(values)
            norm = keras.layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, scale=False)
            self._norms.append(norm)
            values = norm(values)
        self._scale = 2.0 ** -round(log2(architecture.shapes[-1].fan_in) / 2)
        self._bias = _whole_bias(self._tf, self._scale)
        self._keras = keras.Model(pixels, self._bias(values))

    def fit(self, splits: TrainingSplits, options: BackpropOptions, tell: Tell) -> None:
        """Train."""
        keras = self._tf.keras
        count = len(splits.train_labels)
        steps = options.epochs * -(-count // options.batch)
        rate = options.learning_rate_ppm / 1_000_000
        falling = keras.optimizers.schedules.PolynomialDecay(rate, steps, rate / 100)
        if options.optimizer == BOP:
            bop = self._larq.optimizers.Bop
            optimizer = self._larq.optimizers.CaseOptimizer(
                (bop.is_binary_variable, bop(threshold=BOP_THRESHOLD, gamma=BOP_GAMMA)),
                default_optimizer=keras.optimizers.legacy.Adam(falling),
            )
        else:
            optimizer = keras.optimizers.Adam(falling)
        self._keras.compile(
            optimizer,
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )
        said = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: tell(
                f"epoch {epoch + 1} of {options.epochs}: loss {logs['loss']:.4f}, "
                f"train accuracy {logs['accuracy']:.4f}"
            )
        )
        self._keras.fit(
            shaped(self._architecture, splits.train_images),
            splits.train_labels.astype(np.int32),
            batch_size=options.batch,
            epochs=options.epochs,
            shuffle=True,
            verbose=0,
            callbacks=[said],
        )

    def decisions(self, images: Images) -> Decisions:
        """Return int64 (N,): the class of each image, the lowest on a tie."""
        inputs = shaped(self._architecture, images)
        logits = self._keras.predict(inputs, batch_size=DECIDED_AT_ONCE, verbose=0)
        return np.asarray(logits.argmax(axis=1), np.int64)

    def folded(self) -> Model:
        """Return the model that decides alike."""
        with self._larq.context.quantized_scope(True):  # noqa: FBT003 - Larq's own signature
            kernels = [layer.get_weights()[0] for layer in self._kernels]
        hidden = [
            FloatLayer(kernel=kernel, normalize=self._as_run(norm), pool_first=True)
            for kernel, norm in zip(kernels[:-1], self._norms, strict=True)
        ]
        offset = self._bias(self._tf.zeros((1, self._architecture.classes))).numpy()[0]
        last = FloatLogits(
            kernel=kernels[-1],
            scale=np.full(self._architecture.classes, self._scale),
            offset=offset.astype(np.float64),
        )
        return fold(self._architecture, hidden, last)

    def _as_run(self, norm: Any) -> Normalize:  # noqa: ANN401 - Keras has no types
        def normalize(sums: Floats) -> npt.NDArray[Any]:
            # The layer itself, in its own float32: where the sign turns there, it turns here.
            row = self._tf.constant(sums.reshape(1, 1, 1, -1), self._tf.float32)
            return np.asarray(norm(row, training=False)).reshape(-1)

        return normalize


def _whole_bias(tf: Any, scale: float) -> Any:  # noqa: ANN401 - modules and layers without types
    """Return a layer that scales sums and adds whole biases, trained through their rounding."""

    class WholeBias(tf.keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
        def build(self, input_shape: Any) -> None:  # noqa: ANN401 - as above
            self.bias = self.add_weight(name="bias", shape=input_shape[-1:], initializer="zeros")

        def call(self, sums: Any) -> Any:  # noqa: ANN401 - as above
            fine = self.bias / scale
            whole = fine + tf.stop_gradient(tf.round(fine) - fine)
            return (sums + whole) * scale

    return WholeBias()
