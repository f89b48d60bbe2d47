// SPDX-License-Identifier: Apache-2.0
// Preparing a model for one path; see engine_plan.h.
//
// Read next: engine_body.h.
#include "engine_plan.h"

#include <stdlib.h>
#include <string.h>

enum {
    ALIGNMENT = 64,             // a cache line, and the widest vector
    BATCH_MAPS_BYTES = 1 << 15, // maps of a batch should stay in a level-1 cache
    MAX_LAYERS = 16,            // these repeat spec/constants.py, where the reasons stand:
    MAX_CHANNELS = 1024,        // the Python side has checked them, and sums and offsets here
    MAX_SIDE = 64,              // are proved for no more
    MAX_FAN_IN = 16384,
};

// A layer's shape as the caller gives it, and what follows from it.
struct shape {
    size_t rows, columns, in_channels, channels, kernel_rows, kernel_columns, pad;
    size_t fan_in, conv_rows, conv_columns, out_rows, out_columns;
    int pool, eight_bit;
};

static size_t divide_up(size_t value, size_t unit) {
    return (value + unit - 1) / unit;
}

static size_t round_up(size_t value, size_t unit) {
    return divide_up(value, unit) * unit;
}

static void *allocate(size_t bytes) {
    size_t rounded = round_up(bytes, ALIGNMENT) + ALIGNMENT;
    void *memory = aligned_alloc(ALIGNMENT, rounded);
    if (memory != NULL)
        memset(memory, 0, rounded);
    return memory;
}

static int in_range(int32_t value, int32_t least, int32_t most) {
    return least <= value && value <= most;
}

// Fill `shapes` from the caller's numbers; return 0 if one of them is beyond the law.
static int read_shapes(const int32_t *numbers, struct shape *shapes) {
    int32_t layers = numbers[4];
    struct shape next = {0};
    if (!in_range(numbers[0], 1, MAX_SIDE) || !in_range(numbers[1], 1, MAX_SIDE) ||
        !in_range(numbers[2], 1, MAX_CHANNELS) || !in_range(layers, 1, MAX_LAYERS))
        return 0;
    next.out_rows = (size_t)numbers[0];
    next.out_columns = (size_t)numbers[1];
    next.channels = (size_t)numbers[2];
    for (int32_t i = 0; i < layers; i++) {
        const int32_t *gene = numbers + EDGE_ENGINE_HEAD + EDGE_ENGINE_GENE * i;
        if (!in_range(gene[0], 1, MAX_CHANNELS) || !in_range(gene[1], 1, MAX_SIDE) ||
            !in_range(gene[2], 1, MAX_SIDE) || !in_range(gene[3], 0, MAX_SIDE / 2))
            return 0;
        struct shape s = {.rows = next.out_rows,
                          .columns = next.out_columns,
                          .in_channels = next.channels,
                          .channels = (size_t)gene[0],
                          .kernel_rows = (size_t)gene[1],
                          .kernel_columns = (size_t)gene[2],
                          .pad = (size_t)gene[3],
                          .pool = gene[4] != 0,
                          .eight_bit = i == 0 && numbers[3] == 8};
        s.fan_in = s.kernel_rows * s.kernel_columns * s.in_channels;
        if (s.kernel_rows > s.rows + 2 * s.pad || s.kernel_columns > s.columns + 2 * s.pad ||
            s.fan_in > MAX_FAN_IN)
            return 0;
        s.conv_rows = s.rows + 2 * s.pad - s.kernel_rows + 1;
        s.conv_columns = s.columns + 2 * s.pad - s.kernel_columns + 1;
        s.out_rows = s.pool ? s.conv_rows / 2 : s.conv_rows;
        s.out_columns = s.pool ? s.conv_columns / 2 : s.conv_columns;
        if (s.out_rows == 0 || s.out_columns == 0)
            return 0;
        shapes[i] = next = s;
    }
    // Logits come from one place of a 1-bit layer.
    return next.conv_rows * next.conv_columns == 1 && !next.pool && !next.eight_bit;
}

