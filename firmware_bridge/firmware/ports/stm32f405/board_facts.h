// SPDX-License-Identifier: Apache-2.0
// Facts of boards with an STM32F405 (Netduino Plus 2, Feather STM32F405): a Cortex-M4, 192 KB.
//
// It stays on its own 16 MHz oscillator, so that it needs no crystal. QEMU's netduinoplus2 counts
// SysTick at 168 MHz whatever the firmware sets: its milliseconds pass ten times as fast there.
// Law of the file: numbers only.
// Read next: board.c.
#ifndef EDGE_BOARD_FACTS_H
#define EDGE_BOARD_FACTS_H

#define BOARD_NAME "stm32f405"

enum { BOARD_CLOCK_MHZ = 16, BOARD_INTERRUPTS = 82, BOARD_MODEL_WORDS = 16384 };

#endif
