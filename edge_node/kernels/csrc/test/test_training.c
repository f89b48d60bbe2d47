// SPDX-License-Identifier: Apache-2.0
// Compares the trainer on every path of this machine with the rule R-9, written out below.
//
// It also runs on emulated ARM, where no Python is: one hash over all states says that every
// machine computed the same. tests/kernels/test_training.py compares with spec/training.py itself.
// Read next: ../training.h.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../training.h"

int test_training(void);

enum { MAX_LAYERS = 8, SAMPLES = 11, STEPS = 3, CORNERS = 4 };
enum { LATENT_MAX = 32767, BIAS_LATENT_MAX = 1 << 18, BIAS_SHIFT = 4, ERROR_ONE = 256 };

// FNV-1a over all latents and biases after the last step of every network and start.
static const uint64_t EXPECTED_HASH = 0x1cfd93b4059c8739;

static const int64_t SOFTMAX_TABLE[8] = {32768, 30048, 27554, 25268, 23170, 21247, 19484, 17867};

// Channels, kernel (0: dense) and pool of each layer; the layers end at 0 channels.
struct network {
    const char *name;
    int32_t rows, columns, channels, bits, batch;
    int32_t genes[MAX_LAYERS + 1][3];
};

static const struct network NETWORKS[] = {
    {"patterns, odd map", 9, 12, 1, 1, 5, {{3, 3, 1}, {2, 0, 0}}},
    {"patterns, two vectors", 8, 8, 1, 1, 5, {{20, 3, 0}, {18, 2, 1}, {3, 0, 0}}},
    {"too many channels for patterns", 7, 6, 1, 1, 4, {{40, 3, 1}, {35, 2, 0}, {4, 0, 0}}},
    {"one dense layer", 5, 7, 1, 1, 11, {{3, 0, 0}}},
    {"deep and dense, signals saturate",
     4,
     4,
     1,
     1,
     8,
     {{15, 0, 0}, {15, 0, 0}, {15, 0, 0}, {15, 0, 0}, {15, 0, 0}, {15, 0, 0}, {2, 0, 0}}},
    {"wide and dense", 9, 9, 1, 1, 7, {{130, 0, 0}, {65, 0, 0}, {10, 0, 0}}},
    {"kernels 5 2 1", 13, 11, 2, 1, 3, {{9, 5, 1}, {33, 2, 0}, {7, 1, 0}, {5, 0, 0}}},
    {"runs of 96", 6, 7, 32, 1, 2, {{16, 3, 1}, {3, 0, 0}}},
    {"many classes", 6, 6, 1, 1, 2, {{4, 1, 1}, {256, 0, 0}}},
    {"sums beyond int16", 4, 4, 1024, 1, 1, {{2, 3, 1}, {2, 0, 0}}},
    {"grey", 8, 9, 1, 8, 4, {{5, 3, 1}, {4, 2, 0}, {3, 0, 0}}},
    {"grey, two vectors, no pool", 7, 8, 1, 8, 3, {{33, 3, 0}, {6, 3, 1}, {3, 0, 0}}},
    {"colour", 9, 10, 3, 8, 3, {{7, 2, 1}, {3, 0, 0}}},
    {"colour, sums beyond int16", 11, 9, 3, 8, 3, {{4, 5, 1}, {3, 0, 0}}},
    {"grey and dense", 16, 17, 1, 8, 4, {{9, 0, 0}, {3, 0, 0}}},
};

static uint64_t state = 1;

static uint32_t random_below(uint32_t limit) {
    state = state * 6364136223846793005 + 1442695040888963407;
    return (uint32_t)((state >> 32) * limit >> 32);
}

static void *take(size_t count, size_t size) {
    void *memory = calloc(count, size);
    if (memory == NULL) {
        fprintf(stderr, "test_training: no memory\n");
        exit(1);
    }
    return memory;
}

