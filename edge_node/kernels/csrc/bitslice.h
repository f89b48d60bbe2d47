// SPDX-License-Identifier: Apache-2.0
// Bit-sliced evaluation: one vector word holds one bit of one activation of 128 to 512
// images.
//
// Twin of spec/evaluation.py (rule R-8), which does the same with Python's big integers. Images are
// sliced once into an immutable object that any number of threads may use for any number of models.
// Law of the file: equal to the law in every logit, on every path.
// Read next: bitslice_plan.h, then bitslice_body.h.
#ifndef EDGE_BITSLICE_H
#define EDGE_BITSLICE_H

#include <stdint.h>

#include "cpu.h"

// A legal architecture: EDGE_SHAPE_HEAD numbers (rows, columns, channels, input bits,
// layers), then EDGE_SHAPE_GENE numbers for each layer (output channels, kernel rows, kernel
// columns, rows and columns of padding, 1 if pooled).
//
// A model comes with it as weights, one byte for each in the order of the law, 1 means -1, and one
// threshold for each output channel.
enum { EDGE_SHAPE_HEAD = 5, EDGE_SHAPE_GENE = 5 };

struct edge_images;

// Slice pixels[count][image_bytes]; nothing of them is kept.
// Returns NULL if there is no memory or the path does not run here.
EDGE_EXPORT struct edge_images *edge_images_new(int path, const uint8_t *pixels, int64_t count,
                                                int32_t image_bytes, int32_t input_bits);

EDGE_EXPORT void edge_images_free(struct edge_images *images);

// Return the same images in another order: its image i is order[i] of these. NULL if there is no
// memory.
EDGE_EXPORT struct edge_images *edge_images_reordered(const struct edge_images *images,
                                                      const int64_t *order);

// Return how many images have the greatest logit, the lowest index on a tie, at their label; or -1
// if there is no memory. The architecture's input must have the images' form.
EDGE_EXPORT int64_t edge_count_correct(const struct edge_images *images, const int32_t *shape,
                                       const uint8_t *weights, const int32_t *thresholds,
                                       const uint8_t *labels);

// Write logits[count][classes]. Returns 0, or -1 if there is no memory.
EDGE_EXPORT int edge_all_logits(const struct edge_images *images, const int32_t *shape,
                                const uint8_t *weights, const int32_t *thresholds, int32_t *logits);

#endif
