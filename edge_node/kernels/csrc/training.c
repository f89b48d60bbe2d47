// SPDX-License-Identifier: Apache-2.0
// A trainer's memory and life; see training.h.
//
// Law of the file: all memory is one block, laid out when the trainer is made and cleared once; a
// step allocates nothing.
// Read next: training_body.h.
#include "training.h"

#include "training_layer.h"

#include <stdlib.h>
#include <string.h>

enum {
    ALIGNMENT = 64,
    MAX_BATCH = 64,
    MAX_PATTERN_CHANNELS = 32, // beyond, table and histogram leave the first-level cache
    ROW_BYTES = 1 << 16,       // of rows that wait; they are read once for each channel
    TERM_BYTES = 1 << 17,      // of their signals
    MOST_SUM = 32767,          // int16
    MOST_SHIFTED = 1 << 14     // of a bias latent >> 4
};

// The numbers of a layer in edge_training_new.
enum layer_number {
    IN_HEIGHT,
    IN_WIDTH,
    IN_CHANNELS,
    KERNEL_HEIGHT,
    KERNEL_WIDTH,
    CHANNELS,
    OUT_HEIGHT,
    OUT_WIDTH,
    POOLED,
    EIGHT_BIT,
    WINDOW,
    SIGNAL_SHIFT,
    CLAMP,
    THRESHOLD_SLOWDOWN
};

// Gives out pieces of one block; without a base it only measures.
struct arena {
    char *base;
    size_t used;
};

