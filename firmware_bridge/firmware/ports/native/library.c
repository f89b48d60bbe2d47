// SPDX-License-Identifier: Apache-2.0
// The core as a shared library; see library.h.
//
// Law of the file: thin; what is computed is computed by the core.
// Read next: program.c.
#include "library.h"

#include <string.h>

#include "cbor.h"
#include "crc32.h"
#include "device.h"
#include "firmware_hash.h"
#include "infer.h"
#include "selftest.h"
#include "test_pattern.h"

enum {
    FRAME_BYTES = 1100,
    PUSH_BYTES = 512,
    IMAGE_BYTES = 16384,
    MODEL_WORDS = 65536,
    WORK_WORDS = 16384,
    LINE_BYTES = 16384
};

struct core {
    struct device device;
    struct port port;
    uint32_t model[MODEL_WORDS];
    uint32_t work[WORK_WORDS];
    uint8_t frame[FRAME_BYTES];
    uint8_t answer[PORT_ANSWER_BYTES];
    uint8_t push[PUSH_BYTES];
    uint8_t image[IMAGE_BYTES];
    uint8_t sample[TEST_PATTERN_MAX_SIDE * TEST_PATTERN_MAX_SIDE];
    struct test_pattern pattern;
    uint8_t line[LINE_BYTES]; // sent and not yet taken
    size_t line_size;
};

size_t core_bytes(void) {
    return sizeof(struct core);
}

struct core *core_only(void) {
    static struct core core;
    return &core;
}

static void keep(void *context, const uint8_t *bytes, size_t size) {
    struct core *core = context;
    if (size > sizeof core->line - core->line_size)
        size = sizeof core->line - core->line_size; // nobody takes: a line loses
    memcpy(core->line + core->line_size, bytes, size);
    core->line_size += size;
}

static uint32_t now_us(void *context) {
    struct core *core = context;
    return 1000 * core->device.now_ms;
}

static bool read_pattern(void *context, uint8_t *pixels) {
    struct core *core = context;
    test_pattern(&core->pattern, pixels);
    return true;
}

void core_begin(struct core *core, uint32_t sensor_side, uint32_t now_ms) {
    int32_t side =
        (int32_t)(sensor_side > TEST_PATTERN_MAX_SIDE ? TEST_PATTERN_MAX_SIDE : sensor_side);
    memset(core, 0, sizeof *core);
    core->pattern.side = (uint8_t)side;
    core->port = (struct port){
        .board = "native",
        .firmware_hash = FIRMWARE_HASH,
        .sensor = side > 0 ? "test-pattern" : "",
        .sensor_shape = {side, side, side > 0},
        .context = core,
        .send = keep,
        .now_us = now_us,
        .read_sensor = side > 0 ? read_pattern : NULL,
        .frame = core->frame,
        .frame_bytes = sizeof core->frame,
        .answer = core->answer,
        .push = core->push,
        .push_bytes = sizeof core->push,
        .sample = core->sample,
        .image = core->image,
        .image_bytes = sizeof core->image,
        .model = core->model,
        .model_bytes = sizeof core->model,
        .work = core->work,
        .work_words = WORK_WORDS,
    };
    device_begin(&core->device, &core->port, now_ms);
}

void core_receive(struct core *core, const uint8_t *bytes, size_t size) {
    for (size_t i = 0; i < size; i++)
        device_receive(&core->device, bytes[i]);
}

void core_poll(struct core *core, uint32_t now_ms) {
    device_poll(&core->device, now_ms);
}

size_t core_take(struct core *core, uint8_t *bytes, size_t capacity) {
    size_t size = core->line_size < capacity ? core->line_size : capacity;
    memcpy(bytes, core->line, size);
    core->line_size -= size;
    memmove(core->line, core->line + size, core->line_size);
    return size;
}

int core_logits(uint32_t *memory, size_t memory_bytes, size_t blob_bytes, uint32_t *work,
                uint32_t work_words, const uint8_t *images, size_t count, int32_t *logits) {
    struct model model;
    enum model_verdict verdict = model_parse(&model, memory, memory_bytes, blob_bytes, work_words);
    if (verdict != MODEL_ACCEPTED)
        return (int)verdict;
    uint32_t classes = model_classes(&model);
    for (size_t i = 0; i < count; i++, images += model.image_bytes, logits += classes)
        memcpy(logits, infer(&model, images, work), classes * sizeof *logits);
    return MODEL_ACCEPTED;
}

int core_self_test(uint8_t *answer) {
    uint32_t work[SELFTEST_WORK_WORDS];
    return selftest(work, answer);
}

size_t core_known_blob(uint32_t index, uint8_t *blob, size_t capacity) {
    if (index >= SELFTEST_MODELS || SELFTEST_MODEL[index].size > capacity)
        return 0;
    memcpy(blob, SELFTEST_MODEL[index].blob, SELFTEST_MODEL[index].size);
    return SELFTEST_MODEL[index].size;
}

int core_cbor_valid(const uint8_t *data, size_t size, uint32_t max_items, uint32_t max_depth) {
    return cbor_valid(data, size, max_items, max_depth);
}

uint32_t core_crc32(const uint8_t *data, size_t size) {
    return crc32(data, size);
}

void core_sha256(const uint8_t *data, size_t size, uint8_t *digest) {
    struct sha256 hash;
    sha256_begin(&hash);
    sha256_add(&hash, data, size);
    sha256_end(&hash, digest);
}

static void append(void *context, const uint8_t *bytes, size_t size) {
    uint8_t **end = context;
    memcpy(*end, bytes, size);
    *end += size;
}

size_t core_stuff(const uint8_t *frame, size_t size, uint8_t *line) {
    uint8_t *end = line;
    frame_send(frame, size, append, &end);
    return (size_t)(end - line);
}

size_t core_unstuff(const uint8_t *line, size_t line_bytes, uint8_t *frame, size_t capacity,
                    size_t *size, size_t *bad) {
    uint8_t buffer[EDGE_FRAME_BYTES_DEVICE_MAX];
    struct frame_receiver receiver = {
        .data = buffer, .capacity = capacity < sizeof buffer ? capacity : sizeof buffer};
    size_t good = 0;
    *size = 0;
    *bad = 0;
    for (size_t i = 0; i < line_bytes; i++) {
        enum frame_event event = frame_receive(&receiver, line[i]);
        *bad += event == FRAME_BAD;
        if (event != FRAME_GOOD)
            continue;
        good++;
        memcpy(frame, buffer, receiver.size);
        *size = receiver.size;
    }
    return good;
}
