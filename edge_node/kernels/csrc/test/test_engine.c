// SPDX-License-Identifier: Apache-2.0
// Compares the engine on every path of this machine with the rule R-7, written out below.
//
// It also runs on emulated ARM, where no Python is; tests/kernels/test_engine.py compares with the
// definition in spec/bnn.py itself.
// Read next: ../engine.h.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../engine.h"

int test_engine(void);

enum { MAX_GENES = 5, IMAGES = 19 }; // a batch of 16 and a rest that is no tile

// Channels, kernel rows, kernel columns, padding, pool; the layers end at 0 channels.
struct network {
    const char *name;
    int32_t head[4];
    int32_t genes[MAX_GENES + 1][EDGE_ENGINE_GENE];
};

static const struct network networks[] = {
    {"dense only", {3, 5, 1, 1}, {{2, 3, 5, 0, 0}}},
    {"one pixel", {1, 1, 1, 1}, {{33, 1, 1, 0, 0}, {3, 1, 1, 0, 0}}},
    {"many classes", {4, 4, 1, 1}, {{7, 4, 4, 0, 0}, {256, 1, 1, 0, 0}}},
    {"channels 1 5 31",
     {9, 8, 1, 1},
     {{1, 3, 3, 0, 0}, {5, 2, 2, 0, 1}, {31, 3, 2, 0, 0}, {4, 1, 1, 0, 0}}},
    {"channels 33 40", {8, 9, 3, 1}, {{33, 2, 2, 0, 1}, {40, 1, 1, 0, 0}, {5, 3, 4, 0, 0}}},
    {"channels 70 4 36",
     {7, 7, 2, 1},
     {{70, 3, 3, 0, 0}, {4, 2, 2, 0, 0}, {36, 1, 1, 0, 0}, {6, 4, 4, 0, 0}}},
    {"words 32 64 96",
     {7, 6, 1, 1},
     {{32, 2, 2, 0, 1}, {64, 2, 1, 0, 0}, {96, 2, 2, 0, 0}, {3, 1, 1, 0, 0}}},
    {"words 128 160",
     {5, 5, 1, 1},
     {{128, 3, 3, 0, 0}, {160, 2, 2, 0, 1}, {70, 1, 1, 0, 0}, {9, 1, 1, 0, 0}}},
    {"same padding, bits",
     {5, 6, 5, 1},
     {{7, 3, 3, 1, 0}, {9, 5, 5, 2, 1}, {3, 3, 3, 1, 0}, {4, 2, 3, 0, 0}}},
    {"same padding, words",
     {6, 5, 1, 1},
     {{32, 3, 3, 1, 0}, {64, 3, 3, 1, 1}, {12, 7, 7, 3, 0}, {4, 3, 2, 0, 0}}},
    {"8 bits, grey", {8, 8, 1, 8}, {{8, 3, 3, 0, 1}, {14, 2, 2, 0, 0}, {4, 2, 2, 0, 0}}},
    {"8 bits, colour, 70 channels", {9, 7, 3, 8}, {{70, 5, 5, 0, 1}, {10, 2, 1, 0, 0}}},
    {"8 bits, kernel 1", {3, 3, 2, 8}, {{5, 1, 1, 0, 0}, {40, 2, 2, 0, 0}, {4, 2, 2, 0, 0}}},
    {"8 bits, dense", {6, 7, 1, 8}, {{130, 6, 7, 0, 0}, {10, 1, 1, 0, 0}}},
    {"8 bits, greatest fan-in", {64, 64, 4, 8}, {{3, 64, 64, 0, 0}, {2, 1, 1, 0, 0}}},
    {"greatest fan-in", {64, 64, 4, 1}, {{3, 64, 64, 0, 0}, {2, 1, 1, 0, 0}}},
    {"greatest fan-in, last", {4, 4, 1, 1}, {{1024, 1, 1, 0, 0}, {2, 4, 4, 0, 0}}},
};

static uint64_t state = 1;

static uint32_t random_word(void) {
    state = state * 6364136223846793005 + 1442695040888963407;
    return (uint32_t)(state >> 32);
}

static void *take(size_t count, size_t size) {
    void *memory = calloc(count, size);
    if (memory == NULL) {
        fprintf(stderr, "test_engine: no memory\n");
        exit(1);
    }
    return memory;
}

// A layer and its input map, of +-1 or of pixels - 128.
struct layer {
    const int32_t *gene;
    int32_t rows, columns, channels;
    int eight_bit, last;
    const uint32_t *weights;
    const int32_t *thresholds;
};

static int32_t fan_in(const struct layer *layer) {
    return layer->gene[1] * layer->gene[2] * layer->channels;
}

