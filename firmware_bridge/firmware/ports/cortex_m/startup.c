// SPDX-License-Identifier: Apache-2.0
// From reset to main on any Cortex-M: vectors, data, zeros.
//
// Law of the file: the first word of the image is the stack, the second where to begin.
// Read next: main.c.
#include <string.h>

#include "board.h"

// Of the linker script.
extern uint32_t image_data[], data_begin[], data_end[], bss_begin[], bss_end[], stack_end[];

typedef void handler_t(void);

static void halt(void) {
    for (;;) // a fault: the host sees silence, and a reset ends it
        __asm__ volatile("wfi");
}

void reset(void);
void reset(void) {
    memcpy(data_begin, image_data, (size_t)((uint8_t *)data_end - (uint8_t *)data_begin));
    memset(bss_begin, 0, (size_t)((uint8_t *)bss_end - (uint8_t *)bss_begin));
    main();
}

struct vectors {
    uint32_t *stack;
    handler_t *core[15];
    handler_t *external[BOARD_INTERRUPTS];
};

extern const struct vectors vectors;
__attribute__((section(".vectors"), used)) const struct vectors vectors = {
    stack_end,
    {reset, halt, halt, halt, halt, halt, halt, halt, halt, halt, halt, halt, halt, halt,
     board_tick},
    {[0 ... BOARD_INTERRUPTS - 1] = board_interrupt},
};

void interrupt_enable(uint32_t number) {
    REGISTER(0xe000e100u + number / 32 * 4) = (uint32_t)1 << number % 32;
}
