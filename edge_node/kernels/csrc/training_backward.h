// SPDX-License-Identifier: Apache-2.0
// Backward pass of one sample, part of training_body.h.
//
// A signal d at a place adds d * x to its channel's gradient and d * w to what arrives below. Both
// x and w are 1 - 2 * bit, so with a mask of -1 for each bit both sums are of masked rows:
// sum(d) - 2 * sum(d & mask). Gradients wait for many rows; what arrives is summed at once.
// Law of the file: a stretch of rows is summed in int16 while sum |d| <= 32767, which no partial
// sum can then leave; then it is added to int32.
// Read next: training_first.h.
#ifndef EDGE_TRAINING_BACKWARD_H
#define EDGE_TRAINING_BACKWARD_H

#include "training_lanes.h"

enum { MOST_VECTORS = 8 };

// dest[i] = sum over terms of signal & rows[row + i], for `vectors` vectors of int16; with `add`,
// dest[i] += sum.
static inline __attribute__((always_inline)) void sum_masked(int32_t *dest,
                                                             const struct training_term *terms,
                                                             int32_t count, const int16_t *rows,
                                                             int add, const int vectors) {
    lanes16 sums[MOST_VECTORS];
    for (int v = 0; v < vectors; v++)
        sums[v] = (lanes16){0};
    for (int32_t k = 0; k < count; k++) {
        lanes16 signal = broadcast16(terms[k].signal);
        const int16_t *row = rows + terms[k].row;
        for (int v = 0; v < vectors; v++)
            sums[v] += signal & load16(row + v * LANES16);
    }
    for (int v = 0; v < vectors; v++, dest += LANES16) {
        struct wide wide = widen(sums[v]);
        store32(dest, add ? load32(dest) + wide.low : wide.low);
        store32(dest + LANES32, add ? load32(dest + LANES32) + wide.high : wide.high);
    }
}

static void sum_stretch(int32_t *dest, const struct training_term *terms, int32_t count,
                        const int16_t *rows, int add, int32_t vectors) {
    for (; vectors >= MOST_VECTORS; vectors -= MOST_VECTORS) {
        sum_masked(dest, terms, count, rows, add, MOST_VECTORS);
        dest += MOST_VECTORS * LANES16;
        rows += MOST_VECTORS * LANES16;
    }
    if (vectors >= 4) {
        sum_masked(dest, terms, count, rows, add, 4);
        dest += 4 * LANES16;
        rows += 4 * LANES16;
    }
    switch (vectors % 4) {
    case 3:
        sum_masked(dest, terms, count, rows, add, 3);
        break;
    case 2:
        sum_masked(dest, terms, count, rows, add, 2);
        break;
    case 1:
        sum_masked(dest, terms, count, rows, add, 1);
        break;
    default:
        break;
    }
}

// The same for i < F rounded up to a vector, in as many stretches as int16 needs.
static void sum_rows(const struct training_layer *layer, int32_t *dest,
                     const struct training_term *terms, int32_t count, const int16_t *rows,
                     int add) {
    int32_t vectors = (layer->fan_in + LANES16 - 1) / LANES16, begin = 0, end = 0;
    do {
        int32_t size = 0;
        for (; end < count; end++) {
            int32_t signal = once(terms[end].signal);
            size += signal < 0 ? -signal : signal;
            if (size > MOST_INT16)
                break;
        }
        sum_stretch(dest, terms + begin, end - begin, rows, add, vectors);
        add = 1;
        begin = end;
    } while (begin < count);
}

// Sum the gradients of all rows that wait.
static void sum_gradients(struct training_layer *layer) {
    for (int32_t o = 0; o < layer->channels; o++) {
        const struct training_term *terms = layer->terms + (size_t)o * (size_t)layer->row_capacity;
        int32_t *gradient = layer->gradient + (size_t)o * (size_t)layer->stride;
        int32_t count = layer->term_counts[o];
        for (int32_t k = 0; k < count; k++)
            layer->bias_gradient[o] += once(terms[k].signal);
        sum_rows(layer, gradient, terms, count, layer->rows, layer->gradient_begun);
        layer->term_counts[o] = 0;
    }
    layer->row_count = 0;
    layer->gradient_begun = 1;
}

// Copy in whole vectors of TRAINING_ROW_LANES; what overshoots is overwritten by the next run.
static inline void copy_run(int16_t *to, const int16_t *from, int32_t count) {
    for (int32_t i = 0; i < count; i += TRAINING_ROW_LANES)
        memcpy(to + i, from + i, TRAINING_ROW_LANES * sizeof *to);
}

// Keep the patch at convolution place (y, x) as a row.
static void keep_row(struct training_layer *layer, int32_t y, int32_t x) {
    int16_t *to = layer->rows + (size_t)layer->row_count++ * (size_t)layer->stride;
    for (int32_t ky = 0; ky < layer->kernel_height; ky++, to += layer->run) {
        int32_t from = ((y + ky) * layer->in_width + x) * layer->in_channels;
        copy_run(to, layer->values + from, layer->run);
    }
}

