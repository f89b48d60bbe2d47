// SPDX-License-Identifier: Apache-2.0
// The climb; see climb.h.
//
// Law of the file: between two candidates, maps, counts and plan are those of the model.
// Read next: ../climb.py.
#include "climb.h"

#include <stdlib.h>
#include <string.h>

#include "bitslice_images.h"
#include "prf_recipe.h"

enum {
    BIAS_SLACK = 64, // how far a logit bias may move before the counters must be made anew
    FOLLOW_MIN_CHANNELS = 3,
};

// The outputs of one layer for every block. A block's map is reached by its pointer, so that a
// kept candidate's maps take their place by an exchange of pointers.
struct layer_maps {
    uint8_t *memory;
    uint8_t **model;     // [block]
    uint8_t **candidate; // [block]
};

struct edge_climber {
    const struct edge_images *images;
    struct recipe_shape recipe;
    int32_t shape[EDGE_SHAPE_HEAD + EDGE_SHAPE_GENE * BITSLICE_MAX_LAYERS];
    uint8_t seed[RECIPE_SEED_BYTES];
    uint32_t mutate_ppm;
    int64_t margin;
    int64_t correct;
    uint8_t *labels; // [image]
    uint8_t *weights;
    int32_t *thresholds;
    uint8_t *seen;   // [fan_in] weights drawn for a flip
    uint32_t *flips; // [fan_in] the same, in order
    // What follows is made anew when a logit bias leaves the plan's range.
    int32_t least_bias, most_bias;
    struct bitslice_plan *plan;
    struct bitslice_scratch scratch;
    struct layer_maps maps[BITSLICE_MAX_LAYERS];
    struct bitslice_channel listed;  // the candidate's channel
    struct bitslice_channel *follow; // [class] what a channel before the last layer does to it
    uint8_t *follow_planes;          // [2 * place] that channel as it is, and as it was
    uint8_t *channel;                // [block][plane] the channel that a candidate changed
    uint8_t *changed;                // [block] whether it differs there
    uint8_t *label_planes;           // [block][class]
    uint8_t *counts;                 // [block][word] correct images of the model, 64 by 64
    uint8_t *candidate_counts;       // [block][word]
};

static void free_state(struct edge_climber *climber) {
    for (int32_t i = 0; i < BITSLICE_MAX_LAYERS; i++) {
        free(climber->maps[i].memory);
        free(climber->maps[i].model);
        free(climber->maps[i].candidate);
        climber->maps[i] = (struct layer_maps){0};
    }
    bitslice_plan_free(climber->plan);
    bitslice_scratch_free(&climber->scratch);
    free(climber->listed.offsets);
    free(climber->listed.start);
    if (climber->follow != NULL)
        free(climber->follow[0].offsets);
    free(climber->follow);
    free(climber->follow_planes);
    free(climber->channel);
    free(climber->changed);
    free(climber->label_planes);
    free(climber->counts);
    free(climber->candidate_counts);
    climber->plan = NULL;
    climber->scratch = (struct bitslice_scratch){0};
    climber->listed = (struct bitslice_channel){0};
    climber->follow = NULL;
    climber->follow_planes = NULL;
    climber->channel = climber->changed = climber->label_planes = NULL;
    climber->counts = climber->candidate_counts = NULL;
}

// Planes that belong to one channel of a layer's output, and how far apart they stand.
static size_t channel_planes(const struct bitslice_layer *layer) {
    return layer->out_planes / (size_t)layer->channels;
}

// No candidate recomputes a whole first layer, so that one has no maps for candidates.
static int allocate_maps(struct layer_maps *maps, const struct bitslice_plan *plan, int32_t index,
                         size_t blocks) {
    size_t bytes = plan->layers[index].out_planes * plan->word_bytes;
    size_t each = index == 0 ? 1 : 2;
    maps->memory = bitslice_allocate(each * blocks, bytes);
    maps->model = bitslice_allocate(blocks, sizeof *maps->model);
    maps->candidate = bitslice_allocate(blocks, sizeof *maps->candidate);
    if (maps->memory == NULL || maps->model == NULL || maps->candidate == NULL)
        return 0;
    for (size_t b = 0; b < blocks; b++) {
        maps->model[b] = maps->memory + each * b * bytes;
        maps->candidate[b] = each == 2 ? maps->model[b] + bytes : NULL;
    }
    return 1;
}

