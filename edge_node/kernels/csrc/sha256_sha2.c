// SPDX-License-Identifier: Apache-2.0
// SHA-256 with the SHA2 instructions of 64-bit ARM.
//
// Law of the file: the instructions take the state as it lies, and do four rounds at once.
// Read next: sha256.c.
#include "sha256_blocks.h"

#include <arm_neon.h>

struct halves {
    uint32x4_t abcd, efgh;
};

// Four rounds on four words of the schedule.
static inline struct halves four_rounds(struct halves state, uint32x4_t words,
                                        const uint32_t *constants) {
    uint32x4_t sums = vaddq_u32(words, vld1q_u32(constants));
    return (struct halves){vsha256hq_u32(state.abcd, state.efgh, sums),
                           vsha256h2q_u32(state.efgh, state.abcd, sums)};
}

// The next four words, from the sixteen before.
static inline uint32x4_t next_words(uint32x4_t a, uint32x4_t b, uint32x4_t c, uint32x4_t d) {
    return vsha256su1q_u32(vsha256su0q_u32(a, b), c, d);
}

static inline uint32x4_t read_words(const uint8_t *block, int quarter) {
    return vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(block + 16 * quarter)));
}

static inline struct halves take_block(struct halves state, const uint8_t *block) {
    const uint32_t *constants = SHA256_ROUND_CONSTANTS;
    uint32x4_t a = read_words(block, 0), b = read_words(block, 1);
    uint32x4_t c = read_words(block, 2), d = read_words(block, 3);
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
    return (struct halves){vaddq_u32(state.abcd, before.abcd), vaddq_u32(state.efgh, before.efgh)};
}

void sha256_take_sha2(uint32_t state[8], const uint8_t *blocks, size_t count) {
    struct halves halves = {vld1q_u32(state), vld1q_u32(state + 4)};
    for (; count > 0; count--, blocks += SHA256_BLOCK_BYTES)
        halves = take_block(halves, blocks);
    vst1q_u32(state, halves.abcd);
    vst1q_u32(state + 4, halves.efgh);
}
