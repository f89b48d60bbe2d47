// SPDX-License-Identifier: Apache-2.0
// Making the plan of a model; see bitslice_plan.h.
//
// Read next: bitslice_body.h.
#include "bitslice_plan.h"

#include <stdlib.h>
#include <string.h>

enum {
    TABLE_LIMIT_BYTES = 8 << 20, // a larger table would be slower than what it saves
    TABLE_MIN_CHANNELS = 8,      // making an entry costs about as much as so many channels save
    ROW_TRIPLE = 3,
    LEAST_BITS_PIXEL = 13, // so that the eighth bit's planes of weight two have five above them
};

void *bitslice_allocate(size_t count, size_t size) {
    if (size != 0 && count > (SIZE_MAX - 2 * BITSLICE_ALIGNMENT) / size)
        return NULL;
    // One unit more, so that nothing is ever asked for no bytes.
    size_t bytes = (count * size / BITSLICE_ALIGNMENT + 2) * BITSLICE_ALIGNMENT;
    void *memory = aligned_alloc(BITSLICE_ALIGNMENT, bytes);
    if (memory != NULL)
        memset(memory, 0, bytes);
    return memory;
}

// Return the least number of planes that hold 0..most.
static int32_t planes_for(int64_t most) {
    int32_t bits = 0;
    while (most >> bits != 0)
        bits++;
    return bits;
}

static int32_t most_of(int32_t a, int32_t b) {
    return a > b ? a : b;
}

// Derive a layer from its gene; `layer` has the input's size.
static void shape_layer(struct bitslice_layer *layer, const int32_t *gene) {
    layer->channels = gene[0];
    layer->kernel_height = gene[1];
    layer->kernel_width = gene[2];
    layer->pad = gene[3];
    layer->pool = gene[4];
    layer->map_height = layer->in_height + 2 * layer->pad;
    layer->map_width = layer->in_width + 2 * layer->pad;
    layer->conv_width = layer->map_width - layer->kernel_width + 1;
    layer->out_height = layer->map_height - layer->kernel_height + 1;
    layer->out_width = layer->conv_width;
    if (layer->pool) {
        layer->out_height /= 2;
        layer->out_width /= 2;
    }
    layer->fan_in = layer->kernel_height * layer->kernel_width * layer->in_channels;
}

// Return a width of at least `bits` for which bitslice_body.h has a loop of its own.
static int32_t round_width(int32_t bits) {
    return bits <= 8 ? 8 : (bits + 1) / 2 * 2;
}

// Choose the counter's width and the way to add.
static void choose_layer(struct bitslice_layer *layer, size_t word_bytes, int64_t bias_range) {
    if (layer->last)
        layer->bits = round_width(planes_for(bias_range / 2 + layer->fan_in));
    else if (layer->depth == 1)
        layer->bits = round_width(planes_for(layer->fan_in) + 1);
    else
        layer->bits = most_of(planes_for(256 * (int64_t)layer->fan_in) + 1, LEAST_BITS_PIXEL);
    layer->inverse = layer->last || layer->depth != 1;
    layer->triples = layer->in_channels / 3;
    layer->rest = layer->in_channels % 3;
    layer->row_triples = layer->rest && layer->kernel_width >= ROW_TRIPLE;
    layer->singles = layer->rest && layer->kernel_width % ROW_TRIPLE != 0;
    layer->entry_planes = layer->triples * BITSLICE_TRIPLE +
                          (layer->row_triples ? layer->rest * BITSLICE_TRIPLE : 0) +
                          (layer->singles ? layer->rest * BITSLICE_SINGLE : 0);
    layer->listed_bit = word_bytes;
    layer->listed_place = (size_t)(layer->in_channels * layer->depth) * word_bytes;
    layer->tabled_bit = (size_t)layer->entry_planes * word_bytes;
    layer->tabled_place = layer->tabled_bit * (size_t)layer->depth;
    size_t places = (size_t)layer->map_height * (size_t)layer->map_width;
    layer->map_planes = places * (size_t)(layer->in_channels * layer->depth);
    layer->out_planes = (size_t)layer->channels;
    layer->out_planes *=
        layer->last ? (size_t)layer->bits : (size_t)layer->out_height * (size_t)layer->out_width;
    layer->table_bytes = places * layer->tabled_place;
    layer->tabled = layer->channels >= TABLE_MIN_CHANNELS && layer->triples + layer->row_triples &&
                    layer->table_bytes <= TABLE_LIMIT_BYTES;
    if (!layer->tabled)
        layer->table_bytes = 0;
}