// Return whether candidates of a layer let the counters behind it follow, instead of counting them
// anew: in the layer before the last, unless a channel is a good part of it.
static int follows(const struct bitslice_plan *plan, int32_t index) {
    return index + 2 == plan->layer_count && plan->layers[index].channels >= FOLLOW_MIN_CHANNELS;
}

static int allocate_follow(struct edge_climber *climber) {
    const struct bitslice_plan *plan = climber->plan;
    if (plan->layer_count < 2)
        return 1;
    size_t classes = (size_t)plan->classes;
    size_t taps = 2 * channel_planes(&plan->layers[plan->layer_count - 2]);
    climber->follow = bitslice_allocate(classes, sizeof *climber->follow);
    climber->follow_planes = bitslice_allocate(taps, plan->word_bytes);
    if (climber->follow == NULL || climber->follow_planes == NULL)
        return 0;
    int32_t *offsets = bitslice_allocate(classes * taps, sizeof *offsets);
    climber->follow[0].offsets = offsets; // the first class owns what all share
    for (size_t i = 1; offsets != NULL && i < classes; i++)
        climber->follow[i].offsets = offsets + i * taps;
    return offsets != NULL;
}

static int allocate_state(struct edge_climber *climber) {
    size_t blocks = (size_t)climber->images->blocks, word = climber->images->ops->word_bytes;
    climber->plan =
        bitslice_plan_new(climber->shape, word, climber->least_bias, climber->most_bias);
    if (climber->plan == NULL || !bitslice_scratch_new(&climber->scratch, climber->plan))
        return 0;
    const struct bitslice_plan *plan = climber->plan;
    size_t most = 0;
    for (int32_t i = 0; i < plan->layer_count; i++) {
        size_t planes = channel_planes(&plan->layers[i]);
        most = planes > most ? planes : most;
        if (!allocate_maps(&climber->maps[i], plan, i, blocks))
            return 0;
    }
    climber->listed.offsets = bitslice_allocate(plan->max_fan_in, sizeof(int32_t));
    climber->listed.start = bitslice_allocate(BITSLICE_MAX_BITS, sizeof(uint64_t));
    climber->channel = bitslice_allocate(blocks * most, word);
    climber->changed = bitslice_allocate(blocks, 1);
    climber->label_planes = bitslice_allocate(blocks * (size_t)plan->classes, word);
    climber->counts = bitslice_allocate(blocks, word / sizeof(uint64_t));
    climber->candidate_counts = bitslice_allocate(blocks, word / sizeof(uint64_t));
    return allocate_follow(climber) && climber->listed.offsets != NULL &&
           climber->listed.start != NULL && climber->channel != NULL && climber->changed != NULL &&
           climber->label_planes != NULL && climber->counts != NULL &&
           climber->candidate_counts != NULL;
}

static uint8_t *label_planes(const struct edge_climber *climber, int64_t block) {
    size_t bytes = (size_t)climber->plan->classes * climber->plan->word_bytes;
    return climber->label_planes + (size_t)block * bytes;
}

static size_t words_of_block(const struct edge_climber *climber) {
    return climber->plan->word_bytes / sizeof(uint64_t);
}

static const uint8_t *input_map(const struct edge_climber *climber, int32_t layer, int64_t block) {
    return layer == 0 ? bitslice_block(climber->images, block)
                      : climber->maps[layer - 1].model[block];
}

// Evaluate the model on all images.
static void evaluate(struct edge_climber *climber) {
    const struct edge_images *images = climber->images;
    const struct bitslice_plan *plan = climber->plan;
    bitslice_plan_model(climber->plan, climber->weights, climber->thresholds);
    climber->correct = 0;
    for (int64_t b = 0; b < images->blocks; b++) {
        for (int32_t i = 0; i < plan->layer_count; i++)
            bitslice_layer_run(images->ops, plan, i, input_map(climber, i, b), &climber->scratch,
                               climber->maps[i].model[b]);
        const uint8_t *counters = climber->maps[plan->layer_count - 1].model[b];
        uint8_t *counts = climber->counts + (size_t)b * words_of_block(climber);
        climber->correct += images->ops->correct(plan, counters, label_planes(climber, b), counts);
    }
}