// A layer in training, as the rule describes it.
struct layer {
    int32_t rows, columns, channels; // of the input map
    int32_t kernel_rows, kernel_columns, outputs, out_rows, out_columns, pooled, eight_bit, last;
    int32_t window, signal_shift, clamp, threshold_slowdown;
    int32_t fan_in, places;
    int16_t *latents;
    int32_t *biases;
    int64_t *gradient, *bias_gradient;
    int64_t *map;     // [row][column][channel]
    int64_t *pre;     // [place][output]
    int32_t *winners; // [place][output]: corner
    int64_t *signals; // [place][output]
    int64_t *arriving;
};

static int32_t square_root(int32_t number) {
    int32_t root = 0;
    while ((root + 1) * (root + 1) <= number)
        root++;
    return root;
}

static void shape_layers(const struct network *network, struct layer *layers, int32_t count) {
    int32_t rows = network->rows, columns = network->columns, channels = network->channels;
    for (int32_t i = 0; i < count; i++) {
        struct layer *layer = &layers[i];
        const int32_t *gene = network->genes[i];
        layer->rows = rows;
        layer->columns = columns;
        layer->channels = channels;
        layer->kernel_rows = gene[1] ? gene[1] : rows;
        layer->kernel_columns = gene[1] ? gene[1] : columns;
        layer->outputs = channels = gene[0];
        layer->pooled = gene[2];
        layer->out_rows = rows = (rows - layer->kernel_rows + 1) / (gene[2] ? 2 : 1);
        layer->out_columns = columns = (columns - layer->kernel_columns + 1) / (gene[2] ? 2 : 1);
        layer->eight_bit = i == 0 && network->bits == 8;
        layer->last = i == count - 1;
        layer->fan_in = layer->kernel_rows * layer->kernel_columns * layer->channels;
        layer->places = rows * columns;
        layer->window = layer->eight_bit ? 128 : square_root(9 * layer->fan_in / 4);
        layer->signal_shift = layer->places > 1 ? i + 1 : 0;
        layer->clamp = layer->eight_bit ? 1023 : 32767;
        layer->threshold_slowdown = layer->eight_bit ? 0 : 4;
        size_t weights = (size_t)(layer->outputs * layer->fan_in);
        size_t inputs = (size_t)(layer->rows * layer->columns * layer->channels);
        size_t results = (size_t)(layer->places * layer->outputs);
        layer->latents = take(weights, sizeof *layer->latents);
        layer->biases = take((size_t)layer->outputs, sizeof *layer->biases);
        layer->gradient = take(weights, sizeof *layer->gradient);
        layer->bias_gradient = take((size_t)layer->outputs, sizeof *layer->bias_gradient);
        layer->map = take(inputs, sizeof *layer->map);
        layer->pre = take(results, sizeof *layer->pre);
        layer->winners = take(results, sizeof *layer->winners);
        layer->signals = take(results, sizeof *layer->signals);
        layer->arriving = take(inputs, sizeof *layer->arriving);
    }
}

static void free_layers(struct layer *layers, int32_t count) {
    for (int32_t i = 0; i < count; i++) {
        void *const pieces[] = {layers[i].latents,       layers[i].biases,  layers[i].gradient,
                                layers[i].bias_gradient, layers[i].map,     layers[i].pre,
                                layers[i].winners,       layers[i].signals, layers[i].arriving};
        for (size_t k = 0; k < sizeof pieces / sizeof *pieces; k++)
            free(pieces[k]);
    }
}

// Where weight i of a patch reads the input map, for output place and corner of its window.
static int32_t input_index(const struct layer *layer, int32_t place, int32_t corner, int32_t i) {
    int32_t scale = layer->pooled ? 2 : 1;
    int32_t y = scale * (place / layer->out_columns) + corner / 2;
    int32_t x = scale * (place % layer->out_columns) + corner % 2;
    y += i / layer->channels / layer->kernel_columns;
    x += i / layer->channels % layer->kernel_columns;
    return (y * layer->columns + x) * layer->channels + i % layer->channels;
}

