// SPDX-License-Identifier: Apache-2.0
// How a model is evaluated on planes: which planes each channel adds up, and from where it counts.
//
// A plane is one vector word: one bit of one number, for `word_bytes * 8` images. A map is planes
// in the law's order [row][column][channel], or eight planes, lowest bit first, for a pixel. Every
// channel counts: a counter of `bits` planes begins at a constant that holds the threshold, planes
// are added, and the highest plane is the activation. There are two ways to add them:
//   listed  The map's own planes. Those whose weight has one sign are added, the others subtracted,
//           so no plane is ever inverted.
//   tabled  Three taps that always go together are first added for all eight patterns of their
//           weights, once for all channels and windows: b0 + b1 + b2 = ones + 2 * twos. Then a
//           channel adds one plane `ones` and one plane `twos` where there were three.
// Law of the file: all sizes and offsets are decided here; the loops over images only read.
// Read next: bitslice_plan.c (how it is made), bitslice_body.h (how it is used).
#ifndef EDGE_BITSLICE_PLAN_H
#define EDGE_BITSLICE_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "bitslice.h"

enum {
    BITSLICE_MAX_LAYERS = 16,
    BITSLICE_PIXEL_BITS = 8,
    BITSLICE_MAX_BITS = 24,  // a sum of 16,384 pixels and its sign; the plan never needs more
    BITSLICE_ALIGNMENT = 64, // a cache line, and the widest vector
    // Planes of a table entry.
    BITSLICE_TRIPLE = 10, // ones, its inverse, then twos for the patterns 0..7
    BITSLICE_TWOS = 2,    // where twos begin
    BITSLICE_SINGLE = 2,  // the tap and its inverse
};

// One way to count one channel.
struct bitslice_channel {
    int32_t *offsets; // bytes from the window's begin: planes of weight one, then the others
    int32_t ones;     // tabled: planes of weight one. listed: planes to subtract, which come first
    int32_t twos;     // tabled: planes of weight two. listed: planes to add
    uint64_t *start;  // [bits] all ones where the bit of the counter's first value is 1
};

// Taps that enter the table together: three, or one.
struct bitslice_group {
    int32_t weight[3]; // indices in the channel; the last two are -1 in a group of one
    int32_t offset;    // bytes from the window's begin to the entry
};

struct bitslice_layer {
    int32_t in_height, in_width, in_channels; // without padding
    int32_t channels, kernel_height, kernel_width, pad, pool;
    int32_t map_height, map_width; // with padding
    int32_t conv_width, out_height, out_width;
    int32_t fan_in;
    int32_t depth;   // planes of an input number: 1, or BITSLICE_PIXEL_BITS
    int32_t last;    // counts matches for its logits, and has no activations
    int32_t inverse; // a weight of +1 counts the inverse of its tap: pixels and matches
    int32_t bits;    // planes of a counter
    int32_t tabled;
    int32_t triples;      // at each place: channels 3j to 3j + 2
    int32_t rest;         // channels left over,
    int32_t row_triples;  // which go together with their two right neighbours, if `row_triples`,
    int32_t singles;      // or alone, if `singles`; a row of 4 or 5 taps needs both
    int32_t entry_planes; // of the table, for each place and bit
    size_t listed_place;  // bytes from a place of the map to the next
    size_t tabled_place;  // bytes from a place of the table to the next
    size_t listed_bit;    // bytes from a pixel's bit to the next, in the map
    size_t tabled_bit;    // and in the table
    size_t map_planes;    // of the input, with padding
    size_t out_planes;    // of the output: activations, or the counters of the last layer
    size_t table_bytes;   // 0 if not tabled
    size_t first_weight;  // where the layer begins in the model's weights
    size_t first_channel; // and in its thresholds
    int32_t *taps;        // [fan_in] offset of a weight's first plane from the window's begin
    struct bitslice_group *groups; // [group_count] if tabled
    int32_t group_count;
    struct bitslice_channel *channel; // [channels] as `tabled` says
};

struct bitslice_plan {
    size_t word_bytes;
    int32_t layer_count;
    int32_t classes;
    size_t weight_count;
    size_t channel_count;
    size_t max_map_planes; // of any padded map
    size_t max_out_planes; // of any output
    size_t max_table_bytes;
    size_t max_fan_in;
    int32_t bias_base; // a logit is 2 * counter + odd + bias_base - fan_in
    uint64_t *odd;     // [classes] all ones where bias - bias_base is odd
    struct bitslice_layer layers[BITSLICE_MAX_LAYERS];
};

// Make the plan of an architecture; channels get their weights by bitslice_plan_channel.
//
// Logit biases may be least_bias to most_bias. Returns NULL if there is no memory.
struct bitslice_plan *bitslice_plan_new(const int32_t *shape, size_t word_bytes, int32_t least_bias,
                                        int32_t most_bias);

void bitslice_plan_free(struct bitslice_plan *plan);

// Give every channel its weights and threshold.
void bitslice_plan_model(struct bitslice_plan *plan, const uint8_t *weights,
                         const int32_t *thresholds);

// Give one channel its weights and threshold.
void bitslice_plan_channel(struct bitslice_plan *plan, int32_t layer, int32_t channel,
                           const uint8_t *weights, const int32_t *thresholds);

// List a channel's planes, whether or not its layer is tabled: for one channel alone a table does
// not pay. `listed` has room for the layer's fan_in and bits.
void bitslice_list_channel(const struct bitslice_layer *layer, int32_t channel,
                           const uint8_t *weights, int32_t threshold, int32_t bias_base,
                           struct bitslice_channel *listed);

// Return zeroed memory, aligned for every path, or NULL; for `free`.
void *bitslice_allocate(size_t count, size_t size);

#endif
