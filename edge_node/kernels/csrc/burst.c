// SPDX-License-Identifier: Apache-2.0
// What a burst computes; see burst.h.
//
// Law of the file: every draw is made in the order of the law; a trial allocates nothing.
// Read next: training_body.h.
#include "burst.h"

#include "prf.h"
#include "training_layer.h"

#include <stdlib.h>
#include <string.h>

// A tag's domain, with the zero byte that ends it.
#define DOMAIN(tag) "edge-node/v1/" tag

enum { PPM = 1000000, MOST_DOMAIN_BYTES = 48 };

struct edge_burst {
    struct edge_trainer *trainer;
    struct edge_burst_rules rules;
    uint32_t image_count;
    uint32_t weights, channels; // of all layers

    int16_t *start_latents; // [weights]
    int32_t *start_biases;  // [channels]
    int32_t *exponents;     // [T]
    int evolves;
    const uint8_t *relatives;
    uint32_t relative_count;

    int16_t *latents; // [weights], of the trial
    int32_t *biases;  // [channels]
    int64_t *indices; // [T * S]
    int64_t *sums;    // [weights], of gradients
    uint8_t *seen;    // [weights]: what a draw has struck
    uint8_t *taken;   // [channels]: neurons of which a requirement is
};

static void begin_stream(struct prf *prf, const char *domain, size_t domain_bytes,
                         const uint8_t *seed, size_t seed_bytes) {
    uint8_t message[MOST_DOMAIN_BYTES + EDGE_BURST_SEED_BYTES + SHA256_BYTES];
    memcpy(message, domain, domain_bytes);
    memcpy(message + domain_bytes, seed, seed_bytes);
    prf_begin(prf, message, domain_bytes + seed_bytes);
}

static void draw_operator(const struct edge_burst *burst, const uint8_t *seed,
                          struct edge_burst_result *result) {
    static const char TAG[] = DOMAIN("burst-operator");
    const uint32_t *chances = burst->rules.chances;
    struct prf prf;
    result->drawn = BURST_CONTINUE;
    result->partner = 0;
    if (!burst->evolves)
        return;
    begin_stream(&prf, TAG, sizeof TAG, seed, EDGE_BURST_SEED_BYTES);
    uint32_t place = prf_below(&prf, chances[0] + chances[1] + chances[2]);
    if (place < chances[0])
        return;
    if (place < chances[0] + chances[1]) {
        result->drawn = BURST_MUTATE;
        return;
    }
    result->drawn = BURST_CROSS;
    result->partner = prf_below(&prf, burst->relative_count);
}

// Change a latent's sign; 0, which counts as +, becomes -1.
static void turn(int16_t *latent) {
    *latent = (int16_t)(*latent == 0 ? -1 : -*latent);
}

static uint32_t share(uint32_t count, uint32_t ppm) {
    return (uint32_t)((uint64_t)count * ppm / PPM);
}

static void mutate(struct edge_burst *burst, const uint8_t *seed) {
    static const char TAG[] = DOMAIN("burst-mutate");
    struct prf prf;
    begin_stream(&prf, TAG, sizeof TAG, seed, EDGE_BURST_SEED_BYTES);
    memset(burst->seen, 0, burst->weights);
    prf_distinct(&prf, burst->weights, share(burst->weights, burst->rules.mutate_ppm), burst->seen,
                 NULL);
    for (uint32_t w = 0; w < burst->weights; w++)
        if (burst->seen[w])
            turn(&burst->latents[w]);
}

static void cross(struct edge_burst *burst, const uint8_t *seed, const uint8_t *partner) {
    static const char TAG[] = DOMAIN("burst-cross");
    struct prf prf;
    begin_stream(&prf, TAG, sizeof TAG, seed, EDGE_BURST_SEED_BYTES);
    int16_t *latents = burst->latents;
    for (int32_t i = 0; i < burst->trainer->layer_count; i++) {
        const struct training_layer *layer = &burst->trainer->layers[i];
        uint32_t count = (uint32_t)(layer->channels * layer->fan_in);
        memset(burst->seen, 0, count);
        prf_distinct(&prf, count, share(count, burst->rules.cross_ppm), burst->seen, NULL);
        for (uint32_t w = 0; w < count; w++)
            if (burst->seen[w] && partner[w] != (latents[w] < 0))
                turn(&latents[w]);
        latents += count;
        partner += count;
    }
}

