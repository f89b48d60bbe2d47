// SPDX-License-Identifier: Apache-2.0
// Drawing and applying the steps of a recipe; see prf_recipe.h.
//
// Law of the file: every draw is made in the order of the law.
// Read next: climb.c.
#include "prf_recipe.h"

#include <stdlib.h>
#include <string.h>

static const char PREFIX[] = "edge-node/v1/recipe-step"; // with the zero byte that ends the tag

void recipe_shape_from(struct recipe_shape *recipe, const int32_t *shape) {
    uint32_t in_channels = (uint32_t)shape[2];
    *recipe = (struct recipe_shape){.layer_count = shape[4]};
    for (int32_t i = 0; i < recipe->layer_count; i++) {
        const int32_t *gene = shape + EDGE_SHAPE_HEAD + EDGE_SHAPE_GENE * i;
        struct recipe_layer *layer = &recipe->layers[i];
        layer->channels = (uint32_t)gene[0];
        layer->fan_in = (uint32_t)(gene[1] * gene[2]) * in_channels;
        layer->weights = layer->fan_in * layer->channels;
        layer->least = -1;
        layer->most = (int32_t)layer->fan_in;
        if (i == recipe->layer_count - 1) {
            layer->least = -RECIPE_MAX_LOGIT_BIAS;
            layer->most = RECIPE_MAX_LOGIT_BIAS;
        } else if (i == 0 && shape[3] != 1) {
            layer->least = -128 * layer->most;
            layer->most = 128 * layer->most + 1;
        }
        layer->first_weight = recipe->weights;
        layer->first_channel = recipe->channels;
        recipe->weights += layer->weights;
        recipe->channels += layer->channels;
        in_channels = layer->channels;
    }
}

void recipe_begin(struct prf *prf, const uint8_t *seed, uint32_t index, uint32_t nonce,
                  enum recipe_kind kind) {
    uint8_t message[sizeof PREFIX + RECIPE_SEED_BYTES + 4 + 8 + 1] = {0};
    uint8_t *at = message;
    memcpy(at, PREFIX, sizeof PREFIX);
    at += sizeof PREFIX;
    memcpy(at, seed, RECIPE_SEED_BYTES);
    at += RECIPE_SEED_BYTES;
    for (int i = 0; i < 4; i++) {
        at[i] = (uint8_t)(index >> 8 * i);
        at[4 + i] = (uint8_t)(nonce >> 8 * i); // eight bytes, the upper ones 0
    }
    at[12] = (uint8_t)kind;
    prf_begin(prf, message, sizeof message);
}

struct recipe_strike recipe_draw_flip(struct prf *prf, const struct recipe_shape *recipe,
                                      uint32_t mutate_ppm) {
    uint32_t position = prf_below(prf, recipe->weights);
    int32_t layer = 0;
    while (position >= recipe->layers[layer].weights)
        position -= recipe->layers[layer++].weights;
    uint32_t fan_in = recipe->layers[layer].fan_in;
    uint32_t most = (uint32_t)((uint64_t)fan_in * mutate_ppm / RECIPE_PPM);
    return (struct recipe_strike){.layer = layer,
                                  .channel = position / fan_in,
                                  .count = 1 + prf_below(prf, most == 0 ? 1 : most)};
}

struct recipe_strike recipe_draw_threshold(struct prf *prf, const struct recipe_shape *recipe) {
    uint32_t channel = prf_below(prf, recipe->channels);
    int32_t layer = 0;
    while (channel >= recipe->layers[layer].channels)
        channel -= recipe->layers[layer++].channels;
    return (struct recipe_strike){
        .layer = layer, .channel = channel, .change = prf_u32(prf) & 1 ? 1 : -1};
}

int32_t recipe_moved(const struct recipe_shape *recipe, const struct recipe_strike *strike,
                     int32_t threshold) {
    const struct recipe_layer *layer = &recipe->layers[strike->layer];
    int32_t moved = threshold + strike->change;
    return moved < layer->least ? layer->least : moved > layer->most ? layer->most : moved;
}

static void apply_flip(struct prf *prf, const struct recipe_shape *recipe, uint32_t mutate_ppm,
                       uint8_t *weights, uint8_t *seen) {
    struct recipe_strike strike = recipe_draw_flip(prf, recipe, mutate_ppm);
    const struct recipe_layer *layer = &recipe->layers[strike.layer];
    uint8_t *own = weights + layer->first_weight + strike.channel * layer->fan_in;
    memset(seen, 0, layer->fan_in);
    prf_distinct(prf, layer->fan_in, strike.count, seen, NULL);
    for (uint32_t i = 0; i < layer->fan_in; i++)
        own[i] ^= seen[i];
}

static void apply_cross(struct prf *prf, const struct recipe_shape *recipe, uint32_t cross_ppm,
                        const uint8_t *partner, uint8_t *weights, uint8_t *seen) {
    for (int32_t i = 0; i < recipe->layer_count; i++) {
        uint32_t count = recipe->layers[i].weights, first = recipe->layers[i].first_weight;
        memset(seen, 0, count);
        prf_distinct(prf, count, (uint32_t)((uint64_t)count * cross_ppm / RECIPE_PPM), seen, NULL);
        for (uint32_t w = 0; w < count; w++)
            if (seen[w])
                weights[first + w] = partner[first + w];
    }
}

int edge_apply_recipe(const int32_t *shape, uint8_t *weights, int32_t *thresholds,
                      const uint8_t *partner_weights, const uint8_t *seed, uint32_t first_index,
                      int64_t count, const uint8_t *kinds, const uint32_t *nonces,
                      const uint32_t *partners, uint32_t mutate_ppm, uint32_t cross_ppm) {
    struct recipe_shape recipe;
    struct prf prf;
    recipe_shape_from(&recipe, shape);
    uint8_t *seen = malloc(recipe.weights);
    if (seen == NULL)
        return -1;
    for (int64_t i = 0; i < count; i++) {
        enum recipe_kind kind = kinds[i];
        recipe_begin(&prf, seed, first_index + (uint32_t)i, nonces[i], kind);
        if (kind == RECIPE_FLIP) {
            apply_flip(&prf, &recipe, mutate_ppm, weights, seen);
        } else if (kind == RECIPE_THRESHOLD) {
            struct recipe_strike strike = recipe_draw_threshold(&prf, &recipe);
            uint32_t channel = recipe.layers[strike.layer].first_channel + strike.channel;
            thresholds[channel] = recipe_moved(&recipe, &strike, thresholds[channel]);
        } else {
            const uint8_t *partner = partner_weights + (size_t)partners[i] * recipe.weights;
            apply_cross(&prf, &recipe, cross_ppm, partner, weights, seen);
        }
    }
    free(seen);
    return 0;
}
