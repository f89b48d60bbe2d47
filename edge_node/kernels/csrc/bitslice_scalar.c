// SPDX-License-Identifier: Apache-2.0
// The bit-sliced evaluator by the vector extension of the compiler: 128 images in a word.
//
// That is SSE2 on x86-64, and plain words where a processor has no vectors.
// Law of the file: no instruction by name.
// Read next: bitslice_avx2.c.
#include <stdint.h>
#include <string.h>

typedef uint64_t V __attribute__((vector_size(16)));
enum { V_BYTES = 16 };
#define BITSLICE_OPS bitslice_ops_scalar

static inline V load(const void *p) {
    return *(const V *)p;
}
static inline void store(void *p, V v) {
    *(V *)p = v;
}
static inline V spread(uint64_t u) {
    return (V){u, u};
}
static inline V xor2(V a, V b) {
    return a ^ b;
}
static inline V and2(V a, V b) {
    return a & b;
}
static inline V or2(V a, V b) {
    return a | b;
}
static inline V and_not(V a, V b) {
    return ~a & b;
}
static inline V xor3(V a, V b, V c) {
    return a ^ (b ^ c);
}
// The third, unless both others differ from it.
static inline V majority(V a, V b, V c) {
    return c ^ ((b ^ c) & (a ^ c));
}
static inline V borrow(V a, V b, V c) {
    return c ^ (~(a ^ c) & (b ^ c));
}

#include "bitslice_body.h"
