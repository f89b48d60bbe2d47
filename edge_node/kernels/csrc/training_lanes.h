// SPDX-License-Identifier: Apache-2.0
// Vectors for the body of integer training, by the compiler's vector extension; the path says how
// wide (VECTOR_BYTES).
//
// Law of the file: what is summed is unsigned, so that it wraps where padding grows too large;
// loads and stores take any address.
// Read next: training_scalar.c, then training_forward.h.
#ifndef EDGE_TRAINING_LANES_H
#define EDGE_TRAINING_LANES_H

#include "training_layer.h"

#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "maps of bits are read at byte addresses, least significant byte first"
#endif

typedef uint16_t lanes16 __attribute__((vector_size(VECTOR_BYTES)));
typedef uint32_t lanes32 __attribute__((vector_size(VECTOR_BYTES)));
typedef int32_t signed32 __attribute__((vector_size(VECTOR_BYTES)));
typedef uint16_t half16 __attribute__((vector_size(VECTOR_BYTES / 2)));
typedef int16_t signed_half16 __attribute__((vector_size(VECTOR_BYTES / 2)));
// Eight channels of the layer of patterns.
typedef int16_t eight16 __attribute__((vector_size(16)));
typedef int32_t eight32 __attribute__((vector_size(32)));

// Twice the width, from lanes16.
struct wide {
    lanes32 low, high;
};

enum { LANES16 = VECTOR_BYTES / 2, LANES32 = VECTOR_BYTES / 4, MOST_INT16 = 32767 };

// From TAIL + 16 - n on: n lanes of ones, then zeros.
static const uint32_t TAIL[32] = {~0u, ~0u, ~0u, ~0u, ~0u, ~0u, ~0u, ~0u,
                                  ~0u, ~0u, ~0u, ~0u, ~0u, ~0u, ~0u, ~0u};

static inline uint32_t low_bits(int32_t count) {
    return count >= 32 ? ~0u : (1u << count) - 1;
}

static inline uint32_t twice(int16_t number) {
    return (uint16_t)number * 0x10001u;
}

static inline int16_t once(uint32_t pair) {
    return (int16_t)(uint16_t)pair;
}

static inline lanes16 load16(const int16_t *from) {
    lanes16 vector;
    memcpy(&vector, from, sizeof vector);
    return vector;
}

static inline lanes32 load32(const void *from) {
    lanes32 vector;
    memcpy(&vector, from, sizeof vector);
    return vector;
}

static inline void store32(void *to, lanes32 vector) {
    memcpy(to, &vector, sizeof vector);
}

// LANES32 int16, each as int32.
static inline signed32 load_wide(const int16_t *from) {
    signed_half16 narrow;
    memcpy(&narrow, from, sizeof narrow);
    return __builtin_convertvector(narrow, signed32);
}

// The low half of each lane, side by side.
static inline void store_narrow(int16_t *to, lanes32 vector) {
    half16 narrow = __builtin_convertvector(vector, half16);
    memcpy(to, &narrow, sizeof narrow);
}

static inline eight16 load_eight(const int16_t *from) {
    eight16 vector;
    memcpy(&vector, from, sizeof vector);
    return vector;
}

static inline void store_eight(int16_t *to, eight16 vector) {
    memcpy(to, &vector, sizeof vector);
}

static inline lanes32 broadcast32(uint32_t number) {
    return number - (lanes32){0};
}

static inline signed32 broadcast_signed(int32_t number) {
    return (signed32)broadcast32((uint32_t)number);
}

// `pair` holds the number twice.
static inline lanes16 broadcast16(uint32_t pair) {
    return (lanes16)broadcast32(pair);
}

static inline signed32 select32(signed32 mask, signed32 yes, signed32 no) {
    return (yes & mask) | (no & ~mask);
}

// The number, or +-most where it is beyond.
static inline signed32 clamp32(signed32 number, signed32 most) {
    number = select32(number > most, most, number);
    return select32(number < -most, -most, number);
}

#endif
