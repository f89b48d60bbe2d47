// SPDX-License-Identifier: Apache-2.0
// The image loop, the same on every path; see engine_plan.h for the terms.
//
// Included by engine_<path>.c behind the vector operations that engine_tile.h names and
//   bits_element, BITS_ELEMENT_BITS    element of a 1-bit map: uint32_t and 32, or uint8_t and 4
// A batch of images goes through one layer after the other. Each layer takes its positions, of all
// images of the batch, in chunks; a chunk visits the groups of channels one by one, so that a
// group's weights stay in the level-1 cache; four positions at a time share each load of them.
// Law of the file: no allocation, no size of its own.
// Read next: engine_tile.h.
#include <string.h>

#include "engine_plan.h"

#define ENGINE_INLINE inline __attribute__((always_inline))

// What a layer wants of its sums.
enum engine_result { ENGINE_POOLED, ENGINE_SIGNS, ENGINE_SUMS };

// What became of a chunk of positions and one group of channels.
struct engine_results {
    uint64_t signs[ENGINE_CHUNK]; // bit = 1: the channel is -1; if pooled, every fourth word counts
    int32_t sums[ENGINE_CHUNK][ENGINE_GROUP];
};

#define TILE(name) bits_##name
#include "engine_tile.h"
#undef TILE
#define TILE(name) pixels_##name
#include "engine_tile.h"
#undef TILE

// OR bits into a string of bits.
static void put_bits(uint8_t *map, size_t at, uint64_t bits) {
    uint64_t word;
    uint8_t *place = map + at / 8;
    unsigned shift = at % 8;
    memcpy(&word, place, sizeof word);
    word |= bits << shift;
    memcpy(place, &word, sizeof word);
    if (shift != 0)
        place[sizeof word] |= (uint8_t)(bits >> (64 - shift));
}

// Write 32 signs as elements.
static ENGINE_INLINE void put_elements(bits_element *place, uint32_t signs) {
    if (sizeof *place == sizeof signs) {
        memcpy(place, &signs, sizeof signs);
        return;
    }
    // A nibble becomes sixteen times its value: the offset of its table, see engine_avx2.c.
    uint64_t spread = signs;
    spread = (spread | spread << 16) & 0x0000FFFF0000FFFF;
    spread = (spread | spread << 8) & 0x00FF00FF00FF00FF;
    spread = (spread | spread << 4) & 0x0F0F0F0F0F0F0F0F;
    spread <<= 4;
    memcpy(place, &spread, sizeof spread);
}

// Write the signs of one place and one group of channels where the next layer reads them.
static void put_signs(const struct engine_layer *reader, uint8_t *maps, size_t place, size_t group,
                      size_t channels, uint64_t signs) {
    if (reader->layout == ENGINE_BITS) {
        put_bits(maps, place + group * ENGINE_GROUP, signs);
        return;
    }
    size_t half = 32 / BITS_ELEMENT_BITS;
    bits_element *target = (bits_element *)maps + place + 2 * half * group;
    put_elements(target, (uint32_t)signs);
    if (channels > group * ENGINE_GROUP + 32)
        put_elements(target + half, (uint32_t)(signs >> 32));
}

// Assemble a patch from a string of bits. (Inlined, it would run out of registers.)
static __attribute__((noinline)) void gather(const struct engine_layer *layer, const uint8_t *map,
                                             size_t at, bits_element *patch) {
    const size_t weights = layer->run_weights;
    uint64_t pending = 0;
    unsigned filled = 0;
    for (size_t run = layer->runs; run > 0; run--, at += layer->run_stride) {
        for (size_t done = 0; done < weights; done += 32) {
            uint64_t word;
            memcpy(&word, map + (at + done) / 8, sizeof word);
            unsigned bits = weights - done < 32 ? (unsigned)(weights - done) : 32;
            pending |= (word >> (at + done) % 8 & UINT64_MAX >> (64 - bits)) << filled;
            filled += bits;
            if (filled >= 32) {
                put_elements(patch, (uint32_t)pending);
                patch += 32 / BITS_ELEMENT_BITS;
                pending >>= 32;
                filled -= 32;
            }
        }
    }
    if (filled > 0)
        put_elements(patch, (uint32_t)pending);
}

// Turn up to 64 pixels into bits: 1 for those below 128.
static uint64_t binarize(const uint8_t *pixels, size_t count) {
    uint64_t bits = 0;
    size_t i = 0;
    for (; i + 8 <= count; i += 8) {
        uint64_t eight;
        memcpy(&eight, pixels + i, sizeof eight);
        // The multiplication collects the lowest bits of the bytes in the highest byte.
        bits |= ((~eight >> 7 & 0x0101010101010101) * 0x0102040810204080 >> 56) << i;
    }
    for (; i < count; i++)
        bits |= (uint64_t)(pixels[i] < 128) << i;
    return bits;
}

// Write a row of pixels, `places` of them with all their channels, as a 1-bit map.
static void put_row(const struct engine_layer *layer, const uint8_t *pixels, size_t places,
                    size_t channels, uint8_t *map, size_t at) {
    if (layer->layout == ENGINE_BITS) {
        size_t count = places * channels;
        for (size_t i = 0; i < count; i += 64)
            put_bits(map, at + i, binarize(pixels + i, count - i < 64 ? count - i : 64));
        return;
    }
    for (size_t place = 0; place < places; place++, pixels += channels, at += layer->pixel)
        for (size_t c = 0; c < channels; c += 32)
            put_elements((bits_element *)map + at + c / BITS_ELEMENT_BITS,
                         (uint32_t)binarize(pixels + c, channels - c < 32 ? channels - c : 32));
}

