// SPDX-License-Identifier: Apache-2.0
// Hill climbing by recipe: the miner's inner loop.
//
// A climber holds a model and its activations for a whole image set. A candidate differs from the
// model in one channel, so only that channel and the layers behind it are evaluated, block by
// block, and the candidate is dropped once it lies too far behind. It is kept if it classifies no
// fewer images than the model: then every image was evaluated. Which candidates are kept does not
// depend on the path.
// Law of the file: racing only ever rejects; the counts are those of spec/evaluation.py.
// Read next: climb.c.
#ifndef EDGE_CLIMB_H
#define EDGE_CLIMB_H

#include "bitslice.h"

enum {
    // Racing compares after so many images, on every path.
    CLIMB_RACE_IMAGES = 256,
    // A candidate whose nonce leaves this remainder moves a threshold; others flip weights.
    CLIMB_KINDS = 8,
    CLIMB_THRESHOLD_REMAINDER = 7,
};

struct edge_climber;

// What edge_climber_try did.
struct edge_climb_report {
    int64_t tried;    // candidates
    int64_t accepted; // of them
    int64_t nonce;    // the next nonce to try; beyond 2^32 - 1 there is none left
    int64_t correct;  // images that the model classifies correctly
};

// Begin at a model. `images` must outlive the climber; labels[count] and seed[96] (network, base
// block, miner) are copied. Returns NULL if there is no memory.
EDGE_EXPORT struct edge_climber *edge_climber_new(const struct edge_images *images,
                                                  const uint8_t *labels, const int32_t *shape,
                                                  const uint8_t *weights, const int32_t *thresholds,
                                                  const uint8_t *seed, uint32_t mutate_ppm,
                                                  int64_t margin);

EDGE_EXPORT void edge_climber_free(struct edge_climber *climber);

// Try up to `candidates` as step `index` of a recipe and those after it, from `nonce` on; after an
// accepted step the nonces begin at 0. Stop when `most` steps were accepted. kinds[most] and
// nonces[most] get them. Returns 0, or -1 if there is no memory: then the climber is only good to
// be freed.
EDGE_EXPORT int edge_climber_try(struct edge_climber *climber, uint32_t index, int64_t nonce,
                                 int64_t candidates, int64_t most, uint8_t *kinds, uint32_t *nonces,
                                 struct edge_climb_report *report);

// Write the model.
EDGE_EXPORT void edge_climber_model(const struct edge_climber *climber, uint8_t *weights,
                                    int32_t *thresholds);

// Go on from another model of the same architecture. Returns 0, or -1 as edge_climber_try.
EDGE_EXPORT int edge_climber_move(struct edge_climber *climber, const uint8_t *weights,
                                  const int32_t *thresholds);

// Return how many images the model classifies correctly.
EDGE_EXPORT int64_t edge_climber_correct(const struct edge_climber *climber);

#endif
