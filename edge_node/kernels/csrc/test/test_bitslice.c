// SPDX-License-Identifier: Apache-2.0
// Compares evaluator, PRF, recipes and climb on every path of this machine with rule R-7, written
// out below image by image, and with known answers of SHAKE-128.
//
// It also runs on emulated ARM, where no Python is; tests/kernels/ compares with the definitions
// in spec/ themselves.
// Read next: ../bitslice.h, ../climb.h.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../bitslice.h"
#include "../climb.h"
#include "../prf.h"
#include "../prf_recipe.h"

int test_bitslice(void);

enum { MAX_GENES = 4, PATHS = 4, MUTATE_PPM = 200000, CROSS_PPM = 150000, MARGIN = 3 };
enum { CANDIDATES = 60, MOST_STEPS = 12 };

// Channels, kernel rows, kernel columns, padding, pool; the layers end at 0 channels.
struct network {
    const char *name;
    int32_t head[4];
    int32_t genes[MAX_GENES + 1][EDGE_SHAPE_GENE];
    int32_t images;
};

static const struct network networks[] = {
    {"one pixel", {1, 1, 1, 1}, {{2, 1, 1, 0, 0}}, 1},
    {"dense only, odd", {3, 5, 1, 1}, {{9, 3, 5, 0, 0}}, 65},
    {"nine taps", {8, 9, 1, 1}, {{8, 3, 3, 0, 1}, {10, 3, 3, 0, 0}, {10, 1, 1, 0, 0}}, 600},
    {"nine taps, listed", {5, 5, 1, 1}, {{3, 3, 3, 0, 0}, {3, 3, 3, 0, 0}}, 64},
    {"channels 5 8 11", {9, 7, 5, 1}, {{8, 2, 2, 0, 0}, {11, 3, 3, 0, 1}, {9, 3, 2, 0, 0}}, 130},
    {"kernels 4 and 5", {9, 10, 2, 1}, {{8, 4, 4, 0, 0}, {9, 5, 5, 0, 0}, {8, 2, 3, 0, 0}}, 70},
    {"same padding",
     {6, 5, 4, 1},
     {{9, 3, 3, 1, 0}, {8, 5, 5, 2, 1}, {10, 7, 7, 3, 0}, {4, 3, 2, 0, 0}},
     129},
    {"200 channels", {3, 3, 1, 1}, {{200, 2, 2, 0, 0}, {12, 2, 2, 0, 0}, {40, 1, 1, 0, 0}}, 66},
    {"many classes", {4, 4, 1, 1}, {{7, 4, 4, 0, 0}, {256, 1, 1, 0, 0}}, 40},
    {"pixels", {7, 8, 1, 8}, {{9, 3, 3, 0, 1}, {8, 2, 2, 0, 0}, {5, 1, 2, 0, 0}}, 140},
    {"pixels, colour", {6, 5, 4, 8}, {{8, 5, 5, 0, 0}, {10, 2, 1, 0, 0}}, 70},
    {"pixels, dense", {5, 7, 3, 8}, {{2, 5, 7, 0, 0}, {3, 1, 1, 0, 0}}, 33},
    {"greatest fan-in", {64, 64, 4, 1}, {{2, 64, 64, 0, 0}, {2, 1, 1, 0, 0}}, 3},
    {"greatest fan-in, pixels", {64, 64, 4, 8}, {{8, 64, 64, 0, 0}, {2, 1, 1, 0, 0}}, 2},
};

static uint64_t random_state = 88172645463325252u;

static uint32_t random_below(uint32_t limit) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 32) % limit;
}

struct counters {
    int checks;
    int differences;
};

static void check(struct counters *counters, int equal, const char *what, const char *name,
                  int path) {
    counters->checks++;
    counters->differences += !equal;
    if (!equal)
        printf("bitslice: %s differs on path %d: %s\n", what, path, name);
}

static void *take(size_t bytes) {
    void *memory = calloc(bytes + 1, 1);
    if (memory == NULL) {
        puts("bitslice: no memory");
        exit(1);
    }
    return memory;
}

// What a test needs of one network.
struct material {
    int32_t shape[EDGE_SHAPE_HEAD + EDGE_SHAPE_GENE * MAX_GENES];
    struct recipe_shape recipe;
    int32_t image_bytes, classes, images;
    uint8_t *weights;
    int32_t *thresholds;
    uint8_t *pixels;
    uint8_t *labels;
    int32_t *logits; // by the rule
};