static int32_t channel_sum(const struct layer *layer, const int32_t *map, int32_t channel,
                           int32_t y, int32_t x) {
    const uint32_t *row = layer->weights + (size_t)channel * (size_t)((fan_in(layer) + 31) / 32);
    int32_t sum = 0;
    for (int32_t i = 0; i < fan_in(layer); i++) {
        int32_t in_y = y + i / layer->channels / layer->gene[2] - layer->gene[3];
        int32_t in_x = x + i / layer->channels % layer->gene[2] - layer->gene[3];
        int32_t value = 1;
        if (0 <= in_y && in_y < layer->rows && 0 <= in_x && in_x < layer->columns)
            value = map[(in_y * layer->columns + in_x) * layer->channels + i % layer->channels];
        sum += row[i / 32] >> i % 32 & 1 ? -value : value;
    }
    return sum;
}

// Return the sign of one place of the output map, or its logit.
static int32_t channel_output(const struct layer *layer, const int32_t *map, int32_t channel,
                              int32_t y, int32_t x) {
    int32_t threshold = layer->thresholds[channel];
    if (layer->last)
        return channel_sum(layer, map, channel, y, x) + threshold;
    int32_t window = layer->gene[4] ? 2 : 1;
    for (int32_t inner = 0; inner < window * window; inner++) {
        int32_t sum =
            channel_sum(layer, map, channel, y * window + inner / 2, x * window + inner % 2);
        int negative = layer->eight_bit ? sum < threshold : (fan_in(layer) - sum) / 2 > threshold;
        if (!negative)
            return 1;
    }
    return -1;
}

// Replace `map` by the output of the layer, and the layer's sizes by those of the next.
static void apply(struct layer *layer, int32_t **map) {
    const int32_t *gene = layer->gene;
    int32_t window = gene[4] ? 2 : 1;
    int32_t rows = (layer->rows + 2 * gene[3] - gene[1] + 1) / window;
    int32_t columns = (layer->columns + 2 * gene[3] - gene[2] + 1) / window;
    int32_t *out = take((size_t)(rows * columns * gene[0]), sizeof *out);
    for (int32_t i = 0; i < rows * columns * gene[0]; i++)
        out[i] =
            channel_output(layer, *map, i % gene[0], i / gene[0] / columns, i / gene[0] % columns);
    free(*map);
    *map = out;
    layer->weights += (size_t)gene[0] * (size_t)((fan_in(layer) + 31) / 32);
    layer->thresholds += gene[0];
    layer->rows = rows;
    layer->columns = columns;
    layer->channels = gene[0];
    layer->eight_bit = 0;
    layer->gene += EDGE_ENGINE_GENE;
    layer->last = layer->gene[EDGE_ENGINE_GENE] == 0;
}

static void expected_logits(const struct network *network, const uint32_t *weights,
                            const int32_t *thresholds, const uint8_t *image, int32_t *logits) {
    struct layer layer = {.gene = network->genes[0],
                          .rows = network->head[0],
                          .columns = network->head[1],
                          .channels = network->head[2],
                          .eight_bit = network->head[3] == 8,
                          .last = network->genes[1][0] == 0,
                          .weights = weights,
                          .thresholds = thresholds};
    int32_t pixels = layer.rows * layer.columns * layer.channels;
    int32_t *map = take((size_t)pixels, sizeof *map);
    for (int32_t i = 0; i < pixels; i++)
        map[i] = layer.eight_bit ? image[i] - 128 : (image[i] < 128 ? -1 : 1);
    while (layer.gene[0] != 0)
        apply(&layer, &map);
    memcpy(logits, map, (size_t)layer.channels * sizeof *logits);
    free(map);
}

// A network's random weights, thresholds and images.
struct material {
    int32_t numbers[EDGE_ENGINE_HEAD + MAX_GENES * EDGE_ENGINE_GENE];
    uint32_t *weights;
    int32_t *thresholds;
    uint8_t *images;
    uint8_t labels[IMAGES];
    size_t image_bytes;
    size_t classes;
    int32_t *expected;
    int64_t correct;
};

static void fill_layer(const struct layer *layer, uint32_t *weights, int32_t *thresholds) {
    int32_t fan = fan_in(layer);
    int32_t words = (fan + 31) / 32;
    for (int32_t c = 0; c < layer->gene[0]; c++) {
        uint32_t *row = weights + (size_t)c * (size_t)words;
        for (int32_t w = 0; w < words; w++) // some channels with weights of one sign
            row[w] = c % 8 == 0 ? 0 : c % 8 == 1 ? UINT32_MAX : random_word();
        if (fan % 32 != 0)
            row[words - 1] &= (1U << fan % 32) - 1;
        // Thresholds where they decide, and some at the ends of their range.
        int32_t least = layer->last ? -32768 : layer->eight_bit ? -128 * fan : -1;
        int32_t most = layer->last ? 32768 : layer->eight_bit ? 128 * fan + 1 : fan;
        int32_t middle = layer->last || layer->eight_bit ? 0 : fan / 2;
        int32_t spread = layer->eight_bit ? 300 : 2;
        uint32_t choice = random_word() % 16;
        int32_t near = middle - spread + (int32_t)(random_word() % (uint32_t)(2 * spread + 1));
        thresholds[c] = choice == 0 || near < least  ? least
                        : choice == 1 || near > most ? most
                                                     : near;
    }
}

