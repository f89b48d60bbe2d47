// SPDX-License-Identifier: Apache-2.0
// Gradients of the first layer, part of training_body.h. Nothing arrives below it.
//
// A layer of patterns needs only the sum of the signals of each pattern. A layer of pixels has few
// weights and many places, so it multiplies all of them, zeros too, two places at once.
// Law of the file: int32; check_trainable proves that nothing here can leave it.
// Read next: training_update.h.
#ifndef EDGE_TRAINING_FIRST_H
#define EDGE_TRAINING_FIRST_H

#include "training_lanes.h"

enum { MOST_WEIGHTS = 9 };

// The first layer of patterns needs only the sum of the signals of each pattern.
static void count_patterns(struct training_layer *layer) {
    int32_t padded = layer->padded, width = layer->in_width, step = layer->pooled ? 2 : 1;
    for (int32_t place = 0; place < layer->places; place++) {
        int32_t y = place / layer->out_width, x = place % layer->out_width;
        const uint16_t *at = layer->patterns + step * (y * width + x);
        int32_t corners = step * step;
        // Equal patterns have equal sums, of which the first wins: a blank window is one addition.
        if (corners > 1 && at[0] == at[1] && at[0] == at[width] && at[0] == at[width + 1])
            corners = 1;
        for (int32_t o = 0; o < padded; o += 8) {
            eight16 signals = load_eight(layer->signals + place * padded + o);
            eight16 winners = load_eight(layer->winners + place * padded + o);
            for (int16_t corner = 0; corner < corners; corner++) {
                int32_t pattern = at[corner / 2 * width + corner % 2];
                int32_t *to = layer->histogram + pattern * padded + o;
                eight32 sums;
                memcpy(&sums, to, sizeof sums);
                sums += __builtin_convertvector(signals & (eight16)(winners == corner), eight32);
                memcpy(to, &sums, sizeof sums);
            }
        }
    }
}

// Put the signals of convolution row y in pairs, left and right, as multiply_pairs wants them.
static void pair_signals(struct training_layer *layer, int32_t y) {
    int32_t padded = layer->padded, step = layer->pooled ? 2 : 1, row = y / step;
    const int16_t *signals = layer->signals + row * layer->out_width * padded;
    const int16_t *winners = layer->winners + row * layer->out_width * padded;
    uint32_t *pairs = layer->signal_pairs;
    int32_t corner = y % step * 2;
    for (int32_t x = 0; x < layer->out_width; x += 2 / step)
        for (int32_t o = 0; o < padded; o += LANES32, pairs += LANES32) {
            int32_t at = x * padded + o;
            signed32 left = load_wide(signals + at), right;
            if (layer->pooled) {
                signed32 winner = load_wide(winners + at);
                right = left & (winner == corner + 1);
                left &= winner == corner;
            } else {
                right = x + 1 < layer->out_width ? load_wide(signals + at + padded)
                                                 : broadcast_signed(0);
            }
            store32(pairs, ((lanes32)left & 0xffff) | (lanes32)right << 16);
        }
}

// Add d * x over convolution row y, for `count` weights from `first` on and a vector of channels.
static inline __attribute__((always_inline)) void sum_pixel_row(const struct training_layer *layer,
                                                                int32_t y, int32_t channel,
                                                                int32_t first, const int count) {
    lanes32 sums[MOST_WEIGHTS];
    const uint32_t *values[MOST_WEIGHTS];
    for (int i = 0; i < count; i++) {
        int32_t weight = first + i;
        sums[i] = load32(layer->pixel_sums + weight * layer->padded + channel);
        values[i] = layer->value_pairs +
                    (y + weight / layer->run) * layer->in_width * layer->in_channels +
                    weight % layer->run;
    }
    const uint32_t *signals = layer->signal_pairs + channel;
    int32_t step = layer->pooled ? 2 : 1, width = step * layer->out_width;
    for (int32_t x = 0; x < width; x += 2, signals += layer->padded) {
        lanes32 signal = load32(signals);
        for (int i = 0; i < count; i++)
            sums[i] += multiply_pairs(signal, broadcast32(values[i][x * layer->in_channels]));
    }
    for (int i = 0; i < count; i++)
        store32(layer->pixel_sums + (first + i) * layer->padded + channel, sums[i]);
}

static void sum_pixel_gradients(struct training_layer *layer) {
    for (int32_t place = 0; place < layer->places; place++)
        for (int32_t o = 0; o < layer->channels; o++)
            layer->bias_gradient[o] += layer->signals[place * layer->padded + o];
    int32_t step = layer->pooled ? 2 : 1;
    for (int32_t y = 0; y < step * layer->out_height; y++) {
        pair_signals(layer, y);
        for (int32_t channel = 0; channel < layer->channels; channel += LANES32) {
            int32_t weight = 0;
            for (; weight + 9 <= layer->fan_in; weight += 9)
                sum_pixel_row(layer, y, channel, weight, 9);
            for (; weight + 3 <= layer->fan_in; weight += 3)
                sum_pixel_row(layer, y, channel, weight, 3);
            for (; weight < layer->fan_in; weight++)
                sum_pixel_row(layer, y, channel, weight, 1);
        }
    }
}

#endif
