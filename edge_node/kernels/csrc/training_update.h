// SPDX-License-Identifier: Apache-2.0
// The end of a step, part of training_body.h: latents move, and give the weights of the next step.
//
// Law of the file: theta is half the mean |gradient| of the layer, both divisions rounding down; a
// latent moves by 2**u where its gradient lies beyond theta; or by its gradient / 2**shift.
// Read next: training.c.
#ifndef EDGE_TRAINING_UPDATE_H
#define EDGE_TRAINING_UPDATE_H

#include "training_lanes.h"

enum { LATENT_MAX = 32767, BIAS_LATENT_MAX = 1 << 18, BIAS_SHIFT = 4 };

// From sums by pattern to sums by weight: for each of the nine pixels, over the patterns where it
// is -1. Bit 8 halves the histogram, then bit 7, and so on.
static void fold_histogram(struct training_layer *layer) {
    int32_t padded = layer->padded;
    int32_t *histogram = layer->histogram;
    for (int32_t bit = 8; bit >= 0; bit--) {
        int32_t half = (1 << bit) * padded;
        for (int32_t o = 0; o < layer->channels; o++) {
            uint32_t sum = 0;
            for (int32_t i = o; i < half; i += padded)
                sum += (uint32_t)histogram[half + i];
            layer->gradient[o * layer->stride + bit] = (int32_t)sum;
        }
        for (int32_t i = 0; i < half; i++)
            histogram[i] = (int32_t)((uint32_t)histogram[i] + (uint32_t)histogram[half + i]);
    }
    for (int32_t o = 0; o < layer->channels; o++)
        layer->bias_gradient[o] = histogram[o];
    memset(histogram, 0, sizeof *histogram * TRAINING_PATTERNS * (size_t)padded);
}

// The pixels' sums lie by weight, then channel.
static void turn_pixel_sums(struct training_layer *layer) {
    for (int32_t o = 0; o < layer->channels; o++)
        for (int32_t i = 0; i < layer->fan_in; i++)
            layer->gradient[o * layer->stride + i] = layer->pixel_sums[i * layer->padded + o];
    memset(layer->pixel_sums, 0,
           sizeof *layer->pixel_sums * (size_t)layer->fan_in * (size_t)layer->padded);
}

static void finish_gradient(struct training_layer *layer) {
    if (layer->source == TRAINING_PATTERN)
        fold_histogram(layer);
    else if (layer->source == TRAINING_PIXELS)
        turn_pixel_sums(layer);
    else
        sum_gradients(layer);
    layer->gradient_begun = 0;
}

// One channel's gradients: offset + factor * sums.
struct gradient_row {
    const int32_t *sums;
    lanes32 offset, factor;
};

// Sums of pixels are gradients. Other sums are of d where x is -1; as x = 1 - 2 * bit, their
// gradients are sum(d) - 2 * sums.
static inline struct gradient_row gradient_row(const struct training_layer *layer, int32_t o) {
    int pixels = layer->source == TRAINING_PIXELS;
    return (struct gradient_row){
        layer->gradient + (size_t)o * (size_t)layer->stride,
        broadcast32(pixels ? 0 : (uint32_t)layer->bias_gradient[o]),
        broadcast32(pixels ? 1 : (uint32_t)-2),
    };
}

static inline signed32 gradients(const struct gradient_row *row, int32_t i) {
    return (signed32)(row->offset + row->factor * load32(row->sums + i));
}

// Half the mean |gradient|.
static int32_t dead_zone(const struct training_layer *layer) {
    uint64_t total = 0;
    for (int32_t o = 0; o < layer->channels; o++) {
        struct gradient_row row = gradient_row(layer, o);
        // 16 bits each: a row has too few numbers for either to overflow.
        lanes32 low = {0}, high = {0};
        for (int32_t i = 0; i < layer->fan_in; i += LANES32) {
            signed32 g = gradients(&row, i);
            lanes32 size = (lanes32)select32(g < 0, -g, g);
            if (layer->fan_in - i < LANES32)
                size &= load32(TAIL + 16 - (layer->fan_in - i));
            low += size & 0xffff;
            high += size >> 16;
        }
        for (int lane = 0; lane < LANES32; lane++)
            total += low[lane] + ((uint64_t)high[lane] << 16);
    }
    uint64_t count = (uint64_t)layer->channels * (uint64_t)layer->fan_in;
    return (int32_t)(total / count / 2);
}

// Keep one channel's gradients for those who ask for their sums.
static void add_to_sums(const struct training_layer *layer, int32_t o) {
    struct gradient_row row = gradient_row(layer, o);
    uint32_t offset = row.offset[0], factor = row.factor[0];
    const int32_t *restrict from = row.sums;
    int64_t *restrict sums = layer->gradient_sums + (size_t)o * (size_t)layer->fan_in;
    for (int32_t i = 0; i < layer->fan_in; i++)
        sums[i] += (int32_t)(offset + factor * (uint32_t)from[i]);
}

// The weights of one channel in the next step.
static void derive_row(struct training_layer *layer, int32_t o) {
    const int16_t *latents = layer->latents + (size_t)o * (size_t)layer->stride;
    if (layer->source == TRAINING_PIXELS)
        for (int32_t i = 0; i < layer->fan_in; i++)
            layer->weight_signs[i * layer->padded + o] = (int16_t)(latents[i] < 0 ? -1 : 1);
    if (layer->source != TRAINING_BITS)
        return;
    uint32_t *words = layer->weight_words + o;
    for (int32_t ky = 0; ky < layer->kernel_height; ky++)
        for (int32_t i = 0; i < layer->run; i += 32, words += layer->padded)
            *words = negative_lanes(latents + ky * layer->run + i) & low_bits(layer->run - i);
    if (!layer->weight_masks) // the first layer: nothing arrives below
        return;
    int16_t *restrict masks = layer->weight_masks + (size_t)o * (size_t)layer->stride;
    for (int32_t i = 0; i < layer->stride; i++)
        masks[i] = (int16_t)(latents[i] >> 15);
}

