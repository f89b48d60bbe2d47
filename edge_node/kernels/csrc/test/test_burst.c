// SPDX-License-Identifier: Apache-2.0
// Compares SHA-256, bursts and shifted steps on every path of this machine with the law's digests.
//
// It also runs on emulated ARM, where no Python is. Small networks are told of in
// tests/kernels/c_bursts.py, those as long as the product's in tools/burst_cases.py and
// tests/vectors/bursts.json; tests/kernels/test_burst_vectors.py holds the digests equal.
// Read next: ../burst.h.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../bitslice.h"
#include "../burst.h"
#include "../prf.h"

int test_burst(void);

enum { MAX_LAYERS = 5, MAX_CLASSES = 10, MAX_STEPS = 32, SHIFTED = 4, SHIFT = 3 };
enum {
    HEX_BYTES = 2 * SHA256_BYTES + 1,
    RESULT_BYTES = 3 + MAX_CLASSES + 1,
    BIAS_SHIFT = 4,
    MAX_LOGIT_BIAS = 1 << 15
};
// Places in a layer's numbers.
enum { ROWS, COLUMNS, CHANNELS, KERNEL_ROWS, KERNEL_COLUMNS, OUTPUTS, POOL = 8, EIGHT_BIT = 9 };

// Series of tools/burst_cases.py.
struct network {
    const char *label;    // from which all is drawn
    const char *expected; // what all its bursts come to
    int32_t layer_count, classes, samples, seeds;
    uint32_t relatives;
    int shifted; // a shifted step is part of it
    struct edge_burst_rules rules;
    int32_t numbers[MAX_LAYERS * EDGE_TRAINING_NUMBERS];
};

static const struct network NETWORKS[] = {
    {"patterns T=3 S=4",
     "4c67a99c524048ef2a2a80aa149ea585abd9081dc3eb8e78630c3dec5348093c",
     2,
     2,
     10,
     8,
     3,
     1,
     {3, 4, 2, 200000, 300000, {1, 1, 1}},
     {9, 11, 1, 3, 3, 3, 3, 4, 1, 0, 4, 0, 32767, 4, 3, 4, 3, 3, 4, 2, 1, 1, 0, 0, 9, 0, 32767, 4}},
    {"grey T=3 S=4",
     "e32672cc57083fe8bd093a310770110062ae255cb013bfe88d2e4450c6853e5d",
     3,
     3,
     10,
     8,
     3,
     1,
     {3, 4, 2, 200000, 300000, {1, 1, 1}},
     {8, 9, 1, 3, 3, 5,     3, 3, 1, 1, 128, 0, 1023, 0, 3, 3, 5, 2, 2, 4,     2,
      2, 0, 0, 6, 0, 32767, 4, 2, 2, 4, 2,   2, 3,    1, 1, 0, 0, 6, 0, 32767, 4}},
    {"dense T=3 S=4",
     "c2af02cedaf0a9e2925f7ebed68db6fccfaa403b85da40849f8f4916d508729a",
     2,
     4,
     10,
     8,
     3,
     1,
     {3, 4, 2, 200000, 300000, {1, 1, 1}},
     {5, 7, 1,  5, 7, 33, 1, 1, 0, 0, 8, 0, 32767, 4,
      1, 1, 33, 1, 1, 4,  1, 1, 0, 0, 8, 0, 32767, 4}},
    {"lone layer T=3 S=4",
     "0aaadb8399dac416b968cf5ff4c1a490e89355b2d1c4c816e2148c6ce7070cf3",
     1,
     3,
     10,
     8,
     3,
     1,
     {3, 4, 2, 200000, 300000, {1, 1, 1}},
     {3, 3, 1, 3, 3, 3, 1, 1, 0, 0, 4, 0, 32767, 4}},
    {"BINARY_4K T=16 S=32",
     "4ed90d2b8fabb75cfffcbe5f798524b02031bc8c362440a47768bf13ecbf0057",
     4,
     10,
     42,
     4,
     2,
     0,
     {16, 32, 1, 5000, 100000, {1, 1, 1}},
     {28, 28, 1,     3, 3, 8,  13, 13,    1, 0,  4, 2,  32767, 4, 13, 13, 8,     3, 3,
      10, 5,  5,     1, 0, 12, 2,  32767, 4, 5,  5, 10, 3,     3, 20, 3,  3,     0, 0,
      14, 0,  32767, 4, 3, 3,  20, 3,     3, 10, 1, 1,  0,     0, 20, 0,  32767, 4}},
    {"UINT8_94K T=4 S=32",
     "e8d2159703df816759925e2af99b08a747d9dd7489d588d1a5925afa6de1188b",
     5,
     10,
     42,
     1,
     2,
     0,
     {4, 32, 1, 5000, 100000, {1, 1, 1}},
     {28,    28, 1,  3, 3,     32, 13, 13, 1,     1, 128, 3,  1023, 0, 13,    13, 32, 3,
      3,     64, 5,  5, 1,     0,  25, 3,  32767, 4, 5,   5,  64,   3, 3,     64, 3,  3,
      0,     0,  36, 3, 32767, 4,  3,  3,  64,    3, 3,   64, 1,    1, 0,     0,  36, 2,
      32767, 4,  1,  1, 64,    1,  1,  10, 1,     1, 0,   0,  12,   0, 32767, 4}},
    {"DENSE_256 T=32 S=60",
     "b185c47d9aaae95d6be5e8bbb631f8673ecd101a3ab3a49c9dcebbe0655b5f68",
     2,
     10,
     44,
     2,
     2,
     0,
     {32, 60, 1, 5000, 100000, {1, 1, 1}},
     {28, 28, 1,   28, 28, 256, 1, 1, 0, 0, 42, 0, 32767, 4,
      1,  1,  256, 1,  1,  10,  1, 1, 0, 0, 24, 0, 32767, 4}},
};