// Make plan and maps for the model as it is, with room for its logit biases to move.
static int make_state(struct edge_climber *climber) {
    const struct recipe_layer *last = &climber->recipe.layers[climber->recipe.layer_count - 1];
    const int32_t *biases = climber->thresholds + last->first_channel;
    int32_t least = biases[0], most = biases[0];
    for (uint32_t i = 1; i < last->channels; i++) {
        least = biases[i] < least ? biases[i] : least;
        most = biases[i] > most ? biases[i] : most;
    }
    climber->least_bias = least - BIAS_SLACK;
    climber->most_bias = most + BIAS_SLACK;
    free_state(climber);
    if (!allocate_state(climber))
        return 0;
    for (int64_t b = 0; b < climber->images->blocks; b++)
        bitslice_label_planes(climber->images, b, climber->labels, climber->plan->classes,
                              label_planes(climber, b));
    evaluate(climber);
    return 1;
}

void edge_climber_free(struct edge_climber *climber) {
    if (climber == NULL)
        return;
    free_state(climber);
    free(climber->labels);
    free(climber->weights);
    free(climber->thresholds);
    free(climber->seen);
    free(climber->flips);
    free(climber);
}

int edge_climber_move(struct edge_climber *climber, const uint8_t *weights,
                      const int32_t *thresholds) {
    memcpy(climber->weights, weights, climber->recipe.weights);
    memcpy(climber->thresholds, thresholds, climber->recipe.channels * sizeof *thresholds);
    return make_state(climber) ? 0 : -1;
}

struct edge_climber *edge_climber_new(const struct edge_images *images, const uint8_t *labels,
                                      const int32_t *shape, const uint8_t *weights,
                                      const int32_t *thresholds, const uint8_t *seed,
                                      uint32_t mutate_ppm, int64_t margin) {
    struct edge_climber *climber = bitslice_allocate(1, sizeof *climber);
    if (climber == NULL)
        return NULL;
    climber->images = images;
    climber->mutate_ppm = mutate_ppm;
    climber->margin = margin;
    memcpy(climber->shape, shape,
           (size_t)(EDGE_SHAPE_HEAD + EDGE_SHAPE_GENE * shape[4]) * sizeof *shape);
    memcpy(climber->seed, seed, RECIPE_SEED_BYTES);
    recipe_shape_from(&climber->recipe, shape);
    size_t fan_in = 0;
    for (int32_t i = 0; i < climber->recipe.layer_count; i++)
        if (climber->recipe.layers[i].fan_in > fan_in)
            fan_in = climber->recipe.layers[i].fan_in;
    climber->labels = bitslice_allocate((size_t)images->count, 1);
    climber->weights = bitslice_allocate(climber->recipe.weights, 1);
    climber->thresholds = bitslice_allocate(climber->recipe.channels, sizeof *thresholds);
    climber->seen = bitslice_allocate(fan_in, 1);
    climber->flips = bitslice_allocate(fan_in, sizeof *climber->flips);
    if (climber->labels != NULL && climber->weights != NULL && climber->thresholds != NULL &&
        climber->seen != NULL && climber->flips != NULL) {
        memcpy(climber->labels, labels, (size_t)images->count);
        if (edge_climber_move(climber, weights, thresholds) == 0)
            return climber;
    }
    edge_climber_free(climber);
    return NULL;
}

// List what a channel of the layer before the last does to each class. Its planes come as they are,
// then as they were. A weight of -1 matches a -1: it adds the planes as they are, and a weight of
// +1 adds them as they were.
static void list_follow(struct edge_climber *climber, int32_t index, size_t channel) {
    const struct bitslice_layer *layer = &climber->plan->layers[index], *last = layer + 1;
    size_t places = channel_planes(layer);
    for (int32_t i = 0; i < climber->plan->classes; i++) {
        struct bitslice_channel *listed = &climber->follow[i];
        const uint8_t *weights =
            climber->weights + last->first_weight + (size_t)i * (size_t)last->fan_in;
        for (size_t p = 0; p < places; p++) {
            size_t y = p / (size_t)last->in_width + (size_t)last->pad;
            size_t x = p % (size_t)last->in_width + (size_t)last->pad;
            size_t tap = (y * (size_t)last->kernel_width + x) * (size_t)last->in_channels + channel;
            size_t added = weights[tap] ? p : places + p, subtracted = 2 * p + places - added;
            listed->offsets[p] = (int32_t)(subtracted * climber->plan->word_bytes);
            listed->offsets[places + p] = (int32_t)(added * climber->plan->word_bytes);
        }
        listed->ones = listed->twos = (int32_t)places;
    }
}