// table[p] follows from the pattern without the lowest bit of p, whose pixel turns from +1 to -1.
static void derive_table(struct training_layer *layer) {
    int32_t padded = layer->padded;
    int16_t *table = layer->table;
    for (int32_t o = 0; o < layer->channels; o++) {
        const int16_t *latents = layer->latents + o * layer->stride;
        int32_t sum = 0;
        for (int32_t i = 0; i < layer->fan_in; i++) {
            int32_t weight = latents[i] < 0 ? -layer->scale : layer->scale;
            sum += weight;
            table[(1 << i) * padded + o] = (int16_t)(2 * weight);
        }
        table[o] = (int16_t)sum;
    }
    for (int32_t bit = 0; bit < layer->fan_in; bit++) {
        int32_t half = (1 << bit) * padded;
        for (int32_t i = padded; i < half; i += padded)
            for (int32_t o = 0; o < padded; o++)
                table[half + i + o] = (int16_t)(table[i + o] - table[half + o]);
        for (int32_t o = 0; o < padded; o++)
            table[half + o] = (int16_t)(table[o] - table[half + o]);
    }
}

static void derive_channels(struct training_layer *layer) {
    for (int32_t x = 0; x < layer->out_width; x++)
        for (int32_t o = 0; o < layer->channels; o++)
            layer->shifted[x * layer->padded + o] = (int16_t)(layer->biases[o] >> BIAS_SHIFT);
    if (layer->source == TRAINING_PATTERN)
        derive_table(layer);
}

// What the latents say in the next step.
static void derive(struct training_layer *layer) {
    for (int32_t o = 0; o < layer->channels; o++)
        derive_row(layer, o);
    derive_channels(layer);
}

static void move_biases(struct training_layer *layer, int32_t step) {
    for (int32_t o = 0; o < layer->channels; o++) {
        int32_t g = layer->bias_gradient[o];
        int32_t moved = layer->biases[o] + (g > 0 ? step : 0) - (g < 0 ? step : 0);
        moved = moved > BIAS_LATENT_MAX ? BIAS_LATENT_MAX : moved;
        layer->biases[o] = moved < -BIAS_LATENT_MAX ? -BIAS_LATENT_MAX : moved;
        layer->bias_gradient[o] = 0;
    }
}

// Padding moves too; nothing reads it.
static void move_latents(struct training_layer *layer, int32_t exponent) {
    signed32 zone = broadcast_signed(dead_zone(layer)), step = broadcast_signed(1 << exponent);
    signed32 most = broadcast_signed(LATENT_MAX);
    for (int32_t o = 0; o < layer->channels; o++) {
        struct gradient_row row = gradient_row(layer, o);
        int16_t *latents = layer->latents + (size_t)o * (size_t)layer->stride;
        if (layer->gradient_sums)
            add_to_sums(layer, o);
        for (int32_t i = 0; i < layer->fan_in; i += LANES32) {
            signed32 g = gradients(&row, i);
            signed32 moved = load_wide(latents + i) + ((g > zone) & step) - ((g < -zone) & step);
            store_narrow(latents + i, (lanes32)clamp32(moved, most));
        }
        derive_row(layer, o); // while it is near
    }
    move_biases(layer, 1 << exponent >> layer->threshold_slowdown);
    derive_channels(layer);
}

static void shift_biases(struct training_layer *layer, int32_t shift) {
    int64_t half = INT64_C(1) << shift >> 1;
    for (int32_t o = 0; o < layer->channels; o++) {
        int64_t moved = layer->biases[o] + ((layer->bias_gradient[o] + half) >> shift);
        moved = moved > BIAS_LATENT_MAX ? BIAS_LATENT_MAX : moved;
        layer->biases[o] = (int32_t)(moved < -BIAS_LATENT_MAX ? -BIAS_LATENT_MAX : moved);
        layer->bias_gradient[o] = 0;
    }
}

// Every latent moves by its gradient / 2**shift, rounded half up. The half is the bit below, so
// that nothing leaves int32; and a move beyond the range's whole width is no greater than that.
static void shift_latents(struct training_layer *layer, int32_t shift) {
    signed32 most = broadcast_signed(LATENT_MAX), width = broadcast_signed(2 * LATENT_MAX);
    for (int32_t o = 0; o < layer->channels; o++) {
        struct gradient_row row = gradient_row(layer, o);
        int16_t *latents = layer->latents + (size_t)o * (size_t)layer->stride;
        for (int32_t i = 0; i < layer->fan_in; i += LANES32) {
            signed32 g = gradients(&row, i), move = g;
            if (shift > 0)
                move = (g >> shift) + ((g >> (shift - 1)) & 1);
            signed32 moved = load_wide(latents + i) + clamp32(move, width);
            store_narrow(latents + i, (lanes32)clamp32(moved, most));
        }
        derive_row(layer, o); // while it is near
    }
    shift_biases(layer, shift + layer->threshold_slowdown);
    derive_channels(layer);
}

#endif