// Every ticket is below it, but one.
static const uint8_t ALL[SHA256_BYTES] = {
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
};

// A network with all that it is given.
struct material {
    const struct network *network;
    size_t weights, channels, pixels;
    uint8_t *images, *labels, *relatives, *seeds;
    int16_t *latents;
    int32_t *biases;
    int32_t exponents[MAX_STEPS];
};

// What a burst leaves, as the evaluator takes it.
struct left {
    int32_t shape[EDGE_SHAPE_HEAD + MAX_LAYERS * EDGE_SHAPE_GENE];
    uint8_t *packed, *weights;
    int32_t *thresholds, *logits;
};

static void *take(size_t count, size_t size) {
    void *memory = calloc(count, size);
    if (memory == NULL) {
        fprintf(stderr, "test_burst: no memory\n");
        exit(1);
    }
    return memory;
}

static uint8_t *draw_bytes(struct prf *prf, size_t count, uint32_t limit) {
    uint8_t *drawn = take(count, 1);
    for (size_t i = 0; i < count; i++)
        drawn[i] = (uint8_t)prf_below(prf, limit);
    return drawn;
}

static void prepare(struct material *material, const struct network *network) {
    static const char TAG[] = "edge-node/v1/test\0burst ";
    char message[sizeof TAG + 32];
    size_t length = strlen(network->label);
    memcpy(message, TAG, sizeof TAG - 1);
    memcpy(message + sizeof TAG - 1, network->label, length);
    struct prf prf;
    prf_begin(&prf, (const uint8_t *)message, sizeof TAG - 1 + length);
    *material = (struct material){.network = network};
    const int32_t *row = network->numbers;
    material->pixels = (size_t)(row[ROWS] * row[COLUMNS] * row[CHANNELS]);
    for (int32_t i = 0; i < network->layer_count; i++, row += EDGE_TRAINING_NUMBERS) {
        int32_t fan_in = row[CHANNELS] * row[KERNEL_ROWS] * row[KERNEL_COLUMNS];
        material->weights += (size_t)(fan_in * row[OUTPUTS]);
        material->channels += (size_t)row[OUTPUTS];
    }
    size_t samples = (size_t)network->samples;
    material->images = draw_bytes(&prf, samples * material->pixels, 256);
    material->labels = draw_bytes(&prf, samples, (uint32_t)network->classes);
    material->latents = take(material->weights, sizeof *material->latents);
    material->biases = take(material->channels, sizeof *material->biases);
    for (size_t i = 0; i < material->weights; i++)
        material->latents[i] = (int16_t)((int32_t)prf_below(&prf, 121) - 60);
    for (size_t o = 0; o < material->channels; o++)
        material->biases[o] = (int32_t)prf_below(&prf, 401) - 200;
    material->relatives = draw_bytes(&prf, network->relatives * material->weights, 2);
    material->seeds = draw_bytes(&prf, (size_t)network->seeds * EDGE_BURST_SEED_BYTES, 256);
    for (int32_t t = 0; t < network->rules.steps; t++)
        material->exponents[t] = 2 * t < network->rules.steps ? 6 : 5;
}