static void forward(struct layer *layer) {
    for (int32_t place = 0; place < layer->places; place++)
        for (int32_t o = 0; o < layer->outputs; o++) {
            int32_t at = place * layer->outputs + o;
            const int16_t *latents = layer->latents + o * layer->fan_in;
            int64_t most = INT64_MIN;
            for (int32_t corner = 0; corner < (layer->pooled ? CORNERS : 1); corner++) {
                int64_t sum = 0;
                for (int32_t i = 0; i < layer->fan_in; i++) {
                    int64_t value = layer->map[input_index(layer, place, corner, i)];
                    sum += latents[i] < 0 ? -value : value;
                }
                if (sum <= most)
                    continue;
                most = sum;
                layer->winners[at] = corner;
            }
            layer->pre[at] = most + (layer->biases[o] >> BIAS_SHIFT);
        }
}

static int output_errors(struct layer *layer, int32_t label) {
    int64_t greatest = layer->pre[0], total = 0, terms[256];
    for (int32_t c = 1; c < layer->outputs; c++)
        greatest = layer->pre[c] > greatest ? layer->pre[c] : greatest;
    for (int32_t c = 0; c < layer->outputs; c++) {
        int64_t below = greatest - layer->pre[c];
        terms[c] = below / 8 > 15 ? 0 : SOFTMAX_TABLE[below % 8] >> below / 8;
        total += terms[c];
    }
    int any = 0;
    for (int32_t c = 0; c < layer->outputs; c++) {
        layer->signals[c] =
            (c == label ? ERROR_ONE : 0) - (ERROR_ONE * terms[c] + total / 2) / total;
        any |= layer->signals[c] != 0;
    }
    return any;
}

static void backward(struct layer *layer) {
    int32_t inputs = layer->rows * layer->columns * layer->channels;
    memset(layer->arriving, 0, (size_t)inputs * sizeof *layer->arriving);
    for (int32_t place = 0; place < layer->places; place++)
        for (int32_t o = 0; o < layer->outputs; o++) {
            int32_t at = place * layer->outputs + o;
            int64_t signal = layer->signals[at];
            layer->bias_gradient[o] += signal;
            for (int32_t i = 0; i < layer->fan_in; i++) {
                int32_t from = input_index(layer, place, layer->winners[at], i);
                int32_t weight = o * layer->fan_in + i;
                layer->gradient[weight] += signal * layer->map[from];
                layer->arriving[from] += layer->latents[weight] < 0 ? -signal : signal;
            }
        }
}

static void gate(struct layer *layer, const int64_t *arriving) {
    for (int32_t i = 0; i < layer->places * layer->outputs; i++) {
        int64_t signal = (arriving[i] + (1 << layer->signal_shift >> 1)) >> layer->signal_shift;
        signal = signal > layer->clamp ? layer->clamp : signal;
        signal = signal < -layer->clamp ? -layer->clamp : signal;
        int inside = layer->pre[i] <= layer->window && layer->pre[i] >= -layer->window;
        layer->signals[i] = inside ? signal : 0;
    }
}

static int64_t moved(int64_t value, int64_t gradient, int64_t zone, int64_t step, int64_t most) {
    value += gradient > zone ? step : gradient < -zone ? -step : 0;
    return value > most ? most : value < -most ? -most : value;
}

static void update(struct layer *layer, int32_t exponent) {
    int32_t count = layer->outputs * layer->fan_in;
    int64_t total = 0, step = 1 << exponent;
    for (int32_t i = 0; i < count; i++)
        total += llabs(layer->gradient[i]);
    for (int32_t i = 0; i < count; i++) {
        int64_t zone = total / count / 2;
        layer->latents[i] =
            (int16_t)moved(layer->latents[i], layer->gradient[i], zone, step, LATENT_MAX);
        layer->gradient[i] = 0;
    }
    for (int32_t o = 0; o < layer->outputs; o++) {
        int64_t slow = step >> layer->threshold_slowdown;
        layer->biases[o] =
            (int32_t)moved(layer->biases[o], layer->bias_gradient[o], 0, slow, BIAS_LATENT_MAX);
        layer->bias_gradient[o] = 0;
    }
}

