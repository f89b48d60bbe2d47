// SPDX-License-Identifier: Apache-2.0
// Checking and parsing the canonical blob of a model; see model.h.
//
// Law of the file: rules are checked in the order of edge_node.spec.model, so that a blob which
// breaks two is refused for the same one.
// Read next: infer.c.
#include "model.h"

#include <string.h>

#include "cbor.h"

enum { KIND_CONV, KIND_DENSE, FLAG_SAME = 1, FLAG_POOL = 2, BEYOND = UINT16_MAX };

// What the genome says, numbers out of any range as BEYOND.
struct gene {
    uint16_t channels, kernel;
    uint8_t kind, flags;
};

struct genome {
    uint16_t height, width, channels, bits;
    uint32_t layers;
    struct gene genes[MODEL_MAX_LAYERS];
};

static bool in_range(uint32_t value, uint32_t most) {
    return value >= 1 && value <= most;
}

// Pass over one value of an encoding that is known to be canonical.
static struct cbor_item skip(struct cbor_reader *reader) {
    struct cbor_item first = {CBOR_UNSIGNED, 0, NULL};
    struct cbor_item item;
    uint64_t left = 1;
    for (bool outer = true; left > 0 && cbor_next(reader, &item); outer = false) {
        if (outer)
            first = item;
        left--;
        if (item.kind == CBOR_ARRAY || item.kind == CBOR_MAP)
            left += item.argument << (item.kind == CBOR_MAP); // a key is an integer too
    }
    return first;
}

static bool read_number(struct cbor_reader *reader, uint16_t *number) {
    struct cbor_item item;
    if (!cbor_next(reader, &item) || item.kind > CBOR_NEGATIVE)
        return false;
    bool beyond = item.kind == CBOR_NEGATIVE || item.argument > BEYOND;
    *number = beyond ? BEYOND : (uint16_t)item.argument;
    return true;
}

static bool read_array(struct cbor_reader *reader, uint64_t *count) {
    struct cbor_item item;
    if (!cbor_next(reader, &item) || item.kind != CBOR_ARRAY)
        return false;
    *count = item.argument;
    return true;
}

static bool read_gene(struct cbor_reader *reader, struct gene *gene) {
    uint64_t count;
    uint16_t kind;
    uint16_t flags = 0;
    gene->kernel = 0;
    if (!read_array(reader, &count) || (count != 2 && count != 4) || !read_number(reader, &kind) ||
        kind != (count == 2 ? KIND_DENSE : KIND_CONV) || !read_number(reader, &gene->channels))
        return false;
    if (kind == KIND_CONV && (!read_number(reader, &gene->kernel) || !read_number(reader, &flags) ||
                              flags > (FLAG_SAME | FLAG_POOL)))
        return false;
    gene->kind = (uint8_t)kind;
    gene->flags = (uint8_t)flags;
    return true;
}

static enum model_verdict read_genome(struct cbor_reader *reader, struct genome *genome) {
    uint64_t count;
    if (!read_array(reader, &count) || count != 5 || !read_number(reader, &genome->height) ||
        !read_number(reader, &genome->width) || !read_number(reader, &genome->channels) ||
        !read_number(reader, &genome->bits) || !read_array(reader, &count))
        return MODEL_GENOME_FORM;
    if (count < 1 || count > MODEL_MAX_LAYERS)
        return MODEL_SHAPE_RANGE;
    genome->layers = (uint32_t)count;
    for (uint32_t i = 0; i < genome->layers; i++)
        if (!read_gene(reader, &genome->genes[i]))
            return MODEL_GENOME_FORM;
    return MODEL_ACCEPTED;
}

