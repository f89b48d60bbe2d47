// SPDX-License-Identifier: Apache-2.0
// Integer training with NEON, on 32-bit and 64-bit ARM.
//
// Law of the file: only what the compiler does not find by itself; training_scalar.c says what each
// function means.
// Read next: training_body.h.
#define VECTOR_BYTES 16
#define COUNT_LIMIT 31
#define PATH_TABLE training_neon
#include "training_lanes.h"

#include <arm_neon.h>

// One bit for each of 32 bytes that are all ones or all zeros.
static inline uint32_t byte_mask(uint8x16_t low, uint8x16_t high) {
    static const uint8_t BIT_OF_LANE[16] = {1, 2, 4, 8, 16, 32, 64, 128,
                                            1, 2, 4, 8, 16, 32, 64, 128};
    uint8x16_t bit = vld1q_u8(BIT_OF_LANE);
    low = vandq_u8(low, bit);
    high = vandq_u8(high, bit);
    uint8x8_t first = vpadd_u8(vget_low_u8(low), vget_high_u8(low));
    uint8x8_t second = vpadd_u8(vget_low_u8(high), vget_high_u8(high));
    uint8x8_t fours = vpadd_u8(first, second);
    return vget_lane_u32(vreinterpret_u32_u8(vpadd_u8(fours, fours)), 0);
}

static inline uint8x16_t narrow(uint16x8_t low, uint16x8_t high) {
    return vcombine_u8(vmovn_u16(low), vmovn_u16(high));
}

static inline uint32_t negative_lanes(const int16_t *values) {
    uint16x8_t sign[4];
    for (int i = 0; i < 4; i++)
        sign[i] = vreinterpretq_u16_s16(vshrq_n_s16(vld1q_s16(values + 8 * i), 15));
    return byte_mask(narrow(sign[0], sign[1]), narrow(sign[2], sign[3]));
}

static inline uint32_t nonzero_lanes(const int16_t *values) {
    uint16x8_t live[4];
    for (int i = 0; i < 4; i++) {
        int16x8_t vector = vld1q_s16(values + 8 * i);
        live[i] = vtstq_s16(vector, vector);
    }
    return byte_mask(narrow(live[0], live[1]), narrow(live[2], live[3]));
}

static inline lanes32 count_bits(lanes32 counts, lanes32 bits) {
    return (lanes32)vaddq_u8((uint8x16_t)counts, vcntq_u8((uint8x16_t)bits));
}

static inline lanes32 total_bits(lanes32 counts) {
    return (lanes32)vpaddlq_u16(vpaddlq_u8((uint8x16_t)counts));
}

static inline struct wide widen(lanes16 lanes) {
    int16x8_t vector = (int16x8_t)lanes;
    return (struct wide){(lanes32)vmovl_s16(vget_low_s16(vector)),
                         (lanes32)vmovl_s16(vget_high_s16(vector))};
}

static inline lanes32 multiply_pairs(lanes32 a, lanes32 b) {
    int16x8_t first = (int16x8_t)a, second = (int16x8_t)b;
    int32x4_t low = vmull_s16(vget_low_s16(first), vget_low_s16(second));
    int32x4_t high = vmull_s16(vget_high_s16(first), vget_high_s16(second));
    return (lanes32)vcombine_s32(vpadd_s32(vget_low_s32(low), vget_high_s32(low)),
                                 vpadd_s32(vget_low_s32(high), vget_high_s32(high)));
}

#include "training_body.h"