static size_t greatest(const int32_t *logits, size_t classes) {
    size_t best = 0;
    for (size_t c = 1; c < classes; c++)
        if (logits[c] > logits[best])
            best = c;
    return best;
}

static void make_material(const struct network *network, struct material *m) {
    struct layer layer = {.gene = network->genes[0],
                          .rows = network->head[0],
                          .columns = network->head[1],
                          .channels = network->head[2],
                          .eight_bit = network->head[3] == 8};
    size_t weights = 0;
    size_t thresholds = 0;
    int32_t layers = 0;
    m->image_bytes = (size_t)(layer.rows * layer.columns * layer.channels);
    m->weights = take(1 << 16, sizeof *m->weights);
    m->thresholds = take(1 << 12, sizeof *m->thresholds);
    while (layer.gene[0] != 0) {
        layer.last = layer.gene[EDGE_ENGINE_GENE] == 0;
        fill_layer(&layer, m->weights + weights, m->thresholds + thresholds);
        weights += (size_t)layer.gene[0] * (size_t)((fan_in(&layer) + 31) / 32);
        thresholds += (size_t)layer.gene[0];
        m->classes = (size_t)layer.gene[0];
        layer.channels = layer.gene[0];
        layer.eight_bit = 0;
        layer.gene += EDGE_ENGINE_GENE;
        layers++;
    }
    memcpy(m->numbers, network->head, sizeof network->head);
    m->numbers[4] = layers;
    memcpy(m->numbers + EDGE_ENGINE_HEAD, network->genes,
           sizeof network->genes[0] * (size_t)layers);
    m->images = take(IMAGES, m->image_bytes);
    m->expected = take(IMAGES, m->classes * sizeof *m->expected);
    m->correct = 0;
    for (size_t i = 0; i < IMAGES; i++) {
        uint8_t *image = m->images + i * m->image_bytes;
        for (size_t p = 0; p < m->image_bytes; p++)
            image[p] = i == 0 ? 0 : i == 1 ? 255 : (uint8_t)random_word();
        int32_t *logits = m->expected + i * m->classes;
        expected_logits(network, m->weights, m->thresholds, image, logits);
        m->labels[i] = (uint8_t)(i % 3 == 0 ? random_word() : greatest(logits, m->classes));
        m->correct += m->labels[i] == greatest(logits, m->classes);
    }
}

static int check_path(int path, const char *name, const struct material *m) {
    int failures = 0;
    void *engine = edge_engine_create(path, m->numbers, m->weights, m->thresholds);
    if (engine == NULL) {
        fprintf(stderr, "test_engine: %s, path %d: not created\n", name, path);
        return 1;
    }
    int32_t *logits = take(IMAGES, m->classes * sizeof *logits);
    for (size_t count = 1; count <= IMAGES; count += 6) { // 1, 7, 13, 19
        size_t bytes = count * m->classes * sizeof *logits;
        memset(logits, 0, bytes);
        if (edge_engine_logits(engine, m->images, count, logits) != 0 ||
            memcmp(logits, m->expected, bytes) != 0) {
            fprintf(stderr, "test_engine: %s, path %d: logits of %zu images\n", name, path, count);
            failures++;
        }
    }
    if (edge_engine_count_correct(engine, m->images, m->labels, IMAGES) != m->correct) {
        fprintf(stderr, "test_engine: %s, path %d: correct images\n", name, path);
        failures++;
    }
    free(logits);
    edge_engine_free(engine);
    return failures;
}

static int check_refusals(void) {
    static const int32_t fits[] = {2, 2, 1, 1, 1, 2, 2, 2, 0, 0};
    static const uint32_t weights[] = {5, 10};
    static const int32_t thresholds[] = {0, 0};
    int failures = 0;
    for (int i = 0; i < 10; i++) {
        int32_t numbers[10];
        memcpy(numbers, fits, sizeof fits);
        numbers[i] = 1 << 20;
        void *engine = edge_engine_create(EDGE_SCALAR, numbers, weights, thresholds);
        if (i != 3 && engine != NULL) { // any number of bits but 8 is 1
            fprintf(stderr, "test_engine: number %d was not refused\n", i);
            failures++;
        }
        edge_engine_free(engine);
    }
    return failures;
}

// Return the number of failures; each is printed, and one line of summary.
int test_engine(void) {
    int failures = check_refusals();
    size_t count = sizeof networks / sizeof networks[0];
    int paths = 0;
    for (int path = EDGE_SCALAR; path <= EDGE_NEON; path++)
        paths += edge_path_supported(path);
    for (size_t i = 0; i < count; i++) {
        struct material m;
        make_material(networks + i, &m);
        for (int path = EDGE_SCALAR; path <= EDGE_NEON; path++)
            if (edge_path_supported(path))
                failures += check_path(path, networks[i].name, &m);
        free(m.weights);
        free(m.thresholds);
        free(m.images);
        free(m.expected);
    }
    printf("engine: %zu networks, %d paths, %d failures\n", count, paths, failures);
    return failures;
}
