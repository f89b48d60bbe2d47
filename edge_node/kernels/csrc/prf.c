// SPDX-License-Identifier: Apache-2.0
// SHAKE-128 (FIPS 202) and exact draws from it; see prf.h.
//
// Law of the file: the state is 5 x 5 lanes of 64 bits, lane [x][y] at x + 5 * y.
// Read next: prf_recipe.c.
#include "prf.h"

#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "Lanes are read from bytes as they are: little-endian machines only."
#endif

enum { ROUNDS = 24, RATE_WORDS = PRF_RATE_BYTES / 8, RATE_U32 = PRF_RATE_BYTES / 4 };

static const uint64_t ROUND_CONSTANTS[ROUNDS] = {
    0x0000000000000001, 0x0000000000008082, 0x800000000000808A, 0x8000000080008000,
    0x000000000000808B, 0x0000000080000001, 0x8000000080008081, 0x8000000000008009,
    0x000000000000008A, 0x0000000000000088, 0x0000000080008009, 0x000000008000000A,
    0x000000008000808B, 0x800000000000008B, 0x8000000000008089, 0x8000000000008003,
    0x8000000000008002, 0x8000000000000080, 0x000000000000800A, 0x800000008000000A,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
};

static inline uint64_t rotate(uint64_t lane, unsigned count) {
    return lane << count | lane >> (-count & 63);
}

// theta's end, rho, pi and chi for row y of the result: it takes five lanes and rotates each.
#define ROW(y, l0, r0, l1, r1, l2, r2, l3, r3, l4, r4)                                             \
    b0 = rotate(a[l0] ^ d[l0 % 5], r0);                                                            \
    b1 = rotate(a[l1] ^ d[l1 % 5], r1);                                                            \
    b2 = rotate(a[l2] ^ d[l2 % 5], r2);                                                            \
    b3 = rotate(a[l3] ^ d[l3 % 5], r3);                                                            \
    b4 = rotate(a[l4] ^ d[l4 % 5], r4);                                                            \
    next[5 * y] = b0 ^ (~b1 & b2);                                                                 \
    next[5 * y + 1] = b1 ^ (~b2 & b3);                                                             \
    next[5 * y + 2] = b2 ^ (~b3 & b4);                                                             \
    next[5 * y + 3] = b3 ^ (~b4 & b0);                                                             \
    next[5 * y + 4] = b4 ^ (~b0 & b1)

static inline void keccak_round(uint64_t *next, const uint64_t *a, uint64_t constant) {
    uint64_t c[5], d[5], b0, b1, b2, b3, b4;
    for (int x = 0; x < 5; x++)
        c[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
    for (int x = 0; x < 5; x++)
        d[x] = c[(x + 4) % 5] ^ rotate(c[(x + 1) % 5], 1);
    ROW(0, 0, 0, 6, 44, 12, 43, 18, 21, 24, 14);
    ROW(1, 3, 28, 9, 20, 10, 3, 16, 45, 22, 61);
    ROW(2, 1, 1, 7, 6, 13, 25, 19, 8, 20, 18);
    ROW(3, 4, 27, 5, 36, 11, 10, 17, 15, 23, 56);
    ROW(4, 2, 62, 8, 55, 14, 39, 15, 41, 21, 2);
    next[0] ^= constant;
}

static void keccak_f(uint64_t *state) {
    uint64_t other[PRF_STATE_WORDS];
    for (int i = 0; i < ROUNDS; i += 2) {
        keccak_round(other, state, ROUND_CONSTANTS[i]);
        keccak_round(state, other, ROUND_CONSTANTS[i + 1]);
    }
}

static void absorb(uint64_t *state, const uint8_t *block) {
    uint64_t words[RATE_WORDS];
    memcpy(words, block, sizeof words);
    for (int i = 0; i < RATE_WORDS; i++)
        state[i] ^= words[i];
    keccak_f(state);
}

void prf_begin(struct prf *prf, const uint8_t *message, size_t bytes) {
    uint8_t last[PRF_RATE_BYTES] = {0};
    memset(prf, 0, sizeof *prf);
    for (; bytes >= PRF_RATE_BYTES; bytes -= PRF_RATE_BYTES, message += PRF_RATE_BYTES)
        absorb(prf->state, message);
    memcpy(last, message, bytes);
    last[bytes] = 0x1F; // SHAKE's suffix 1111 and the first bit of the padding
    last[PRF_RATE_BYTES - 1] |= 0x80;
    absorb(prf->state, last);
}

uint32_t prf_u32(struct prf *prf) {
    if (prf->next == RATE_U32) {
        keccak_f(prf->state);
        prf->next = 0;
    }
    uint64_t lane = prf->state[prf->next / 2];
    return (uint32_t)(prf->next++ % 2 ? lane >> 32 : lane);
}

uint32_t prf_below(struct prf *prf, uint32_t limit) {
    uint64_t range = UINT64_C(1) << 32, accepted = range - range % limit;
    uint64_t value = prf_u32(prf);
    while (value >= accepted)
        value = prf_u32(prf);
    return (uint32_t)(value % limit);
}

void prf_distinct(struct prf *prf, uint32_t limit, uint32_t count, uint8_t *seen, uint32_t *drawn) {
    for (uint32_t chosen = 0; chosen < count;) {
        uint32_t value = prf_below(prf, limit);
        if (seen[value])
            continue;
        seen[value] = 1;
        if (drawn != NULL)
            drawn[chosen] = value;
        chosen++;
    }
}
