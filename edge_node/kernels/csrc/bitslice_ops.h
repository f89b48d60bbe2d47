// SPDX-License-Identifier: Apache-2.0
// What each path of the bit-sliced evaluator offers; bitslice_body.h makes one of these for each.
//
// Law of the file: a path does arithmetic on planes of one block of images, and knows no others.
// Read next: bitslice_body.h, then bitslice.c.
#ifndef EDGE_BITSLICE_OPS_H
#define EDGE_BITSLICE_OPS_H

#include "bitslice_plan.h"

// Images that one uint64_t of a plane holds.
enum { BITSLICE_WORD_IMAGES = 64, BITSLICE_MAX_WORDS = 8 };

struct bitslice_ops {
    size_t word_bytes;

    // Write all of a layer's output: activations, or the counters of the last layer. `map` is
    // padded; `table` has the layer's table_bytes.
    void (*layer)(const struct bitslice_layer *layer, const void *map, void *table, void *out);

    // Write one listed channel's output: a plane for each place, or the planes of its counter.
    void (*channel)(const struct bitslice_layer *layer, const struct bitslice_channel *listed,
                    const void *map, void *planes);

    // Write the counters of the last layer after one of its input channels has changed:
    // listed[class] says which of `planes` to subtract from the counters as they were, and which to
    // add.
    void (*follow)(const struct bitslice_layer *last, const struct bitslice_channel *listed,
                   const void *planes, const void *counters, void *out);

    // Exchange `count` planes with those that stand `stride` planes apart in `map`; return whether
    // any of them differed.
    int (*exchange)(void *planes, void *map, size_t count, size_t stride);

    // Return how many images of the block have their label's logit greatest, the lowest index on a
    // tie; counts[] gets how many of each 64 in turn. labels[class] is the plane of the images with
    // that label.
    int32_t (*correct)(const struct bitslice_plan *plan, const void *counters, const void *labels,
                       uint8_t *counts);
};

// Return the path, or NULL where it is not compiled in.
const struct bitslice_ops *bitslice_ops_scalar(void);
const struct bitslice_ops *bitslice_ops_avx2(void);
const struct bitslice_ops *bitslice_ops_avx512(void);
const struct bitslice_ops *bitslice_ops_neon(void);

#endif