static void discard(struct material *material) {
    free(material->images);
    free(material->labels);
    free(material->relatives);
    free(material->seeds);
    free(material->latents);
    free(material->biases);
}

static int32_t within(int32_t value, int32_t least, int32_t most) {
    return value < least ? least : value > most ? most : value;
}

// Turn the packed latents of the last burst into the model that they stand for.
static void make_model(const struct material *material, const struct left *left) {
    const uint8_t *latents = left->packed, *biases = left->packed + 2 * material->weights;
    for (size_t i = 0; i < material->weights; i++)
        left->weights[i] = latents[2 * i + 1] >> 7;
    const int32_t *row = material->network->numbers;
    int32_t *threshold = left->thresholds, layers = material->network->layer_count;
    for (int32_t i = 0; i < layers; i++, row += EDGE_TRAINING_NUMBERS) {
        int32_t fan_in = row[CHANNELS] * row[KERNEL_ROWS] * row[KERNEL_COLUMNS];
        for (int32_t o = 0; o < row[OUTPUTS]; o++, biases += 4) {
            uint32_t bits = biases[0] | (uint32_t)biases[1] << 8 | (uint32_t)biases[2] << 16 |
                            (uint32_t)biases[3] << 24;
            int32_t bias = (int32_t)bits >> BIAS_SHIFT;
            if (i == layers - 1)
                *threshold++ = within(bias, -MAX_LOGIT_BIAS, MAX_LOGIT_BIAS);
            else if (row[EIGHT_BIT])
                *threshold++ = within(-bias, -128 * fan_in, 128 * fan_in + 1);
            else
                *threshold++ = within((fan_in + bias) >> 1, -1, fan_in);
        }
    }
}

static struct left make_room(const struct material *material) {
    const struct network *network = material->network;
    const int32_t *row = network->numbers;
    struct left left = {
        .shape = {row[ROWS], row[COLUMNS], row[CHANNELS], row[EIGHT_BIT] ? 8 : 1,
                  network->layer_count},
        .packed = take(2 * material->weights + 4 * material->channels, 1),
        .weights = take(material->weights, 1),
        .thresholds = take(material->channels, sizeof *left.thresholds),
        .logits = take((size_t)(network->samples * network->classes), sizeof *left.logits),
    };
    int32_t *gene = left.shape + EDGE_SHAPE_HEAD;
    for (int32_t i = 0; i < network->layer_count; i++, row += EDGE_TRAINING_NUMBERS) {
        *gene++ = row[OUTPUTS];
        *gene++ = row[KERNEL_ROWS];
        *gene++ = row[KERNEL_COLUMNS];
        *gene++ = 0; // training knows no padding
        *gene++ = row[POOL];
    }
    return left;
}

static void leave_room(struct left *left) {
    free(left->packed);
    free(left->weights);
    free(left->thresholds);
    free(left->logits);
}

// Add what the last burst's network says of all images; return 0 if there is no memory.
static int add_logits(struct sha256 *digest, const struct material *material,
                      const struct edge_images *images, const struct left *left) {
    const struct network *network = material->network;
    make_model(material, left);
    if (edge_all_logits(images, left->shape, left->weights, left->thresholds, left->logits) != 0)
        return 0;
    uint8_t counts[MAX_CLASSES] = {0}, hashed[SHA256_BYTES];
    struct sha256 logits;
    sha256_begin(&logits);
    const int32_t *row = left->logits;
    for (int32_t n = 0; n < network->samples; n++, row += network->classes) {
        int32_t best = 0;
        for (int32_t c = 0; c < network->classes; c++) {
            uint32_t bits = (uint32_t)row[c];
            const uint8_t bytes[4] = {(uint8_t)bits, (uint8_t)(bits >> 8), (uint8_t)(bits >> 16),
                                      (uint8_t)(bits >> 24)};
            sha256_add(&logits, bytes, sizeof bytes);
            if (row[c] > row[best])
                best = c;
        }
        counts[best]++;
    }
    sha256_end(&logits, hashed);
    sha256_add(digest, hashed, sizeof hashed);
    sha256_add(digest, counts, (size_t)network->classes);
    int64_t correct =
        edge_count_correct(images, left->shape, left->weights, left->thresholds, material->labels);
    const uint8_t told = (uint8_t)correct;
    sha256_add(digest, &told, 1);
    return correct >= 0;
}

