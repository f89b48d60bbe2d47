// SPDX-License-Identifier: Apache-2.0
// The PRF: a SHAKE-128 stream read as little-endian u32.
//
// Twin of Prf in primitives/hashing.py (rule R-1). Draws are exact: rejection sampling, no bias.
// Law of the file: equal to hashlib in every byte; the tag is part of the message.
// Read next: prf_recipe.h.
#ifndef EDGE_PRF_H
#define EDGE_PRF_H

#include <stddef.h>
#include <stdint.h>

enum { PRF_STATE_WORDS = 25, PRF_RATE_BYTES = 168 };

struct prf {
    uint64_t state[PRF_STATE_WORDS];
    size_t next; // u32 of the state's rate part that were read
};

// Begin the stream of SHAKE-128(message).
void prf_begin(struct prf *prf, const uint8_t *message, size_t bytes);

uint32_t prf_u32(struct prf *prf);

// Return a uniform number in 0..limit-1; limit is 1 or more.
uint32_t prf_below(struct prf *prf, uint32_t limit);

// Draw `count` distinct numbers in 0..limit-1. seen[limit] must be 0 and comes back as 1 where a
// number was drawn; `drawn`, if not NULL, gets them in order.
void prf_distinct(struct prf *prf, uint32_t limit, uint32_t count, uint8_t *seen, uint32_t *drawn);

#endif
