// SPDX-License-Identifier: Apache-2.0
// The clock of boards whose processor has a SysTick: a tick a millisecond.
//
// Law of the file: board_now_us and board_tick of board.h.
// Read next: systick.c.
#ifndef EDGE_SYSTICK_H
#define EDGE_SYSTICK_H

#include <stdint.h>

void systick_begin(void); // at BOARD_CLOCK_MHZ of board_facts.h

#endif
