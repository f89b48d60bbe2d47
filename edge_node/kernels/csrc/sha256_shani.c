// SPDX-License-Identifier: Apache-2.0
// SHA-256 with the SHA instructions of x86.
//
// Law of the file: the instructions want the state as two vectors, words a b e f and c d g h, and
// do two rounds at once.
// Read next: sha256.c.
#include "sha256_blocks.h"

#include <immintrin.h>

struct halves {
    __m128i abef, cdgh;
};

// Four rounds on four words of the schedule.
static inline struct halves four_rounds(struct halves state, __m128i words,
                                        const uint32_t *constants) {
    __m128i sums = _mm_add_epi32(words, _mm_loadu_si128((const __m128i *)constants));
    state.cdgh = _mm_sha256rnds2_epu32(state.cdgh, state.abef, sums);
    sums = _mm_shuffle_epi32(sums, 0x0e);
    state.abef = _mm_sha256rnds2_epu32(state.abef, state.cdgh, sums);
    return state;
}

// The next four words, from the sixteen before.
static inline __m128i next_words(__m128i a, __m128i b, __m128i c, __m128i d) {
    __m128i sums = _mm_add_epi32(_mm_sha256msg1_epu32(a, b), _mm_alignr_epi8(d, c, 4));
    return _mm_sha256msg2_epu32(sums, d);
}

static inline __m128i read_words(const uint8_t *block, int quarter) {
    const __m128i turned = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    return _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)block + quarter), turned);
}

static inline struct halves take_block(struct halves state, const uint8_t *block) {
    const uint32_t *constants = SHA256_ROUND_CONSTANTS;
    __m128i a = read_words(block, 0), b = read_words(block, 1);
    __m128i c = read_words(block, 2), d = read_words(block, 3);
    struct halves before = state;
    for (int round = 0; round < SHA256_ROUNDS; round += 16, constants += 16) {
        if (round > 0) {
            a = next_words(a, b, c, d);
            b = next_words(b, c, d, a);
            c = next_words(c, d, a, b);
            d = next_words(d, a, b, c);
        }
        state = four_rounds(state, a, constants);
        state = four_rounds(state, b, constants + 4);
        state = four_rounds(state, c, constants + 8);
        state = four_rounds(state, d, constants + 12);
    }
    return (struct halves){_mm_add_epi32(state.abef, before.abef),
                           _mm_add_epi32(state.cdgh, before.cdgh)};
}

void sha256_take_shani(uint32_t state[8], const uint8_t *blocks, size_t count) {
    __m128i cdab = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state), 0xb1);
    __m128i efgh = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(state + 4)), 0x1b);
    struct halves halves = {_mm_alignr_epi8(cdab, efgh, 8), _mm_blend_epi16(efgh, cdab, 0xf0)};
    for (; count > 0; count--, blocks += SHA256_BLOCK_BYTES)
        halves = take_block(halves, blocks);
    __m128i feba = _mm_shuffle_epi32(halves.abef, 0x1b);
    __m128i dchg = _mm_shuffle_epi32(halves.cdgh, 0xb1);
    _mm_storeu_si128((__m128i *)state, _mm_blend_epi16(feba, dchg, 0xf0));
    _mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}
