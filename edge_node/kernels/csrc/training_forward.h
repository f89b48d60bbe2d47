// SPDX-License-Identifier: Apache-2.0
// Forward pass of one sample, part of training_body.h.
//
// A row of the output map at a time: sums of its places, the first greatest of each 2 x 2 window,
// pre-activations, and signs for the layer above.
// Law of the file: where a layer is pooled, sums are multiplied by 4 and get 3, 2, 1, 0 in the low
// bits by their corner, so that one maximum finds both the sum and the first corner that reaches
// it. training.c sets `wide` where this, or the bias, could leave int16.
// Read next: training_backward.h.
#ifndef EDGE_TRAINING_FORWARD_H
#define EDGE_TRAINING_FORWARD_H

#include "training_lanes.h"

enum { PIXEL_ZERO = 128, PLACES_AT_ONCE = 4 };

// bits[i] = 1 where values[i] is negative; the last word is filled with zeros.
static void pack_signs(const int16_t *values, int32_t count, uint32_t *bits) {
    for (int32_t i = 0; i < count; i += 32)
        *bits++ = negative_lanes(values + i) & low_bits(count - i);
}

// Put the image's values where the first layer reads them.
static void read_image(struct training_layer *restrict layer, const uint8_t *restrict image) {
    int32_t count = layer->in_height * layer->in_width * layer->in_channels;
    if (layer->source == TRAINING_PIXELS) {
        for (int32_t i = 0; i < count; i++)
            layer->values[i] = (int16_t)(image[i] - PIXEL_ZERO);
        for (int32_t i = 0; i < count; i++)
            layer->value_twice[i] = twice(layer->values[i]);
        for (int32_t i = 0; i < count; i++)
            layer->value_pairs[i] =
                (uint16_t)layer->values[i] | (uint32_t)layer->values[i + layer->in_channels] << 16;
    } else if (layer->source == TRAINING_BITS) {
        for (int32_t i = 0; i < count; i++)
            layer->values[i] = (int16_t)(image[i] < PIXEL_ZERO ? -1 : 0);
        pack_signs(layer->values, count, layer->bits);
    } else {
        uint16_t *restrict patterns = layer->patterns;
        int16_t *restrict dark = layer->values;
        const int16_t *second = dark + layer->in_width, *third = second + layer->in_width;
        for (int32_t i = 0; i < count; i++)
            dark[i] = (int16_t)(image[i] < PIXEL_ZERO);
        for (int32_t i = 0; i < count - 2 * layer->in_width; i++)
            dark[i] = (int16_t)(dark[i] | second[i] << 3 | third[i] << 6);
        for (int32_t i = 0; i < count - 2 * layer->in_width - 2; i++)
            patterns[i] = (uint16_t)(dark[i] | dark[i + 1] << 1 | dark[i + 2] << 2);
    }
}

// Cut the map's bits into runs, each on words of its own, so that patches share them.
static void cut_runs(struct training_layer *layer) {
    const uint8_t *bytes = (const uint8_t *)layer->bits;
    uint32_t *out = layer->runs;
    uint32_t last_mask = low_bits(layer->run - 32 * (layer->run_words - 1));
    for (int32_t y = 0; y < layer->in_height; y++)
        for (int32_t x = 0; x < layer->conv_width; x++) {
            uint32_t bit = (uint32_t)((y * layer->in_width + x) * layer->in_channels);
            for (int32_t word = 0; word < layer->run_words; word++, bit += 32) {
                uint64_t window;
                memcpy(&window, bytes + bit / 8, sizeof window);
                *out++ = (uint32_t)(window >> bit % 8);
            }
            out[-1] &= last_mask;
        }
}

// Sums of one place over `vectors` vectors of channels: scale * (F - 2 * mismatches).
static inline __attribute__((always_inline)) void bit_sums(const struct training_layer *layer,
                                                           const uint32_t *runs,
                                                           const uint32_t *weights, int32_t scale,
                                                           int16_t *out, const int vectors) {
    lanes32 counts[4], totals[4];
    for (int v = 0; v < vectors; v++)
        counts[v] = totals[v] = (lanes32){0};
    int32_t pitch = layer->conv_width * layer->run_words, counted = 0;
    for (int32_t ky = 0; ky < layer->kernel_height; ky++, runs += pitch)
        for (int32_t word = 0; word < layer->run_words; word++, weights += layer->padded) {
            lanes32 bits = broadcast32(runs[word]);
            for (int v = 0; v < vectors; v++)
                counts[v] = count_bits(counts[v], bits ^ load32(weights + v * LANES32));
            if (++counted < COUNT_LIMIT)
                continue;
            counted = 0;
            for (int v = 0; v < vectors; v++) {
                totals[v] += total_bits(counts[v]);
                counts[v] = (lanes32){0};
            }
        }
    lanes32 all = broadcast32((uint32_t)(scale * layer->fan_in));
    lanes32 each = broadcast32(2 * (uint32_t)scale);
    for (int v = 0; v < vectors; v++)
        store_narrow(out + v * LANES32, all - each * (totals[v] + total_bits(counts[v])));
}

