// SPDX-License-Identifier: Apache-2.0
// XNOR-popcount inference on the blob's own bits; see infer.h.
//
// A map is one string of bits, rows, then columns, then channels, and so are a channel's weights:
// a row of a kernel is a run of bits in both, and a dense layer's patch is the map itself. A pooled
// place is computed from its four patches at once and a channel left as soon as one of them is +1.
// Maps lie at the two ends of the working memory in turn, patches in the middle.
// Law of the file: no multiplication but by the popcount; every read is of a whole word.
// Read next: selftest.c.
#include "infer.h"

#include <string.h>

enum { PIXEL_ZERO = 128, PLACES = 4, LANE_WEIGHTS = 192 };

static uint32_t count_ones(uint32_t word) {
    word = word - ((word >> 1) & 0x55555555u);
    word = (word & 0x33333333u) + ((word >> 2) & 0x33333333u);
    return (((word + (word >> 4)) & 0x0f0f0f0fu) * 0x01010101u) >> 24;
}

// Two neighbouring words as one that begins at bit `shift` of the first.
static uint32_t joined(uint32_t low, uint32_t high, uint32_t shift) {
    return (low >> shift) | ((high << 1) << (31 - shift));
}

// Or `count` bits into a string that is zero there.
static void copy_bits(const uint32_t *from, uint32_t from_bit, uint32_t *to, uint32_t to_bit,
                      uint32_t count) {
    while (count > 0) {
        uint32_t room = 32 - to_bit % 32;
        uint32_t taken = count < room ? count : room;
        uint32_t at = from_bit % 32;
        const uint32_t *word = from + from_bit / 32;
        uint32_t bits = at + taken > 32 ? joined(word[0], word[1], at) : word[0] >> at;
        to[to_bit / 32] |= (bits << (32 - taken) >> (32 - taken)) << to_bit % 32;
        from_bit += taken;
        to_bit += taken;
        count -= taken;
    }
}

// The bits that a kernel at (y, x) of the padded map covers; outside it is +1, which is 0.
static void gather(const struct model_layer *layer, const uint32_t *map, uint32_t y, uint32_t x,
                   uint32_t *patch) {
    uint32_t channels = layer->in_channels;
    uint32_t pad = layer->pad;
    uint32_t first = x < pad ? pad - x : 0;
    uint32_t end = layer->in_width + pad - x;
    if (end > layer->kernel_width)
        end = layer->kernel_width;
    memset(patch, 0, model_words(layer->fan_in) * sizeof *patch);
    for (uint32_t row = 0; row < layer->kernel_height; row++) {
        if (y + row < pad || y + row - pad >= layer->in_height)
            continue;
        uint32_t place = (y + row - pad) * layer->in_width + x + first - pad;
        copy_bits(map, place * channels, patch, (row * layer->kernel_width + first) * channels,
                  (end - first) * channels);
    }
}

// How many products of a channel's weights with a patch are -1.
static uint32_t mismatches(const uint32_t *weights, uint32_t shift, const uint32_t *patch,
                           uint32_t fan_in) {
    uint32_t count = 0;
    uint32_t low = model_word(*weights++);
    for (; fan_in > 32; fan_in -= 32) {
        uint32_t high = model_word(*weights++);
        count += count_ones(joined(low, high, shift) ^ *patch++);
        low = high;
    }
    uint32_t tail = low >> shift;
    if (shift + fan_in > 32)
        tail = joined(low, model_word(*weights), shift);
    return count + count_ones((tail ^ *patch) << (32 - fan_in));
}

static void binary_places(const struct model_layer *layer, const uint32_t *patches, uint32_t places,
                          uint32_t *out, uint32_t out_bit) {
    uint32_t fan_in = layer->fan_in;
    uint32_t words = model_words(fan_in);
    uint32_t bit = 0;
    for (uint32_t channel = 0; channel < layer->channels; channel++, bit += fan_in, out_bit++) {
        const uint32_t *patch = patches;
        int32_t threshold = layer->thresholds[channel];
        uint32_t left = places;
        while (left > 0 && (int32_t)mismatches(layer->weights + bit / 32, bit % 32, patch, fan_in) >
                               threshold) {
            patch += words;
            left--;
        }
        if (left == 0)
            out[out_bit / 32] |= (uint32_t)1 << out_bit % 32;
    }
}

