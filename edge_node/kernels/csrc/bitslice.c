// SPDX-License-Identifier: Apache-2.0
// Evaluating a model on sliced images; see bitslice.h.
//
// Law of the file: nothing here knows how wide a plane is but by word_bytes.
// Read next: climb.c.
#include "bitslice.h"

#include <stdlib.h>
#include <string.h>

#include "bitslice_images.h"

int bitslice_scratch_new(struct bitslice_scratch *scratch, const struct bitslice_plan *plan) {
    scratch->padded = bitslice_allocate(plan->max_map_planes, plan->word_bytes);
    scratch->table = bitslice_allocate(plan->max_table_bytes, 1);
    return scratch->padded != NULL && scratch->table != NULL;
}

void bitslice_scratch_free(struct bitslice_scratch *scratch) {
    free(scratch->padded);
    free(scratch->table);
}

const uint8_t *bitslice_padded(const struct bitslice_plan *plan, int32_t index, const uint8_t *map,
                               const struct bitslice_scratch *scratch) {
    const struct bitslice_layer *layer = &plan->layers[index];
    if (layer->pad == 0)
        return map;
    size_t row = (size_t)layer->in_width * layer->listed_place;
    size_t wide = (size_t)layer->map_width * layer->listed_place;
    uint8_t *to = scratch->padded + (size_t)layer->pad * (wide + layer->listed_place);
    memset(scratch->padded, 0, layer->map_planes * plan->word_bytes);
    for (int32_t y = 0; y < layer->in_height; y++, to += wide, map += row)
        memcpy(to, map, row);
    return scratch->padded;
}

void bitslice_layer_run(const struct bitslice_ops *ops, const struct bitslice_plan *plan,
                        int32_t layer, const uint8_t *map, const struct bitslice_scratch *scratch,
                        uint8_t *out) {
    map = bitslice_padded(plan, layer, map, scratch);
    ops->layer(&plan->layers[layer], map, scratch->table, out);
}

// Evaluating a whole set: a plan, scratch memory and two maps to go to and fro.
struct walk {
    const struct edge_images *images;
    struct bitslice_plan *plan;
    struct bitslice_scratch scratch;
    uint8_t *maps[2];
    uint8_t *labels;
};

static void end_walk(struct walk *walk) {
    bitslice_scratch_free(&walk->scratch);
    bitslice_plan_free(walk->plan);
    free(walk->maps[0]);
    free(walk->maps[1]);
    free(walk->labels);
}

static int begin_walk(struct walk *walk, const struct edge_images *images, const int32_t *shape,
                      const uint8_t *weights, const int32_t *thresholds) {
    int32_t layers = shape[4], channels = 0;
    for (int32_t i = 0; i < layers - 1; i++)
        channels += shape[EDGE_SHAPE_HEAD + EDGE_SHAPE_GENE * i];
    const int32_t *biases = thresholds + channels;
    int32_t classes = shape[EDGE_SHAPE_HEAD + EDGE_SHAPE_GENE * (layers - 1)];
    int32_t least = biases[0], most = biases[0];
    for (int32_t i = 1; i < classes; i++) {
        least = biases[i] < least ? biases[i] : least;
        most = biases[i] > most ? biases[i] : most;
    }
    *walk = (struct walk){.images = images};
    walk->plan = bitslice_plan_new(shape, images->ops->word_bytes, least, most);
    if (walk->plan == NULL)
        return 0;
    bitslice_plan_model(walk->plan, weights, thresholds);
    for (int i = 0; i < 2; i++)
        walk->maps[i] = bitslice_allocate(walk->plan->max_out_planes, walk->plan->word_bytes);
    walk->labels = bitslice_allocate((size_t)classes, walk->plan->word_bytes);
    return bitslice_scratch_new(&walk->scratch, walk->plan) && walk->maps[0] != NULL &&
           walk->maps[1] != NULL && walk->labels != NULL;
}

// Return the counters of the last layer for one block.
static const uint8_t *walk_block(struct walk *walk, int64_t block) {
    const uint8_t *map = bitslice_block(walk->images, block);
    for (int32_t i = 0; i < walk->plan->layer_count; i++) {
        uint8_t *out = walk->maps[i % 2];
        bitslice_layer_run(walk->images->ops, walk->plan, i, map, &walk->scratch, out);
        map = out;
    }
    return map;
}

int64_t edge_count_correct(const struct edge_images *images, const int32_t *shape,
                           const uint8_t *weights, const int32_t *thresholds,
                           const uint8_t *labels) {
    struct walk walk;
    uint8_t counts[BITSLICE_MAX_WORDS];
    int64_t correct = -1;
    if (begin_walk(&walk, images, shape, weights, thresholds)) {
        correct = 0;
        for (int64_t block = 0; block < images->blocks; block++) {
            const uint8_t *counters = walk_block(&walk, block);
            bitslice_label_planes(images, block, labels, walk.plan->classes, walk.labels);
            correct += images->ops->correct(walk.plan, counters, walk.labels, counts);
        }
    }
    end_walk(&walk);
    return correct;
}

// Write the logits of up to 64 images, whose counters are word `word` of their planes.
static void write_logits(const struct bitslice_plan *plan, const uint8_t *counters, size_t word,
                         int64_t count, int32_t *logits) {
    const struct bitslice_layer *last = &plan->layers[plan->layer_count - 1];
    for (int32_t c = 0; c < plan->classes; c++) {
        uint64_t planes[BITSLICE_MAX_BITS];
        for (int32_t k = 0; k < last->bits; k++, counters += plan->word_bytes)
            memcpy(&planes[k], counters + word * sizeof *planes, sizeof *planes);
        int32_t base = plan->bias_base - last->fan_in + (plan->odd[c] & 1);
        for (int64_t i = 0; i < count; i++) {
            int32_t number = 0;
            for (int32_t k = 0; k < last->bits; k++)
                number |= (int32_t)(planes[k] >> i & 1) << k;
            logits[i * plan->classes + c] = base + 2 * number;
        }
    }
}

int edge_all_logits(const struct edge_images *images, const int32_t *shape, const uint8_t *weights,
                    const int32_t *thresholds, int32_t *logits) {
    struct walk walk;
    int ready = begin_walk(&walk, images, shape, weights, thresholds);
    for (int64_t block = 0; ready && block < images->blocks; block++) {
        const uint8_t *counters = walk_block(&walk, block);
        int64_t block_images = (int64_t)walk.plan->word_bytes * 8;
        for (int64_t i = 0; i < block_images; i += BITSLICE_WORD_IMAGES) {
            int64_t first = block * block_images + i, rest = images->count - first;
            if (rest > 0)
                write_logits(walk.plan, counters, (size_t)(i / BITSLICE_WORD_IMAGES),
                             rest < BITSLICE_WORD_IMAGES ? rest : BITSLICE_WORD_IMAGES,
                             logits + first * walk.plan->classes);
        }
    }
    end_walk(&walk);
    return ready ? 0 : -1;
}