// Add all bursts of a network to the digest; return 0 if the path is not there.
static int add_bursts(struct sha256 *digest, const struct material *material, int path) {
    const struct network *network = material->network;
    struct edge_burst *burst =
        edge_burst_new(path, network->layer_count, network->numbers, material->images,
                       material->labels, (uint32_t)network->samples, &network->rules);
    struct left left = make_room(material);
    struct edge_images *images = edge_images_new(path, material->images, network->samples,
                                                 (int32_t)material->pixels, left.shape[3]);
    int done = burst != NULL && images != NULL;
    if (done)
        edge_burst_begin(burst, material->latents, material->biases, material->exponents, 1,
                         material->relatives, network->relatives);
    for (int i = 0; done && i < network->seeds; i++) {
        struct edge_burst_result result;
        edge_burst_run(burst, material->seeds + i * EDGE_BURST_SEED_BYTES, i % 2 ? ALL : NULL,
                       &result);
        const uint8_t rest[3] = {(uint8_t)result.met, (uint8_t)result.drawn,
                                 (uint8_t)result.partner};
        sha256_add(digest, result.latent_root, sizeof result.latent_root);
        sha256_add(digest, result.ticket, sizeof result.ticket);
        sha256_add(digest, rest, sizeof rest);
        edge_burst_latents(burst, left.packed);
        done = add_logits(digest, material, images, &left);
    }
    leave_room(&left);
    edge_images_free(images);
    if (burst != NULL)
        edge_burst_free(burst);
    return done;
}

// Add what a shifted step leaves; return 0 if the path is not there.
static int add_shifted_step(struct sha256 *digest, const struct material *material, int path) {
    static const int64_t INDICES[SHIFTED] = {0, 1, 2, 3};
    const struct network *network = material->network;
    struct edge_trainer *trainer = edge_training_new(path, network->layer_count, network->numbers,
                                                     material->images, material->labels);
    if (trainer == NULL)
        return 0;
    int16_t *latents = take(material->weights, sizeof *latents);
    int32_t *biases = take(material->channels, sizeof *biases);
    edge_training_set_state(trainer, material->latents, material->biases);
    edge_training_shift(trainer, INDICES, SHIFTED, SHIFT);
    edge_training_get_state(trainer, latents, biases);
    sha256_add(digest, latents, material->weights * sizeof *latents);
    sha256_add(digest, biases, material->channels * sizeof *biases);
    free(latents);
    free(biases);
    edge_training_free(trainer);
    return 1;
}

static void to_hex(const uint8_t *digest, char *hex) {
    for (int i = 0; i < SHA256_BYTES; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

// FIPS 180-4's own examples, in plain C and with this processor's instructions.
static int hash_fails(void) {
    static const char *const MESSAGES[2] = {
        "abc", "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"};
    static const char *const DIGESTS[2] = {
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"};
    int failed = 0;
    for (int i = 0; i < 4; i++) {
        uint8_t digest[SHA256_BYTES];
        char hex[HEX_BYTES];
        const char *message = MESSAGES[i / 2];
        edge_sha256((const uint8_t *)message, strlen(message), 5, i % 2, digest);
        to_hex(digest, hex);
        failed |= strcmp(hex, DIGESTS[i / 2]) != 0;
    }
    return failed;
}

// Run a network's bursts on a path; return 1 and say so if they come to something else.
static int network_fails(const struct material *material, int path) {
    const struct network *network = material->network;
    struct sha256 all;
    sha256_begin(&all);
    int done = add_bursts(&all, material, path);
    if (done && network->shifted)
        done = add_shifted_step(&all, material, path);
    uint8_t digest[SHA256_BYTES];
    char hex[HEX_BYTES] = "nothing: no memory";
    sha256_end(&all, digest);
    if (done)
        to_hex(digest, hex);
    if (strcmp(hex, network->expected) == 0)
        return 0;
    printf("burst: %s on path %d comes to %s, recorded is %s\n", network->label, path, hex,
           network->expected);
    return 1;
}

int test_burst(void) {
    int paths = 0, bursts = 0, failed = hash_fails();
    if (failed)
        printf("burst: SHA-256 differs\n");
    for (int path = EDGE_SCALAR; path <= EDGE_NEON; path++)
        paths += edge_path_supported(path) != 0;
    for (size_t i = 0; i < sizeof NETWORKS / sizeof *NETWORKS; i++) {
        struct material material;
        prepare(&material, &NETWORKS[i]);
        for (int path = EDGE_SCALAR; path <= EDGE_NEON; path++)
            if (edge_path_supported(path))
                failed |= network_fails(&material, path);
        bursts += NETWORKS[i].seeds;
        discard(&material);
    }
    printf("burst: %d paths, %d bursts on each, SHA-256\n", paths, bursts);
    return failed;
}
