// SPDX-License-Identifier: Apache-2.0
// Models on a device: the canonical blob, checked by the law and parsed where it lies.
//
// Rules, the same as edge_node.spec.model. The weights stay in the blob: it is moved by
// up to three bytes so that they begin at a word, and the thresholds are written behind it.
// Law of the file: whatever the bytes are, the verdict is the law's, and no byte outside is
// touched. Read next: infer.h.
#ifndef EDGE_MODEL_H
#define EDGE_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MODEL_MAX_LAYERS = 16,
    MODEL_MAX_CHANNELS = 1024,
    MODEL_MAX_SIDE = 64,
    MODEL_MAX_KERNEL = 64,
    MODEL_MAX_FAN_IN = 16384,
    MODEL_MAX_CLASSES = 256,
    MODEL_MAX_WEIGHTS = 1 << 22,
    MODEL_MAX_MACS = 1 << 28,
    MODEL_MAX_BIAS = 1 << 15,
    MODEL_MAX_ITEMS = 20000,
    MODEL_VERSION = 1
};

// Why a model is refused: the number of the rule, or a limit of the device.
enum model_verdict {
    MODEL_ACCEPTED = 0,
    MODEL_NOT_ENCODED = 2,     // not the canonical encoding of a value
    MODEL_GENOME_FORM = 3,     // the genome has another form
    MODEL_SHAPE_RANGE = 4,     // a size is zero, too large or does not fit its map
    MODEL_BLOB_FORM = 5,       // parts that are missing, too many or of another length
    MODEL_THRESHOLD_RANGE = 6, // a threshold that could never decide
    MODEL_NO_ROOM = 100,       // its thresholds do not fit behind it
    MODEL_NO_WORK = 101        // its maps do not fit into the working memory
};

struct model_layer {
    const uint32_t *weights;   // channel c begins at bit c * fan_in, little-endian words
    const int32_t *thresholds; // one for each channel
    uint16_t in_channels, channels;
    uint16_t fan_in; // weights of a channel
    uint8_t in_height, in_width;
    uint8_t kernel_height, kernel_width, pad;
    uint8_t conv_height, conv_width; // before pooling
    uint8_t out_height, out_width;
    bool pool;
    bool eight_bit; // the input is pixel - 128; otherwise bits, 1 means -1
};

struct model {
    struct model_layer layers[MODEL_MAX_LAYERS];
    uint32_t layer_count; // 0: no model
    uint32_t image_bytes;
    uint32_t work_words; // working memory for one image
};

// Check the blob in memory[0..blob_bytes) and make `model` of it; on refusal `model` has no layers
// and the memory is as it was or, for NO_ROOM and NO_WORK and after, moved.
enum model_verdict model_parse(struct model *model, uint32_t *memory, size_t memory_bytes,
                               size_t blob_bytes, uint32_t work_words);

// A word of the weights as this machine's.
static inline uint32_t model_word(uint32_t little_endian) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return little_endian;
#else
    return __builtin_bswap32(little_endian);
#endif
}

static inline uint32_t model_classes(const struct model *model) {
    return model->layers[model->layer_count - 1].channels;
}

// Words of 32 bits that hold so many bits.
static inline uint32_t model_words(uint32_t bits) {
    return (bits + 31) / 32;
}

#endif