// The rule for one channel at one place: the sum of weight x input, outside the map +1.
static int32_t sum_at(const int32_t *gene, const int32_t *in, const int32_t size[3],
                      const uint8_t *weights, int32_t y, int32_t x) {
    int32_t sum = 0;
    for (int32_t dy = 0; dy < gene[1]; dy++)
        for (int32_t dx = 0; dx < gene[2]; dx++)
            for (int32_t c = 0; c < size[2]; c++) {
                int32_t row = y + dy - gene[3], column = x + dx - gene[3], value = 1;
                if (row >= 0 && row < size[0] && column >= 0 && column < size[1])
                    value = in[(row * size[1] + column) * size[2] + c];
                sum += *weights++ ? -value : value;
            }
    return sum;
}

// The rule for one layer; size is rows, columns, channels. Returns the output map.
static int32_t *run_layer(const int32_t *gene, const struct recipe_layer *layer, int eight_bit,
                          int last, const struct material *m, int32_t *in, int32_t size[3]) {
    int32_t conv[2] = {size[0] + 2 * gene[3] - gene[1] + 1, size[1] + 2 * gene[3] - gene[2] + 1};
    int32_t step = gene[4] ? 2 : 1;
    int32_t rows = conv[0] / step, columns = conv[1] / step;
    int32_t *out = take((size_t)(rows * columns * gene[0]) * sizeof *out);
    for (int32_t at = 0; at < rows * columns * gene[0]; at++) {
        int32_t c = at % gene[0], y = at / gene[0] / columns, x = at / gene[0] % columns;
        const uint8_t *weights = m->weights + layer->first_weight + (uint32_t)c * layer->fan_in;
        int32_t threshold = m->thresholds[layer->first_channel + (uint32_t)c];
        int32_t greatest = INT32_MIN;
        for (int32_t i = 0; i < step * step; i++) {
            int32_t sum = sum_at(gene, in, size, weights, y * step + i / 2, x * step + i % 2);
            int32_t mismatches = ((int32_t)layer->fan_in - sum) / 2;
            int32_t sign = (eight_bit ? sum < threshold : mismatches > threshold) ? -1 : 1;
            int32_t value = last ? sum + threshold : sign;
            greatest = value > greatest ? value : greatest;
        }
        out[at] = greatest;
    }
    free(in);
    size[0] = rows;
    size[1] = columns;
    size[2] = gene[0];
    return out;
}

static void run_image(const struct material *m, const uint8_t *pixels, int32_t *logits) {
    int32_t size[3] = {m->shape[0], m->shape[1], m->shape[2]};
    int32_t *map = take((size_t)m->image_bytes * sizeof *map);
    for (int32_t i = 0; i < m->image_bytes; i++)
        map[i] = m->shape[3] == 8 ? pixels[i] - 128 : pixels[i] < 128 ? -1 : 1;
    for (int32_t i = 0; i < m->shape[4]; i++)
        map = run_layer(m->shape + EDGE_SHAPE_HEAD + EDGE_SHAPE_GENE * i, &m->recipe.layers[i],
                        i == 0 && m->shape[3] == 8, i == m->shape[4] - 1, m, map, size);
    memcpy(logits, map, (size_t)m->classes * sizeof *map);
    free(map);
}

static void run_images(struct material *m) {
    for (int32_t i = 0; i < m->images; i++)
        run_image(m, m->pixels + i * m->image_bytes, m->logits + i * m->classes);
}

static int64_t count_images(const struct material *m) {
    int64_t correct = 0;
    for (int32_t i = 0; i < m->images; i++) {
        const int32_t *logits = m->logits + i * m->classes;
        int32_t best = 0;
        for (int32_t c = 1; c < m->classes; c++)
            best = logits[c] > logits[best] ? c : best;
        correct += best == m->labels[i];
    }
    return correct;
}

