// SPDX-License-Identifier: Apache-2.0
// What a fuzzer calls: hostile bytes for every part of the core that reads any.
//
// The first byte chooses the part. Memory is exactly as long as it may be, so that the address
// sanitizer sees a step beyond; what must hold for all bytes is checked, and aborts if it does not.
// Law of the file: the standard entry of libFuzzer and AFL++.
// Read next: fuzz_main.c.
#include <stdlib.h>
#include <string.h>

#include "cbor.h"
#include "device.h"
#include "infer.h"
#include "library.h"

enum {
    MAX_ITEMS = 512,
    MAX_DEPTH = 4,
    MAX_RUN_MACS = 200000,
    ROOM_BYTES = 4096, // for thresholds, behind a blob
    WORK_WORDS = 4096,
    TAKEN_BYTES = 4096,
    SENSOR_SIDE = 20,
    LATER_MS = 600
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) {
    if (!holds)
        abort();
}

static void *memory_of(size_t size) {
    void *memory = malloc(size == 0 ? 1 : size);
    must(memory != NULL);
    return memory;
}

// A valid value is written again as the same bytes, and no part of it is valid.
static void fuzz_cbor(const uint8_t *data, size_t size) {
    if (!cbor_valid(data, size, MAX_ITEMS, MAX_DEPTH))
        return;
    uint8_t *copy = memory_of(size);
    struct cbor_reader reader = {data, size, 0, false};
    struct cbor_writer writer = {copy, size, 0, false};
    struct cbor_item item;
    while (reader.offset < size) {
        must(cbor_next(&reader, &item));
        if (item.bytes != NULL)
            cbor_put_string(&writer, item.kind, item.bytes, (size_t)item.argument);
        else
            cbor_put(&writer, item.kind, item.argument);
    }
    must(!writer.overflow && writer.size == size && memcmp(copy, data, size) == 0);
    must(!cbor_valid(data, size - 1, MAX_ITEMS, MAX_DEPTH));
    free(copy);
}

// A payload in a frame on a line comes out as it was.
static void fuzz_frame(const uint8_t *data, size_t size) {
    if (size > EDGE_FRAME_BYTES_DEVICE_MAX - FRAME_AROUND_BYTES)
        return;
    uint8_t *frame = memory_of(size + FRAME_AROUND_BYTES);
    uint8_t *line = memory_of(2 * size + 64);
    uint8_t *back = memory_of(EDGE_FRAME_BYTES_DEVICE_MAX);
    struct frame_header header = {1, 2, 3, (uint16_t)size};
    memcpy(frame + FRAME_HEADER_BYTES, data, size);
    size_t closed = frame_close(frame, &header);
    size_t stuffed = core_stuff(frame, closed, line);
    size_t came;
    size_t bad;
    must(memchr(line, 0, stuffed) == line + stuffed - 1);
    must(core_unstuff(line, stuffed, back, EDGE_FRAME_BYTES_DEVICE_MAX, &came, &bad) == 1);
    must(bad == 0 && came == closed && memcmp(back, frame, came) == 0);
    free(frame);
    free(line);
    free(back);
}

static uint64_t macs(const struct model *model) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < model->layer_count; i++) {
        const struct model_layer *layer = &model->layers[i];
        sum += (uint64_t)layer->conv_height * layer->conv_width * layer->fan_in * layer->channels;
    }
    return sum;
}

// Whatever the blob: refused, or run within its memory.
static void fuzz_model(const uint8_t *data, size_t size) {
    uint32_t *memory = memory_of(size + ROOM_BYTES);
    struct model model;
    memcpy(memory, data, size);
    if (model_parse(&model, memory, size + ROOM_BYTES, size, WORK_WORDS) == MODEL_ACCEPTED &&
        macs(&model) <= MAX_RUN_MACS) {
        uint32_t *work = memory_of(4 * model.work_words);
        uint8_t *pixels = memory_of(model.image_bytes);
        for (uint32_t i = 0; i < model.image_bytes; i++)
            pixels[i] = data[i % size];
        const int32_t *logits = infer(&model, pixels, work);
        must(infer_class(logits, model_classes(&model)) < model_classes(&model));
        free(work);
        free(pixels);
    }
    free(memory);
}

static void drain(struct core *core) {
    uint8_t taken[TAKEN_BYTES];
    while (core_take(core, taken, sizeof taken) > 0)
        ;
}

// A line's bytes as they are.
static void fuzz_line(const uint8_t *data, size_t size) {
    struct core *core = core_only();
    core_begin(core, SENSOR_SIDE, 0);
    core_receive(core, data, size);
    drain(core);
}

static void ask(struct core *core, uint8_t type, uint16_t sequence, const uint8_t *payload,
                size_t size) {
    uint8_t frame[256 + FRAME_AROUND_BYTES];
    uint8_t line[2 * sizeof frame];
    struct frame_header header = {EDGE_PROTOCOL_VERSION, type, sequence, (uint16_t)size};
    memcpy(frame + FRAME_HEADER_BYTES, payload, size);
    core_receive(core, line, core_stuff(frame, frame_close(frame, &header), line));
}

// Requests in good frames of a session: type, length, payload, and so on. Each is answered.
static void fuzz_requests(const uint8_t *data, size_t size) {
    static const uint8_t HELLO[] = {0xa3, 0, 1, 1, 0, 2, 0x19, 0x10, 0};
    struct core *core = core_only();
    uint8_t taken[TAKEN_BYTES];
    uint16_t sequence = 0;
    uint32_t now_ms = 0;
    core_begin(core, SENSOR_SIDE, now_ms);
    ask(core, EDGE_MSG_HELLO, sequence, HELLO, sizeof HELLO);
    must(core_take(core, taken, sizeof taken) > 0);
    while (size >= 2) {
        uint8_t type = data[0];
        size_t length = data[1] < size - 2 ? data[1] : size - 2;
        drain(core);
        ask(core, type, type == EDGE_MSG_ACK ? 0 : ++sequence, data + 2, length);
        if (type != EDGE_MSG_ACK)
            must(core_take(core, taken, sizeof taken) > 0);
        core_poll(core, now_ms += LATER_MS);
        data += 2 + length;
        size -= 2 + length;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static void (*const PARTS[])(const uint8_t *, size_t) = {
        fuzz_cbor, fuzz_frame, fuzz_model, fuzz_line, fuzz_requests,
    };
    if (size > 1)
        PARTS[data[0] % (sizeof PARTS / sizeof *PARTS)](data + 1, size - 1);
    return 0;
}
