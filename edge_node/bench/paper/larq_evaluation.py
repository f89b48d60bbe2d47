# SPDX-License-Identifier: Apache-2.0
"""Dense evaluation as the paper has it: an individual's weights in a network of Larq on TensorFlow.

The network is built and compiled once, so that an individual costs its weights and its images; a
hidden threshold is a bias before the next layer's sign. Batches are as large as is fastest here,
three to five times faster than dense numpy.
Law of the file: every image counted as dense numpy counts it; nothing packed, no thread but one
(the parent's environment sees to it).
Read next: ../../trainer/larq_layers.py, mining.py.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from edge_node.datasets.content import Samples
from edge_node.kernels.arrays import weight_bits
from edge_node.spec.architecture import Architecture, LayerShape
from edge_node.spec.model import Model
from edge_node.trainer.larq_layers import load_larq, shaped

BATCH = 1_000
"""Images of a batch."""


class LarqEvaluation:
    """Counts correct images of models of one architecture.

    Parameters
    ----------
    architecture : Architecture

    Raises
    ------
    LarqMissing
    """

    def __init__(self, architecture: Architecture) -> None:
        loaded = load_larq()
        tf = loaded.tf
        self.name = loaded.version
        self._architecture = architecture
        self._kernels: list[Any] = []
        pixels = loaded.pixels(architecture)
        values = loaded.values(architecture, pixels)
        for shape in architecture.shapes:
            kernel = loaded.kernel(shape, first=not self._kernels, bias=True)
            self._kernels.append(kernel)
            values = loaded.sums(shape, kernel, values)
            if shape.layer.pool:  # the sign of the maximum is the maximum of the signs
                values = tf.keras.layers.MaxPooling2D(2)(values)
        network = tf.keras.Model(pixels, values)

        def correct(images: Any, labels: Any) -> Any:  # noqa: ANN401 - tensors
            classes = tf.argmax(network(images, training=False), axis=1)  # the first of equals
            return tf.math.count_nonzero(tf.equal(classes, labels))

        size = (architecture.height, architecture.width, architecture.input_channels)
        batch = (tf.TensorSpec((None, *size), tf.uint8), tf.TensorSpec((None,), tf.int64))
        self._correct: Any = tf.function(correct, input_signature=batch)
        self._correct.get_concrete_function()  # compiled here, not while the first is timed

    def __call__(self, model: Model, samples: Samples) -> int:
        """Return how many images a model classifies correctly."""
        assert model.architecture == self._architecture
        for kernel, shape, bits, thresholds in zip(
            self._kernels,
            model.architecture.shapes,
            weight_bits(model),
            model.thresholds,
            strict=True,
        ):
            signs = np.float32(1) - np.float32(2) * bits.T
            kernel.set_weights([signs.reshape(kernel.kernel.shape), _biases(shape, thresholds)])
        images = shaped(self._architecture, samples.images)
        labels = samples.labels.astype(np.int64)
        return sum(
            int(self._correct(images[first : first + BATCH], labels[first : first + BATCH]))
            for first in range(0, len(samples), BATCH)
        )


def _biases(shape: LayerShape, thresholds: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Return what is added to sums: a hidden channel is -1 below 0, the last layer's are logits."""
    values = np.array(thresholds, np.float32)
    if shape.last:
        return values
    if shape.eight_bit:
        return -values
    # mismatches > threshold, with mismatches = (fan_in - sum) / 2
    return np.float32(2) * values - np.float32(shape.fan_in)
