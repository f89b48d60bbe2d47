# SPDX-License-Identifier: Apache-2.0
"""What an RP2040 is flashed with has the form that its boot ROM and its USB disk want."""

import struct

import pytest

from edge_node_bridge.firmware import images


def test_crc_is_the_boot_roms() -> None:
    # The check value that is published for CRC-32/MPEG-2.
    assert images.boot_crc(b"123456789") == 0x0376_E6E7


def test_boot_stage_is_filled_and_ends_with_its_crc() -> None:
    stage = images.with_crc(b"\x01\x02")
    assert len(stage) == images.BOOT_BYTES
    assert stage[:252] == b"\x01\x02" + bytes(250)
    assert int.from_bytes(stage[252:], "little") == images.boot_crc(stage[:252])


def test_boot_stage_without_room_for_its_crc_is_refused() -> None:
    with pytest.raises(images.BootStageTooLong, match="253 bytes: make it 252"):
        images.with_crc(bytes(253))


def test_uf2_has_every_byte_at_its_address() -> None:
    image = bytes(i * 7 % 256 for i in range(600))
    file = images.uf2(image, family_id=images.RP2040_FAMILY_ID)
    assert len(file) == 3 * 512
    flash = bytearray()
    for number in range(3):
        block = file[512 * number : 512 * (number + 1)]
        first, second, flags, address, size, index, count, family = struct.unpack("<8I", block[:32])
        assert (first, second, block[-4:]) == (0x0A324655, 0x9E5D5157, b"\x30\x6f\xb1\x0a")
        assert (flags, size, index, count, family) == (0x2000, 256, number, 3, 0xE48BFF56)
        assert address == 0x1000_0000 + 256 * number
        flash += block[32 : 32 + size]
    assert flash == image.ljust(768, b"\x00")
