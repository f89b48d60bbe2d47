// SPDX-License-Identifier: Apache-2.0
// The body of integer training: one sample forward and backward, and the end of a step.
//
// Compiled once for each path. The file that includes this one defines VECTOR_BYTES, COUNT_LIMIT
// and PATH_TABLE, includes training_lanes.h and defines the functions that training_scalar.c
// explains: negative_lanes, nonzero_lanes, count_bits, total_bits, widen, multiply_pairs.
// Law of the file: the order of R-9, step by step; what a step is made of stands in the includes.
// Read next: training_forward.h, training_backward.h, training_first.h, training_update.h.
#ifndef EDGE_TRAINING_BODY_H
#define EDGE_TRAINING_BODY_H

#include "training_forward.h"

#include "training_backward.h"

#include "training_first.h"

#include "training_update.h"

enum { SOFTMAX_OCTAVES = 15, ERROR_ONE = 256 };

// round(2**15 * 2**(-i / 8)): one octave of 2**-x.
static const uint16_t SOFTMAX_TABLE[8] = {32768, 30048, 27554, 25268, 23170, 21247, 19484, 17867};

// Write 256 * (wanted - softmax) of each class; return 0 if all are zero.
static int output_errors(const int32_t *logits, int32_t classes, int32_t label, int16_t *errors) {
    int32_t greatest = logits[0];
    for (int32_t c = 1; c < classes; c++)
        greatest = logits[c] > greatest ? logits[c] : greatest;
    uint32_t terms[256], total = 0;
    for (int32_t c = 0; c < classes; c++) {
        uint32_t below = (uint32_t)(greatest - logits[c]), octave = below / 8;
        terms[c] = octave > SOFTMAX_OCTAVES ? 0 : (uint32_t)SOFTMAX_TABLE[below % 8] >> octave;
        total += terms[c];
    }
    int any = 0;
    for (int32_t c = 0; c < classes; c++) {
        int32_t softmax = (int32_t)((ERROR_ONE * terms[c] + total / 2) / total);
        errors[c] = (int16_t)((c == label ? ERROR_ONE : 0) - softmax);
        any |= errors[c];
    }
    return any != 0;
}

static void train_sample(struct edge_trainer *trainer, int64_t index) {
    struct training_layer *layers = trainer->layers;
    int32_t last = trainer->layer_count - 1;
    const uint8_t *image = trainer->images + index * trainer->image_bytes;
    memcpy(trainer->image, image, (size_t)trainer->image_bytes);
    read_image(&layers[0], trainer->image);
    for (int32_t i = 0; i < last; i++)
        forward(&layers[i], &layers[i + 1]);
    forward_logits(&layers[last], trainer->logits);
    if (!output_errors(trainer->logits, layers[last].channels, trainer->labels[index],
                       layers[last].signals))
        return;
    for (int32_t i = last; i > 0; i--) {
        backward(&layers[i], 1);
        gate(&layers[i - 1], layers[i].arriving);
    }
    if (layers[0].source == TRAINING_PATTERN)
        count_patterns(&layers[0]);
    else if (layers[0].source == TRAINING_PIXELS)
        sum_pixel_gradients(&layers[0]);
    else
        backward(&layers[0], 0);
}

static void derive_all(struct edge_trainer *trainer) {
    for (int32_t i = 0; i < trainer->layer_count; i++)
        derive(&trainer->layers[i]);
}

static void update_all(struct edge_trainer *trainer, int32_t exponent) {
    for (int32_t i = 0; i < trainer->layer_count; i++) {
        finish_gradient(&trainer->layers[i]);
        move_latents(&trainer->layers[i], exponent);
    }
}

static void shift_all(struct edge_trainer *trainer, int32_t shift) {
    for (int32_t i = 0; i < trainer->layer_count; i++) {
        finish_gradient(&trainer->layers[i]);
        shift_latents(&trainer->layers[i], shift);
    }
}

const struct training_path PATH_TABLE = {derive_all, train_sample, update_all, shift_all};

#endif
