// SPDX-License-Identifier: Apache-2.0
// SHA-256 (FIPS 180-4), streaming.
//
// Twin of tagged_hash in primitives/hashing.py (rule R-1): the tag is what is added first.
// Law of the file: equal to hashlib in every byte, whatever the pieces.
// Read next: burst.c, which hashes latents.
#ifndef EDGE_SHA256_H
#define EDGE_SHA256_H

#include "cpu.h"

#include <stddef.h>
#include <stdint.h>

enum { SHA256_BYTES = 32, SHA256_BLOCK_BYTES = 64 };

// Compresses whole blocks into the state.
typedef void sha256_take(uint32_t state[8], const uint8_t *blocks, size_t count);

struct sha256 {
    sha256_take *take;
    uint32_t state[8];
    uint64_t bytes;                    // added until now
    uint8_t block[SHA256_BLOCK_BYTES]; // the begun one
};

void sha256_begin(struct sha256 *hash);

void sha256_add(struct sha256 *hash, const void *message, size_t bytes);

// Write the digest of all that was added; the hash must begin again before more.
void sha256_end(struct sha256 *hash, uint8_t digest[SHA256_BYTES]);

// For tests: write the digest of a message, added in pieces of `piece` bytes (1 or more); `plain`:
// in plain C, whatever this processor has.
EDGE_EXPORT void edge_sha256(const uint8_t *message, size_t bytes, size_t piece, int plain,
                             uint8_t *digest);

#endif
