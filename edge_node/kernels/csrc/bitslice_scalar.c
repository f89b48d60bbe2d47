// SPDX-License-Identifier: Apache-2.0
// The bit-sliced evaluator on plain 64-bit words: any machine.
#include <stdint.h>
#include <string.h>

typedef uint64_t V;
enum { V_BYTES = 8 };
#define BITSLICE_OPS bitslice_ops_scalar

static inline V load(const void *p) {
    return *(const V *)p;
}
static inline void store(void *p, V v) {
    *(V *)p = v;
}
static inline V spread(uint64_t u) {
    return u;
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
static inline V majority(V a, V b, V c) {
    return (b & c) | (a & (b ^ c));
}
static inline V borrow(V a, V b, V c) {
    return (b & c) | (~a & (b ^ c));
}

#include "bitslice_body.h"
