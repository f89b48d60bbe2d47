// SPDX-License-Identifier: Apache-2.0
// The bit-sliced evaluator on AVX-512: 512 images in a word, any function of three planes at once.
#include <immintrin.h>
#include <stdint.h>
#include <string.h>

typedef __m512i V;
enum { V_BYTES = 64 };
#define BITSLICE_OPS bitslice_ops_avx512

// Bit 4a + 2b + c of the last operand is the result for the bits a, b, c.
static inline V load(const void *p) {
    return _mm512_load_si512(p);
}
static inline void store(void *p, V v) {
    _mm512_store_si512(p, v);
}
static inline V spread(uint64_t u) {
    return _mm512_set1_epi64((int64_t)u);
}
static inline V xor2(V a, V b) {
    return _mm512_xor_si512(a, b);
}
static inline V and2(V a, V b) {
    return _mm512_and_si512(a, b);
}
static inline V or2(V a, V b) {
    return _mm512_or_si512(a, b);
}
static inline V and_not(V a, V b) {
    return _mm512_andnot_si512(a, b);
}
static inline V xor3(V a, V b, V c) {
    return _mm512_ternarylogic_epi64(a, b, c, 0x96);
}
static inline V majority(V a, V b, V c) {
    return _mm512_ternarylogic_epi64(a, b, c, 0xE8);
}
static inline V borrow(V a, V b, V c) {
    return _mm512_ternarylogic_epi64(a, b, c, 0x8E);
}

#include "bitslice_body.h"