static void train_sample(struct layer *layers, int32_t count, const uint8_t *image, int32_t label) {
    int32_t pixels = layers[0].rows * layers[0].columns * layers[0].channels;
    for (int32_t i = 0; i < pixels; i++)
        layers[0].map[i] = layers[0].eight_bit ? image[i] - 128 : (image[i] < 128 ? -1 : 1);
    for (int32_t i = 0; i < count; i++) {
        forward(&layers[i]);
        for (int32_t k = 0; !layers[i].last && k < layers[i].places * layers[i].outputs; k++)
            layers[i + 1].map[k] = layers[i].pre[k] < 0 ? -1 : 1;
    }
    if (!output_errors(&layers[count - 1], label))
        return;
    for (int32_t i = count - 1; i >= 0; i--) {
        backward(&layers[i]);
        if (i > 0)
            gate(&layers[i - 1], layers[i].arriving);
    }
}

// Copy the state of all layers to the trainer's form, or back.
static void copy_state(struct layer *layers, int32_t count, int16_t *latents, int32_t *biases,
                       int back) {
    for (int32_t i = 0; i < count; i++) {
        size_t weights = (size_t)(layers[i].outputs * layers[i].fan_in);
        size_t outputs = (size_t)layers[i].outputs;
        memcpy(back ? layers[i].latents : latents, back ? latents : layers[i].latents,
               weights * sizeof *latents);
        memcpy(back ? layers[i].biases : biases, back ? biases : layers[i].biases,
               outputs * sizeof *biases);
        latents += weights;
        biases += outputs;
    }
}

// What one network starts from, learns, and should come to.
struct material {
    struct layer layers[MAX_LAYERS];
    int32_t count, batch, weights, outputs;
    int16_t *start, *expected, *actual;
    int32_t *start_biases, *expected_biases, *actual_biases;
    uint8_t *images, labels[SAMPLES];
    int64_t indices[SAMPLES * STEPS];
    int32_t exponents[STEPS];
};

// Start 0 is near zero, start 1 at the ends of the ranges.
static void fill(struct material *material, int extreme) {
    for (int32_t i = 0; i < material->weights; i++) {
        int32_t size = extreme ? LATENT_MAX - (int32_t)random_below(3) : (int32_t)random_below(60);
        material->start[i] = (int16_t)(random_below(2) ? size : -size);
    }
    for (int32_t o = 0; o < material->outputs; o++) {
        uint32_t spread = extreme && random_below(4) == 0 ? 3 : 200;
        int32_t size = (int32_t)random_below(spread);
        size = spread == 3 ? BIAS_LATENT_MAX - size : size;
        material->start_biases[o] = random_below(2) ? size : -size;
    }
    for (int32_t step = 0; step < STEPS; step++)
        material->exponents[step] = extreme && step == 0 ? 16 : 5 - step;
    for (int32_t i = 0; i < SAMPLES * STEPS; i++)
        material->indices[i] = random_below(SAMPLES);
}

static void prepare(struct material *material, const struct network *network) {
    memset(material, 0, sizeof *material);
    while (network->genes[material->count][0])
        material->count++;
    shape_layers(network, material->layers, material->count);
    for (int32_t i = 0; i < material->count; i++) {
        material->weights += material->layers[i].outputs * material->layers[i].fan_in;
        material->outputs += material->layers[i].outputs;
    }
    material->batch = network->batch;
    int16_t **const latents[] = {&material->start, &material->expected, &material->actual};
    int32_t **const biases[] = {&material->start_biases, &material->expected_biases,
                                &material->actual_biases};
    for (int k = 0; k < 3; k++) {
        *latents[k] = take((size_t)material->weights, sizeof **latents[k]);
        *biases[k] = take((size_t)material->outputs, sizeof **biases[k]);
    }
    int32_t pixels = SAMPLES * network->rows * network->columns * network->channels;
    material->images = take((size_t)pixels, 1);
    // Half of the pixels dark, so that patterns and ties repeat.
    for (int32_t i = 0; i < pixels; i++)
        material->images[i] = (uint8_t)(random_below(2) * random_below(256));
    for (int32_t i = 0; i < SAMPLES; i++)
        material->labels[i] =
            (uint8_t)random_below((uint32_t)material->layers[material->count - 1].outputs);
}

