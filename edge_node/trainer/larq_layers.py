# SPDX-License-Identifier: Apache-2.0
"""Larq on TensorFlow: loading it, and the layers that an architecture of the format is made of.

A layer computes the sums of spec/bnn.py in float32, exactly: inputs of +-1, or pixel - 128 in the
first layer of an 8-bit network, padding with +1, kernels of +-1 by Larq's quantizers.
Law of the file: the only importer of larq and tensorflow, and only when asked to.
Read next: backprop.py; edge_node/bench/paper/larq_evaluation.py.
"""

import importlib
import importlib.util
import os
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from edge_node.primitives.errors import EdgeNodeError
from edge_node.spec.architecture import Architecture, LayerKind, LayerShape
from edge_node.spec.bnn import PIXEL_ZERO

Images = npt.NDArray[np.uint8]


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
class LarqLayers:
    """Larq and TensorFlow, loaded, and what of them the format's networks need."""

    tf: Any
    """The module tensorflow."""
    larq: Any
    """The module larq."""

    @property
    def version(self) -> str:
        """What computes, in words."""
        return f"Larq {self.larq.__version__} on TensorFlow {self.tf.__version__}"

    def pixels(self, architecture: Architecture) -> Any:  # noqa: ANN401 - Keras has no types
        """Return a network's input: uint8 (N, height, width, input channels)."""
        size = (architecture.height, architecture.width, architecture.input_channels)
        return self.tf.keras.Input(size, dtype="uint8")

    def values(self, architecture: Architecture, pixels: Any) -> Any:  # noqa: ANN401 - tensors
        """Return what the first layer sees of pixels, float32."""

        def seen(raw: Any) -> Any:  # noqa: ANN401 - tensors
            centred = self.tf.cast(raw, self.tf.float32) - PIXEL_ZERO
            if architecture.input_bits == 1:
                return self.tf.where(centred >= 0, 1.0, -1.0)
            return centred

        return self.tf.keras.layers.Lambda(seen)(pixels)

    def kernel(
        self, shape: LayerShape, *, first: bool, latent: bool = True, bias: bool = False
    ) -> Any:  # noqa: ANN401 - Keras has no types
        """Return the Larq layer of a layer.

        Parameters
        ----------
        shape : LayerShape
        first : bool
            Whether it takes the network's input as it is, else the signs of what it is given.
        latent : bool
            Whether it takes signs of its kernel, too; else that holds +-1.
        bias : bool
            Whether it adds a bias to its sums.
        """
        style = {
            "use_bias": bias,
            "input_quantizer": None if first else "ste_sign",
            "kernel_quantizer": "ste_sign" if latent else self.larq.quantizers.NoOp(precision=1),
            "kernel_constraint": "weight_clip" if latent else None,
        }
        if shape.layer.kind is LayerKind.DENSE:
            return self.larq.layers.QuantDense(shape.channels, **style)
        padding = {"padding": "same", "pad_values": 1.0} if shape.pad else {"padding": "valid"}
        size = shape.kernel_height
        return self.larq.layers.QuantConv2D(shape.channels, size, **padding, **style)

    def sums(self, shape: LayerShape, kernel: Any, values: Any) -> Any:  # noqa: ANN401 - tensors
        """Return a Larq layer's output, (N, rows, columns, channels); the last, (N, classes)."""
        if shape.layer.kind is not LayerKind.DENSE:
            return kernel(values)
        layers = self.tf.keras.layers
        sums = kernel(layers.Flatten()(values))
        return sums if shape.last else layers.Reshape((1, 1, shape.channels))(sums)


def larq_is_installed() -> bool:
    """Say whether Larq and TensorFlow are installed, without loading them."""
    return all(importlib.util.find_spec(name) is not None for name in ("larq", "tensorflow"))


def check_larq() -> None:
    """Check that what is needed is installed, without loading it.

    Raises
    ------
    LarqMissing
    """
    if not larq_is_installed():
        raise LarqMissing


def load_larq() -> LarqLayers:
    """Load Larq and TensorFlow.

    Raises
    ------
    LarqMissing
    """
    check_larq()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # no advice on instruction sets
    tensorflow = importlib.import_module("tensorflow")
    return LarqLayers(tf=tensorflow, larq=importlib.import_module("larq"))


def shaped(architecture: Architecture, images: Images) -> Images:
    """Return images, uint8 (N, image_bytes), as a network's input takes them."""
    height, width = architecture.height, architecture.width
    return images.reshape(-1, height, width, architecture.input_channels)
