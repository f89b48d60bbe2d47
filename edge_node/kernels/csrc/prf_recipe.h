// SPDX-License-Identifier: Apache-2.0
// Recipes: where a step of a recipe strikes, and what whole recipes make of a model.
//
// Twin of spec/recipe.py (rule R-10). A model is one byte for each weight, 1 means -1, and one
// threshold for each channel, as in bitslice.h.
// Law of the file: a step never fails; a move beyond a threshold's range leaves it where it is.
// Read next: climb.h.
#ifndef EDGE_PRF_RECIPE_H
#define EDGE_PRF_RECIPE_H

#include "bitslice.h"
#include "prf.h"

enum recipe_kind { RECIPE_FLIP = 0, RECIPE_THRESHOLD = 1, RECIPE_CROSS = 2 };

enum {
    RECIPE_PPM = 1000000,
    RECIPE_MAX_LAYERS = 16,
    RECIPE_MAX_LOGIT_BIAS = 1 << 15,
    RECIPE_SEED_BYTES = 96, // network, base block, miner
};

struct recipe_layer {
    uint32_t fan_in;
    uint32_t channels;
    uint32_t weights;      // of the layer
    int32_t least, most;   // range of its thresholds
    uint32_t first_weight; // where it begins in the model
    uint32_t first_channel;
};

struct recipe_shape {
    int32_t layer_count;
    uint32_t weights;  // of the model
    uint32_t channels; // of the model
    struct recipe_layer layers[RECIPE_MAX_LAYERS];
};

// Where a mutation strikes.
struct recipe_strike {
    int32_t layer;
    uint32_t channel; // of the layer
    uint32_t count;   // FLIP: weights to flip
    int32_t change;   // THRESHOLD: what to add before it is kept in its range
};

void recipe_shape_from(struct recipe_shape *recipe, const int32_t *shape);

// Begin the PRF of a step. `seed` has RECIPE_SEED_BYTES.
void recipe_begin(struct prf *prf, const uint8_t *seed, uint32_t index, uint32_t nonce,
                  enum recipe_kind kind);

struct recipe_strike recipe_draw_flip(struct prf *prf, const struct recipe_shape *recipe,
                                      uint32_t mutate_ppm);

struct recipe_strike recipe_draw_threshold(struct prf *prf, const struct recipe_shape *recipe);

// Return a struck threshold's new value.
int32_t recipe_moved(const struct recipe_shape *recipe, const struct recipe_strike *strike,
                     int32_t threshold);

// Apply steps to a model in place. kinds[count], nonces[count]; partners[count] index the models of
// partner_weights[partner][weight]; the first step has the given index in its recipe.
// Returns 0, or -1 if there is no memory.
EDGE_EXPORT int edge_apply_recipe(const int32_t *shape, uint8_t *weights, int32_t *thresholds,
                                  const uint8_t *partner_weights, const uint8_t *seed,
                                  uint32_t first_index, int64_t count, const uint8_t *kinds,
                                  const uint32_t *nonces, const uint32_t *partners,
                                  uint32_t mutate_ppm, uint32_t cross_ppm);

#endif