// Return 1 if patches had better be read in place, 0 if assembled from a string of bits.
//
// In place, the last element of each place is filled up with nothing, so there are more elements;
// to assemble a patch costs some steps of the inner loop for each word of it.
static int read_in_place(const struct engine_path *path, const struct shape *s) {
    size_t bits = path->element_bits;
    size_t in_place = s->kernel_rows * s->kernel_columns * divide_up(s->in_channels, bits);
    size_t assembled = divide_up(s->fan_in, bits);
    size_t vectors = divide_up(s->channels, path->bit_lanes);
    size_t words = s->kernel_rows * divide_up(s->kernel_columns * s->in_channels, 32);
    return (in_place - assembled) * vectors <= path->gather_steps * words;
}

// Choose the layout of a layer's input map.
static void plan_map(const struct engine_path *path, const struct shape *s,
                     struct engine_layer *layer) {
    size_t rows = s->rows + 2 * s->pad;
    size_t columns = s->columns + 2 * s->pad;
    layer->pad = s->pad;
    layer->map_columns = columns;
    if (s->eight_bit) {
        layer->layout = ENGINE_PIXELS;
        layer->pixel = s->in_channels;
        layer->map_bytes = layer->map_units = rows * columns * layer->pixel + ENGINE_SLACK;
    } else if (read_in_place(path, s)) {
        // Signs are written 32 channels at a time, so a place takes a multiple of 32 bits.
        size_t element_bytes = path->element_bits == 32 ? 4 : 1;
        layer->layout = ENGINE_WORDS;
        layer->pixel = divide_up(s->in_channels, 32) * (32 / path->element_bits);
        layer->map_units = rows * columns * layer->pixel;
        layer->map_bytes = layer->map_units * element_bytes;
    } else {
        layer->layout = ENGINE_BITS;
        layer->pixel = s->in_channels;
        layer->map_bytes = divide_up(rows * columns * layer->pixel, 8) + ENGINE_SLACK;
        layer->map_units = layer->map_bytes * 8;
    }
}

// Say where the elements of a patch lie, and which weights belong to them.
static int plan_patch(const struct engine_path *path, const struct shape *s,
                      struct engine_layer *layer) {
    // Rows of a kernel as wide as its map follow on each other without a gap.
    layer->runs = s->kernel_columns == layer->map_columns ? 1 : s->kernel_rows;
    layer->run_weights = s->fan_in / layer->runs;
    layer->run_stride = layer->map_columns * layer->pixel;
    layer->element_weights = path->element_bits;
    layer->string = s->fan_in;
    if (layer->layout == ENGINE_PIXELS) {
        layer->element_weights = path->taps;
        layer->string = layer->run_weights;
    } else if (layer->layout == ENGINE_WORDS) {
        layer->string = s->in_channels;
    }
    size_t per_string = divide_up(layer->string, layer->element_weights);
    layer->elements = s->fan_in / layer->string * per_string;
    if (layer->layout == ENGINE_BITS)
        layer->patch = round_up(layer->elements, 32 / path->element_bits);
    layer->offset = allocate(layer->elements * sizeof *layer->offset);
    if (layer->offset == NULL)
        return 0;
    for (size_t k = 0; k < layer->elements; k++) {
        size_t string = k / per_string;
        size_t offset = k % per_string;
        if (layer->layout == ENGINE_PIXELS)
            offset = string * layer->run_stride + offset * path->taps;
        else if (layer->layout == ENGINE_WORDS)
            offset += string / s->kernel_columns * layer->run_stride +
                      string % s->kernel_columns * layer->pixel;
        layer->offset[k] = (uint32_t)offset;
    }
    return 1;
}

// List the places of the convolution that count, of all images of a batch: those that pooling drops
// are left out.
static int plan_positions(const struct shape *s, size_t batch, struct engine_layer *layer) {
    size_t window = s->pool ? 2 : 1;
    size_t outputs = s->out_rows * s->out_columns;
    layer->positions = outputs * window * window;
    layer->position = allocate(batch * layer->positions * sizeof *layer->position);
    if (layer->position == NULL)
        return 0;
    uint32_t *next = layer->position;
    for (size_t out = 0; out < batch * outputs; out++)
        for (size_t inner = 0; inner < window * window; inner++) {
            size_t y = out % outputs / s->out_columns * window + inner / window;
            size_t x = out % s->out_columns * window + inner % window;
            *next++ = (uint32_t)(out / outputs * layer->map_units +
                                 (y * layer->map_columns + x) * layer->pixel);
        }
    return 1;
}

