// SPDX-License-Identifier: Apache-2.0
// A tick a millisecond, and the microseconds between two; see systick.h.
//
// Law of the file: a reading that a tick fell into is read again.
// Read next: the ports' board.c.
#include "systick.h"

#include "board.h"

enum { TICKS_A_MS = BOARD_CLOCK_MHZ * 1000, ENABLE_WITH_INTERRUPT = 7, SYSTICK_PENDING = 1 << 26 };

#define SYSTICK_CONTROL REGISTER(0xe000e010u)
#define SYSTICK_RELOAD REGISTER(0xe000e014u)
#define INTERRUPTS_PENDING REGISTER(0xe000ed04u)
#define SYSTICK_VALUE REGISTER(0xe000e018u)

static volatile uint32_t ticks_ms;

void systick_begin(void) {
    SYSTICK_RELOAD = TICKS_A_MS - 1;
    SYSTICK_VALUE = 0;
    SYSTICK_CONTROL = ENABLE_WITH_INTERRUPT;
}

void board_tick(void) {
    ticks_ms++;
}

uint32_t board_now_us(void) {
    uint32_t ms;
    uint32_t left;
    bool owed;
    do {
        ms = ticks_ms;
        left = SYSTICK_VALUE;
        owed = (INTERRUPTS_PENDING & SYSTICK_PENDING) != 0;
    } while (ms != ticks_ms);
    // A tick that has begun anew and not yet been counted.
    if (owed && left > TICKS_A_MS / 2)
        ms++;
    return 1000 * ms + (TICKS_A_MS - 1 - left) / BOARD_CLOCK_MHZ;
}
