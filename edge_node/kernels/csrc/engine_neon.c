// SPDX-License-Identifier: Apache-2.0
// NEON path of the engine, 64-bit and 32-bit ARM: 4 channels per vector, counted bytewise by VCNT.
//
// A byte takes 31 words of 8 mismatches: 248 < 2^8. An 8-bit layer multiplies 4 pixels with 4
// channels at once, int8 x int8 into one int16 for each product (so pixels enter as value - 128);
// it takes 255 of them: 255 * 128 = 32,640 < 2^15.
// Read next: engine_tile.h for what each function means.
#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__aarch64__)
enum { bits_VECTORS = 4, pixels_VECTORS = 2 }; // of 32 registers
#else
enum { bits_VECTORS = 2, pixels_VECTORS = 1 }; // of 16
#endif

typedef uint32_t bits_element;
typedef uint8x16_t bits_operand, bits_vector, bits_narrow;
typedef int32x4_t bits_wide;
enum {
    BITS_ELEMENT_BITS = 32,
    bits_LANES = 4,
    bits_WEIGHT_BYTES = 4,
    bits_CHUNK = 31,
};

static inline uint8x16_t bits_narrow_zero(void) {
    return vdupq_n_u8(0);
}
static inline int32x4_t bits_wide_zero(void) {
    return vdupq_n_s32(0);
}
static inline uint8x16_t bits_load(const uint8_t *weights) {
    return vld1q_u8(weights);
}
static inline uint8x16_t bits_spread(const uint32_t *at) {
    return vreinterpretq_u8_u32(vld1q_dup_u32(at));
}
static inline uint8x16_t bits_step(uint8x16_t narrow, uint8x16_t weights, uint8x16_t operand) {
    return vaddq_u8(narrow, vcntq_u8(veorq_u8(weights, operand)));
}
static inline int32x4_t bits_fold(int32x4_t wide, uint8x16_t narrow) {
    return vaddq_s32(wide, vreinterpretq_s32_u32(vpaddlq_u16(vpaddlq_u8(narrow))));
}
static inline int32x4_t bits_least(int32x4_t a, int32x4_t b) {
    return vminq_s32(a, b);
}
static inline uint32_t bits_above(int32x4_t sums, const int32_t *limits) {
    static const uint32_t lane_bits[4] = {1, 2, 4, 8};
    uint32x4_t above = vandq_u32(vcgtq_s32(sums, vld1q_s32(limits)), vld1q_u32(lane_bits));
    uint32x2_t pair = vadd_u32(vget_low_u32(above), vget_high_u32(above));
    return vget_lane_u32(vpadd_u32(pair, pair), 0);
}
static inline void bits_store(int32_t *to, int32x4_t sums) {
    vst1q_s32(to, sums);
}

typedef uint8_t pixels_element;
typedef int8x8_t pixels_operand;
typedef int8x16_t pixels_vector;
typedef struct {
    int16x8_t low, high; // one sum for each pixel of channels 0-1, 2-3
} pixels_narrow;
typedef int32x4_t pixels_wide;
enum {
    PIXEL_FLIP = 0x80,
    pixels_LANES = 4,
    pixels_WEIGHT_BYTES = 4,
    pixels_CHUNK = 255,
};

static inline pixels_narrow pixels_narrow_zero(void) {
    return (pixels_narrow){vdupq_n_s16(0), vdupq_n_s16(0)};
}
static inline int8x16_t pixels_load(const uint8_t *weights) {
    return vreinterpretq_s8_u8(vld1q_u8(weights));
}
static inline int8x8_t pixels_spread(const uint8_t *at) {
    uint32_t four;
    memcpy(&four, at, sizeof four);
    return vreinterpret_s8_u32(vdup_n_u32(four));
}
static inline pixels_narrow pixels_step(pixels_narrow narrow, int8x16_t weights, int8x8_t operand) {
    return (pixels_narrow){vmlal_s8(narrow.low, vget_low_s8(weights), operand),
                           vmlal_s8(narrow.high, vget_high_s8(weights), operand)};
}
static inline int32x2_t add_pairs(int16x8_t sums) {
    int32x4_t pairs = vpaddlq_s16(sums);
    return vpadd_s32(vget_low_s32(pairs), vget_high_s32(pairs));
}
static inline int32x4_t pixels_fold(int32x4_t wide, pixels_narrow narrow) {
    return vaddq_s32(wide, vcombine_s32(add_pairs(narrow.low), add_pairs(narrow.high)));
}
#define pixels_wide_zero bits_wide_zero
#define pixels_least bits_least
#define pixels_above bits_above
#define pixels_store bits_store

#include "engine_body.h"

const struct engine_path *engine_path_neon(void) {
    static const struct engine_path path = {
        .element_bits = BITS_ELEMENT_BITS,
        .bit_lanes = bits_LANES,
        .pixel_lanes = pixels_LANES,
        .gather_steps = 8,
        .taps = 4,
        .pixel_flip = PIXEL_FLIP,
        .run = run,
    };
    return &path;
}