// A threshold near the middle, so that activations vary; now and then an extreme one.
static int32_t random_threshold(const struct recipe_layer *layer, int last, int eight_bit) {
    if (random_below(16) == 0)
        return random_below(2) ? layer->least : layer->most;
    if (last)
        return (int32_t)random_below(13) - 6;
    int32_t middle = eight_bit ? 0 : (int32_t)layer->fan_in / 2;
    int32_t spread = (int32_t)random_below(layer->fan_in / 4 + 2) * (eight_bit ? 30 : 1);
    int32_t value = middle + (random_below(2) ? spread : -spread);
    return value < layer->least ? layer->least : value > layer->most ? layer->most : value;
}

static void make_material(struct material *m, const struct network *network) {
    int32_t layers = 0;
    for (; network->genes[layers][0] != 0; layers++)
        memcpy(m->shape + EDGE_SHAPE_HEAD + EDGE_SHAPE_GENE * layers, network->genes[layers],
               sizeof network->genes[layers]);
    memcpy(m->shape, network->head, sizeof network->head);
    m->shape[4] = layers;
    recipe_shape_from(&m->recipe, m->shape);
    m->image_bytes = m->shape[0] * m->shape[1] * m->shape[2];
    m->classes = network->genes[layers - 1][0];
    m->images = network->images;
    size_t images = (size_t)m->images;
    m->weights = take(m->recipe.weights);
    m->thresholds = take(m->recipe.channels * sizeof *m->thresholds);
    m->pixels = take(images * (size_t)m->image_bytes);
    m->labels = take(images);
    m->logits = take(images * (size_t)m->classes * sizeof *m->logits);
    for (uint32_t i = 0; i < m->recipe.weights; i++)
        m->weights[i] = (uint8_t)random_below(2);
    for (int32_t i = 0; i < layers; i++)
        for (uint32_t c = 0; c < m->recipe.layers[i].channels; c++)
            m->thresholds[m->recipe.layers[i].first_channel + c] =
                random_threshold(&m->recipe.layers[i], i == layers - 1, i == 0 && m->shape[3] == 8);
    for (size_t i = 0; i < images * (size_t)m->image_bytes; i++)
        m->pixels[i] = (uint8_t)random_below(256);
    for (size_t i = 0; i < images; i++) // one label more than there are classes
        m->labels[i] = (uint8_t)random_below((uint32_t)m->classes + 1);
    run_images(m);
}

static void free_material(struct material *m) {
    free(m->weights);
    free(m->thresholds);
    free(m->pixels);
    free(m->labels);
    free(m->logits);
}

static void check_evaluation(struct counters *counters, const struct material *m,
                             const struct edge_images *images, const char *name, int path) {
    size_t bytes = (size_t)(m->images * m->classes) * sizeof(int32_t);
    int32_t *logits = take(bytes);
    int status = edge_all_logits(images, m->shape, m->weights, m->thresholds, logits);
    check(counters, status == 0 && memcmp(logits, m->logits, bytes) == 0, "a logit", name, path);
    int64_t correct = edge_count_correct(images, m->shape, m->weights, m->thresholds, m->labels);
    check(counters, correct == count_images(m), "the count", name, path);
    free(logits);
}

// The images the other way round have their logits the other way round.
static void check_order(struct counters *counters, const struct material *m,
                        const struct edge_images *images, const char *name, int path) {
    size_t count = (size_t)m->images, classes = (size_t)m->classes;
    int64_t *order = take(count * sizeof *order);
    int32_t *logits = take(count * classes * sizeof *logits);
    for (size_t i = 0; i < count; i++)
        order[i] = (int64_t)(count - 1 - i);
    struct edge_images *other = edge_images_reordered(images, order);
    check(counters, other != NULL, "another order without memory", name, path);
    if (other != NULL)
        edge_all_logits(other, m->shape, m->weights, m->thresholds, logits);
    for (size_t i = 0; i < count; i++)
        check(counters,
              memcmp(logits + i * classes, m->logits + (count - 1 - i) * classes,
                     classes * sizeof *logits) == 0,
              "an image's place", name, path);
    edge_images_free(other);
    free(order);
    free(logits);
}

