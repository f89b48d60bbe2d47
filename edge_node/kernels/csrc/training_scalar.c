// SPDX-License-Identifier: Apache-2.0
// Integer training in plain C: the path of any machine, and what the other paths' functions mean.
//
// Law of the file: no instruction by name; a function here defines its namesakes in other paths.
// Read next: training_body.h.
#define VECTOR_BYTES 16
#define COUNT_LIMIT 31
#define PATH_TABLE training_scalar
#include "training_lanes.h"

// Bit i is set where values[i] is negative, i < 32.
static inline uint32_t negative_lanes(const int16_t *values) {
    uint32_t bits = 0;
    for (int i = 0; i < 32; i++)
        bits |= (uint32_t)(values[i] < 0) << i;
    return bits;
}

// Bit i is set where values[i] is not zero, i < 32.
static inline uint32_t nonzero_lanes(const int16_t *values) {
    uint32_t bits = 0;
    for (int i = 0; i < 32; i++)
        bits |= (uint32_t)(values[i] != 0) << i;
    return bits;
}

// Add the number of ones; how the counts lie in a lane is free until total_bits adds them up.
// At most COUNT_LIMIT times: here each byte counts its own ones, 8 each time.
static inline lanes32 count_bits(lanes32 counts, lanes32 bits) {
    bits -= bits >> 1 & 0x55555555;
    bits = (bits & 0x33333333) + (bits >> 2 & 0x33333333);
    return counts + ((bits + (bits >> 4)) & 0x0f0f0f0f);
}

// The number of ones of each lane.
static inline lanes32 total_bits(lanes32 counts) {
    counts = (counts & 0x00ff00ff) + (counts >> 8 & 0x00ff00ff);
    return (counts + (counts >> 16)) & 0xffff;
}

// The lanes as signed 32-bit numbers, in order.
static inline struct wide widen(lanes16 lanes) {
    signed_half16 half[2];
    memcpy(half, &lanes, sizeof half);
    return (struct wide){(lanes32) __builtin_convertvector(half[0], signed32),
                         (lanes32) __builtin_convertvector(half[1], signed32)};
}

// In each lane, the product of the low signed halves plus that of the high ones.
static inline lanes32 multiply_pairs(lanes32 a, lanes32 b) {
    signed32 low = ((signed32)(a << 16) >> 16) * ((signed32)(b << 16) >> 16);
    return (lanes32)(low + ((signed32)a >> 16) * ((signed32)b >> 16));
}

#include "training_body.h"