static void bit_place(const struct training_layer *layer, int32_t y, int32_t x, int16_t *out) {
    const uint32_t *runs = layer->runs + (y * layer->conv_width + x) * layer->run_words;
    const uint32_t *weights = layer->weight_words;
    int32_t scale = layer->scale, channel = 0;
    for (; channel + 4 * LANES32 <= layer->padded; channel += 4 * LANES32)
        bit_sums(layer, runs, weights + channel, scale, out + channel, 4);
    for (; channel + 2 * LANES32 <= layer->padded; channel += 2 * LANES32)
        bit_sums(layer, runs, weights + channel, scale, out + channel, 2);
    for (; channel < layer->padded; channel += LANES32)
        bit_sums(layer, runs, weights + channel, scale, out + channel, 1);
}

// Where the sum of convolution place (y, x) stands in `sums`, in lanes.
static inline int32_t sum_slot(const struct training_layer *layer, int32_t y, int32_t x) {
    if (!layer->pooled)
        return x * layer->padded;
    int32_t corner = y % 2 * 2 + x % 2;
    return (corner * layer->out_width + x / 2) * layer->padded;
}

// Sums of PLACES_AT_ONCE places in a row, of the pixels' layer: weights are read once for all.
static void pixel_places(const struct training_layer *layer, int32_t y, int32_t x, int32_t count) {
    int32_t step = layer->in_channels, last = count - 1;
    int32_t at[PLACES_AT_ONCE];
    for (int32_t i = 0; i < PLACES_AT_ONCE; i++)
        at[i] = (i < last ? i : last) * step; // a place too many repeats the last one
    for (int32_t channel = 0; channel < layer->padded; channel += LANES16) {
        lanes16 sums[PLACES_AT_ONCE] = {{0}};
        const int16_t *weights = layer->weight_signs + channel;
        for (int32_t ky = 0; ky < layer->kernel_height; ky++) {
            const uint32_t *pairs = layer->value_twice + ((y + ky) * layer->in_width + x) * step;
            for (int32_t i = 0; i < layer->run; i++, pairs++, weights += layer->padded) {
                lanes16 sign = load16(weights);
                sums[0] += broadcast16(pairs[at[0]]) * sign;
                sums[1] += broadcast16(pairs[at[1]]) * sign;
                sums[2] += broadcast16(pairs[at[2]]) * sign;
                sums[3] += broadcast16(pairs[at[3]]) * sign;
            }
        }
        for (int32_t i = 0; i < count; i++) {
            lanes16 scaled = sums[i] * broadcast16(twice((int16_t)layer->scale));
            memcpy(layer->sums + sum_slot(layer, y, x + i) + channel, &scaled, sizeof scaled);
        }
    }
}

// The same where int16 is too narrow; rare shapes only, so the compiler makes what vectors it can.
static void wide_place(const struct training_layer *restrict layer, int32_t y, int32_t x,
                       int32_t *restrict out) {
    int32_t padded = layer->padded;
    memset(out, 0, sizeof *out * (size_t)padded);
    if (layer->source == TRAINING_PIXELS) {
        const int16_t *signs = layer->weight_signs;
        for (int32_t ky = 0; ky < layer->kernel_height; ky++) {
            int32_t from = ((y + ky) * layer->in_width + x) * layer->in_channels;
            for (int32_t i = 0; i < layer->run; i++, signs += padded) {
                int32_t value = layer->values[from + i] * layer->scale;
                for (int32_t o = 0; o < padded; o++)
                    out[o] += value * signs[o];
            }
        }
        return;
    }
    for (int32_t channel = 0; channel < padded; channel += LANES32) {
        int16_t sums[LANES32];
        const uint32_t *runs = layer->runs + (y * layer->conv_width + x) * layer->run_words;
        bit_sums(layer, runs, layer->weight_words + channel, 1, sums, 1);
        for (int32_t i = 0; i < LANES32; i++)
            out[channel + i] = layer->scale * sums[i];
    }
}

// Fill `sums` (or `wide_sums`) with one row of the convolution.
static void convolve_row(struct training_layer *layer, int32_t y) {
    int32_t width = layer->pooled ? 2 * layer->out_width : layer->conv_width;
    if (layer->wide) {
        for (int32_t x = 0; x < width; x++)
            wide_place(layer, y, x, layer->wide_sums + sum_slot(layer, y, x));
    } else if (layer->source == TRAINING_PIXELS) {
        for (int32_t x = 0; x < width; x += PLACES_AT_ONCE)
            pixel_places(layer, y, x, width - x < PLACES_AT_ONCE ? width - x : PLACES_AT_ONCE);
    } else {
        for (int32_t x = 0; x < width; x++)
            bit_place(layer, y, x, layer->sums + sum_slot(layer, y, x));
    }
}

