// SPDX-License-Identifier: Apache-2.0
// CRC-32 of frames: the polynomial and the bit order of zlib.crc32.
//
// Law of the file: 64 bytes of table; nothing is kept between two frames.
// Read next: frame.h.
#ifndef EDGE_CRC32_H
#define EDGE_CRC32_H

#include <stddef.h>
#include <stdint.h>

uint32_t crc32(const uint8_t *data, size_t size);

#endif