// Write the last layer's counters for one block after a channel of the layer before it has changed.
static void follow_block(struct edge_climber *climber, int32_t index, size_t channel, int64_t b) {
    const struct bitslice_layer *layer = &climber->plan->layers[index];
    size_t word = climber->plan->word_bytes, places = channel_planes(layer);
    const uint8_t *map = climber->maps[index].model[b] + channel * word;
    uint8_t *planes = climber->follow_planes;
    for (size_t p = 0; p < places; p++)
        memcpy(planes + p * word, map + p * (size_t)layer->channels * word, word);
    memcpy(planes + places * word, climber->channel + (size_t)b * places * word, places * word);
    climber->images->ops->follow(layer + 1, climber->follow, planes,
                                 climber->maps[index + 1].model[b],
                                 climber->maps[index + 1].candidate[b]);
}

// Evaluate a candidate on one block and put its channel in the place of the model's. Return
// whether its counts were made: otherwise they are those of the model.
static int try_block(struct edge_climber *climber, int32_t index, size_t channel, int64_t b) {
    const struct edge_images *images = climber->images;
    const struct bitslice_plan *plan = climber->plan;
    const struct bitslice_layer *layer = &plan->layers[index];
    size_t planes = channel_planes(layer);
    uint8_t *own = climber->channel + (size_t)b * planes * plan->word_bytes;
    const uint8_t *map =
        bitslice_padded(plan, index, input_map(climber, index, b), &climber->scratch);
    images->ops->channel(layer, &climber->listed, map, own);
    size_t first = layer->last ? channel * planes : channel;
    size_t stride = layer->last ? 1 : (size_t)layer->channels;
    uint8_t *out = climber->maps[index].model[b];
    climber->changed[b] =
        (uint8_t)images->ops->exchange(own, out + first * plan->word_bytes, planes, stride);
    if (!climber->changed[b] && !layer->last) // an odd bias shows in no counter
        return 0;
    if (follows(plan, index)) {
        follow_block(climber, index, channel, b);
        out = climber->maps[index + 1].candidate[b];
    }
    for (int32_t i = index + 1; !follows(plan, index) && i < plan->layer_count; i++) {
        bitslice_layer_run(images->ops, plan, i, out, &climber->scratch,
                           climber->maps[i].candidate[b]);
        out = climber->maps[i].candidate[b];
    }
    images->ops->correct(plan, out, label_planes(climber, b),
                         climber->candidate_counts + (size_t)b * words_of_block(climber));
    return 1;
}

// Let the model's channel return to its place in the first blocks.
static void undo_blocks(struct edge_climber *climber, int32_t index, size_t channel,
                        int64_t blocks) {
    const struct bitslice_layer *layer = &climber->plan->layers[index];
    size_t word = climber->plan->word_bytes, planes = channel_planes(layer);
    size_t first = layer->last ? channel * planes : channel;
    size_t stride = layer->last ? 1 : (size_t)layer->channels;
    for (int64_t b = 0; b < blocks; b++)
        if (climber->changed[b])
            climber->images->ops->exchange(climber->channel + (size_t)b * planes * word,
                                           climber->maps[index].model[b] + first * word, planes,
                                           stride);
}

static void keep_blocks(struct edge_climber *climber, int32_t index) {
    size_t counts = (size_t)climber->images->blocks * words_of_block(climber);
    memcpy(climber->counts, climber->candidate_counts, counts);
    for (int64_t b = 0; b < climber->images->blocks; b++) {
        for (int32_t i = index + 1; climber->changed[b] && i < climber->plan->layer_count; i++) {
            struct layer_maps *maps = &climber->maps[i];
            uint8_t *kept = maps->candidate[b];
            maps->candidate[b] = maps->model[b];
            maps->model[b] = kept;
        }
    }
}

// Compare one block's counts; return whether the candidate is out of the race.
static int falls_behind(const struct edge_climber *climber, int64_t block, int64_t *ahead) {
    size_t words = words_of_block(climber);
    for (size_t i = (size_t)block * words; i < ((size_t)block + 1) * words; i++) {
        *ahead += climber->candidate_counts[i] - climber->counts[i];
        if ((i + 1) % (CLIMB_RACE_IMAGES / BITSLICE_WORD_IMAGES) == 0 && *ahead < -climber->margin)
            return 1;
    }
    return 0;
}

