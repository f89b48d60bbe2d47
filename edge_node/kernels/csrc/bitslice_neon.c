// SPDX-License-Identifier: Apache-2.0
// The bit-sliced evaluator on NEON: 128 images in a word.
#include <arm_neon.h>
#include <stdint.h>
#include <string.h>

typedef uint64x2_t V;
enum { V_BYTES = 16 };
#define BITSLICE_OPS bitslice_ops_neon

static inline V load(const void *p) {
    return vld1q_u64((const uint64_t *)p);
}
static inline void store(void *p, V v) {
    vst1q_u64((uint64_t *)p, v);
}
static inline V spread(uint64_t u) {
    return vdupq_n_u64(u);
}
static inline V xor2(V a, V b) {
    return veorq_u64(a, b);
}
static inline V and2(V a, V b) {
    return vandq_u64(a, b);
}
static inline V or2(V a, V b) {
    return vorrq_u64(a, b);
}
static inline V and_not(V a, V b) {
    return vbicq_u64(b, a);
}
static inline V xor3(V a, V b, V c) {
    return veorq_u64(a, veorq_u64(b, c));
}
// Where b and c differ, a decides; elsewhere b does.
static inline V majority(V a, V b, V c) {
    return vbslq_u64(veorq_u64(b, c), a, b);
}
static inline V borrow(V a, V b, V c) {
    return majority(veorq_u64(a, spread(UINT64_MAX)), b, c);
}

#include "bitslice_body.h"
