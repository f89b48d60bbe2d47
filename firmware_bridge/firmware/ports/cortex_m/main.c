// SPDX-License-Identifier: Apache-2.0
// The program of every Cortex-M board: the core between a line and a clock, asleep when idle.
//
// Memory of the core stands here, so that the linker counts it; the model's is a section of its
// own.
// Law of the file: it sleeps by WFI with interrupts held back, so that none is slept through.
// Read next: the ports' board.c.
#include "board.h"
#include "device.h"
#include "firmware_hash.h"
#include "test_pattern.h"

enum {
    LINE_BYTES = 256, // a power of two: 22 ms of the line
    FRAME_BYTES = 1100,
    PUSH_BYTES = 192,
    IMAGE_BYTES = 784,
    WORK_WORDS = 384,
    PATTERN_SIDE = 28
};

// Nobody takes bytes while a push is sent, and a host may send a request all that time.
typedef char line_holds_what_comes_beside_a_push[LINE_BYTES > PUSH_BYTES + 2 ? 1 : -1];

static struct {
    volatile uint8_t bytes[LINE_BYTES];
    volatile uint32_t came, taken;
    volatile bool was_full;
} line;

static uint8_t frame[FRAME_BYTES];
static uint8_t answer[PORT_ANSWER_BYTES];
static uint8_t push[PUSH_BYTES];
static uint8_t image[IMAGE_BYTES];
static uint8_t sample[PATTERN_SIDE * PATTERN_SIDE];
static uint32_t work[WORK_WORDS];
static uint32_t model[BOARD_MODEL_WORDS] __attribute__((section(".model")));
static struct test_pattern pattern = {.side = PATTERN_SIDE};
static struct device device;

bool line_has_room(void) {
    bool room = line.came - line.taken < LINE_BYTES;
    if (!room)
        line.was_full = true;
    return room;
}

void line_came(uint8_t byte) {
    line.bytes[line.came % LINE_BYTES] = byte;
    line.came++;
}

static void hold_interrupts(void) {
    __asm__ volatile("cpsid i" ::: "memory");
}

static void sleep(void) {
    __asm__ volatile("dsb\n\twfi" ::: "memory");
}

static void let_interrupts(void) {
    __asm__ volatile("cpsie i\n\tisb" ::: "memory");
}

static void send(void *context, const uint8_t *bytes, size_t size) {
    (void)context;
    while (size > 0) {
        hold_interrupts();
        if (board_try_send(*bytes)) {
            bytes++;
            size--;
        } else {
            sleep();
        }
        let_interrupts();
    }
}

static uint32_t now_us(void *context) {
    (void)context;
    return board_now_us();
}

static bool read_pattern(void *context, uint8_t *pixels) {
    test_pattern(context, pixels);
    return true;
}

static const struct port PORT = {
    .board = BOARD_NAME,
    .firmware_hash = FIRMWARE_HASH,
    .sensor = "test-pattern",
    .sensor_shape = {PATTERN_SIDE, PATTERN_SIDE, 1},
    .context = &pattern,
    .send = send,
    .now_us = now_us,
    .read_sensor = read_pattern,
    .frame = frame,
    .frame_bytes = sizeof frame,
    .answer = answer,
    .push = push,
    .push_bytes = sizeof push,
    .sample = sample,
    .image = image,
    .image_bytes = sizeof image,
    .model = model,
    .model_bytes = sizeof model,
    .work = work,
    .work_words = WORK_WORDS,
};

int main(void) {
    uint32_t now_ms = 0;
    board_begin();
    device_begin(&device, &PORT, now_ms);
    let_interrupts();
    uint32_t counted_us = board_now_us();
    for (;;) {
        while (line.came != line.taken) {
            uint8_t byte = line.bytes[line.taken % LINE_BYTES];
            line.taken++;
            device_receive(&device, byte);
        }
        if (line.was_full) {
            hold_interrupts();
            line.was_full = false;
            board_interrupt();
            let_interrupts();
        }
        while ((int32_t)(board_now_us() - counted_us) >= 1000) {
            counted_us += 1000;
            now_ms++;
        }
        device_poll(&device, now_ms);
        hold_interrupts();
        if (line.came == line.taken)
            sleep();
        let_interrupts();
    }
}