static void read_image(const struct edge_engine *engine, const uint8_t *image, uint8_t *map) {
    const struct engine_layer *layer = engine->layers;
    if (layer->layout == ENGINE_PIXELS) {
        for (size_t i = 0; i < engine->image_bytes; i++)
            map[i] = image[i] ^ PIXEL_FLIP;
        return;
    }
    size_t stride = layer->map_columns * layer->pixel;
    size_t at = layer->pad * (stride + layer->pixel);
    size_t columns = layer->map_columns - 2 * layer->pad;
    size_t row = columns * engine->channels;
    for (size_t done = 0; done < engine->image_bytes; done += row, at += stride)
        put_row(layer, image + done, columns, engine->channels, map, at);
}

// What a layer works on.
struct engine_stage {
    const struct engine_layer *layer;
    const struct engine_layer *reader; // the next layer, or NULL
    const uint8_t *in;                 // maps of the batch
    uint8_t *out;                      // maps of the next layer, or
    int32_t *logits;                   // logits of the batch
    bits_element *patches;
};

static void put_logits(const struct engine_stage *stage, size_t image, size_t group,
                       const int32_t *sums) {
    const struct engine_layer *layer = stage->layer;
    size_t end = layer->channels - group * ENGINE_GROUP;
    if (end > ENGINE_GROUP)
        end = ENGINE_GROUP;
    const int32_t *bias = layer->limits + group * ENGINE_GROUP;
    int32_t *logits = stage->logits + image * layer->channels + group * ENGINE_GROUP;
    for (size_t i = 0; i < end; i++)
        logits[i] = (int32_t)layer->fan_in - 2 * sums[i] + bias[i];
}

// Take `count` positions through all channels; the first is `first` of the batch's.
static void run_chunk(const struct engine_stage *stage, size_t first, size_t count, const void *map,
                      const uint32_t *position) {
    const struct engine_layer *layer = stage->layer;
    enum engine_result wanted =
        stage->reader == NULL ? ENGINE_SUMS : (layer->pool ? ENGINE_POOLED : ENGINE_SIGNS);
    size_t step = layer->pool ? ENGINE_TILE : 1;
    struct engine_results results;
    for (size_t group = 0; group * ENGINE_GROUP < layer->channels; group++) {
        if (layer->layout == ENGINE_PIXELS)
            pixels_group(layer, group, map, position, count, wanted, &results);
        else
            bits_group(layer, group, map, position, count, wanted, &results);
        if (wanted == ENGINE_SUMS) {
            for (size_t i = 0; i < count; i++)
                put_logits(stage, first + i, group, results.sums[i]);
            continue;
        }
        const uint32_t *output = layer->output + first / step;
        for (size_t i = 0; i < count; i += step)
            put_signs(stage->reader, stage->out, *output++, group, layer->channels,
                      results.signs[i]);
    }
}

// Take the maps of `images` images through one layer.
static void run_layer(const struct engine_stage *stage, size_t images) {
    const struct engine_layer *layer = stage->layer;
    size_t total = images * layer->positions;
    uint32_t patch[ENGINE_CHUNK];
    for (size_t i = 0; i < ENGINE_CHUNK; i++)
        patch[i] = (uint32_t)(i * layer->patch);
    for (size_t first = 0; first < total; first += ENGINE_CHUNK) {
        size_t count = total - first < ENGINE_CHUNK ? total - first : ENGINE_CHUNK;
        const uint32_t *position = layer->position + first;
        if (layer->layout != ENGINE_BITS) {
            run_chunk(stage, first, count, stage->in, position);
            continue;
        }
        for (size_t i = 0; i < count; i++)
            gather(layer, stage->in, position[i], stage->patches + patch[i]);
        run_chunk(stage, first, count, stage->patches, patch);
    }
}

static void run(const struct edge_engine *engine, uint8_t *scratch, const uint8_t *images,
                size_t count, int32_t *logits) {
    const struct engine_layer *layers = engine->layers;
    // Strings of bits are written with OR. The padding of the other maps is never written at all.
    for (size_t i = 0; i < engine->layer_count; i++)
        if (layers[i].layout == ENGINE_BITS)
            memset(scratch + layers[i].map_at, 0, count * layers[i].map_bytes);
    for (size_t i = 0; i < count; i++)
        read_image(engine, images + i * engine->image_bytes,
                   scratch + layers[0].map_at + i * layers[0].map_bytes);
    for (size_t i = 0; i < engine->layer_count; i++) {
        int last = i + 1 == engine->layer_count;
        struct engine_stage stage = {
            .layer = layers + i,
            .reader = last ? NULL : layers + i + 1,
            .in = scratch + layers[i].map_at,
            .out = last ? NULL : scratch + layers[i + 1].map_at,
            .logits = logits,
            .patches = (bits_element *)(scratch + engine->patches_at),
        };
        run_layer(&stage, count);
    }
}
