// SPDX-License-Identifier: Apache-2.0
// Scalar path of the engine: plain C in the compiler's generic vectors, for any machine.
//
// Mismatches are counted by halving: bits to pairs, nibbles, bytes. A byte takes 31 words of 8:
// 248 < 2^8. An 8-bit layer adds pixel ^ mask, which is the pixel or, with a mask of -1,
// -pixel - 1; the limits know of these -1 (engine_plan.c).
// Read next: engine_tile.h for what each function means.
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint32_t words __attribute__((vector_size(16)));
typedef int32_t numbers __attribute__((vector_size(16)));

typedef uint32_t bits_element;
typedef uint32_t bits_operand;
typedef words bits_vector, bits_narrow;
typedef numbers bits_wide;
enum {
    BITS_ELEMENT_BITS = 32,
    bits_LANES = 4,
    bits_WEIGHT_BYTES = 4,
    bits_VECTORS = 2,
    bits_CHUNK = 31,
};

static inline words bits_narrow_zero(void) {
    return (words){0};
}
static inline numbers bits_wide_zero(void) {
    return (numbers){0};
}
static inline words bits_load(const uint8_t *weights) {
    words loaded;
    memcpy(&loaded, weights, sizeof loaded);
    return loaded;
}
static inline uint32_t bits_spread(const uint32_t *at) {
    return *at;
}
static inline words bits_step(words narrow, words weights, uint32_t operand) {
    words v = weights ^ operand;
    v = v - (v >> 1 & 0x55555555);
    v = (v & 0x33333333) + (v >> 2 & 0x33333333);
    return narrow + ((v + (v >> 4)) & 0x0F0F0F0F);
}
static inline numbers bits_fold(numbers wide, words narrow) {
    words pairs = (narrow & 0x00FF00FF) + (narrow >> 8 & 0x00FF00FF);
    return wide + (numbers)((pairs & 0xFFFF) + (pairs >> 16));
}
static inline numbers bits_least(numbers a, numbers b) {
    numbers smaller = a < b;
    return (a & smaller) | (b & ~smaller);
}
static inline uint32_t bits_above(numbers sums, const int32_t *limits) {
    uint32_t above = 0;
    for (int lane = 0; lane < bits_LANES; lane++)
        above |= (uint32_t)(sums[lane] > limits[lane]) << lane;
    return above;
}
static inline void bits_store(int32_t *to, numbers sums) {
    memcpy(to, &sums, sizeof sums);
}

typedef uint8_t pixels_element;
typedef int32_t pixels_operand;
typedef numbers pixels_vector, pixels_narrow, pixels_wide;
enum {
    PIXEL_FLIP = 0,
    pixels_LANES = 4,
    pixels_WEIGHT_BYTES = 4,
    pixels_VECTORS = 2,
    pixels_CHUNK = 1 << 14,
};

static inline numbers pixels_load(const uint8_t *weights) {
    numbers loaded;
    memcpy(&loaded, weights, sizeof loaded);
    return loaded;
}
static inline int32_t pixels_spread(const uint8_t *at) {
    return *at;
}
static inline numbers pixels_step(numbers narrow, numbers masks, int32_t operand) {
    return narrow + (masks ^ operand);
}
static inline numbers pixels_fold(numbers wide, numbers narrow) {
    return wide + narrow;
}
#define pixels_narrow_zero bits_wide_zero
#define pixels_wide_zero bits_wide_zero
#define pixels_least bits_least
#define pixels_above bits_above
#define pixels_store bits_store

#include "engine_body.h"

const struct engine_path *engine_path_scalar(void) {
    static const struct engine_path path = {
        .element_bits = BITS_ELEMENT_BITS,
        .bit_lanes = bits_LANES,
        .pixel_lanes = pixels_LANES,
        .gather_steps = 3,
        .taps = 1,
        .pixel_flip = PIXEL_FLIP,
        .run = run,
    };
    return &path;
}