static void fill_taps(struct bitslice_layer *layer) {
    size_t plane = layer->listed_place / (size_t)layer->in_channels;
    int32_t *tap = layer->taps;
    for (int32_t y = 0; y < layer->kernel_height; y++)
        for (int32_t x = 0; x < layer->kernel_width; x++)
            for (int32_t c = 0; c < layer->in_channels; c++)
                *tap++ = (int32_t)((size_t)(y * layer->map_width + x) * layer->listed_place +
                                   (size_t)c * plane);
}

// Split a kernel's taps into groups, as make_row of bitslice_body.h lays out the table.
static void fill_groups(struct bitslice_layer *layer, size_t word_bytes) {
    int32_t channels = layer->in_channels, count = 0;
    int32_t whole = layer->kernel_width / ROW_TRIPLE * ROW_TRIPLE;
    for (int32_t y = 0; y < layer->kernel_height; y++) {
        for (int32_t x = 0; x < layer->kernel_width; x++) {
            int32_t first = (y * layer->kernel_width + x) * channels;
            size_t place = (size_t)(y * layer->map_width + x) * layer->tabled_place;
            for (int32_t j = 0; j < layer->triples; j++) {
                size_t entry = (size_t)(j * BITSLICE_TRIPLE) * word_bytes;
                int32_t weight = first + 3 * j;
                layer->groups[count++] = (struct bitslice_group){{weight, weight + 1, weight + 2},
                                                                 (int32_t)(place + entry)};
            }
            for (int32_t r = 0; r < layer->rest; r++) {
                int32_t weight = first + 3 * layer->triples + r;
                if (x < whole && x % ROW_TRIPLE != 0)
                    continue;
                size_t entry = (size_t)((layer->triples + r) * BITSLICE_TRIPLE);
                if (x < whole) {
                    layer->groups[count++] =
                        (struct bitslice_group){{weight, weight + channels, weight + 2 * channels},
                                                (int32_t)(place + entry * word_bytes)};
                } else {
                    entry = (size_t)(layer->triples * BITSLICE_TRIPLE + r * BITSLICE_SINGLE);
                    entry += layer->row_triples ? (size_t)(layer->rest * BITSLICE_TRIPLE) : 0;
                    layer->groups[count++] = (struct bitslice_group){
                        {weight, -1, -1}, (int32_t)(place + entry * word_bytes)};
                }
            }
        }
    }
    layer->group_count = count;
}

static int allocate_layer(struct bitslice_layer *layer, size_t word_bytes) {
    size_t channels = (size_t)layer->channels, fan_in = (size_t)layer->fan_in;
    size_t bits = (size_t)layer->bits;
    layer->taps = bitslice_allocate(fan_in, sizeof *layer->taps);
    layer->channel = bitslice_allocate(channels, sizeof *layer->channel);
    if (layer->taps == NULL || layer->channel == NULL)
        return 0;
    int32_t *offsets = bitslice_allocate(channels * fan_in, sizeof *offsets);
    uint64_t *start = bitslice_allocate(channels * bits, sizeof *start);
    layer->channel[0].offsets = offsets; // the first channel owns what all share
    layer->channel[0].start = start;
    if (offsets == NULL || start == NULL)
        return 0;
    for (size_t c = 1; c < channels; c++) {
        layer->channel[c].offsets = offsets + c * fan_in;
        layer->channel[c].start = start + c * bits;
    }
    fill_taps(layer);
    if (layer->tabled) {
        layer->groups = bitslice_allocate(fan_in, sizeof *layer->groups);
        if (layer->groups == NULL)
            return 0;
        fill_groups(layer, word_bytes);
    }
    return 1;
}

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