// R-4 for one layer. Sizes of its input stand in it already.
static bool derive_layer(struct model_layer *layer, const struct gene *gene, bool last) {
    bool dense = gene->kind == KIND_DENSE;
    bool same = (gene->flags & FLAG_SAME) != 0;
    uint32_t pad = same ? gene->kernel / 2u : 0;
    uint32_t rows = layer->in_height + 2 * pad;
    uint32_t columns = layer->in_width + 2 * pad;
    uint32_t kernel_height = dense ? rows : gene->kernel;
    uint32_t kernel_width = dense ? columns : gene->kernel;
    if (!in_range(gene->channels, MODEL_MAX_CHANNELS) || (last && !dense) ||
        (same && (layer->eight_bit || gene->kernel % 2 == 0)) ||
        !in_range(kernel_height, rows < MODEL_MAX_KERNEL ? rows : MODEL_MAX_KERNEL) ||
        !in_range(kernel_width, columns < MODEL_MAX_KERNEL ? columns : MODEL_MAX_KERNEL))
        return false;
    uint32_t fan_in = kernel_height * kernel_width * layer->in_channels;
    if (!in_range(fan_in, MODEL_MAX_FAN_IN))
        return false;
    layer->pool = (gene->flags & FLAG_POOL) != 0;
    layer->channels = gene->channels;
    layer->fan_in = (uint16_t)fan_in;
    layer->kernel_height = (uint8_t)kernel_height;
    layer->kernel_width = (uint8_t)kernel_width;
    layer->pad = (uint8_t)pad;
    layer->conv_height = (uint8_t)(rows - kernel_height + 1);
    layer->conv_width = (uint8_t)(columns - kernel_width + 1);
    layer->out_height = layer->pool ? layer->conv_height / 2 : layer->conv_height;
    layer->out_width = layer->pool ? layer->conv_width / 2 : layer->conv_width;
    return layer->out_height > 0 && layer->out_width > 0;
}

static uint32_t layer_work(const struct model_layer *layer, bool last) {
    uint32_t positions = layer->pool ? 4 : 1;
    uint32_t in = (uint32_t)layer->in_height * layer->in_width * layer->in_channels;
    uint32_t out = (uint32_t)layer->out_height * layer->out_width * layer->channels;
    uint32_t scratch = positions * model_words(layer->fan_in);
    if (layer->eight_bit)
        scratch = layer->pool ? 2u * layer->fan_in : 0;
    if (last) {
        out = 32u * layer->channels; // logits
        scratch = 0;
    }
    return (layer->eight_bit ? 0 : model_words(in)) + model_words(out) + scratch;
}

// R-4 for the whole network, every shape derived.
static bool derive_layers(struct model *model, const struct genome *genome) {
    uint32_t weights = 0;
    uint64_t macs = 0;
    uint16_t channels = genome->channels;
    if (!in_range(genome->height, MODEL_MAX_SIDE) || !in_range(genome->width, MODEL_MAX_SIDE) ||
        !in_range(channels, MODEL_MAX_CHANNELS) || (genome->bits != 1 && genome->bits != 8) ||
        (genome->bits == 8 && genome->layers < 2))
        return false;
    uint8_t height = (uint8_t)genome->height;
    uint8_t width = (uint8_t)genome->width;
    model->image_bytes = (uint32_t)height * width * channels;
    model->work_words = 0;
    for (uint32_t i = 0; i < genome->layers; i++) {
        struct model_layer *layer = &model->layers[i];
        bool last = i + 1 == genome->layers;
        layer->in_height = height;
        layer->in_width = width;
        layer->in_channels = channels;
        layer->eight_bit = i == 0 && genome->bits == 8;
        if (!derive_layer(layer, &genome->genes[i], last))
            return false;
        uint32_t count = (uint32_t)layer->fan_in * layer->channels;
        weights += count;
        macs += (uint64_t)count * layer->conv_height * layer->conv_width;
        uint32_t work = layer_work(layer, last);
        if (work > model->work_words)
            model->work_words = work;
        height = layer->out_height;
        width = layer->out_width;
        channels = layer->channels;
    }
    return weights <= MODEL_MAX_WEIGHTS && macs <= MODEL_MAX_MACS && channels >= 2 &&
           channels <= MODEL_MAX_CLASSES;
}

static bool weights_fit(const struct model *model, uint32_t layers, const struct cbor_item *item) {
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < layers; i++) {
        const struct model_layer *layer = &model->layers[i];
        uint32_t bits = (uint32_t)layer->fan_in * layer->channels;
        bytes += 4u * model_words(bits);
        if (bytes > item->argument)
            return false;
        // Pad bits are 0, so that one model has one blob.
        for (uint32_t bit = bits; bit < 32 * model_words(bits); bit++) {
            const uint8_t *word = item->bytes + bytes - 4;
            if (((uint32_t)word[bit / 8 % 4] >> bit % 8 & 1u) != 0)
                return false;
        }
    }
    return bytes == item->argument;
}