// From sums to pre-activations and winners of one output row of `count` lanes.
static void finish_row(const struct training_layer *restrict layer, int32_t count,
                       int16_t *restrict pre, int16_t *restrict winners) {
    const int16_t *restrict shifted = layer->shifted;
    const int16_t *restrict a = layer->sums, *restrict b = a + count, *restrict c = b + count,
                            *restrict d = c + count;
    if (!layer->pooled) {
        for (int32_t i = 0; i < count; i++)
            pre[i] = (int16_t)(a[i] + shifted[i]);
        return;
    }
    for (int32_t i = 0; i < count; i++) {
        int16_t first = (int16_t)(a[i] + 3), second = (int16_t)(b[i] + 2);
        int16_t third = (int16_t)(c[i] + 1), fourth = d[i];
        int16_t upper = first > second ? first : second;
        int16_t lower = third > fourth ? third : fourth;
        int16_t most = upper > lower ? upper : lower;
        winners[i] = (int16_t)(3 - (most & 3));
        pre[i] = (int16_t)((most >> 2) + shifted[i]);
    }
}

// A pre-activation outside int16 is outside the window too, so it may saturate.
static void finish_wide_row(const struct training_layer *layer, int32_t count, int16_t *pre,
                            int16_t *winners) {
    for (int32_t i = 0; i < count; i++) {
        int32_t most = layer->wide_sums[i];
        if (layer->pooled) {
            most += 3;
            for (int32_t corner = 1; corner < TRAINING_CORNERS; corner++) {
                int32_t other = layer->wide_sums[corner * count + i] + 3 - corner;
                most = other > most ? other : most;
            }
            winners[i] = (int16_t)(3 - (most & 3));
            most >>= 2;
        }
        most += layer->shifted[i];
        most = most > MOST_INT16 ? MOST_INT16 : most;
        pre[i] = (int16_t)(most < -MOST_INT16 ? -MOST_INT16 : most);
    }
}

static inline eight16 greater(eight16 a, eight16 b) {
    eight16 mask = (eight16)(a > b);
    return (a & mask) | (b & ~mask);
}

// One output row of the layer whose patches are patterns.
static void pattern_row(const struct training_layer *layer, int32_t y, int16_t *pre,
                        int16_t *winners) {
    int32_t width = layer->in_width, padded = layer->padded;
    for (int32_t x = 0; x < layer->out_width; x++)
        for (int32_t channel = 0; channel < padded; channel += 8) {
            const int16_t *table = layer->table + channel;
            eight16 most;
            if (layer->pooled) {
                const uint16_t *at = layer->patterns + 2 * y * width + 2 * x;
                eight16 first = load_eight(table + at[0] * padded) + 3;
                eight16 second = load_eight(table + at[1] * padded) + 2;
                eight16 third = load_eight(table + at[width] * padded) + 1;
                eight16 fourth = load_eight(table + at[width + 1] * padded);
                most = greater(greater(first, second), greater(third, fourth));
                store_eight(winners + x * padded + channel, 3 - (most & 3));
                most >>= 2;
            } else {
                most = load_eight(table + layer->patterns[y * width + x] * padded);
            }
            most += load_eight(layer->shifted + channel);
            store_eight(pre + x * padded + channel, most);
        }
}

// Give the signs of one row's pre-activations to the layer above, without padding.
static void hand_signs(const struct training_layer *restrict layer, const int16_t *restrict pre,
                       int16_t *restrict values) {
    int32_t channels = layer->channels, padded = layer->padded, width = layer->out_width;
    if (channels == padded) {
        for (int32_t i = 0; i < width * channels; i++)
            values[i] = (int16_t)(pre[i] >> 15);
        return;
    }
    // What overshoots is overwritten by the next place; the map has slack behind it.
    for (int32_t x = 0; x < width; x++)
        for (int32_t o = 0; o < channels; o += 8)
            store_eight(values + x * channels + o, load_eight(pre + x * padded + o) >> 15);
}

// All rows of a hidden layer.
static void forward(struct training_layer *layer, struct training_layer *above) {
    int32_t count = layer->out_width * layer->padded;
    if (layer->source == TRAINING_BITS && layer->runs != layer->bits)
        cut_runs(layer);
    for (int32_t y = 0; y < layer->out_height; y++) {
        int16_t *pre = layer->pre + y * count, *winners = layer->winners + y * count;
        if (layer->source == TRAINING_PATTERN) {
            pattern_row(layer, y, pre, winners);
        } else {
            convolve_row(layer, layer->pooled ? 2 * y : y);
            if (layer->pooled)
                convolve_row(layer, 2 * y + 1);
            if (layer->wide)
                finish_wide_row(layer, count, pre, winners);
            else
                finish_row(layer, count, pre, winners);
        }
        hand_signs(layer, pre, above->values + y * layer->out_width * layer->channels);
    }
    pack_signs(above->values, layer->places * layer->channels, above->bits);
}

// The last layer; a logit may need more than 16 bits.
static void forward_logits(struct training_layer *layer, int32_t *logits) {
    bit_place(layer, 0, 0, layer->sums);
    for (int32_t o = 0; o < layer->channels; o++)
        logits[o] = layer->sums[o] + layer->shifted[o];
}

#endif
