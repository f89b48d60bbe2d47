# SPDX-License-Identifier: Apache-2.0
"""Packets of images: from an array of pixels to what the engine takes.

Rows of an image begin with a beat of 64 bits; a 1-bit pixel is its sign, 1 for -1, the lowest bit
first. A label goes before its image.
Law of the file: layout only; what a model expects says folding.py.
Read next: folding.py, overlay.py.
"""

import numpy as np
import numpy.typing as npt

from edge_node_fpga.driver.folding import KIND_IMAGES, Folded, packet

BEAT_BYTES = 8
PIXEL_ZERO = 128
"""A pixel from here up is +1."""

Images = npt.NDArray[np.uint8]
"""uint8 (N, image_bytes)."""
Labels = npt.NDArray[np.uint8]
"""uint8 (N,)."""


def image_packet(folded: Folded, images: Images, labels: Labels | None = None) -> bytes:
    """Return the packet of a batch.

    Parameters
    ----------
    folded : Folded
        The model that it is for.
    images : uint8 array
        (N, image_bytes), N at least 1.
    labels : uint8 array, optional
        (N,).
    """
    count = len(images)
    rows = images.reshape(count, folded.image_rows, -1)
    if not folded.bytes:
        rows = np.packbits(rows < PIXEL_ZERO, axis=-1, bitorder="little")
    beats = np.zeros((count, folded.image_rows, folded.row_beats * BEAT_BYTES), np.uint8)
    beats[:, :, : rows.shape[2]] = rows
    whole = beats.reshape(count, -1)
    if labels is not None:
        marks = np.zeros((count, BEAT_BYTES), np.uint8)
        marks[:, 0] = labels
        whole = np.concatenate([marks, whole], axis=1)
    return packet(KIND_IMAGES, 0, count, whole.tobytes())