// Climb, then compare with a replay of the recipe and with the rule's count. Return a digest of
// what was accepted, for comparison among paths.
static uint64_t check_climb(struct counters *counters, struct material *m,
                            const struct edge_images *images, const char *name, int path) {
    uint8_t seed[RECIPE_SEED_BYTES], kinds[MOST_STEPS];
    uint32_t nonces[MOST_STEPS];
    struct edge_climb_report report = {0};
    for (int i = 0; i < RECIPE_SEED_BYTES; i++)
        seed[i] = (uint8_t)(3 * i);
    size_t biases = m->recipe.channels * sizeof *m->thresholds;
    uint8_t *weights = take(m->recipe.weights);
    int32_t *thresholds = take(biases);
    struct edge_climber *climber = edge_climber_new(images, m->labels, m->shape, m->weights,
                                                    m->thresholds, seed, MUTATE_PPM, MARGIN);
    int ready = climber != NULL && edge_climber_try(climber, 0, 0, CANDIDATES, MOST_STEPS, kinds,
                                                    nonces, &report) == 0;
    check(counters, ready, "a climb without memory", name, path);
    if (ready) {
        edge_climber_model(climber, weights, thresholds);
        struct material child = *m; // its weights and thresholds become the replayed ones
        child.weights = take(m->recipe.weights);
        child.thresholds = take(biases);
        memcpy(child.weights, m->weights, m->recipe.weights);
        memcpy(child.thresholds, m->thresholds, biases);
        edge_apply_recipe(m->shape, child.weights, child.thresholds, NULL, seed, 0, report.accepted,
                          kinds, nonces, NULL, MUTATE_PPM, CROSS_PPM);
        check(counters, memcmp(weights, child.weights, m->recipe.weights) == 0, "a replayed weight",
              name, path);
        check(counters, memcmp(thresholds, child.thresholds, biases) == 0, "a replayed threshold",
              name, path);
        child.logits = take((size_t)(m->images * m->classes) * sizeof *child.logits);
        run_images(&child);
        check(counters, report.correct == count_images(&child), "the climb's count", name, path);
        check(counters, report.correct >= count_images(m), "the climb's direction", name, path);
        free(child.weights);
        free(child.thresholds);
        free(child.logits);
    }
    uint64_t digest = (uint64_t)report.tried;
    for (int64_t i = 0; i < report.accepted; i++)
        digest = (digest ^ (uint64_t)nonces[i] << 2 ^ kinds[i]) * 1099511628211u;
    edge_climber_free(climber);
    free(weights);
    free(thresholds);
    return digest;
}

// FIPS 202: SHAKE-128 of nothing, and of 200 bytes of A3, from its published examples.
static void check_prf(struct counters *counters) {
    static const uint8_t empty[] = {0x7F, 0x9C, 0x2B, 0xA4, 0xE8, 0x8F, 0x82, 0x7D};
    static const uint8_t blocks[] = {0x13, 0x1A, 0xB8, 0xD2, 0xB5, 0x94, 0x94, 0x6B};
    uint8_t message[200];
    struct prf prf;
    uint32_t words[2];
    memset(message, 0xA3, sizeof message);
    prf_begin(&prf, message, 0);
    words[0] = prf_u32(&prf);
    words[1] = prf_u32(&prf);
    check(counters, memcmp(words, empty, sizeof words) == 0, "SHAKE-128", "empty", 0);
    prf_begin(&prf, message, sizeof message);
    words[0] = prf_u32(&prf);
    words[1] = prf_u32(&prf);
    check(counters, memcmp(words, blocks, sizeof words) == 0, "SHAKE-128", "two blocks", 0);
}

int test_bitslice(void) {
    struct counters counters = {0};
    check_prf(&counters);
    for (size_t i = 0; i < sizeof networks / sizeof *networks; i++) {
        struct material material = {0};
        uint64_t first = 0;
        make_material(&material, &networks[i]);
        for (int path = 0; path < PATHS; path++) {
            if (!edge_path_supported(path))
                continue;
            const char *name = networks[i].name;
            struct edge_images *images = edge_images_new(path, material.pixels, material.images,
                                                         material.image_bytes, material.shape[3]);
            check(&counters, images != NULL, "images without memory", name, path);
            if (images == NULL)
                continue;
            check_evaluation(&counters, &material, images, name, path);
            check_order(&counters, &material, images, name, path);
            uint64_t digest = check_climb(&counters, &material, images, name, path);
            first = path == EDGE_SCALAR ? digest : first; // which is always there, and the first
            check(&counters, digest == first, "the climb's way", name, path);
            edge_images_free(images);
        }
        free_material(&material);
    }
    printf("bitslice: %d checks, %d differences\n", counters.checks, counters.differences);
    return counters.differences != 0;
}