static void vary(struct edge_burst *burst, const uint8_t *seed, struct edge_burst_result *result) {
    memcpy(burst->latents, burst->start_latents, burst->weights * sizeof *burst->latents);
    draw_operator(burst, seed, result);
    if (result->drawn == BURST_MUTATE)
        mutate(burst, seed);
    else if (result->drawn == BURST_CROSS)
        cross(burst, seed, burst->relatives + (size_t)result->partner * burst->weights);
}

static void draw_batches(struct edge_burst *burst, const uint8_t *seed) {
    static const char TAG[] = DOMAIN("burst-batches");
    int32_t samples = burst->rules.steps * burst->rules.batch;
    uint8_t stream_seed[SHA256_BYTES];
    struct sha256 hash;
    struct prf prf;
    sha256_begin(&hash);
    sha256_add(&hash, TAG, sizeof TAG);
    sha256_add(&hash, seed, EDGE_BURST_SEED_BYTES);
    sha256_end(&hash, stream_seed);
    prf_begin(&prf, stream_seed, sizeof stream_seed);
    for (int32_t i = 0; i < samples; i++)
        burst->indices[i] = (int64_t)((uint64_t)prf_u32(&prf) * burst->image_count >> 32);
}

static void hash_latents(const struct edge_burst *burst, uint8_t *root) {
    static const char TAG[] = DOMAIN("latents");
    struct sha256 hash;
    sha256_begin(&hash);
    sha256_add(&hash, TAG, sizeof TAG);
    sha256_add(&hash, burst->latents, burst->weights * sizeof *burst->latents);
    sha256_add(&hash, burst->biases, burst->channels * sizeof *burst->biases);
    sha256_end(&hash, root);
}

static void draw_ticket(const uint8_t *seed, struct edge_burst_result *result) {
    static const char TAG[] = DOMAIN("ticket");
    struct sha256 hash;
    sha256_begin(&hash);
    sha256_add(&hash, TAG, sizeof TAG);
    sha256_add(&hash, seed, EDGE_BURST_SEED_BYTES);
    sha256_add(&hash, result->latent_root, sizeof result->latent_root);
    sha256_end(&hash, result->ticket);
}

// The neuron of a weight, counted over all layers.
static uint32_t neuron_of(const struct edge_trainer *trainer, uint32_t weight) {
    const struct training_layer *layer = trainer->layers;
    uint32_t first = 0;
    for (; weight >= (uint32_t)(layer->channels * layer->fan_in); layer++) {
        weight -= (uint32_t)(layer->channels * layer->fan_in);
        first += (uint32_t)layer->channels;
    }
    return first + weight / (uint32_t)layer->fan_in;
}

// Return 1 if every weight that the result's hash names has moved the way that it says.
static int requirements_met(struct edge_burst *burst, const uint8_t *seed, const uint8_t *root) {
    static const char TAG[] = DOMAIN("burst-requirements");
    uint8_t both[EDGE_BURST_SEED_BYTES + SHA256_BYTES];
    struct prf prf;
    memcpy(both, seed, EDGE_BURST_SEED_BYTES);
    memcpy(both + EDGE_BURST_SEED_BYTES, root, SHA256_BYTES);
    begin_stream(&prf, TAG, sizeof TAG, both, sizeof both);
    memset(burst->taken, 0, burst->channels);
    for (int32_t drawn = 0; drawn < burst->rules.requirements;) {
        uint32_t number = prf_below(&prf, 2 * burst->weights), weight = number / 2;
        uint8_t *taken = &burst->taken[neuron_of(burst->trainer, weight)];
        if (*taken)
            continue;
        *taken = 1;
        drawn++;
        if (number % 2 ? burst->sums[weight] >= 0 : burst->sums[weight] <= 0)
            return 0;
    }
    return 1;
}

