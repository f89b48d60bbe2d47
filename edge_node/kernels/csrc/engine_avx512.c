// SPDX-License-Identifier: Apache-2.0
// AVX-512 path of the engine: 16 channels per vector, counted by VPOPCNTD.
//
// An 8-bit layer multiplies 4 pixels with 16 channels at once: uint8 x int8 pairs are added up in
// int16 (VPMADDUBSW), 64 times at most: 64 * 2 * 255 = 32,640 < 2^15.
// Read next: engine_tile.h for what each function means.
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint32_t bits_element;
// Sums have a type of their own element: gcc keeps a __m512i that is added up in a loop in two
// registers, and then runs out of them.
typedef uint32_t words __attribute__((vector_size(64)));
typedef uint16_t halves __attribute__((vector_size(64)));

typedef __m512i bits_operand, bits_vector, bits_wide;
typedef words bits_narrow;
enum {
    BITS_ELEMENT_BITS = 32,
    bits_LANES = 16,
    bits_WEIGHT_BYTES = 4,
    bits_VECTORS = 4,
    bits_CHUNK = 1 << 14,
};

static inline words bits_narrow_zero(void) {
    return (words){0};
}
static inline __m512i bits_wide_zero(void) {
    return _mm512_setzero_si512();
}
static inline __m512i bits_load(const uint8_t *weights) {
    return _mm512_loadu_si512(weights);
}
static inline __m512i bits_spread(const uint32_t *at) {
    return _mm512_set1_epi32((int)*at);
}
static inline words bits_step(words narrow, __m512i weights, __m512i operand) {
    return narrow + (words)_mm512_popcnt_epi32(_mm512_xor_si512(weights, operand));
}
static inline __m512i bits_fold(__m512i wide, words narrow) {
    return _mm512_add_epi32(wide, (__m512i)narrow);
}
static inline __m512i bits_least(__m512i a, __m512i b) {
    return _mm512_min_epi32(a, b);
}
static inline uint32_t bits_above(__m512i sums, const int32_t *limits) {
    uint32_t above = _mm512_cmpgt_epi32_mask(sums, _mm512_loadu_si512(limits));
    // gcc 12 can spill a mask of 16 bits where it needs 64 and reload what lay beside it. An empty
    // instruction that wants the mask in a general register keeps it from that.
    __asm__("" : "+r"(above));
    return above;
}
static inline void bits_store(int32_t *to, __m512i sums) {
    _mm512_storeu_si512(to, sums);
}

typedef uint8_t pixels_element;
typedef __m512i pixels_operand, pixels_vector, pixels_wide;
typedef halves pixels_narrow;
enum {
    PIXEL_FLIP = 0,
    pixels_LANES = 16,
    pixels_WEIGHT_BYTES = 4,
    pixels_VECTORS = 4,
    pixels_CHUNK = 64,
};

static inline __m512i pixels_spread(const uint8_t *at) {
    int four;
    memcpy(&four, at, sizeof four);
    return _mm512_set1_epi32(four);
}
static inline halves pixels_step(halves narrow, __m512i weights, __m512i operand) {
    return narrow + (halves)_mm512_maddubs_epi16(operand, weights);
}
static inline __m512i pixels_fold(__m512i wide, halves narrow) {
    return _mm512_add_epi32(wide, _mm512_madd_epi16((__m512i)narrow, _mm512_set1_epi16(1)));
}
static inline halves pixels_narrow_zero(void) {
    return (halves){0};
}
#define pixels_wide_zero bits_wide_zero
#define pixels_load bits_load
#define pixels_least bits_least
#define pixels_above bits_above
#define pixels_store bits_store

#include "engine_body.h"

const struct engine_path *engine_path_avx512(void) {
    static const struct engine_path path = {
        .element_bits = BITS_ELEMENT_BITS,
        .bit_lanes = bits_LANES,
        .pixel_lanes = pixels_LANES,
        .gather_steps = 8,
        .taps = 4,
        .pixel_flip = PIXEL_FLIP,
        .run = run,
    };
    return &path;
}
