// SPDX-License-Identifier: Apache-2.0
// Integer training with AVX-512.
//
// Law of the file: only what the compiler does not find by itself; training_scalar.c says what each
// function means.
// Read next: training_body.h.
#define VECTOR_BYTES 64
#define COUNT_LIMIT (1 << 20)
#define PATH_TABLE training_avx512
#include "training_lanes.h"

#include <immintrin.h>

static inline uint32_t negative_lanes(const int16_t *values) {
    return _mm512_movepi16_mask(_mm512_loadu_si512(values));
}

static inline uint32_t nonzero_lanes(const int16_t *values) {
    __m512i vector = _mm512_loadu_si512(values);
    return _mm512_test_epi16_mask(vector, vector);
}

static inline lanes32 count_bits(lanes32 counts, lanes32 bits) {
    return counts + (lanes32)_mm512_popcnt_epi32((__m512i)bits);
}

static inline lanes32 total_bits(lanes32 counts) {
    return counts;
}

static inline struct wide widen(lanes16 lanes) {
    __m256i low = _mm512_castsi512_si256((__m512i)lanes);
    __m256i high = _mm512_extracti64x4_epi64((__m512i)lanes, 1);
    return (struct wide){(lanes32)_mm512_cvtepi16_epi32(low), (lanes32)_mm512_cvtepi16_epi32(high)};
}

static inline lanes32 multiply_pairs(lanes32 a, lanes32 b) {
    return (lanes32)_mm512_madd_epi16((__m512i)a, (__m512i)b);
}

#include "training_body.h"
