// SPDX-License-Identifier: Apache-2.0
// The known answer: models and images that every firmware has, and the hash of their logits.
//
// Law of the file: nothing of a model that was pushed is touched.
// Read next: selftest.c.
#ifndef EDGE_SELFTEST_H
#define EDGE_SELFTEST_H

#include <stdbool.h>
#include <stdint.h>

#include "sha256.h"

enum { SELFTEST_WORK_WORDS = 64 }; // working memory that it takes

struct known_model {
    const uint8_t *blob;
    uint32_t size;
};

enum { SELFTEST_MODELS = 2 };
extern const struct known_model SELFTEST_MODEL[SELFTEST_MODELS];

// Run the known models. True if `answer`, SHA-256 over their logits, each a little-endian int32, is
// the known one.
bool selftest(uint32_t *work, uint8_t answer[SHA256_BYTES]);

#endif
