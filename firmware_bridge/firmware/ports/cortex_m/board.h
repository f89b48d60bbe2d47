// SPDX-License-Identifier: Apache-2.0
// What each Cortex-M board gives the program of main.c: a line, a clock, interrupts.
//
// Its board.c has these functions, its board_facts.h the name and BOARD_INTERRUPTS, how many
// external ones the vector table has.
// Law of the file: registers stand in the ports' board.c only.
// Read next: main.c.
#ifndef EDGE_BOARD_H
#define EDGE_BOARD_H

#include <stdbool.h>
#include <stdint.h>

#include "board_facts.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))

// Start clock, line and interrupts; those are off until then.
void board_begin(void);

// Microseconds since some time; wraps. An interrupt comes once a millisecond at least.
uint32_t board_now_us(void);

// False if the line takes no byte now; then an interrupt comes when it does.
bool board_try_send(uint8_t byte);

// Any external interrupt; what came on the line goes to line_came, while there is room for it.
// Without room the line is left alone, and main calls this when there is room again.
void board_interrupt(void);

// The interrupt of the core's own timer.
void board_tick(void);

// Of main.c: whether it can take a byte that came, and one that did.
bool line_has_room(void);
void line_came(uint8_t byte);

// Of startup.c: turn on an external interrupt.
void interrupt_enable(uint32_t number);

int main(void);

#endif
