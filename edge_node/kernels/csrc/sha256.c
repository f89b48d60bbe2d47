// SPDX-License-Identifier: Apache-2.0
// SHA-256, and its compression in plain C; see sha256.h.
//
// Law of the file: bytes are read and written by value, so any machine gives the same.
// Read next: sha256_shani.c, sha256_sha2.c (the same with the processor's instructions).
#include "sha256.h"

#include "sha256_blocks.h"

#include <string.h>

enum { LENGTH_BYTES = 8 };

static const uint32_t FIRST_STATE[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                        0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

const uint32_t SHA256_ROUND_CONSTANTS[SHA256_ROUNDS] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static inline uint32_t rotate(uint32_t word, unsigned count) {
    return word >> count | word << (32 - count);
}

static inline uint32_t read_word(const uint8_t *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static inline void write_word(uint8_t *at, uint32_t word) {
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(word >> (24 - 8 * i));
}

// Words 16.. of a block's schedule follow from the sixteen before, which `words` keeps in a ring.
static inline uint32_t next_word(uint32_t *words, int i) {
    uint32_t before = words[(i + 1) & 15], late = words[(i + 14) & 15];
    words[i & 15] += (rotate(before, 7) ^ rotate(before, 18) ^ before >> 3) + words[(i + 9) & 15] +
                     (rotate(late, 17) ^ rotate(late, 19) ^ late >> 10);
    return words[i & 15];
}

// One round; the names of the eight words move on by one from round to round instead of the words.
#define ROUND(a, b, c, d, e, f, g, h, i, word)                                                     \
    h += (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + (g ^ (e & (f ^ g))) + constants[i] +     \
         (word);                                                                                   \
    d += h;                                                                                        \
    h += (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) | (c & (a | b)))

#define EIGHT_ROUNDS(i, WORD)                                                                      \
    ROUND(a, b, c, d, e, f, g, h, i, WORD(i));                                                     \
    ROUND(h, a, b, c, d, e, f, g, i + 1, WORD(i + 1));                                             \
    ROUND(g, h, a, b, c, d, e, f, i + 2, WORD(i + 2));                                             \
    ROUND(f, g, h, a, b, c, d, e, i + 3, WORD(i + 3));                                             \
    ROUND(e, f, g, h, a, b, c, d, i + 4, WORD(i + 4));                                             \
    ROUND(d, e, f, g, h, a, b, c, i + 5, WORD(i + 5));                                             \
    ROUND(c, d, e, f, g, h, a, b, i + 6, WORD(i + 6));                                             \
    ROUND(b, c, d, e, f, g, h, a, i + 7, WORD(i + 7))

#define GIVEN_WORD(i) (words[i] = read_word(block + 4 * (i)))
#define LATER_WORD(i) next_word(words, (i))

static void take_block(uint32_t *state, const uint8_t *block) {
    uint32_t words[16];
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    const uint32_t *constants = SHA256_ROUND_CONSTANTS, *end = constants + SHA256_ROUNDS;
    EIGHT_ROUNDS(0, GIVEN_WORD);
    EIGHT_ROUNDS(8, GIVEN_WORD);
    for (constants += 16; constants < end; constants += 16) {
        EIGHT_ROUNDS(0, LATER_WORD);
        EIGHT_ROUNDS(8, LATER_WORD);
    }
    const uint32_t ends[8] = {a, b, c, d, e, f, g, h};
    for (int i = 0; i < 8; i++)
        state[i] += ends[i];
}

static void take_plain(uint32_t state[8], const uint8_t *blocks, size_t count) {
    for (; count > 0; count--, blocks += SHA256_BLOCK_BYTES)
        take_block(state, blocks);
}

// Set before any thread can begin, and never again.
static sha256_take *fastest = take_plain;

__attribute__((constructor)) static void choose_fastest(void) {
#if defined(__x86_64__)
    if (cpu_hashes())
        fastest = sha256_take_shani;
#elif defined(__aarch64__)
    if (cpu_hashes())
        fastest = sha256_take_sha2;
#endif
}

void sha256_begin(struct sha256 *hash) {
    hash->take = fastest;
    memcpy(hash->state, FIRST_STATE, sizeof hash->state);
    hash->bytes = 0;
}

void sha256_add(struct sha256 *hash, const void *message, size_t bytes) {
    const uint8_t *at = message;
    size_t begun = hash->bytes % SHA256_BLOCK_BYTES;
    hash->bytes += bytes;
    if (begun + bytes < SHA256_BLOCK_BYTES) {
        memcpy(hash->block + begun, at, bytes);
        return;
    }
    if (begun > 0) {
        size_t rest = SHA256_BLOCK_BYTES - begun;
        memcpy(hash->block + begun, at, rest);
        hash->take(hash->state, hash->block, 1);
        at += rest;
        bytes -= rest;
    }
    size_t whole = bytes / SHA256_BLOCK_BYTES;
    hash->take(hash->state, at, whole);
    memcpy(hash->block, at + whole * SHA256_BLOCK_BYTES, bytes % SHA256_BLOCK_BYTES);
}

void sha256_end(struct sha256 *hash, uint8_t digest[SHA256_BYTES]) {
    static const uint8_t PADDING[SHA256_BLOCK_BYTES] = {0x80};
    uint64_t bits = 8 * hash->bytes;
    uint8_t length[LENGTH_BYTES];
    write_word(length, (uint32_t)(bits >> 32));
    write_word(length + 4, (uint32_t)bits);
    size_t begun = hash->bytes % SHA256_BLOCK_BYTES, last = SHA256_BLOCK_BYTES - LENGTH_BYTES;
    sha256_add(hash, PADDING, (begun < last ? last : last + SHA256_BLOCK_BYTES) - begun);
    sha256_add(hash, length, sizeof length);
    for (int i = 0; i < 8; i++)
        write_word(digest + 4 * i, hash->state[i]);
}

void edge_sha256(const uint8_t *message, size_t bytes, size_t piece, int plain, uint8_t *digest) {
    struct sha256 hash;
    sha256_begin(&hash);
    if (plain)
        hash.take = take_plain;
    for (size_t at = 0; at < bytes; at += piece)
        sha256_add(&hash, message + at, bytes - at < piece ? bytes - at : piece);
    sha256_end(&hash, digest);
}
