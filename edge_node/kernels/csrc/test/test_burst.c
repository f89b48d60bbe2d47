// SPDX-License-Identifier: Apache-2.0
// Compares SHA-256, bursts and shifted steps on every path of this machine with the law's digest.
//
// It also runs on emulated ARM, where no Python is. The same bursts stand in
// tests/kernels/c_bursts.py, from which the digest is; tests/kernels/test_burst.py holds them
// equal. Read next: ../burst.h.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../burst.h"
#include "../prf.h"

int test_burst(void);

enum { MAX_LAYERS = 3, SAMPLES = 10, RELATIVES = 3, SEEDS = 8, STEPS = 3, BATCH = 4, SHIFT = 3 };
enum { HEX_BYTES = 2 * SHA256_BYTES + 1 };

// What the law says that all bursts come to.
static const char EXPECTED[] = "f7b84de8f7f993e5ca80a7f9b2c4fff62064a579e7846c7a6412b0abba4968bd";

struct network {
    int32_t layer_count, classes;
    int32_t numbers[MAX_LAYERS * EDGE_TRAINING_NUMBERS];
};

static const struct network NETWORKS[] = {
    {2, 2, {9, 11, 1, 3, 3, 3, 3, 4, 1, 0, 4, 0, 32767, 4,
            3, 4,  3, 3, 4, 2, 1, 1, 0, 0, 9, 0, 32767, 4}},
    {3, 3, {8, 9, 1, 3, 3, 5,     3, 3, 1, 1, 128, 0, 1023, 0, 3, 3, 5, 2, 2, 4,     2,
            2, 0, 0, 6, 0, 32767, 4, 2, 2, 4, 2,   2, 3,    1, 1, 0, 0, 6, 0, 32767, 4}},
    {2, 4, {5, 7, 1,  5, 7, 33, 1, 1, 0, 0, 8, 0, 32767, 4,
            1, 1, 33, 1, 1, 4,  1, 1, 0, 0, 8, 0, 32767, 4}},
};

static const struct edge_burst_rules RULES = {
    .steps = STEPS,
    .batch = BATCH,
    .requirements = 2,
    .mutate_ppm = 200000,
    .cross_ppm = 300000,
    .chances = {1, 1, 1},
};
// Every ticket is below it, but one.
static const uint8_t ALL[SHA256_BYTES] = {
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
};
static const int32_t EXPONENTS[STEPS] = {6, 6, 4};

// A network with all that it is given.
struct material {
    const struct network *network;
    size_t weights, channels;
    uint8_t *images, *relatives;
    int16_t *latents;
    int32_t *biases;
    uint8_t labels[SAMPLES], seeds[SEEDS][EDGE_BURST_SEED_BYTES];
};

static void *take(size_t count, size_t size) {
    void *memory = calloc(count, size);
    if (memory == NULL) {
        fprintf(stderr, "test_burst: no memory\n");
        exit(1);
    }
    return memory;
}

static uint8_t *draw_bytes(struct prf *prf, uint8_t *to, size_t count, uint32_t limit) {
    for (size_t i = 0; i < count; i++)
        to[i] = (uint8_t)prf_below(prf, limit);
    return to;
}