static void binary_layer(const struct model_layer *layer, const uint32_t *map, uint32_t *patches,
                         uint32_t *out) {
    uint32_t words = model_words(layer->fan_in);
    uint32_t out_bit = 0;
    uint32_t step = layer->pool ? 2 : 1;
    bool whole = layer->conv_height == 1 && layer->conv_width == 1 && layer->pad == 0;
    for (uint32_t y = 0; y < layer->out_height; y++)
        for (uint32_t x = 0; x < layer->out_width; x++, out_bit += layer->channels) {
            for (uint32_t i = 0; i < step * step && !whole; i++)
                gather(layer, map, step * y + i / 2, step * x + i % 2, patches + i * words);
            binary_places(layer, whole ? map : patches, step * step, out, out_bit);
        }
}

// An 8-bit kernel at (y, x): the sum of weight times (pixel - 128).
static int32_t pixel_sum(const struct model_layer *layer, const uint8_t *pixels, uint32_t y,
                         uint32_t x, uint32_t bit) {
    uint32_t run = (uint32_t)layer->kernel_width * layer->in_channels;
    uint32_t stride = (uint32_t)layer->in_width * layer->in_channels;
    const uint8_t *row = pixels + y * stride + x * layer->in_channels;
    int32_t sum = 0;
    uint32_t word = 0;
    for (uint32_t ky = 0; ky < layer->kernel_height; ky++, row += stride)
        for (uint32_t i = 0; i < run; i++, bit++) {
            if (bit % 32 == 0 || (ky == 0 && i == 0))
                word = model_word(layer->weights[bit / 32]) >> bit % 32;
            int32_t value = (int32_t)row[i] - PIXEL_ZERO;
            sum += (word & 1u) != 0 ? -value : value;
            word >>= 1;
        }
    return sum;
}

static void byte_layer(const struct model_layer *layer, const uint8_t *pixels, uint32_t *out) {
    uint32_t out_bit = 0;
    for (uint32_t y = 0; y < layer->out_height; y++)
        for (uint32_t x = 0; x < layer->out_width; x++) {
            uint32_t bit = 0;
            for (uint32_t c = 0; c < layer->channels; c++, bit += layer->fan_in, out_bit++)
                if (pixel_sum(layer, pixels, y, x, bit) < layer->thresholds[c])
                    out[out_bit / 32] |= (uint32_t)1 << out_bit % 32;
        }
}

// The four patches of a pooled place: in each word two neighbours, their values 16 bits apart.
static void gather_lanes(const struct model_layer *layer, const uint8_t *pixels, uint32_t y,
                         uint32_t x, uint32_t *lanes) {
    uint32_t channels = layer->in_channels;
    uint32_t run = layer->kernel_width * channels;
    uint32_t stride = layer->in_width * channels;
    const uint8_t *row = pixels + y * stride + x * channels;
    const uint32_t zero = (uint32_t)PIXEL_ZERO * 0x10001u;
    for (uint32_t ky = 0; ky < layer->kernel_height; ky++, row += stride)
        for (uint32_t i = 0; i < run; i++) {
            const uint8_t *pixel = row + i;
            *lanes++ = ((uint32_t)pixel[channels] << 16 | pixel[0]) - zero;
            pixel += stride;
            *lanes++ = ((uint32_t)pixel[channels] << 16 | pixel[0]) - zero;
        }
}

// Add the two sums of a word of lanes: the low one is signed, and has borrowed from the high one.
static void add_lanes(int32_t sums[2], uint32_t lanes) {
    int32_t low = (int32_t)((lanes & 0xffffu) ^ 0x8000u) - 0x8000;
    sums[0] += low;
    sums[1] += (int32_t)(((lanes - (uint32_t)low) >> 16) ^ 0x8000u) - 0x8000;
}

