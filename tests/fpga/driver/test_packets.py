# SPDX-License-Identifier: Apache-2.0
"""Where pixels and labels lie in a packet of images."""

import zlib

import numpy as np

from edge_node_fpga.driver.folding import KIND_IMAGES, Folded
from edge_node_fpga.driver.packets import image_packet


def folded(*, eight_bit: bool, rows: int, row_beats: int) -> Folded:
    return Folded(
        packet=b"",
        first=False,
        bytes=eight_bit,
        image_rows=rows,
        row_beats=row_beats,
        classes=2,
        rows=1,
    )


def test_bytes_begin_each_row_with_a_beat() -> None:
    images = np.arange(1, 19, dtype=np.uint8).reshape(1, 18)
    packet = image_packet(folded(eight_bit=True, rows=2, row_beats=2), images)
    payload = packet[16:-8]
    assert payload[:16] == bytes([*range(1, 10), *bytes(7)])
    assert payload[16:] == bytes([*range(10, 19), *bytes(7)])
    assert packet[4] == KIND_IMAGES
    assert int.from_bytes(packet[-8:], "little") == zlib.crc32(packet[:-8])


def test_bit_of_a_dark_pixel_is_set() -> None:
    images = np.full((1, 10), 128, np.uint8)
    images[0, [0, 9]] = 127
    packet = image_packet(folded(eight_bit=False, rows=1, row_beats=1), images)
    assert packet[16:-8] == bytes([1, 2, *bytes(6)])


def test_label_goes_before_its_image() -> None:
    images = np.zeros((2, 8), np.uint8)
    labels = np.array([3, 255], np.uint8)
    packet = image_packet(folded(eight_bit=True, rows=1, row_beats=1), images, labels)
    beats = np.frombuffer(packet, np.uint64)[2:-1]
    assert beats.tolist() == [3, 0, 255, 0]