// Say where the next layer wants the signs of each place, of all images of a batch.
static int plan_output(const struct shape *s, size_t batch, const struct engine_layer *reader,
                       struct engine_layer *layer) {
    size_t outputs = s->out_rows * s->out_columns;
    layer->output = allocate(batch * outputs * sizeof *layer->output);
    if (layer->output == NULL)
        return 0;
    for (size_t out = 0; out < batch * outputs; out++) {
        size_t y = out % outputs / s->out_columns + reader->pad;
        size_t x = out % s->out_columns + reader->pad;
        layer->output[out] = (uint32_t)(out / outputs * reader->map_units +
                                        (y * reader->map_columns + x) * reader->pixel);
    }
    return 1;
}

// Return the weights of one element: `*count` bits of a channel's row.
static uint32_t element_bits(const struct engine_layer *layer, const uint32_t *row, size_t k,
                             size_t *count) {
    size_t per_string = divide_up(layer->string, layer->element_weights);
    size_t in_string = k % per_string * layer->element_weights;
    size_t first = k / per_string * layer->string + in_string;
    *count = layer->string - in_string;
    if (*count > layer->element_weights)
        *count = layer->element_weights;
    uint64_t bits = row[first / 32];
    if (first % 32 + *count > 32)
        bits |= (uint64_t)row[first / 32 + 1] << 32;
    return (uint32_t)(bits >> first % 32 & ((UINT64_C(1) << *count) - 1));
}

// Write the weights of one element of an 8-bit layer; return the sum of the coefficients.
//
// A coefficient is -weight, so that a channel is -1 iff its sum is above a limit. The bytes behind
// the end of a run meet a coefficient of 0.
static int32_t store_coefficients(size_t taps, uint32_t bits, size_t count, uint8_t *to) {
    int32_t sum = 0;
    for (size_t tap = 0; tap < count; tap++)
        sum += bits >> tap & 1 ? 1 : -1;
    if (taps == 1) {
        int32_t mask = bits ? 0 : -1;
        memcpy(to, &mask, sizeof mask);
        return sum;
    }
    for (size_t tap = 0; tap < taps; tap++)
        to[tap] = tap >= count ? 0 : (bits >> tap & 1 ? 1 : UINT8_MAX);
    return sum;
}

// Return the limit of a channel of an 8-bit layer, of the given sum of coefficients.
//
// It is -1 iff sum(weight * (pixel - 128)) < threshold, that is iff
// sum(coefficient * pixel) > 128 * sum(coefficient) - threshold.
static int32_t pixel_limit(const struct engine_path *path, const struct engine_layer *layer,
                           int32_t sum, int32_t threshold) {
    int32_t limit = -threshold;
    if (!path->pixel_flip)
        limit += 128 * sum;
    if (path->taps == 1) // a mask of -1 turns pixel into -pixel - 1
        limit -= ((int32_t)layer->fan_in - sum) / 2;
    return limit;
}

// Lay out the weights and the limit of one channel.
static void pack_channel(const struct engine_path *path, struct engine_layer *layer, size_t channel,
                         const uint32_t *row, int32_t threshold) {
    size_t group = channel / ENGINE_GROUP;
    size_t lanes = engine_lanes(layer, group);
    size_t index = group * ENGINE_GROUP * layer->elements + channel % ENGINE_GROUP;
    int32_t sum = 0;
    for (size_t k = 0; k < layer->elements; k++, index += lanes) {
        size_t count;
        uint32_t bits = element_bits(layer, row, k, &count);
        if (layer->layout == ENGINE_PIXELS)
            sum += store_coefficients(path->taps, bits, count, layer->weights + 4 * index);
        else if (path->element_bits == 32)
            memcpy(layer->weights + 4 * index, &bits, sizeof bits);
        else
            layer->weights[index] = (uint8_t)bits;
    }
    layer->limits[channel] =
        layer->layout == ENGINE_PIXELS ? pixel_limit(path, layer, sum, threshold) : threshold;
}