static int make_layers(struct bitslice_plan *plan, const int32_t *shape, int64_t bias_range) {
    struct bitslice_layer next = {.in_height = shape[0],
                                  .in_width = shape[1],
                                  .in_channels = shape[2],
                                  .depth = shape[3] == 1 ? 1 : BITSLICE_PIXEL_BITS};
    for (int32_t i = 0; i < plan->layer_count; i++) {
        struct bitslice_layer *layer = &plan->layers[i];
        *layer = next;
        layer->last = i == plan->layer_count - 1;
        shape_layer(layer, shape + EDGE_SHAPE_HEAD + EDGE_SHAPE_GENE * i);
        choose_layer(layer, plan->word_bytes, bias_range);
        layer->first_weight = plan->weight_count;
        layer->first_channel = plan->channel_count;
        plan->weight_count += (size_t)layer->fan_in * (size_t)layer->channels;
        plan->channel_count += (size_t)layer->channels;
        plan->max_map_planes = larger(plan->max_map_planes, layer->map_planes);
        plan->max_out_planes = larger(plan->max_out_planes, layer->out_planes);
        plan->max_table_bytes = larger(plan->max_table_bytes, layer->table_bytes);
        plan->max_fan_in = larger(plan->max_fan_in, (size_t)layer->fan_in);
        if (!allocate_layer(layer, plan->word_bytes))
            return 0;
        next = (struct bitslice_layer){.in_height = layer->out_height,
                                       .in_width = layer->out_width,
                                       .in_channels = layer->channels,
                                       .depth = 1};
    }
    return 1;
}

struct bitslice_plan *bitslice_plan_new(const int32_t *shape, size_t word_bytes, int32_t least_bias,
                                        int32_t most_bias) {
    struct bitslice_plan *plan = bitslice_allocate(1, sizeof *plan);
    if (plan == NULL)
        return NULL;
    plan->word_bytes = word_bytes;
    plan->layer_count = shape[4];
    plan->bias_base = least_bias;
    plan->classes = shape[EDGE_SHAPE_HEAD + EDGE_SHAPE_GENE * (plan->layer_count - 1)];
    plan->odd = bitslice_allocate((size_t)plan->classes, sizeof *plan->odd);
    if (plan->odd == NULL || !make_layers(plan, shape, (int64_t)most_bias - least_bias)) {
        bitslice_plan_free(plan);
        return NULL;
    }
    return plan;
}

void bitslice_plan_free(struct bitslice_plan *plan) {
    if (plan == NULL)
        return;
    for (int32_t i = 0; i < plan->layer_count; i++) {
        struct bitslice_layer *layer = &plan->layers[i];
        if (layer->channel != NULL) {
            free(layer->channel[0].offsets);
            free(layer->channel[0].start);
        }
        free(layer->channel);
        free(layer->taps);
        free(layer->groups);
    }
    free(plan->odd);
    free(plan);
}

// Return where the channel's counter begins if it only adds: its highest plane must come out as 1
// for an output of -1, or the counter as the matches that half the bias adds to.
static int64_t first_value(const struct bitslice_layer *layer, int32_t negatives, int32_t threshold,
                           int32_t bias_base) {
    int64_t sign = (int64_t)1 << (layer->bits - 1);
    int64_t positives = layer->fan_in - negatives;
    if (layer->last)
        return ((int64_t)threshold - bias_base) >> 1;
    if (layer->depth == 1)
        return sign - threshold - 1; // the sign appears where mismatches > threshold
    // The sum of weight x (v - 128) is below the threshold iff threshold - 1 minus it is natural;
    // a weight of -1 adds v, a weight of +1 adds 255 - v.
    return sign + threshold - 1 - 127 * positives - 128 * (int64_t)negatives;
}

static void set_start(uint64_t *start, int32_t bits, int64_t value) {
    for (int32_t k = 0; k < bits; k++)
        start[k] = (uint64_t)value >> k & 1 ? UINT64_MAX : 0;
}