static void prepare(struct material *material, const struct network *network, int number) {
    char message[] = "edge-node/v1/test\0burst ?";
    message[sizeof message - 2] = (char)('0' + number);
    struct prf prf;
    prf_begin(&prf, (const uint8_t *)message, sizeof message - 1);
    *material = (struct material){.network = network};
    const int32_t *row = network->numbers;
    size_t pixels = (size_t)(row[0] * row[1] * row[2]);
    for (int32_t i = 0; i < network->layer_count; i++, row += EDGE_TRAINING_NUMBERS) {
        material->weights += (size_t)(row[2] * row[3] * row[4] * row[5]);
        material->channels += (size_t)row[5];
    }
    material->images = draw_bytes(&prf, take(SAMPLES * pixels, 1), SAMPLES * pixels, 256);
    draw_bytes(&prf, material->labels, SAMPLES, (uint32_t)network->classes);
    material->latents = take(material->weights, sizeof *material->latents);
    material->biases = take(material->channels, sizeof *material->biases);
    for (size_t i = 0; i < material->weights; i++)
        material->latents[i] = (int16_t)((int32_t)prf_below(&prf, 121) - 60);
    for (size_t o = 0; o < material->channels; o++)
        material->biases[o] = (int32_t)prf_below(&prf, 401) - 200;
    size_t bits = RELATIVES * material->weights;
    material->relatives = draw_bytes(&prf, take(bits, 1), bits, 2);
    for (int i = 0; i < SEEDS; i++)
        draw_bytes(&prf, material->seeds[i], EDGE_BURST_SEED_BYTES, 256);
}

static void discard(struct material *material) {
    free(material->images);
    free(material->relatives);
    free(material->latents);
    free(material->biases);
}

// Add all bursts of a network to the digest; return 0 if the path is not there.
static int add_bursts(struct sha256 *digest, const struct material *material, int path) {
    const struct network *network = material->network;
    struct edge_burst *burst = edge_burst_new(path, network->layer_count, network->numbers,
                                              material->images, material->labels, SAMPLES, &RULES);
    if (burst == NULL)
        return 0;
    edge_burst_begin(burst, material->latents, material->biases, EXPONENTS, 1, material->relatives,
                     RELATIVES);
    for (int i = 0; i < SEEDS; i++) {
        struct edge_burst_result result;
        edge_burst_run(burst, material->seeds[i], i % 2 ? ALL : NULL, &result);
        const uint8_t rest[3] = {(uint8_t)result.met, (uint8_t)result.drawn,
                                 (uint8_t)result.partner};
        sha256_add(digest, result.latent_root, sizeof result.latent_root);
        sha256_add(digest, result.ticket, sizeof result.ticket);
        sha256_add(digest, rest, sizeof rest);
    }
    edge_burst_free(burst);
    return 1;
}

// Add what a shifted step leaves; return 0 if the path is not there.
static int add_shifted_step(struct sha256 *digest, const struct material *material, int path) {
    static const int64_t INDICES[BATCH] = {0, 1, 2, 3};
    const struct network *network = material->network;
    struct edge_trainer *trainer = edge_training_new(path, network->layer_count, network->numbers,
                                                     material->images, material->labels);
    if (trainer == NULL)
        return 0;
    int16_t *latents = take(material->weights, sizeof *latents);
    int32_t *biases = take(material->channels, sizeof *biases);
    edge_training_set_state(trainer, material->latents, material->biases);
    edge_training_shift(trainer, INDICES, BATCH, SHIFT);
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

int test_burst(void) {
    int paths = 0, failed = hash_fails();
    if (failed)
        printf("burst: SHA-256 differs\n");
    for (int path = EDGE_SCALAR; path <= EDGE_NEON; path++) {
        if (!edge_path_supported(path))
            continue;
        paths++;
        struct sha256 all;
        sha256_begin(&all);
        for (int i = 0; i < (int)(sizeof NETWORKS / sizeof *NETWORKS); i++) {
            struct material material;
            prepare(&material, &NETWORKS[i], i);
            failed |=
                !add_bursts(&all, &material, path) || !add_shifted_step(&all, &material, path);
            discard(&material);
        }
        uint8_t digest[SHA256_BYTES];
        char hex[HEX_BYTES];
        sha256_end(&all, digest);
        to_hex(digest, hex);
        if (strcmp(hex, EXPECTED) != 0) {
            printf("burst: path %d comes to %s\n", path, hex);
            failed = 1;
        }
    }
    printf("burst: %d paths, results %.16s\n", paths, EXPECTED);
    return failed;
}
