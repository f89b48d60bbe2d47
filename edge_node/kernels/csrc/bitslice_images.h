// SPDX-License-Identifier: Apache-2.0
// Images and labels in planes, and the walk of one block of images through a plan.
//
// Law of the file: images never change; scratch memory belongs to one walker.
// Read next: bitslice_images.c, bitslice.c, climb.c.
#ifndef EDGE_BITSLICE_IMAGES_H
#define EDGE_BITSLICE_IMAGES_H

#include "bitslice_ops.h"

struct edge_images {
    const struct bitslice_ops *ops;
    int64_t count;
    int64_t blocks;     // of word_bytes * 8 images; the last may be part empty
    size_t block_bytes; // planes of one block: [pixel][bit]
    uint8_t *planes;    // [block]
};

// What a walk writes while it goes.
struct bitslice_scratch {
    uint8_t *padded; // a map with its padding
    uint8_t *table;
};

// Return 0 if there is no memory; either way, free it later.
int bitslice_scratch_new(struct bitslice_scratch *scratch, const struct bitslice_plan *plan);

void bitslice_scratch_free(struct bitslice_scratch *scratch);

// Return the map with +1 around it: `map` itself if the layer has no padding.
const uint8_t *bitslice_padded(const struct bitslice_plan *plan, int32_t layer, const uint8_t *map,
                               const struct bitslice_scratch *scratch);

// Compute one layer's output from its input map without padding.
void bitslice_layer_run(const struct bitslice_ops *ops, const struct bitslice_plan *plan,
                        int32_t layer, const uint8_t *map, const struct bitslice_scratch *scratch,
                        uint8_t *out);

// Write, for one block, planes[class] of the images that have this label.
void bitslice_label_planes(const struct edge_images *images, int64_t block, const uint8_t *labels,
                           int32_t classes, uint8_t *planes);

static inline const uint8_t *bitslice_block(const struct edge_images *images, int64_t block) {
    return images->planes + (size_t)block * images->block_bytes;
}

#endif