// Whether a channel is -1 at all four of a pooled place.
static bool lanes_negative(const struct model_layer *layer, const uint32_t *lanes, uint32_t bit,
                           int32_t threshold) {
    int32_t sums[PLACES] = {0, 0, 0, 0};
    uint32_t left = layer->fan_in;
    uint32_t word = model_word(layer->weights[bit / 32]) >> bit % 32;
    while (left > 0) {
        // 128 times LANE_WEIGHTS stays within the 16 bits of a lane.
        uint32_t part = left < LANE_WEIGHTS ? left : LANE_WEIGHTS;
        uint32_t upper = 0;
        uint32_t lower = 0;
        left -= part;
        for (; part > 0; part--, lanes += 2) {
            uint32_t minus = (uint32_t)0 - (word & 1u);
            upper += (lanes[0] ^ minus) - minus;
            lower += (lanes[1] ^ minus) - minus;
            word >>= 1;
            if (++bit % 32 == 0)
                word = model_word(layer->weights[bit / 32]);
        }
        add_lanes(sums, upper);
        add_lanes(sums + 2, lower);
    }
    return sums[0] < threshold && sums[1] < threshold && sums[2] < threshold && sums[3] < threshold;
}

static void pooled_byte_layer(const struct model_layer *layer, const uint8_t *pixels,
                              uint32_t *lanes, uint32_t *out) {
    uint32_t out_bit = 0;
    for (uint32_t y = 0; y < layer->out_height; y++)
        for (uint32_t x = 0; x < layer->out_width; x++) {
            uint32_t bit = 0;
            gather_lanes(layer, pixels, 2 * y, 2 * x, lanes);
            for (uint32_t c = 0; c < layer->channels; c++, bit += layer->fan_in, out_bit++)
                if (lanes_negative(layer, lanes, bit, layer->thresholds[c]))
                    out[out_bit / 32] |= (uint32_t)1 << out_bit % 32;
        }
}

static void binarize(const uint8_t *pixels, uint32_t count, uint32_t *map) {
    for (uint32_t i = 0; i < count; i += 32) {
        uint32_t word = 0;
        uint32_t end = count - i < 32 ? count - i : 32;
        for (uint32_t bit = 0; bit < end; bit++)
            word |= (uint32_t)(pixels[i + bit] < PIXEL_ZERO) << bit;
        *map++ = word;
    }
}

static uint32_t map_words(const struct model_layer *layer) {
    return model_words((uint32_t)layer->out_height * layer->out_width * layer->channels);
}

const int32_t *infer(const struct model *model, const uint8_t *pixels, uint32_t *work) {
    const struct model_layer *layer = model->layers;
    const struct model_layer *last = layer + model->layer_count - 1;
    uint32_t *end = work + model->work_words;
    uint32_t *map = work;
    uint32_t *free = work; // what lies above the map, if the map lies below
    if (!layer->eight_bit) {
        binarize(pixels, model->image_bytes, map);
        free += model_words(model->image_bytes);
    }
    bool below = true;
    for (; layer < last; layer++, below = !below) {
        uint32_t words = map_words(layer);
        uint32_t *out = below ? end - words : work;
        uint32_t *scratch = below ? free : work + words;
        memset(out, 0, words * sizeof *out);
        if (!layer->eight_bit)
            binary_layer(layer, map, scratch, out);
        else if (layer->pool)
            pooled_byte_layer(layer, pixels, scratch, out);
        else
            byte_layer(layer, pixels, out);
        map = out;
        free = out + words;
    }
    int32_t *logits = (int32_t *)(below ? end - last->channels : work);
    for (uint32_t channel = 0; channel < last->channels; channel++) {
        uint32_t bit = channel * last->fan_in;
        uint32_t count = mismatches(last->weights + bit / 32, bit % 32, map, last->fan_in);
        logits[channel] = (int32_t)last->fan_in - 2 * (int32_t)count + last->thresholds[channel];
    }
    return logits;
}

uint32_t infer_class(const int32_t *logits, uint32_t classes) {
    uint32_t best = 0;
    for (uint32_t i = 1; i < classes; i++)
        if (logits[i] > logits[best])
            best = i;
    return best;
}
