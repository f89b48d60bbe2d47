// SPDX-License-Identifier: Apache-2.0
// AVX2 path of the engine: mismatches by table look-up, 32 channels per vector.
//
// AVX2 can not count bits, but VPSHUFB looks 32 bytes up in a table of 16. For each nibble x of a
// patch there is a table T[x][w] = popcount(x ^ w); a shuffle of it by the nibbles w of 32 channels
// gives their mismatches in one step. That is 128 bits for a shuffle and an addition, twice what
// xor, two shuffles and their masks give. An element of a map is 16 * x, the offset of the table.
// A byte takes 63 nibbles of 4 mismatches: 252 < 2^8.
// An 8-bit layer works as on AVX-512, with 8 channels per vector.
// Read next: engine_tile.h for what each function means.
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static const _Alignas(16) uint8_t mismatch_tables[16][16] = {
    {0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4},
    {1, 0, 2, 1, 2, 1, 3, 2, 2, 1, 3, 2, 3, 2, 4, 3},
    {1, 2, 0, 1, 2, 3, 1, 2, 2, 3, 1, 2, 3, 4, 2, 3},
    {2, 1, 1, 0, 3, 2, 2, 1, 3, 2, 2, 1, 4, 3, 3, 2},
    {1, 2, 2, 3, 0, 1, 1, 2, 2, 3, 3, 4, 1, 2, 2, 3},
    {2, 1, 3, 2, 1, 0, 2, 1, 3, 2, 4, 3, 2, 1, 3, 2},
    {2, 3, 1, 2, 1, 2, 0, 1, 3, 4, 2, 3, 2, 3, 1, 2},
    {3, 2, 2, 1, 2, 1, 1, 0, 4, 3, 3, 2, 3, 2, 2, 1},
    {1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1, 2, 1, 2, 2, 3},
    {2, 1, 3, 2, 3, 2, 4, 3, 1, 0, 2, 1, 2, 1, 3, 2},
    {2, 3, 1, 2, 3, 4, 2, 3, 1, 2, 0, 1, 2, 3, 1, 2},
    {3, 2, 2, 1, 4, 3, 3, 2, 2, 1, 1, 0, 3, 2, 2, 1},
    {2, 3, 3, 4, 1, 2, 2, 3, 1, 2, 2, 3, 0, 1, 1, 2},
    {3, 2, 4, 3, 2, 1, 3, 2, 2, 1, 3, 2, 1, 0, 2, 1},
    {3, 4, 2, 3, 2, 3, 1, 2, 2, 3, 1, 2, 1, 2, 0, 1},
    {4, 3, 3, 2, 3, 2, 2, 1, 3, 2, 2, 1, 2, 1, 1, 0},
};

typedef uint8_t bits_element;
// Sums have a type of their own element: gcc keeps a __m256i that is added up in a loop in two
// registers, and then runs out of them.
typedef uint8_t bytes __attribute__((vector_size(32)));
typedef uint16_t shorts __attribute__((vector_size(32)));
typedef __m256i bits_operand, bits_vector;
typedef bytes bits_narrow;
typedef struct {
    __m256i low, high; // int16; channels 0-7 and 16-23, channels 8-15 and 24-31
} bits_wide;
enum {
    BITS_ELEMENT_BITS = 4,
    bits_LANES = 32,
    bits_WEIGHT_BYTES = 1,
    bits_VECTORS = 2,
    bits_CHUNK = 63,
};