static void discard(struct material *material) {
    free_layers(material->layers, material->count);
    free(material->start);
    free(material->expected);
    free(material->actual);
    free(material->start_biases);
    free(material->expected_biases);
    free(material->actual_biases);
    free(material->images);
}

static void expect(struct material *material, int32_t image_bytes) {
    struct layer *layers = material->layers;
    int32_t count = material->count;
    copy_state(layers, count, material->start, material->start_biases, 1);
    for (int32_t step = 0; step < STEPS; step++) {
        for (int32_t i = step * material->batch; i < (step + 1) * material->batch; i++) {
            int64_t index = material->indices[i];
            train_sample(layers, count, material->images + index * image_bytes,
                         material->labels[index]);
        }
        for (int32_t i = 0; i < count; i++)
            update(&layers[i], material->exponents[step]);
    }
    copy_state(layers, count, material->expected, material->expected_biases, 0);
}

// Train on one path; return 1 if it is not there or comes to the same.
static int path_agrees(struct material *material, int path) {
    int32_t numbers[MAX_LAYERS * EDGE_TRAINING_NUMBERS];
    for (int32_t i = 0; i < material->count; i++) {
        const struct layer *layer = &material->layers[i];
        const int32_t row[EDGE_TRAINING_NUMBERS] = {
            layer->rows,           layer->columns,           layer->channels, layer->kernel_rows,
            layer->kernel_columns, layer->outputs,           layer->out_rows, layer->out_columns,
            layer->pooled,         layer->eight_bit,         layer->window,   layer->signal_shift,
            layer->clamp,          layer->threshold_slowdown};
        memcpy(numbers + i * EDGE_TRAINING_NUMBERS, row, sizeof row);
    }
    struct edge_trainer *trainer =
        edge_training_new(path, material->count, numbers, material->images, material->labels);
    if (trainer == NULL)
        return 0;
    edge_training_set_state(trainer, material->start, material->start_biases);
    // In two calls: a trainer goes on where it was.
    edge_training_run(trainer, material->indices, material->batch, material->batch,
                      material->exponents);
    edge_training_run(trainer, material->indices + material->batch, (STEPS - 1) * material->batch,
                      material->batch, material->exponents + 1);
    edge_training_get_state(trainer, material->actual, material->actual_biases);
    edge_training_free(trainer);
    return memcmp(material->actual, material->expected,
                  (size_t)material->weights * sizeof *material->actual) == 0 &&
           memcmp(material->actual_biases, material->expected_biases,
                  (size_t)material->outputs * sizeof *material->actual_biases) == 0;
}

static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t count) {
    const unsigned char *each = bytes;
    for (size_t i = 0; i < count; i++)
        hash = (hash ^ each[i]) * 1099511628211U;
    return hash;
}

int test_training(void) {
    int failed = 0, paths = 0;
    uint64_t hash = 14695981039346656037U;
    for (int path = EDGE_SCALAR; path <= EDGE_NEON; path++)
        paths += edge_path_supported(path);
    for (size_t i = 0; i < sizeof NETWORKS / sizeof *NETWORKS; i++) {
        const struct network *network = &NETWORKS[i];
        struct material material;
        prepare(&material, network);
        for (int extreme = 0; extreme < 2; extreme++) {
            fill(&material, extreme);
            expect(&material, network->rows * network->columns * network->channels);
            for (int path = EDGE_SCALAR; path <= EDGE_NEON; path++)
                if (edge_path_supported(path) && !path_agrees(&material, path)) {
                    printf("training: %s, start %d: path %d differs\n", network->name, extreme,
                           path);
                    failed = 1;
                }
            hash = hash_bytes(hash, material.expected,
                              (size_t)material.weights * sizeof *material.expected);
            hash = hash_bytes(hash, material.expected_biases,
                              (size_t)material.outputs * sizeof *material.expected_biases);
        }
        discard(&material);
    }
    printf("training: %d paths, states %016llx\n", paths, (unsigned long long)hash);
    if (hash != EXPECTED_HASH)
        printf("training: the states should be %016llx\n", (unsigned long long)EXPECTED_HASH);
    return failed || hash != EXPECTED_HASH;
}
