// SPDX-License-Identifier: Apache-2.0
// Facts of the Raspberry Pi Pico: an RP2040, a Cortex-M0+ at 125 MHz with 264 KB of memory.
//
// Law of the file: numbers only.
// Read next: board.c.
#ifndef EDGE_BOARD_FACTS_H
#define EDGE_BOARD_FACTS_H

#define BOARD_NAME "rp2040"

enum { BOARD_INTERRUPTS = 26, BOARD_MODEL_WORDS = 16384 };

#endif