static int pack_layer(const struct engine_path *path, struct engine_layer *layer,
                      const uint32_t *rows, const int32_t *thresholds) {
    size_t last = (layer->channels - 1) / ENGINE_GROUP;
    size_t lanes = last * ENGINE_GROUP + engine_lanes(layer, last);
    size_t element_bytes = layer->layout == ENGINE_PIXELS || path->element_bits == 32 ? 4 : 1;
    layer->weights = allocate(lanes * layer->elements * element_bytes);
    layer->limits = allocate(lanes * sizeof *layer->limits);
    if (layer->weights == NULL || layer->limits == NULL)
        return 0;
    for (size_t lane = layer->channels; lane < lanes; lane++)
        layer->limits[lane] = INT32_MAX;
    for (size_t c = 0; c < layer->channels; c++)
        pack_channel(path, layer, c, rows + c * divide_up(layer->fan_in, 32), thresholds[c]);
    return 1;
}

// Choose how many images go through a layer together.
static size_t plan_batch(const struct edge_engine *engine) {
    size_t maps = 0;
    for (size_t i = 0; i < engine->layer_count; i++)
        maps += engine->layers[i].map_bytes;
    size_t batch = ENGINE_TILE;
    while (2 * batch <= ENGINE_BATCH && 2 * batch * maps <= BATCH_MAPS_BYTES)
        batch *= 2;
    return batch;
}

static int plan_layers(struct edge_engine *engine, const struct shape *shapes,
                       const uint32_t *weights, const int32_t *thresholds) {
    for (size_t i = 0; i < engine->layer_count; i++)
        plan_map(engine->path, shapes + i, engine->layers + i);
    engine->batch = plan_batch(engine);
    for (size_t i = 0; i < engine->layer_count; i++) {
        const struct shape *s = shapes + i;
        struct engine_layer *layer = engine->layers + i;
        layer->fan_in = s->fan_in;
        layer->channels = s->channels;
        layer->pool = s->pool;
        layer->lanes = s->eight_bit ? engine->path->pixel_lanes : engine->path->bit_lanes;
        int last = i + 1 == engine->layer_count;
        if (!plan_patch(engine->path, s, layer) || !plan_positions(s, engine->batch, layer) ||
            !pack_layer(engine->path, layer, weights, thresholds) ||
            (!last && !plan_output(s, engine->batch, layer + 1, layer)))
            return 0;
        weights += divide_up(s->fan_in, 32) * s->channels;
        thresholds += s->channels;
    }
    return 1;
}

// Divide the scratch memory: maps, one assembled chunk of patches, logits.
static void plan_scratch(struct edge_engine *engine) {
    size_t at = 0;
    size_t patch = 0;
    size_t element_bytes = engine->path->element_bits == 32 ? 4 : 1;
    for (size_t i = 0; i < engine->layer_count; i++) {
        struct engine_layer *layer = engine->layers + i;
        layer->map_at = at;
        at += round_up(engine->batch * layer->map_bytes, ALIGNMENT);
        if (layer->patch > patch)
            patch = layer->patch;
    }
    engine->patches_at = at;
    engine->logits_at = at + round_up(ENGINE_CHUNK * patch * element_bytes, ALIGNMENT);
    engine->scratch_bytes = engine->logits_at + engine->batch * engine->classes * sizeof(int32_t);
}

struct edge_engine *engine_plan(const struct engine_path *path, const int32_t *numbers,
                                const uint32_t *weights, const int32_t *thresholds) {
    struct shape shapes[MAX_LAYERS];
    if (!read_shapes(numbers, shapes))
        return NULL;
    struct edge_engine *engine = allocate(sizeof *engine);
    if (engine == NULL)
        return NULL;
    engine->path = path;
    engine->layer_count = (size_t)numbers[4];
    engine->image_bytes = shapes[0].rows * shapes[0].columns * shapes[0].in_channels;
    engine->channels = shapes[0].in_channels;
    engine->classes = shapes[engine->layer_count - 1].channels;
    engine->layers = allocate(engine->layer_count * sizeof *engine->layers);
    if (engine->layers == NULL || !plan_layers(engine, shapes, weights, thresholds)) {
        engine_plan_free(engine);
        return NULL;
    }
    plan_scratch(engine);
    return engine;
}

void engine_plan_free(struct edge_engine *engine) {
    if (engine == NULL)
        return;
    for (size_t i = 0; engine->layers != NULL && i < engine->layer_count; i++) {
        struct engine_layer *layer = engine->layers + i;
        free(layer->position);
        free(layer->offset);
        free(layer->weights);
        free(layer->limits);
        free(layer->output);
    }
    free(engine->layers);
    free(engine);
}
