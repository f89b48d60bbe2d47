// SPDX-License-Identifier: Apache-2.0
// Facts of the BBC micro:bit v1: an nRF51822, a Cortex-M0 at 16 MHz with 16 KB of memory.
//
// Law of the file: numbers only.
// Read next: board.c.
#ifndef EDGE_BOARD_FACTS_H
#define EDGE_BOARD_FACTS_H

#define BOARD_NAME "microbit"

enum { BOARD_INTERRUPTS = 32, BOARD_MODEL_WORDS = 1536 };

#endif
