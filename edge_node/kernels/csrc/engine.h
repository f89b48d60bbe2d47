// SPDX-License-Identifier: Apache-2.0
// Packed convolution engine: the logits of a model, image by image, for every legal architecture.
//
// Twin of spec/bnn.py (rule R-7). A model is prepared once into an immutable object that any number
// of threads may use at once: each call allocates its own scratch memory before its first image.
// Law of the file: equal to the law in every logit, on every path.
// Read next: engine_plan.h, then engine_body.h.
#ifndef EDGE_ENGINE_H
#define EDGE_ENGINE_H

#include <stddef.h>
#include <stdint.h>

#include "cpu.h"

// The architecture, as edge_engine_create takes it: EDGE_ENGINE_HEAD numbers (rows, columns,
// channels, input bits, layers), then EDGE_ENGINE_GENE numbers for each layer (output channels,
// kernel rows, kernel columns, rows and columns of padding, 1 if pooled).
enum { EDGE_ENGINE_HEAD = 5, EDGE_ENGINE_GENE = 5 };

// Prepare a model.
//
// shape: a legal architecture. weights: for each layer, for each output channel,
// ceil(fan_in / 32) words; bit i is weight i, 1 means -1, pad bits are 0. thresholds: one for each
// output channel of each layer. Nothing of the three is kept.
// Returns NULL if there is no memory, the path does not run here or a size is beyond the law.
EDGE_EXPORT void *edge_engine_create(int path, const int32_t *shape, const uint32_t *weights,
                                     const int32_t *thresholds);

EDGE_EXPORT void edge_engine_free(void *engine);

// Write logits[count][classes] for images[count][rows][columns][channels].
// Returns 0, or -1 if there is no memory.
EDGE_EXPORT int edge_engine_logits(const void *engine, const uint8_t *images, size_t count,
                                   int32_t *logits);

// Return how many images have the greatest logit, the lowest index on a tie, at their label; or -1
// if there is no memory.
EDGE_EXPORT int64_t edge_engine_count_correct(const void *engine, const uint8_t *images,
                                              const uint8_t *labels, size_t count);

#endif