static int32_t count_negatives(const struct bitslice_layer *layer, const uint8_t *weights) {
    int32_t negatives = 0;
    for (int32_t i = 0; i < layer->fan_in; i++)
        negatives += weights[i];
    return negatives;
}

static const uint8_t *channel_weights(const struct bitslice_layer *layer, int32_t channel,
                                      const uint8_t *weights) {
    return weights + layer->first_weight + (size_t)channel * (size_t)layer->fan_in;
}

void bitslice_list_channel(const struct bitslice_layer *layer, int32_t channel,
                           const uint8_t *weights, int32_t threshold, int32_t bias_base,
                           struct bitslice_channel *listed) {
    const uint8_t *own = channel_weights(layer, channel, weights);
    const int32_t *taps = layer->taps;
    int32_t *offsets = listed->offsets;
    const int32_t fan_in = layer->fan_in, inverse = layer->inverse;
    int32_t subtracted = 0, negatives = 0;
    for (int32_t i = 0; i < fan_in; i++) {
        // From both ends: no branch on a weight, which no processor can foresee. What is written at
        // the wrong end, its own tap overwrites later.
        int32_t subtract = own[i] ^ inverse;
        offsets[subtracted] = taps[i];
        offsets[fan_in - 1 - (i - subtracted)] = taps[i];
        subtracted += subtract;
        negatives += own[i];
    }
    listed->ones = subtracted;
    listed->twos = layer->fan_in - subtracted;
    // An inverse counts as its highest value minus the tap.
    int64_t value = first_value(layer, negatives, threshold, bias_base);
    value += (int64_t)subtracted * ((1 << layer->depth) - 1);
    set_start(listed->start, layer->bits, value);
}

static void table_channel(const struct bitslice_layer *layer, int32_t index, const uint8_t *weights,
                          int32_t threshold, int32_t bias_base, size_t word_bytes) {
    const uint8_t *own = channel_weights(layer, index, weights);
    struct bitslice_channel *channel = &layer->channel[index];
    int32_t ones = 0, twos = layer->group_count;
    for (int32_t i = 0; i < layer->group_count; i++) {
        const struct bitslice_group *group = &layer->groups[i];
        int32_t pattern = own[group->weight[0]] ^ layer->inverse, parity = pattern;
        if (group->weight[1] >= 0) {
            int32_t second = own[group->weight[1]] ^ layer->inverse;
            int32_t third = own[group->weight[2]] ^ layer->inverse;
            pattern |= second << 1 | third << 2;
            parity ^= second ^ third;
            int32_t plane = (BITSLICE_TWOS + pattern) * (int32_t)word_bytes;
            channel->offsets[twos++] = group->offset + plane;
        }
        channel->offsets[ones++] = group->offset + parity * (int32_t)word_bytes;
    }
    channel->ones = ones;
    channel->twos = twos - ones;
    set_start(channel->start, layer->bits,
              first_value(layer, count_negatives(layer, own), threshold, bias_base));
}

void bitslice_plan_channel(struct bitslice_plan *plan, int32_t index, int32_t channel,
                           const uint8_t *weights, const int32_t *thresholds) {
    struct bitslice_layer *layer = &plan->layers[index];
    int32_t threshold = thresholds[layer->first_channel + (size_t)channel];
    if (layer->tabled)
        table_channel(layer, channel, weights, threshold, plan->bias_base, plan->word_bytes);
    else
        bitslice_list_channel(layer, channel, weights, threshold, plan->bias_base,
                              &layer->channel[channel]);
    if (layer->last)
        plan->odd[channel] = (threshold - plan->bias_base) & 1 ? UINT64_MAX : 0;
}

void bitslice_plan_model(struct bitslice_plan *plan, const uint8_t *weights,
                         const int32_t *thresholds) {
    for (int32_t i = 0; i < plan->layer_count; i++)
        for (int32_t c = 0; c < plan->layers[i].channels; c++)
            bitslice_plan_channel(plan, i, c, weights, thresholds);
}
