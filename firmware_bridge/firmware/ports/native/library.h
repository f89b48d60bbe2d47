// SPDX-License-Identifier: Apache-2.0
// The core on this machine, for programs that call it: Python's ctypes, tests, fuzzers.
//
// Law of the file: no clock and no line of its own; the caller owns both, and all memory.
// Read next: library.c.
#ifndef EDGE_LIBRARY_H
#define EDGE_LIBRARY_H

#include <stddef.h>
#include <stdint.h>

#define CORE_EXPORT __attribute__((visibility("default")))

struct core;

// Bytes that the caller gives to core_begin, aligned to 16.
CORE_EXPORT size_t core_bytes(void);

// Memory for a program that has one device.
struct core *core_only(void);

// Start a device. `sensor_side` pixels square is its test pattern; 0 is a board without a sensor.
CORE_EXPORT void core_begin(struct core *core, uint32_t sensor_side, uint32_t now_ms);

// Pass what came on the line, or let time pass.
CORE_EXPORT void core_receive(struct core *core, const uint8_t *bytes, size_t size);
CORE_EXPORT void core_poll(struct core *core, uint32_t now_ms);

// Take what it has sent since the last call, `capacity` bytes at the most. Returns how many.
CORE_EXPORT size_t core_take(struct core *core, uint8_t *bytes, size_t capacity);

// Parse a blob in memory[memory_bytes / 4] and run it on images[count][image_bytes]. Returns the
// verdict of model.h; logits[count][classes] are written if that is 0 and count is above 0.
CORE_EXPORT int core_logits(uint32_t *memory, size_t memory_bytes, size_t blob_bytes,
                            uint32_t *work, uint32_t work_words, const uint8_t *images,
                            size_t count, int32_t *logits);

// The self-test's answer: 1 if it passed. And the blob of its model `index`; its length, or 0.
CORE_EXPORT int core_self_test(uint8_t *answer);
CORE_EXPORT size_t core_known_blob(uint32_t index, uint8_t *blob, size_t capacity);

// 1 if cbor_valid accepts it.
CORE_EXPORT int core_cbor_valid(const uint8_t *data, size_t size, uint32_t max_items,
                                uint32_t max_depth);
CORE_EXPORT uint32_t core_crc32(const uint8_t *data, size_t size);
CORE_EXPORT void core_sha256(const uint8_t *data, size_t size, uint8_t *digest);

// Encode a frame's bytes by COBS with the zero at its end. Returns its length on the line.
CORE_EXPORT size_t core_stuff(const uint8_t *frame, size_t size, uint8_t *line);

// Pass a line's bytes through a receiver of `capacity`. Returns how many frames were good; the
// bytes of the last good one are in `frame`, its length in *size. *bad counts the others.
CORE_EXPORT size_t core_unstuff(const uint8_t *line, size_t line_bytes, uint8_t *frame,
                                size_t capacity, size_t *size, size_t *bad);

#endif