static void *take(struct arena *arena, size_t count, size_t size) {
    size_t bytes = (count * size + TRAINING_SLACK_BYTES + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    void *piece = arena->base ? arena->base + arena->used : NULL;
    arena->used += bytes;
    return piece;
}

static int32_t round_up(int32_t number, int32_t unit) {
    return (number + unit - 1) / unit * unit;
}

static enum training_source choose_source(const int32_t *numbers, int first, int last) {
    if (first && numbers[EIGHT_BIT])
        return TRAINING_PIXELS;
    // Logits are summed from bits, even those of a lone layer over a 3 x 3 map.
    int pattern = first && !last && numbers[IN_CHANNELS] == 1 && numbers[KERNEL_HEIGHT] == 3 &&
                  numbers[KERNEL_WIDTH] == 3 && numbers[CHANNELS] <= MAX_PATTERN_CHANNELS;
    return pattern ? TRAINING_PATTERN : TRAINING_BITS;
}

static void describe(struct training_layer *layer, const int32_t *numbers, int first, int last) {
    layer->source = choose_source(numbers, first, last);
    layer->in_height = numbers[IN_HEIGHT];
    layer->in_width = numbers[IN_WIDTH];
    layer->in_channels = numbers[IN_CHANNELS];
    layer->kernel_height = numbers[KERNEL_HEIGHT];
    layer->kernel_width = numbers[KERNEL_WIDTH];
    layer->channels = numbers[CHANNELS];
    layer->conv_height = layer->in_height - layer->kernel_height + 1;
    layer->conv_width = layer->in_width - layer->kernel_width + 1;
    layer->out_height = numbers[OUT_HEIGHT];
    layer->out_width = numbers[OUT_WIDTH];
    layer->pooled = numbers[POOLED];
    layer->window = numbers[WINDOW];
    layer->signal_shift = numbers[SIGNAL_SHIFT];
    layer->clamp = numbers[CLAMP];
    layer->threshold_slowdown = numbers[THRESHOLD_SLOWDOWN];
    layer->fan_in = layer->kernel_height * layer->kernel_width * layer->in_channels;
    if (layer->conv_height * layer->conv_width == 1 && layer->source != TRAINING_PATTERN) {
        // The kernel covers the map and lies in memory as the map does: one place, one run.
        layer->in_height = layer->in_width = layer->kernel_height = layer->kernel_width = 1;
        layer->in_channels = layer->fan_in;
    }
    layer->run = layer->kernel_width * layer->in_channels;
    layer->run_words = (layer->run + 31) / 32;
    layer->places = layer->out_height * layer->out_width;
    layer->scale = layer->pooled ? TRAINING_CORNERS : 1;
    int32_t most = layer->fan_in * (layer->source == TRAINING_PIXELS ? 128 : 1);
    layer->wide = layer->pooled ? TRAINING_CORNERS * (most + 1) > MOST_SUM
                                : !last && most + MOST_SHIFTED > MOST_SUM;
    int32_t lanes = layer->source == TRAINING_PATTERN ? 8
                    : layer->source == TRAINING_BITS  ? 16
                                                      : 32;
    layer->padded = round_up(layer->channels, lanes);
    layer->stride = round_up(layer->fan_in, TRAINING_ROW_LANES);
}

// No more rows than a batch makes, no fewer than one window has.
static int32_t choose_row_capacity(const struct training_layer *layer) {
    int64_t corners = layer->pooled ? TRAINING_CORNERS : 1;
    int64_t rows = MAX_BATCH * corners * layer->places;
    int64_t fit = ROW_BYTES / (layer->stride * (int64_t)sizeof(int16_t));
    int64_t terms = TERM_BYTES / (layer->channels * (int64_t)sizeof(struct training_term));
    if (layer->places == 1 && fit < MAX_BATCH)
        fit = MAX_BATCH; // a dense layer adds to its many gradients once a batch
    rows = rows < fit ? rows : fit;
    rows = rows < terms ? rows : terms;
    return (int32_t)(rows > TRAINING_CORNERS ? rows : TRAINING_CORNERS);
}

static void place_weights(struct arena *arena, struct training_layer *layer, int first) {
    size_t channels = (size_t)layer->channels, padded = (size_t)layer->padded;
    size_t fan_in = (size_t)layer->fan_in, weights = channels * (size_t)layer->stride;
    layer->latents = take(arena, weights, sizeof *layer->latents);
    layer->biases = take(arena, channels, sizeof *layer->biases);
    layer->shifted = take(arena, padded * (size_t)layer->out_width, sizeof *layer->shifted);
    if (layer->source == TRAINING_BITS) {
        size_t words = (size_t)(layer->kernel_height * layer->run_words);
        layer->weight_words = take(arena, words * padded, sizeof *layer->weight_words);
    } else if (layer->source == TRAINING_PIXELS) {
        layer->weight_signs = take(arena, fan_in * padded, sizeof *layer->weight_signs);
    } else {
        layer->table = take(arena, TRAINING_PATTERNS * padded, sizeof *layer->table);
    }
    if (!first)
        layer->weight_masks = take(arena, weights, sizeof *layer->weight_masks);
}

static void place_sample(struct arena *arena, struct training_layer *layer, int first) {
    size_t inputs = (size_t)(layer->in_height * layer->in_width * layer->in_channels);
    size_t outputs = (size_t)(layer->places * layer->padded);
    size_t row = (size_t)(layer->out_width * layer->padded * layer->scale);
    // One pixel more: the last one's neighbour is read too.
    layer->values = take(arena, inputs + (size_t)layer->in_channels, sizeof *layer->values);
    if (layer->source == TRAINING_BITS) {
        layer->bits = layer->runs = take(arena, inputs / 32 + 1, sizeof *layer->bits);
        size_t runs = (size_t)(layer->in_height * layer->conv_width);
        if (runs > 1)
            layer->runs = take(arena, runs * (size_t)layer->run_words, sizeof *layer->runs);
    } else if (layer->source == TRAINING_PIXELS) {
        layer->value_twice = take(arena, inputs, sizeof *layer->value_twice);
        layer->value_pairs = take(arena, inputs, sizeof *layer->value_pairs);
    } else {
        layer->patterns = take(arena, inputs, sizeof *layer->patterns);
    }
    layer->sums = take(arena, row, sizeof *layer->sums);
    if (layer->wide)
        layer->wide_sums = take(arena, row, sizeof *layer->wide_sums);
    layer->pre = take(arena, outputs, sizeof *layer->pre);
    layer->winners = take(arena, outputs, sizeof *layer->winners);
    layer->signals = take(arena, outputs, sizeof *layer->signals);
    if (!first) {
        layer->arriving = take(arena, inputs, sizeof *layer->arriving);
        layer->patch = take(arena, (size_t)layer->stride, sizeof *layer->patch);
    }
}

static void place_gradients(struct arena *arena, struct training_layer *layer) {
    size_t channels = (size_t)layer->channels, stride = (size_t)layer->stride;
    size_t padded = (size_t)layer->padded;
    layer->gradient = take(arena, channels * stride, sizeof *layer->gradient);
    layer->bias_gradient = take(arena, channels, sizeof *layer->bias_gradient);
    if (layer->source == TRAINING_PATTERN) {
        layer->histogram = take(arena, TRAINING_PATTERNS * padded, sizeof *layer->histogram);
    } else if (layer->source == TRAINING_PIXELS) {
        size_t pairs = (size_t)layer->out_width * padded;
        layer->signal_pairs = take(arena, pairs, sizeof *layer->signal_pairs);
        size_t sums = (size_t)layer->fan_in * padded;
        layer->pixel_sums = take(arena, sums, sizeof *layer->pixel_sums);
    } else {
        layer->row_capacity = choose_row_capacity(layer);
        size_t rows = (size_t)layer->row_capacity;
        layer->rows = take(arena, rows * stride, sizeof *layer->rows);
        layer->terms = take(arena, channels * rows, sizeof *layer->terms);
        layer->term_counts = take(arena, channels, sizeof *layer->term_counts);
    }
}

static size_t head_bytes(int32_t layer_count) {
    return sizeof(struct edge_trainer) + (size_t)layer_count * sizeof(struct training_layer);
}

// Point a trainer at the pieces of its memory, the first of which is for itself; return its bytes.
static size_t place_trainer(struct edge_trainer *trainer, char *base) {
    struct arena arena = {base, 0};
    const struct training_layer *last = &trainer->layers[trainer->layer_count - 1];
    take(&arena, head_bytes(trainer->layer_count), 1);
    trainer->image = take(&arena, (size_t)trainer->image_bytes, 1);
    trainer->logits = take(&arena, (size_t)last->channels, sizeof *trainer->logits);
    for (int32_t i = 0; i < trainer->layer_count; i++) {
        place_weights(&arena, &trainer->layers[i], i == 0);
        place_sample(&arena, &trainer->layers[i], i == 0);
        place_gradients(&arena, &trainer->layers[i]);
    }
    return arena.used;
}

static const struct training_path *find_path(int path) {
    if (!edge_path_supported(path))
        return NULL;
    switch (path) {
#if defined(__x86_64__)
    case EDGE_AVX2:
        return &training_avx2;
    case EDGE_AVX512:
        return &training_avx512;
#elif defined(__aarch64__) || defined(__arm__)
    case EDGE_NEON:
        return &training_neon;
#endif
    default:
        return &training_scalar;
    }
}

struct edge_trainer *edge_training_new(int path, int32_t layer_count, const int32_t *numbers,
                                       const uint8_t *images, const uint8_t *labels) {
    const struct training_path *arithmetic = find_path(path);
    struct edge_trainer *plan = arithmetic ? calloc(1, head_bytes(layer_count)) : NULL;
    if (!plan)
        return NULL;
    plan->path = arithmetic;
    plan->images = images;
    plan->labels = labels;
    plan->image_bytes = numbers[IN_HEIGHT] * numbers[IN_WIDTH] * numbers[IN_CHANNELS];
    plan->layer_count = layer_count;
    for (int32_t i = 0; i < layer_count; i++)
        describe(&plan->layers[i], numbers + i * EDGE_TRAINING_NUMBERS, i == 0,
                 i == layer_count - 1);
    size_t bytes = place_trainer(plan, NULL);
    struct edge_trainer *trainer = aligned_alloc(ALIGNMENT, bytes);
    if (trainer) {
        memset(trainer, 0, bytes);
        place_trainer(plan, (char *)trainer);
        memcpy(trainer, plan, head_bytes(layer_count));
        trainer->path->derive(trainer);
    }
    free(plan);
    return trainer;
}

void edge_training_free(struct edge_trainer *trainer) {
    free(trainer);
}

void edge_training_set_state(struct edge_trainer *trainer, const int16_t *latents,
                             const int32_t *biases) {
    for (int32_t i = 0; i < trainer->layer_count; i++) {
        struct training_layer *layer = &trainer->layers[i];
        size_t row_bytes = (size_t)layer->fan_in * sizeof *latents;
        for (int32_t o = 0; o < layer->channels; o++, latents += layer->fan_in)
            memcpy(layer->latents + o * layer->stride, latents, row_bytes);
        memcpy(layer->biases, biases, (size_t)layer->channels * sizeof *biases);
        biases += layer->channels;
    }
    trainer->path->derive(trainer);
}

void edge_training_get_state(const struct edge_trainer *trainer, int16_t *latents,
                             int32_t *biases) {
    for (int32_t i = 0; i < trainer->layer_count; i++) {
        const struct training_layer *layer = &trainer->layers[i];
        size_t row_bytes = (size_t)layer->fan_in * sizeof *latents;
        for (int32_t o = 0; o < layer->channels; o++, latents += layer->fan_in)
            memcpy(latents, layer->latents + o * layer->stride, row_bytes);
        memcpy(biases, layer->biases, (size_t)layer->channels * sizeof *biases);
        biases += layer->channels;
    }
}

void edge_training_shift(struct edge_trainer *trainer, const int64_t *indices, int64_t count,
                         int32_t shift) {
    for (int64_t i = 0; i < count; i++)
        trainer->path->sample(trainer, indices[i]);
    trainer->path->shift(trainer, shift);
}

void edge_training_sum_gradients(struct edge_trainer *trainer, int64_t *sums) {
    for (int32_t i = 0; i < trainer->layer_count; i++) {
        struct training_layer *layer = &trainer->layers[i];
        layer->gradient_sums = sums;
        if (sums)
            sums += layer->channels * layer->fan_in;
    }
}

void edge_training_run(struct edge_trainer *trainer, const int64_t *indices, int64_t count,
                       int32_t batch, const int32_t *exponents) {
    for (int64_t start = 0; start < count; start += batch) {
        int64_t end = start + batch < count ? start + batch : count;
        for (int64_t i = start; i < end; i++)
            trainer->path->sample(trainer, indices[i]);
        trainer->path->update(trainer, *exponents++);
    }
}
