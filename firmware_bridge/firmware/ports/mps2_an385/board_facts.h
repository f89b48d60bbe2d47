// SPDX-License-Identifier: Apache-2.0
// Facts of Arm's MPS2+ with the image AN385: a Cortex-M3 at 25 MHz, 4 MB of memory.
//
// Law of the file: numbers only.
// Read next: board.c.
#ifndef EDGE_BOARD_FACTS_H
#define EDGE_BOARD_FACTS_H

#define BOARD_NAME "mps2-an385"

enum { BOARD_CLOCK_MHZ = 25, BOARD_INTERRUPTS = 32, BOARD_MODEL_WORDS = 16384 };

#endif
