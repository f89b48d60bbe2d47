// SPDX-License-Identifier: Apache-2.0
// The inner loop: sums of up to four positions with up to four vectors of channels.
//
// engine_body.h includes it once for each kind of layer: TILE(name) is bits_name for 1-bit layers,
// pixels_name for the 8-bit one. A path defines for both, before it includes the body:
//   element          type of an element of a patch
//   operand          that element, spread over all lanes
//   vector           an element of the weights for LANES channels, WEIGHT_BYTES each
//   narrow, wide     sums of at most CHUNK elements; sums of all
//   VECTORS          most vectors of channels in one tile: 1, 2 or 4, as registers allow
//   load, spread, step (narrow += vector x operand), fold (wide += narrow), narrow_zero, wide_zero,
//   least (of two sums), above (one bit per lane: sum > limit), store (sums as int32)
// Law of the file: here the engine spends its time; nothing in the loops branches on data.
// Read next: engine_avx512.c, the shortest set of these.

// Add up `count` elements of P positions with C vectors of channels. P and C are constants wherever
// this is inlined, and then the sums stay in registers.
static ENGINE_INLINE void TILE(add_up)(TILE(narrow) sums[ENGINE_TILE][TILE(VECTORS)],
                                       const uint8_t *weights, size_t stride,
                                       const TILE(element) *const *at, const uint32_t *offset,
                                       size_t count, const int P, const int C) {
    for (int p = 0; p < P; p++)
        for (int c = 0; c < C; c++)
            sums[p][c] = TILE(narrow_zero)();
    for (size_t k = 0; k < count; k++) {
        TILE(vector) vectors[TILE(VECTORS)];
        for (int c = 0; c < C; c++)
            vectors[c] = TILE(load)(weights + c * TILE(LANES) * TILE(WEIGHT_BYTES));
        for (int p = 0; p < P; p++) {
            TILE(operand) operand = TILE(spread)(at[p] + offset[k]);
            for (int c = 0; c < C; c++)
                sums[p][c] = TILE(step)(sums[p][c], vectors[c], operand);
        }
        weights += stride;
    }
}

// The same for all elements, in as many chunks as they need.
static ENGINE_INLINE void TILE(sum)(TILE(wide) sums[ENGINE_TILE][TILE(VECTORS)],
                                    const struct engine_layer *layer, const uint8_t *weights,
                                    size_t stride, const TILE(element) *const *at, const int P,
                                    const int C) {
    TILE(narrow) narrow[ENGINE_TILE][TILE(VECTORS)];
    size_t count = layer->elements;
    size_t chunk = count < TILE(CHUNK) ? count : TILE(CHUNK);
    TILE(add_up)(narrow, weights, stride, at, layer->offset, chunk, P, C);
    for (int p = 0; p < P; p++)
        for (int c = 0; c < C; c++)
            sums[p][c] = TILE(fold)(TILE(wide_zero)(), narrow[p][c]);
    for (size_t first = chunk; first < count; first += chunk) {
        if (chunk > count - first)
            chunk = count - first;
        const uint8_t *rest = weights + first * stride;
        TILE(add_up)(narrow, rest, stride, at, layer->offset + first, chunk, P, C);
        for (int p = 0; p < P; p++)
            for (int c = 0; c < C; c++)
                sums[p][c] = TILE(fold)(sums[p][c], narrow[p][c]);
    }
}

// What all tiles of a chunk of positions and of one run of lanes share.
struct TILE(work) {
    const struct engine_layer *layer;
    const TILE(element) * map;
    const uint32_t *position;
    const uint8_t *weights;
    size_t stride;
    const int32_t *limits;
    size_t lane;
    enum engine_result wanted;
};

// Take P positions, from the `first` of the chunk on, through C vectors of channels.
static ENGINE_INLINE void TILE(tile)(const struct TILE(work) * work, size_t first, const int P,
                                     const int C, struct engine_results *results) {
    const TILE(element) * at[ENGINE_TILE];
    TILE(wide) sums[ENGINE_TILE][TILE(VECTORS)];
    uint64_t signs[ENGINE_TILE] = {0};
    for (int p = 0; p < P; p++)
        at[p] = work->map + work->position[first + (size_t)p];
    TILE(sum)(sums, work->layer, work->weights, work->stride, at, P, C);
    for (int c = 0; c < C; c++) {
        size_t lane = (size_t)c * TILE(LANES);
        if (work->wanted == ENGINE_POOLED) {
            // All four exceed the limit iff the least does.
            TILE(wide) least = sums[0][c];
            for (int p = 1; p < P; p++)
                least = TILE(least)(least, sums[p][c]);
            signs[0] |= (uint64_t)TILE(above)(least, work->limits + lane) << lane;
        } else if (work->wanted == ENGINE_SIGNS) {
            for (int p = 0; p < P; p++)
                signs[p] |= (uint64_t)TILE(above)(sums[p][c], work->limits + lane) << lane;
        } else {
            for (int p = 0; p < P; p++)
                TILE(store)(results->sums[first + (size_t)p] + work->lane + lane, sums[p][c]);
        }
    }
    for (int p = 0; p < P; p++) {
        uint64_t *to = results->signs + first + p;
        *to = work->lane == 0 ? signs[p] : *to | signs[p] << work->lane;
    }
}

// Take all positions of a chunk through C vectors of channels.
static ENGINE_INLINE void TILE(lanes)(const struct TILE(work) * work, size_t count, const int C,
                                      struct engine_results *results) {
    size_t p = 0;
    for (; p + ENGINE_TILE <= count; p += ENGINE_TILE)
        TILE(tile)(work, p, ENGINE_TILE, C, results);
    for (; p < count; p++)
        TILE(tile)(work, p, 1, C, results);
}

// Take `count` positions through one group of channels, in the widest tiles that fit.
static void TILE(group)(const struct engine_layer *layer, size_t group, const void *map,
                        const uint32_t *position, size_t count, enum engine_result wanted,
                        struct engine_results *results) {
    size_t lanes = engine_lanes(layer, group);
    size_t first = group * ENGINE_GROUP;
    struct TILE(work) work = {
        .layer = layer,
        .map = map,
        .position = position,
        .weights = layer->weights + first * layer->elements * TILE(WEIGHT_BYTES),
        .stride = lanes * TILE(WEIGHT_BYTES),
        .limits = layer->limits + first,
        .wanted = wanted,
    };
    while (work.lane < lanes) {
        size_t vectors = (lanes - work.lane) / TILE(LANES);
        if (TILE(VECTORS) >= 4 && vectors >= 4) {
            vectors = 4;
            TILE(lanes)(&work, count, TILE(VECTORS) >= 4 ? 4 : 1, results);
        } else if (TILE(VECTORS) >= 2 && vectors >= 2) {
            vectors = 2;
            TILE(lanes)(&work, count, TILE(VECTORS) >= 2 ? 2 : 1, results);
        } else {
            vectors = 1;
            TILE(lanes)(&work, count, 1, results);
        }
        work.lane += vectors * TILE(LANES);
        work.limits += vectors * TILE(LANES);
        work.weights += vectors * TILE(LANES) * TILE(WEIGHT_BYTES);
    }
}