static int take_memory(struct edge_burst *burst) {
    size_t weights = burst->weights, channels = burst->channels;
    size_t samples = (size_t)burst->rules.steps * (size_t)burst->rules.batch;
    burst->start_latents = calloc(weights, sizeof *burst->start_latents);
    burst->start_biases = calloc(channels, sizeof *burst->start_biases);
    burst->exponents = calloc((size_t)burst->rules.steps + 1, sizeof *burst->exponents);
    burst->latents = calloc(weights, sizeof *burst->latents);
    burst->biases = calloc(channels, sizeof *burst->biases);
    burst->indices = calloc(samples + 1, sizeof *burst->indices);
    burst->sums = calloc(weights, sizeof *burst->sums);
    burst->seen = calloc(weights, sizeof *burst->seen);
    burst->taken = calloc(channels, sizeof *burst->taken);
    return burst->start_latents && burst->start_biases && burst->exponents && burst->latents &&
           burst->biases && burst->indices && burst->sums && burst->seen && burst->taken;
}

struct edge_burst *edge_burst_new(int path, int32_t layer_count, const int32_t *numbers,
                                  const uint8_t *images, const uint8_t *labels,
                                  uint32_t image_count, const struct edge_burst_rules *rules) {
    struct edge_burst *burst = calloc(1, sizeof *burst);
    if (!burst)
        return NULL;
    burst->rules = *rules;
    burst->image_count = image_count;
    burst->trainer = edge_training_new(path, layer_count, numbers, images, labels);
    for (int32_t i = 0; burst->trainer && i < layer_count; i++) {
        const struct training_layer *layer = &burst->trainer->layers[i];
        burst->weights += (uint32_t)(layer->channels * layer->fan_in);
        burst->channels += (uint32_t)layer->channels;
    }
    if (!burst->trainer || !take_memory(burst)) {
        edge_burst_free(burst);
        return NULL;
    }
    return burst;
}

void edge_burst_free(struct edge_burst *burst) {
    edge_training_free(burst->trainer);
    free(burst->start_latents);
    free(burst->start_biases);
    free(burst->exponents);
    free(burst->latents);
    free(burst->biases);
    free(burst->indices);
    free(burst->sums);
    free(burst->seen);
    free(burst->taken);
    free(burst);
}

void edge_burst_begin(struct edge_burst *burst, const int16_t *latents, const int32_t *biases,
                      const int32_t *exponents, int evolves, const uint8_t *relatives,
                      uint32_t relative_count) {
    memcpy(burst->start_latents, latents, burst->weights * sizeof *latents);
    memcpy(burst->start_biases, biases, burst->channels * sizeof *biases);
    memcpy(burst->exponents, exponents, (size_t)burst->rules.steps * sizeof *exponents);
    burst->evolves = evolves;
    burst->relatives = relatives;
    burst->relative_count = relative_count;
}

static void train(struct edge_burst *burst, const uint8_t *seed, int summed,
                  struct edge_burst_result *result) {
    vary(burst, seed, result);
    edge_training_set_state(burst->trainer, burst->latents, burst->start_biases);
    if (summed)
        memset(burst->sums, 0, burst->weights * sizeof *burst->sums);
    edge_training_sum_gradients(burst->trainer, summed ? burst->sums : NULL);
    int64_t samples = (int64_t)burst->rules.steps * burst->rules.batch;
    edge_training_run(burst->trainer, burst->indices, samples, burst->rules.batch,
                      burst->exponents);
    edge_training_get_state(burst->trainer, burst->latents, burst->biases);
}

void edge_burst_run(struct edge_burst *burst, const uint8_t *seed, const uint8_t *below,
                    struct edge_burst_result *result) {
    draw_batches(burst, seed);
    train(burst, seed, below == NULL, result);
    hash_latents(burst, result->latent_root);
    draw_ticket(seed, result);
    result->met = 0;
    if (below != NULL && memcmp(result->ticket, below, SHA256_BYTES) >= 0)
        return;
    if (below != NULL)
        train(burst, seed, 1, result);
    result->met = requirements_met(burst, seed, result->latent_root);
}

void edge_burst_latents(const struct edge_burst *burst, uint8_t *packed) {
    size_t latent_bytes = burst->weights * sizeof *burst->latents;
    memcpy(packed, burst->latents, latent_bytes);
    memcpy(packed + latent_bytes, burst->biases, burst->channels * sizeof *burst->biases);
}
