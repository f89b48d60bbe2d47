# SPDX-License-Identifier: Apache-2.0
"""What an RP2040 is flashed with: a boot stage with its CRC, and files of UF2 blocks.

Raspberry Pi, RP2040 datasheet 2.8.1.3.1; Microsoft, UF2 specification.
Law of the file: bytes in, bytes out.
Read next: build.py.
"""

import struct

RP2040_FAMILY_ID = 0xE48B_FF56
"""Says in each block that it is for this chip."""
FLASH_ADDRESS = 0x1000_0000
"""Where an RP2040's flash begins."""
BOOT_BYTES = 256
"""Of the boot stage with its CRC."""

_CRC_POLYNOMIAL = 0x04C1_1DB7
_UF2_FIRST, _UF2_SECOND, _UF2_LAST = 0x0A32_4655, 0x9E5D_5157, 0x0AB1_6F30
_UF2_HAS_FAMILY = 0x2000
_UF2_BYTES = 256
"""Of data in a block of 512."""
_UF2_FILL = 476


class BootStageTooLong(ValueError):
    """A boot stage leaves no room for its CRC."""

    def __init__(self, *, most: int, actual: int) -> None:
        super().__init__(f"a boot stage of {actual} bytes: make it {most} or less")


def with_crc(stage: bytes) -> bytes:
    """Return a boot stage filled to 252 bytes, and its CRC-32 as the boot ROM computes it.

    Raises
    ------
    BootStageTooLong
    """
    most = BOOT_BYTES - 4
    if len(stage) > most:
        raise BootStageTooLong(most=most, actual=len(stage))
    filled = stage.ljust(most, b"\x00")
    return filled + boot_crc(filled).to_bytes(4, "little")


def boot_crc(data: bytes) -> int:
    """Return CRC-32/MPEG-2: most significant bit first, begun with ones, not inverted."""
    crc = 0xFFFF_FFFF
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ (_CRC_POLYNOMIAL if crc >> 31 else 0)) & 0xFFFF_FFFF
    return crc


def uf2(image: bytes, *, family_id: int, address: int = FLASH_ADDRESS) -> bytes:
    """Return the UF2 file that puts an image at an address."""
    count = -(-len(image) // _UF2_BYTES)
    blocks: list[bytes] = []
    for number in range(count):
        data = image[number * _UF2_BYTES : (number + 1) * _UF2_BYTES].ljust(_UF2_BYTES, b"\x00")
        head = struct.pack(
            "<8I",
            _UF2_FIRST,
            _UF2_SECOND,
            _UF2_HAS_FAMILY,
            address + number * _UF2_BYTES,
            _UF2_BYTES,
            number,
            count,
            family_id,
        )
        blocks.append(head + data.ljust(_UF2_FILL, b"\x00") + struct.pack("<I", _UF2_LAST))
    return b"".join(blocks)