// Evaluate a candidate that differs from the model in one channel, whose weights and threshold are
// already those of the candidate. Keep it and return 1, or return 0 with all maps as they were.
static int race(struct edge_climber *climber, const struct recipe_strike *strike) {
    const struct bitslice_layer *layer = &climber->plan->layers[strike->layer];
    int32_t channel = (int32_t)strike->channel;
    int64_t blocks = climber->images->blocks, ahead = 0;
    size_t words = words_of_block(climber);
    bitslice_list_channel(layer, channel, climber->weights,
                          climber->thresholds[layer->first_channel + strike->channel],
                          climber->plan->bias_base, &climber->listed);
    if (follows(climber->plan, strike->layer))
        list_follow(climber, strike->layer, strike->channel);
    for (int64_t b = 0; b < blocks; b++) {
        if (!try_block(climber, strike->layer, strike->channel, b))
            memcpy(climber->candidate_counts + (size_t)b * words,
                   climber->counts + (size_t)b * words, words);
        if (falls_behind(climber, b, &ahead) || (b + 1 == blocks && ahead < 0)) {
            undo_blocks(climber, strike->layer, strike->channel, b + 1);
            return 0;
        }
    }
    keep_blocks(climber, strike->layer);
    bitslice_plan_channel(climber->plan, strike->layer, channel, climber->weights,
                          climber->thresholds);
    climber->correct += ahead;
    return 1;
}

static int try_flip(struct edge_climber *climber, struct prf *prf) {
    struct recipe_strike strike = recipe_draw_flip(prf, &climber->recipe, climber->mutate_ppm);
    const struct recipe_layer *layer = &climber->recipe.layers[strike.layer];
    uint8_t *own = climber->weights + layer->first_weight + strike.channel * layer->fan_in;
    prf_distinct(prf, layer->fan_in, strike.count, climber->seen, climber->flips);
    for (uint32_t i = 0; i < strike.count; i++) {
        climber->seen[climber->flips[i]] = 0;
        own[climber->flips[i]] ^= 1;
    }
    if (race(climber, &strike))
        return 1;
    for (uint32_t i = 0; i < strike.count; i++)
        own[climber->flips[i]] ^= 1;
    return 0;
}

// Returns -1 if there is no memory.
static int try_threshold(struct edge_climber *climber, struct prf *prf) {
    struct recipe_strike strike = recipe_draw_threshold(prf, &climber->recipe);
    const struct bitslice_layer *layer = &climber->plan->layers[strike.layer];
    int32_t channel = (int32_t)strike.channel;
    int32_t *threshold = &climber->thresholds[layer->first_channel + strike.channel];
    int32_t before = *threshold, moved = recipe_moved(&climber->recipe, &strike, before);
    if (moved == before)
        return 0; // it is no other model
    if (layer->last && (moved < climber->least_bias || moved > climber->most_bias)) {
        if (!make_state(climber))
            return -1;
        layer = &climber->plan->layers[strike.layer];
    }
    *threshold = moved;
    if (layer->last) // the lowest bit of a bias stands in the plan
        bitslice_plan_channel(climber->plan, strike.layer, channel, climber->weights,
                              climber->thresholds);
    if (race(climber, &strike))
        return 1;
    *threshold = before;
    if (layer->last)
        bitslice_plan_channel(climber->plan, strike.layer, channel, climber->weights,
                              climber->thresholds);
    return 0;
}

int edge_climber_try(struct edge_climber *climber, uint32_t index, int64_t nonce,
                     int64_t candidates, int64_t most, uint8_t *kinds, uint32_t *nonces,
                     struct edge_climb_report *report) {
    struct prf prf;
    *report = (struct edge_climb_report){.nonce = nonce};
    while (report->tried < candidates && report->accepted < most && report->nonce <= UINT32_MAX) {
        uint32_t tried = (uint32_t)report->nonce++;
        enum recipe_kind kind =
            tried % CLIMB_KINDS == CLIMB_THRESHOLD_REMAINDER ? RECIPE_THRESHOLD : RECIPE_FLIP;
        recipe_begin(&prf, climber->seed, index, tried, kind);
        int kept = kind == RECIPE_FLIP ? try_flip(climber, &prf) : try_threshold(climber, &prf);
        if (kept < 0)
            return -1;
        report->tried++;
        if (kept) {
            kinds[report->accepted] = (uint8_t)kind;
            nonces[report->accepted++] = tried;
            report->nonce = 0;
            index++;
        }
    }
    report->correct = climber->correct;
    return 0;
}

void edge_climber_model(const struct edge_climber *climber, uint8_t *weights, int32_t *thresholds) {
    memcpy(weights, climber->weights, climber->recipe.weights);
    memcpy(thresholds, climber->thresholds, climber->recipe.channels * sizeof *thresholds);
}

int64_t edge_climber_correct(const struct edge_climber *climber) {
    return climber->correct;
}