// one integer for each channel. R-6: none beyond the sums that can occur.
static enum model_verdict check_thresholds(const struct model *model, uint32_t layers,
                                           struct cbor_reader reader, uint64_t count) {
    enum model_verdict verdict = MODEL_ACCEPTED;
    for (uint32_t i = 0; i < layers; i++) {
        const struct model_layer *layer = &model->layers[i];
        int64_t least = layer->eight_bit ? -128 * (int64_t)layer->fan_in : -1;
        int64_t most = layer->eight_bit ? 128 * (int64_t)layer->fan_in + 1 : layer->fan_in;
        if (i + 1 == layers) {
            least = -MODEL_MAX_BIAS;
            most = MODEL_MAX_BIAS;
        }
        for (uint32_t channel = 0; channel < layer->channels; channel++) {
            struct cbor_item item;
            if (count-- == 0 || !cbor_next(&reader, &item) || item.kind > CBOR_NEGATIVE)
                return MODEL_BLOB_FORM;
            bool low = item.kind == CBOR_NEGATIVE && item.argument > (uint64_t)(-1 - least);
            bool high = item.kind == CBOR_UNSIGNED && item.argument > (uint64_t)most;
            if (low || high)
                verdict = MODEL_THRESHOLD_RANGE;
        }
    }
    return count == 0 ? verdict : MODEL_BLOB_FORM;
}

// Where the parts of a checked blob lie, as offsets from its beginning.
struct parts {
    size_t weights;
    size_t thresholds;
    uint32_t layers;
};

static enum model_verdict check_blob(struct model *model, const uint8_t *blob, size_t size,
                                     struct parts *parts) {
    if (!cbor_valid(blob, size, MODEL_MAX_ITEMS, CBOR_MAX_DEPTH))
        return MODEL_NOT_ENCODED;
    struct cbor_reader reader = {blob, size, 0, false};
    uint64_t count;
    uint16_t version;
    if (!read_array(&reader, &count) || count != 4 || !read_number(&reader, &version) ||
        version != MODEL_VERSION)
        return MODEL_BLOB_FORM;
    struct cbor_reader genome_reader = reader;
    skip(&reader);
    struct cbor_item weights;
    if (!cbor_next(&reader, &weights) || weights.kind != CBOR_BYTES || !read_array(&reader, &count))
        return MODEL_BLOB_FORM;
    struct genome genome;
    enum model_verdict verdict = read_genome(&genome_reader, &genome);
    if (verdict != MODEL_ACCEPTED)
        return verdict;
    if (!derive_layers(model, &genome))
        return MODEL_SHAPE_RANGE;
    if (!weights_fit(model, genome.layers, &weights))
        return MODEL_BLOB_FORM;
    parts->weights = (size_t)(weights.bytes - blob);
    parts->thresholds = reader.offset;
    parts->layers = genome.layers;
    return check_thresholds(model, genome.layers, reader, count);
}

enum model_verdict model_parse(struct model *model, uint32_t *memory, size_t memory_bytes,
                               size_t blob_bytes, uint32_t work_words) {
    uint8_t *bytes = (uint8_t *)memory;
    struct parts parts;
    model->layer_count = 0;
    enum model_verdict verdict = check_blob(model, bytes, blob_bytes, &parts);
    if (verdict != MODEL_ACCEPTED)
        return verdict;
    if (model->work_words > work_words)
        return MODEL_NO_WORK;
    size_t shift = (4 - parts.weights % 4) % 4;
    size_t table = (shift + blob_bytes + 3) / 4; // in words
    uint32_t channels = 0;
    for (uint32_t i = 0; i < parts.layers; i++)
        channels += model->layers[i].channels;
    if (table + channels > memory_bytes / 4)
        return MODEL_NO_ROOM;
    memmove(bytes + shift, bytes, blob_bytes);
    struct cbor_reader reader = {bytes + shift, blob_bytes, parts.thresholds, false};
    const uint32_t *weights = memory + (parts.weights + shift) / 4;
    int32_t *threshold = (int32_t *)memory + table;
    for (uint32_t i = 0; i < parts.layers; i++) {
        struct model_layer *layer = &model->layers[i];
        layer->weights = weights;
        layer->thresholds = threshold;
        weights += model_words((uint32_t)layer->fan_in * layer->channels);
        for (uint32_t channel = 0; channel < layer->channels; channel++) {
            struct cbor_item item;
            cbor_next(&reader, &item);
            int32_t number = (int32_t)item.argument;
            *threshold++ = item.kind == CBOR_NEGATIVE ? -1 - number : number;
        }
    }
    model->layer_count = parts.layers;
    return MODEL_ACCEPTED;
}