// Add sum(d * w) of the signals at one convolution place to what arrives below.
static void spread(struct training_layer *layer, int32_t y, int32_t x,
                   const struct training_term *terms, int32_t count) {
    int32_t *patch = layer->patch;
    sum_rows(layer, patch, terms, count, layer->weight_masks, 0);
    uint32_t sum = 0;
    for (int32_t k = 0; k < count; k++)
        sum += (uint32_t)(int32_t)once(terms[k].signal);
    lanes32 all = broadcast32(sum);
    for (int32_t ky = 0; ky < layer->kernel_height; ky++, patch += layer->run) {
        int32_t *to = layer->arriving + ((y + ky) * layer->in_width + x) * layer->in_channels;
        int32_t i = 0;
        for (; i + LANES32 <= layer->run; i += LANES32)
            store32(to + i, load32(to + i) + all - 2 * load32(patch + i));
        if (i < layer->run) {
            lanes32 tail = load32(TAIL + 16 - (layer->run - i));
            store32(to + i, load32(to + i) + ((all - 2 * load32(patch + i)) & tail));
        }
    }
}

// The signals at one output place that go further down, sorted by the corner that won.
struct corners {
    struct training_term terms[TRAINING_CORNERS][TRAINING_MAX_CHANNELS]; // row: the weights' row
    int32_t counts[TRAINING_CORNERS];
};

// Add the signals of one output place to the terms of their channels, and sort them by corner;
// return 0 if there are none.
static int sort_signals(struct training_layer *layer, int32_t place, struct corners *corners) {
    const int16_t *signals = layer->signals + place * layer->padded;
    const int16_t *winners = layer->winners + place * layer->padded;
    uint32_t stride = (uint32_t)layer->stride, row = (uint32_t)layer->row_count * stride;
    uint32_t any = 0;
    memset(corners->counts, 0, sizeof corners->counts);
    for (int32_t first = 0; first < layer->channels; first += 32) {
        uint32_t live = nonzero_lanes(signals + first) & low_bits(layer->channels - first);
        any |= live;
        for (; live != 0; live &= live - 1) {
            int32_t o = first + __builtin_ctz(live), corner = winners[o];
            uint32_t signal = twice(signals[o]);
            layer->terms[o * layer->row_capacity + layer->term_counts[o]++] =
                (struct training_term){signal, row + (uint32_t)corner * stride};
            corners->terms[corner][corners->counts[corner]++] =
                (struct training_term){signal, (uint32_t)o * stride};
        }
    }
    return any != 0;
}

// Take the sample's signals through the layer; with `below`, find what arrives at the layer below.
static void backward(struct training_layer *layer, int below) {
    struct corners corners;
    int32_t inputs = layer->in_height * layer->in_width * layer->in_channels;
    int32_t step = layer->pooled ? 2 : 1;
    if (below)
        memset(layer->arriving, 0, sizeof *layer->arriving * (size_t)inputs);
    for (int32_t place = 0; place < layer->places; place++) {
        if (layer->row_count + step * step > layer->row_capacity)
            sum_gradients(layer);
        if (!sort_signals(layer, place, &corners))
            continue;
        int32_t y = step * (place / layer->out_width), x = step * (place % layer->out_width);
        for (int32_t corner = 0; corner < step * step; corner++) {
            keep_row(layer, y + corner / 2, x + corner % 2);
            if (below && corners.counts[corner])
                spread(layer, y + corner / 2, x + corner % 2, corners.terms[corner],
                       corners.counts[corner]);
        }
    }
}

// The layer below: what arrived there passes the straight-through window and becomes its signals.
static void gate(struct training_layer *layer, const int32_t *arriving) {
    int32_t padded = layer->padded, channels = layer->channels, places = layer->places;
    // The half does not overflow: only 65,538 signals of 32,767 could, and no layer's kernel and
    // channels multiply to that.
    signed32 half = broadcast_signed(1 << layer->signal_shift >> 1),
             most = broadcast_signed(layer->clamp);
    signed32 window = broadcast_signed(layer->window);
    if (channels == padded) {
        padded = channels = channels * places;
        places = 1;
    }
    for (int32_t place = 0; place < places; place++) {
        const int16_t *pre = layer->pre + place * padded;
        int16_t *signals = layer->signals + place * padded;
        for (int32_t i = 0; i < channels; i += LANES32) {
            signed32 signal = (signed32)load32(arriving + i);
            signal = clamp32((signal + half) >> layer->signal_shift, most);
            signed32 p = load_wide(pre + i);
            store_narrow(signals + i, (lanes32)(signal & (p <= window) & (p >= -window)));
        }
        arriving += channels;
    }
}

#endif
