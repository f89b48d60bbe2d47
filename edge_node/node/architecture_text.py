# SPDX-License-Identifier: Apache-2.0
"""Architectures as people write them: a name, or input bits and layers in one word.

`1bit:conv8p-conv10p-conv20-dense10` is BITS:LAYER-LAYER-...; a layer is `conv` or `dense` and its
channels, then for conv: `k5` for a 5x5 kernel (3x3 otherwise), `s` for SAME padding, `p` for 2x2
pooling. The input's shape comes from the dataset.
Law of the file: text and back, exactly; whether an architecture is possible is the law's to say.
Read next: ../spec/architecture.py.
"""

import re
from dataclasses import replace
from typing import Final

from edge_node.node.configuration_errors import ArchitectureTextInvalid
from edge_node.spec.architecture import (
    BINARY_4K,
    DENSE_256,
    UINT8_1M,
    UINT8_4K,
    UINT8_94K,
    Architecture,
    Layer,
    LayerKind,
    conv,
    dense,
)
from edge_node.spec.dataset import Manifest

REFERENCE_FAMILIES: Final = {
    "binary-4k": BINARY_4K,
    "uint8-4k": UINT8_4K,
    "uint8-94k": UINT8_94K,
    "uint8-1m": UINT8_1M,
    "dense-256": DENSE_256,
}
"""The families of the protocol's section 3, by the names that users give."""

DEFAULT_KERNEL: Final = 3

_WHOLE = re.compile(r"(?P<bits>[18])bit:(?P<layers>.+)")
_LAYER = re.compile(
    r"conv(?P<conv>[0-9]{1,5})(k(?P<kernel>[0-9]{1,3}))?(?P<same>s)?(?P<pool>p)?"
    r"|dense(?P<dense>[0-9]{1,5})"
)


def parse_architecture(
    text: str, *, height: int = 28, width: int = 28, channels: int = 1
) -> Architecture:
    """Return the architecture that a text names.

    Parameters
    ----------
    text : str
        A name of REFERENCE_FAMILIES, or bits and layers.
    height, width, channels : int
        Shape of the images; MNIST's by default.

    Raises
    ------
    ArchitectureTextInvalid
        It is neither.
    ArchitectureOutOfRange
        R-4: such a network is impossible.
    """
    if text in REFERENCE_FAMILIES:
        family = REFERENCE_FAMILIES[text]
        bits, layers = family.input_bits, family.layers
    else:
        whole = _WHOLE.fullmatch(text)
        if whole is None:
            raise _invalid(text)
        bits = int(whole["bits"])
        layers = tuple(_layer(word, text) for word in whole["layers"].split("-"))
    return Architecture(
        height=height, width=width, input_channels=channels, input_bits=bits, layers=layers
    )


def family_for(text: str, manifest: Manifest) -> Architecture:
    """Return the architecture that a text names, for the images and classes of a dataset.

    Raises
    ------
    ArchitectureTextInvalid, ArchitectureOutOfRange
        As of `parse_architecture`; the layers may be too large for the dataset's images.
    """
    named = parse_architecture(
        text, height=manifest.height, width=manifest.width, channels=manifest.channels
    )
    *hidden, last = named.layers
    return replace(named, layers=(*hidden, replace(last, channels=manifest.classes)))


def architecture_text(architecture: Architecture) -> str:
    """Return the text that names an architecture: a reference family's name where it is one."""
    for name, family in REFERENCE_FAMILIES.items():
        if family == architecture:
            return name
    return f"{architecture.input_bits}bit:" + "-".join(map(_word, architecture.layers))


def _layer(word: str, text: str) -> Layer:
    match = _LAYER.fullmatch(word)
    if match is None:
        raise _invalid(text)
    if match["dense"]:
        return dense(int(match["dense"]))
    return conv(
        int(match["conv"]),
        kernel=int(match["kernel"] or DEFAULT_KERNEL),
        same=match["same"] is not None,
        pool=match["pool"] is not None,
    )


def _word(layer: Layer) -> str:
    if layer.kind is LayerKind.DENSE:
        return f"dense{layer.channels}"
    kernel = "" if layer.kernel == DEFAULT_KERNEL else f"k{layer.kernel}"
    return f"conv{layer.channels}{kernel}{'s' * layer.same_padding}{'p' * layer.pool}"


def _invalid(text: str) -> ArchitectureTextInvalid:
    return ArchitectureTextInvalid(actual=text, names=list(REFERENCE_FAMILIES))
