# SPDX-License-Identifier: Apache-2.0
"""Training in floats with Larq on TensorFlow, folded to a model that decides every image alike.

Paper A trains its first populations so. The network has the form that folds without loss: hidden
layers of +-1 kernels, pooling, batch norm without scale and sign; logits with one scale for all and
whole biases. Nothing is trusted: the folded model must give the float network's class for every
image of the train and the evaluation split, or it is refused with the number of those that differ.
Law of the file: the only importer of larq and tensorflow, and only when asked to train; chance
comes from the seed.
Read next: folding.py; Larq's documentation for its quantizers and optimizers.
"""

import importlib
import importlib.util
import os
from collections.abc import Callable
from dataclasses import dataclass
from math import log2
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt

from edge_node.primitives.errors import EdgeNodeError
from edge_node.spec.architecture import Architecture, LayerKind, LayerShape
from edge_node.spec.bnn import PIXEL_ZERO
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

ADAM: Final = "adam"
"""Latent weights behind a straight-through sign, moved by Adam."""
BOP: Final = "bop"
"""No latent weights: Larq's optimizer flips signs; Adam moves the rest."""
OPTIMIZERS: Final = (ADAM, BOP)

BOP_THRESHOLD, BOP_GAMMA = 1e-8, 1e-4
BATCH_NORM_MOMENTUM = 0.95
DECIDED_AT_ONCE = 1_000
"""Images of a batch whose classes are asked for."""

Images = npt.NDArray[np.uint8]
Tell = Callable[[str], None]
"""Takes one line about how it is going."""


class LarqMissing(EdgeNodeError):
    """Larq or TensorFlow is not installed."""

    reason: ClassVar[str] = "larq-missing"

    def __init__(self) -> None:
        super().__init__(
            "training with Larq needs packages that do not go with all others; make an environment"
            " of its own for it and install them with `python -m pip install"
            " 'edge-node[train-larq]'`"
        )


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


def check_larq() -> None:
    """Check that what is needed is installed, without loading it.

    Raises
    ------
    LarqMissing
    """
    if any(importlib.util.find_spec(name) is None for name in ("larq", "tensorflow")):
        raise LarqMissing


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
        check_larq()
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # no advice on instruction sets
        self._tf: Any = importlib.import_module("tensorflow")
        self._larq: Any = importlib.import_module("larq")
        keras = self._tf.keras
        keras.utils.set_random_seed(options.seed)
        self._architecture = architecture
        self._kernels: list[Any] = []
        self._norms: list[Any] = []
        size = (architecture.height, architecture.width, architecture.input_channels)
        values = pixels = keras.Input(size, dtype="uint8")
        values = keras.layers.Lambda(self._input_values)(values)
        for shape in architecture.shapes:
            values = self._sums(shape, values, bop=options.optimizer == BOP)
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
            self._shaped(splits.train_images),
            splits.train_labels.astype(np.int32),
            batch_size=options.batch,
            epochs=options.epochs,
            shuffle=True,
            verbose=0,
            callbacks=[said],
        )

    def decisions(self, images: Images) -> Decisions:
        """Return int64 (N,): the class of each image, the lowest on a tie."""
        logits = self._keras.predict(self._shaped(images), batch_size=DECIDED_AT_ONCE, verbose=0)
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

    def _shaped(self, images: Images) -> Images:
        shape = self._architecture
        return images.reshape(-1, shape.height, shape.width, shape.input_channels)

    def _input_values(self, pixels: Any) -> Any:  # noqa: ANN401 - tensors
        values = self._tf.cast(pixels, self._tf.float32) - PIXEL_ZERO
        if self._architecture.input_bits == 1:
            return self._tf.where(values >= 0, 1.0, -1.0)
        return values

    def _sums(self, shape: LayerShape, values: Any, *, bop: bool) -> Any:  # noqa: ANN401 - tensors
        """Return the convolution's output, (N, rows, columns, channels); the last, (N, classes)."""
        keras, layers = self._tf.keras, self._larq.layers
        first = not self._kernels
        style = {
            "use_bias": False,
            "input_quantizer": None if first else "ste_sign",
            "kernel_quantizer": self._larq.quantizers.NoOp(precision=1) if bop else "ste_sign",
            "kernel_constraint": None if bop else "weight_clip",
        }
        if shape.layer.kind is LayerKind.DENSE:
            kernel = layers.QuantDense(shape.channels, **style)
            sums = kernel(keras.layers.Flatten()(values))
            if not shape.last:
                sums = keras.layers.Reshape((1, 1, shape.channels))(sums)
        else:
            padding = {"padding": "same", "pad_values": 1.0} if shape.pad else {"padding": "valid"}
            kernel = layers.QuantConv2D(shape.channels, shape.kernel_height, **padding, **style)
            sums = kernel(values)
        self._kernels.append(kernel)
        return sums


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
