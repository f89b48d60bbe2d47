// SPDX-License-Identifier: Apache-2.0
// The bit-sliced evaluator on AVX2: 256 images in a word.
#include <immintrin.h>
#include <stdint.h>
#include <string.h>

typedef __m256i V;
enum { V_BYTES = 32 };
#define BITSLICE_OPS bitslice_ops_avx2

static inline V load(const void *p) {
    return _mm256_load_si256((const V *)p);
}
static inline void store(void *p, V v) {
    _mm256_store_si256((V *)p, v);
}
static inline V spread(uint64_t u) {
    return _mm256_set1_epi64x((int64_t)u);
}
static inline V xor2(V a, V b) {
    return _mm256_xor_si256(a, b);
}
static inline V and2(V a, V b) {
    return _mm256_and_si256(a, b);
}
static inline V or2(V a, V b) {
    return _mm256_or_si256(a, b);
}
static inline V and_not(V a, V b) {
    return _mm256_andnot_si256(a, b);
}
static inline V xor3(V a, V b, V c) {
    return xor2(a, xor2(b, c));
}
static inline V majority(V a, V b, V c) {
    return or2(and2(b, c), and2(a, xor2(b, c)));
}
static inline V borrow(V a, V b, V c) {
    return or2(and2(b, c), and_not(a, xor2(b, c)));
}

#include "bitslice_body.h"
