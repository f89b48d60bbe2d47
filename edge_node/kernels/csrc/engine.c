// SPDX-License-Identifier: Apache-2.0
// The engine's door: choice of path, scratch memory, argmax; see engine.h.
//
// Read next: engine_plan.c, then engine_body.h.
#include "engine.h"

#include <stdlib.h>

#include "engine_plan.h"

static const struct engine_path *find_path(int path) {
    if (!edge_path_supported(path))
        return NULL;
    switch (path) {
    case EDGE_SCALAR:
        return engine_path_scalar();
#if defined(__x86_64__)
    case EDGE_AVX2:
        return engine_path_avx2();
    case EDGE_AVX512:
        return engine_path_avx512();
#elif defined(__aarch64__) || defined(__arm__)
    case EDGE_NEON:
        return engine_path_neon();
#endif
    default:
        return NULL;
    }
}

void *edge_engine_create(int path, const int32_t *shape, const uint32_t *weights,
                         const int32_t *thresholds) {
    const struct engine_path *found = find_path(path);
    return found == NULL ? NULL : engine_plan(found, shape, weights, thresholds);
}

void edge_engine_free(void *engine) {
    engine_plan_free(engine);
}

int edge_engine_logits(const void *handle, const uint8_t *images, size_t count, int32_t *logits) {
    const struct edge_engine *engine = handle;
    uint8_t *scratch = calloc(1, engine->scratch_bytes);
    if (scratch == NULL)
        return -1;
    for (size_t first = 0; first < count; first += engine->batch) {
        size_t batch = count - first < engine->batch ? count - first : engine->batch;
        engine->path->run(engine, scratch, images + first * engine->image_bytes, batch,
                          logits + first * engine->classes);
    }
    free(scratch);
    return 0;
}

static size_t classify(const int32_t *logits, size_t classes) {
    size_t best = 0;
    for (size_t c = 1; c < classes; c++)
        if (logits[c] > logits[best])
            best = c;
    return best;
}

int64_t edge_engine_count_correct(const void *handle, const uint8_t *images, const uint8_t *labels,
                                  size_t count) {
    const struct edge_engine *engine = handle;
    uint8_t *scratch = calloc(1, engine->scratch_bytes);
    if (scratch == NULL)
        return -1;
    int32_t *logits = (int32_t *)(scratch + engine->logits_at);
    int64_t correct = 0;
    for (size_t first = 0; first < count; first += engine->batch) {
        size_t batch = count - first < engine->batch ? count - first : engine->batch;
        engine->path->run(engine, scratch, images + first * engine->image_bytes, batch, logits);
        for (size_t i = 0; i < batch; i++)
            correct += classify(logits + i * engine->classes, engine->classes) == labels[first + i];
    }
    free(scratch);
    return correct;
}
