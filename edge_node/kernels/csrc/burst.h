// SPDX-License-Identifier: Apache-2.0
// A whole burst from its seed: one trial of the lottery (rules ).
//
// Twin of spec/burst.py. A burst object holds the head of a family, a trainer of its own and
// all memory that a trial needs; objects share nothing that changes, so each may have its thread.
// Law of the file: equal to the law in every bit, on every path of training.
// Read next: burst.c.
#ifndef EDGE_BURST_H
#define EDGE_BURST_H

#include "sha256.h"
#include "training.h"

enum { EDGE_BURST_SEED_BYTES = 32 };

enum edge_burst_operator { BURST_CONTINUE = 0, BURST_MUTATE = 1, BURST_CROSS = 2 };

// What a network fixes: BurstRules without architecture and schedule.
struct edge_burst_rules {
    int32_t steps, batch; // T and S
    int32_t requirements; // k, at most one for each channel
    uint32_t mutate_ppm;  // of all weights
    uint32_t cross_ppm;   // of each layer's
    uint32_t chances[3];  // of each operator, to each other
};

// What a seed comes to.
struct edge_burst_result {
    uint8_t latent_root[SHA256_BYTES];
    uint8_t ticket[SHA256_BYTES];
    int32_t met;      // every requirement is; 0 where nobody looked
    int32_t drawn;    // enum edge_burst_operator
    uint32_t partner; // for BURST_CROSS: index among the relatives
};

struct edge_burst;

// Return a burst object; or NULL if memory is short or the processor does not run the path.
//
// path, layer_count, numbers, images, labels: as edge_training_new takes them. image_count: N, 1 or
// more. rules: of a batch that check_trainable admits.
EDGE_EXPORT struct edge_burst *edge_burst_new(int path, int32_t layer_count, const int32_t *numbers,
                                              const uint8_t *images, const uint8_t *labels,
                                              uint32_t image_count,
                                              const struct edge_burst_rules *rules);

EDGE_EXPORT void edge_burst_free(struct edge_burst *burst);

// Take another start for the trials that follow.
//
// latents, biases: the head's, as LatentState orders them. exponents: u of each of the T steps,
// 0..23. evolves: other operators than BURST_CONTINUE are drawn. relatives:
// [relative_count][weights], 1 where a weight is -1; they are not copied. One at least, if
// BURST_CROSS can be drawn.
EDGE_EXPORT void edge_burst_begin(struct edge_burst *burst, const int16_t *latents,
                                  const int32_t *biases, const int32_t *exponents, int evolves,
                                  const uint8_t *relatives, uint32_t relative_count);

// Run the burst of a seed of EDGE_BURST_SEED_BYTES.
//
// below: SHA256_BYTES, big-endian, or NULL. A ticket that is not below it has lost whatever else is
// met, so nobody looks. One that is below runs again, to sum the gradients: losers, nearly all
// there are, need not.
EDGE_EXPORT void edge_burst_run(struct edge_burst *burst, const uint8_t *seed, const uint8_t *below,
                                struct edge_burst_result *result);

// Write the latents, then the biases of the last trial, as LatentState.packed() does.
EDGE_EXPORT void edge_burst_latents(const struct edge_burst *burst, uint8_t *packed);

#endif
