// SPDX-License-Identifier: Apache-2.0
// The compression of SHA-256 once for each set of instructions; sha256.c chooses.
//
// Hashing its latents would else be a tenth of a burst of a dense network.
// Law of the file: declarations only; each set is called only where the processor has it.
// Read next: sha256.c, sha256_shani.c, sha256_sha2.c.
#ifndef EDGE_SHA256_BLOCKS_H
#define EDGE_SHA256_BLOCKS_H

#include "sha256.h"

enum { SHA256_ROUNDS = 64 };

extern const uint32_t SHA256_ROUND_CONSTANTS[SHA256_ROUNDS];

// x86 with SHA-NI, and 64-bit ARM with SHA2.
void sha256_take_shani(uint32_t state[8], const uint8_t *blocks, size_t count);
void sha256_take_sha2(uint32_t state[8], const uint8_t *blocks, size_t count);

#endif