static inline bytes bits_narrow_zero(void) {
    return (bytes){0};
}
static inline bits_wide bits_wide_zero(void) {
    return (bits_wide){_mm256_setzero_si256(), _mm256_setzero_si256()};
}
static inline __m256i bits_load(const uint8_t *weights) {
    return _mm256_loadu_si256((const __m256i *)weights);
}
static inline __m256i bits_spread(const uint8_t *at) {
    const uint8_t *table = &mismatch_tables[0][0] + *at;
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)table));
}
static inline bytes bits_step(bytes narrow, __m256i weights, __m256i operand) {
    return narrow + (bytes)_mm256_shuffle_epi8(operand, weights);
}
static inline bits_wide bits_fold(bits_wide wide, bytes sums) {
    __m256i narrow = (__m256i)sums;
    __m256i zero = _mm256_setzero_si256();
    return (bits_wide){_mm256_add_epi16(wide.low, _mm256_unpacklo_epi8(narrow, zero)),
                       _mm256_add_epi16(wide.high, _mm256_unpackhi_epi8(narrow, zero))};
}
static inline bits_wide bits_least(bits_wide a, bits_wide b) {
    return (bits_wide){_mm256_min_epi16(a.low, b.low), _mm256_min_epi16(a.high, b.high)};
}
// Eight limits for each half of a vector, saturated: a sum is never above 2^15 - 1.
static inline __m256i limits_16(const int32_t *low, const int32_t *high) {
    __m256i a = _mm256_loadu_si256((const __m256i *)low);
    __m256i b = _mm256_loadu_si256((const __m256i *)high);
    return _mm256_permute4x64_epi64(_mm256_packs_epi32(a, b), 0xD8);
}
static inline uint32_t bits_above(bits_wide sums, const int32_t *limits) {
    __m256i low = _mm256_cmpgt_epi16(sums.low, limits_16(limits, limits + 16));
    __m256i high = _mm256_cmpgt_epi16(sums.high, limits_16(limits + 8, limits + 24));
    return (uint32_t)_mm256_movemask_epi8(_mm256_packs_epi16(low, high));
}
static inline void store_8(int32_t *to, __m128i sums) {
    _mm256_storeu_si256((__m256i *)to, _mm256_cvtepi16_epi32(sums));
}
static inline void bits_store(int32_t *to, bits_wide sums) {
    store_8(to, _mm256_castsi256_si128(sums.low));
    store_8(to + 8, _mm256_castsi256_si128(sums.high));
    store_8(to + 16, _mm256_extracti128_si256(sums.low, 1));
    store_8(to + 24, _mm256_extracti128_si256(sums.high, 1));
}

typedef uint8_t pixels_element;
typedef __m256i pixels_operand, pixels_vector, pixels_wide;
typedef shorts pixels_narrow;
enum {
    PIXEL_FLIP = 0,
    pixels_LANES = 8,
    pixels_WEIGHT_BYTES = 4,
    pixels_VECTORS = 2,
    pixels_CHUNK = 64,
};

static inline __m256i pixels_wide_zero(void) {
    return _mm256_setzero_si256();
}
static inline __m256i pixels_spread(const uint8_t *at) {
    int four;
    memcpy(&four, at, sizeof four);
    return _mm256_set1_epi32(four);
}
static inline shorts pixels_step(shorts narrow, __m256i weights, __m256i operand) {
    return narrow + (shorts)_mm256_maddubs_epi16(operand, weights);
}
static inline __m256i pixels_fold(__m256i wide, shorts narrow) {
    return _mm256_add_epi32(wide, _mm256_madd_epi16((__m256i)narrow, _mm256_set1_epi16(1)));
}
static inline __m256i pixels_least(__m256i a, __m256i b) {
    return _mm256_min_epi32(a, b);
}
static inline uint32_t pixels_above(__m256i sums, const int32_t *limits) {
    __m256i above = _mm256_cmpgt_epi32(sums, _mm256_loadu_si256((const __m256i *)limits));
    return (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(above));
}
static inline void pixels_store(int32_t *to, __m256i sums) {
    _mm256_storeu_si256((__m256i *)to, sums);
}
static inline shorts pixels_narrow_zero(void) {
    return (shorts){0};
}
#define pixels_load bits_load

#include "engine_body.h"

const struct engine_path *engine_path_avx2(void) {
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
