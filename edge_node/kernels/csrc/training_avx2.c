// SPDX-License-Identifier: Apache-2.0
// Integer training with AVX2.
//
// Law of the file: only what the compiler does not find by itself; training_scalar.c says what each
// function means.
// Read next: training_body.h.
#define VECTOR_BYTES 32
#define COUNT_LIMIT 31
#define PATH_TABLE training_avx2
#include "training_lanes.h"

#include <immintrin.h>

// Two vectors of 16 words to one of 32 signed bytes, in order.
static inline __m256i narrow(__m256i low, __m256i high) {
    return _mm256_permute4x64_epi64(_mm256_packs_epi16(low, high), 0xd8);
}

static inline uint32_t negative_lanes(const int16_t *values) {
    __m256i bytes = narrow(_mm256_loadu_si256((const __m256i *)values),
                           _mm256_loadu_si256((const __m256i *)(values + 16)));
    return (uint32_t)_mm256_movemask_epi8(bytes);
}

static inline uint32_t nonzero_lanes(const int16_t *values) {
    __m256i bytes = narrow(_mm256_loadu_si256((const __m256i *)values),
                           _mm256_loadu_si256((const __m256i *)(values + 16)));
    // Saturation keeps what is not zero from becoming zero.
    return ~(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(bytes, _mm256_setzero_si256()));
}

static inline lanes32 count_bits(lanes32 counts, lanes32 bits) {
    const __m256i ones_of_nibble =
        _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
    const __m256i nibble = _mm256_set1_epi8(15);
    __m256i low = _mm256_and_si256((__m256i)bits, nibble);
    __m256i high = _mm256_and_si256(_mm256_srli_epi16((__m256i)bits, 4), nibble);
    __m256i ones = _mm256_add_epi8(_mm256_shuffle_epi8(ones_of_nibble, low),
                                   _mm256_shuffle_epi8(ones_of_nibble, high));
    return (lanes32)_mm256_add_epi8((__m256i)counts, ones);
}

static inline lanes32 total_bits(lanes32 counts) {
    __m256i pairs = _mm256_maddubs_epi16((__m256i)counts, _mm256_set1_epi8(1));
    return (lanes32)_mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}

static inline struct wide widen(lanes16 lanes) {
    __m128i low = _mm256_castsi256_si128((__m256i)lanes);
    __m128i high = _mm256_extracti128_si256((__m256i)lanes, 1);
    return (struct wide){(lanes32)_mm256_cvtepi16_epi32(low), (lanes32)_mm256_cvtepi16_epi32(high)};
}

static inline lanes32 multiply_pairs(lanes32 a, lanes32 b) {
    return (lanes32)_mm256_madd_epi16((__m256i)a, (__m256i)b);
}

#include "training_body.h"
