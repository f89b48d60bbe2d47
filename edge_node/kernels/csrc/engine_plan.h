// SPDX-License-Identifier: Apache-2.0
// What the engine knows of a prepared model: every size, offset and weight, laid out for one path.
//
// A layer is read as patches. A patch is `elements` pieces of the input map, found at
// `position + offset[k]`; the weights lie as [k][channel], so that one piece meets many channels
// in one step. A map is laid out as its reader wants it:
//   ENGINE_PIXELS  bytes of the image; an element is `taps` of them.
//   ENGINE_WORDS   elements of `element_bits` channels, the last of a place filled up with nothing;
//                  patches are read in place.
//   ENGINE_BITS    a string of bits without gaps, where filling up would cost too much; patches
//                  are assembled before use.
// In all of them a channel gives -1 iff its sum exceeds its limit: mismatches and threshold in a
// 1-bit layer; in an 8-bit layer the sum of -weight x pixel, and a limit made from the threshold.
// Law of the file: all sizes come from the architecture; the image loop reads, it decides nothing.
// Read next: engine_plan.c (how it is made), engine_body.h (how it is used).
#ifndef EDGE_ENGINE_PLAN_H
#define EDGE_ENGINE_PLAN_H

#include "engine.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "The engine reads words of bits from bytes: little-endian machines only."
#endif

enum {
    ENGINE_GROUP = 64, // output channels whose signs make one word
    ENGINE_TILE = 4,   // positions that share one load of the weights; the four places of a pool
    ENGINE_CHUNK = 64, // positions whose patches are assembled before the channels are visited
    ENGINE_BATCH = 16, // images that go through a layer together, at most
    ENGINE_SLACK = 16, // bytes that may be read or written behind a map
};

enum engine_layout { ENGINE_PIXELS, ENGINE_WORDS, ENGINE_BITS };

// Sizes, strides and offsets of a map count its layout's unit: bytes, elements or bits.
struct engine_layer {
    enum engine_layout layout; // of the input map
    int pool;
    size_t fan_in;
    size_t channels;
    size_t pad, map_columns; // of the input map, whose rows and columns include the padding
    size_t pixel;            // units of one place of the map
    size_t map_units;        // units from one image's map to the next
    size_t map_bytes;        // the same in bytes
    size_t map_at;           // bytes into the scratch memory: a batch of these maps
    size_t positions;        // places of the convolution that count, per image
    uint32_t *position;      // [batch * positions] where a patch begins; four in a row are a pool
    size_t lanes;            // channels are rounded up to a multiple of it
    size_t string;           // weights that are cut into elements as one string,
    size_t element_weights;  // so many each, the last of a string filled up with nothing
    size_t elements;         // of a patch
    uint32_t *offset;        // [elements] from the patch's begin, or 0, 1, 2.. once assembled
    size_t runs;             // a patch is so many unbroken runs of the map,
    size_t run_weights;      // each for so many weights,
    size_t run_stride;       // so many units apart
    size_t patch;            // ENGINE_BITS: elements from one assembled patch to the next
    uint8_t *weights;        // [group][element][lane]
    int32_t *limits;         // [lane], INT32_MAX where there is no channel; last layer: the bias
    uint32_t *output;        // [batch * output places] where its signs go in the next map
};

struct edge_engine;

// How one path wants its data, and its image loop.
struct engine_path {
    size_t element_bits; // channels in an element of a 1-bit map: 32, or 4 for a table look-up
    size_t bit_lanes;    // channels of a 1-bit layer are rounded up to a multiple;
    size_t pixel_lanes;  // those of an 8-bit layer. Both divide ENGINE_GROUP.
    size_t gather_steps; // time to assemble 32 bits of a patch, in steps of the inner loop
    size_t taps;         // 4: int8 weights, -1, 0 or 1, four bytes of the image at once.
                         // 1: int32 masks, one byte at once (see engine_scalar.c)
    uint8_t pixel_flip;  // 0x80: pixels are turned into int8, value - 128; 0: they stay uint8
    void (*run)(const struct edge_engine *engine, uint8_t *scratch, const uint8_t *images,
                size_t count, int32_t *logits);
};

struct edge_engine {
    const struct engine_path *path;
    size_t layer_count;
    struct engine_layer *layers;
    size_t image_bytes;
    size_t channels; // of an image
    size_t classes;
    size_t batch;         // images for one call of path->run
    size_t patches_at;    // bytes into the scratch memory: assembled patches,
    size_t logits_at;     // logits of one batch
    size_t scratch_bytes; // and all of it; the maps stand first
};

// Return the path, or NULL where it is not compiled in.
const struct engine_path *engine_path_scalar(void);
const struct engine_path *engine_path_avx2(void);
const struct engine_path *engine_path_avx512(void);
const struct engine_path *engine_path_neon(void);

struct edge_engine *engine_plan(const struct engine_path *path, const int32_t *shape,
                                const uint32_t *weights, const int32_t *thresholds);

void engine_plan_free(struct edge_engine *engine);

// Return the lanes of a group: its channels, rounded up.
static inline size_t engine_lanes(const struct engine_layer *layer, size_t group) {
    size_t rest = layer->channels - ENGINE_GROUP * group;
    if (rest >= ENGINE_GROUP)
        return ENGINE_GROUP;
    return (rest + layer->lanes - 1) / layer->lanes * layer->lanes;
}

#endif
