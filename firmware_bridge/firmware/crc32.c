// SPDX-License-Identifier: Apache-2.0
// CRC-32 by half bytes; see crc32.h.
//
// Law of the file: equal to zlib.crc32 for every input.
// Read next: frame.c.
#include "crc32.h"

// Each half byte's remainder under the reflected polynomial 0xedb88320.
static const uint32_t REMAINDERS[16] = {
    0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
    0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
};

uint32_t crc32(const uint8_t *data, size_t size) {
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        crc = (crc >> 4) ^ REMAINDERS[crc & 15u];
        crc = (crc >> 4) ^ REMAINDERS[crc & 15u];
    }
    return ~crc;
}
