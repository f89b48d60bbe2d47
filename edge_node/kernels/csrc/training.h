// SPDX-License-Identifier: Apache-2.0
// Integer training of binary networks, dense and convolutional: what Python calls.
//
// A trainer holds the latents of one network and all memory that a step needs. The arithmetic
// stands in training_body.h and what it includes; training_<path>.c compiles it for each path.
// Law of the file: equal to edge_node/spec/training.py in every bit, on every path.
// Read next: training_layer.h, then training_body.h.
#ifndef EDGE_TRAINING_H
#define EDGE_TRAINING_H

#include "cpu.h"

#include <stdint.h>

// Numbers that describe a layer to edge_training_new, in the order of `enum layer_number` in
// training.c.
enum { EDGE_TRAINING_NUMBERS = 14 };

struct edge_trainer;

// Return a trainer whose latents and biases are 0; or NULL if memory is short or the processor
// does not run the path.
//
// numbers: [layer_count][EDGE_TRAINING_NUMBERS] of an architecture that check_trainable admits.
// images: [N][rows][columns][channels], and labels: [N]; both must outlive the trainer.
EDGE_EXPORT struct edge_trainer *edge_training_new(int path, int32_t layer_count,
                                                   const int32_t *numbers, const uint8_t *images,
                                                   const uint8_t *labels);

EDGE_EXPORT void edge_training_free(struct edge_trainer *trainer);

// Latents and biases of all layers one after the other, as LatentState orders them.
EDGE_EXPORT void edge_training_set_state(struct edge_trainer *trainer, const int16_t *latents,
                                         const int32_t *biases);

EDGE_EXPORT void edge_training_get_state(const struct edge_trainer *trainer, int16_t *latents,
                                         int32_t *biases);

// Take a step for every `batch` of the `count` indices, the last batch may be smaller.
//
// indices: samples, each in 0..N-1. exponents: u of each step, 0..23.
EDGE_EXPORT void edge_training_run(struct edge_trainer *trainer, const int64_t *indices,
                                   int64_t count, int32_t batch, const int32_t *exponents);

// Take one step of plain gradient descent on the `count` samples of one batch, with a learning rate
// of 2**-shift; shift: 0..24.
EDGE_EXPORT void edge_training_shift(struct edge_trainer *trainer, const int64_t *indices,
                                     int64_t count, int32_t shift);

// From now on add the gradients of every step to `sums`, [weights] of all layers one after the
// other, which must outlive the trainer or be taken back; NULL: no longer, which costs nothing.
// Steps of edge_training_shift are not added.
EDGE_EXPORT void edge_training_sum_gradients(struct edge_trainer *trainer, int64_t *sums);

#endif
