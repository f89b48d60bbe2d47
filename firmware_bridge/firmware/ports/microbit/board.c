// SPDX-License-Identifier: Apache-2.0
// The micro:bit v1's UART, which its USB chip passes to the host, and TIMER0 as its clock, as the
// nRF51 has no SysTick (Nordic, nRF51 Series Reference Manual 3.0).
//
// Law of the file: see board.h.
// Read next: ../rp2040/board.c.
#include "board.h"

#define CLOCK_CRYSTAL_START REGISTER(0x40000000u)
#define UART_START_RX REGISTER(0x40002000u)
#define UART_START_TX REGISTER(0x40002008u)
#define UART_CAME REGISTER(0x40002108u)
#define UART_SENT REGISTER(0x4000211cu)
#define UART_INTERRUPTS REGISTER(0x40002304u)
#define UART_INTERRUPTS_OFF REGISTER(0x40002308u)
#define UART_ENABLE REGISTER(0x40002500u)
#define UART_PIN_TX REGISTER(0x4000250cu)
#define UART_PIN_RX REGISTER(0x40002514u)
#define UART_RX REGISTER(0x40002518u)
#define UART_TX REGISTER(0x4000251cu)
#define UART_BAUD REGISTER(0x40002524u)
#define GPIO_OUT_SET REGISTER(0x50000508u)
#define GPIO_DIRECTION_SET REGISTER(0x50000518u)
#define TIMER_START REGISTER(0x40008000u)
#define TIMER_CAPTURE REGISTER(0x40008040u)
#define TIMER_COMPARED REGISTER(0x40008144u)
#define TIMER_INTERRUPTS REGISTER(0x40008304u)
#define TIMER_BITS REGISTER(0x40008508u)
#define TIMER_PRESCALER REGISTER(0x40008510u)
#define TIMER_CAPTURED REGISTER(0x40008540u)
#define TIMER_COMPARE REGISTER(0x40008544u)

enum {
    UART_IRQ = 2,
    TIMER_IRQ = 8,
    PIN_TX = 24,
    PIN_RX = 25,
    BAUD_115200 = 0x01d7e000,
    UART_ON = 4,
    UART_CAME_ONLY = 1 << 2,
    UART_CAME_AND_SENT = UART_CAME_ONLY | 1 << 7,
    TIMER_32_BITS = 3,
    TIMER_1_MHZ = 4, // 16 MHz / 2^4
    TIMER_COMPARE_1 = 1 << 17,
    TICK_US = 1000
};

static volatile bool sending; // a byte is on its way

void board_begin(void) {
    CLOCK_CRYSTAL_START = 1; // the UART's baud rate wants it
    TIMER_BITS = TIMER_32_BITS;
    TIMER_PRESCALER = TIMER_1_MHZ;
    TIMER_COMPARE = TICK_US;
    TIMER_INTERRUPTS = TIMER_COMPARE_1;
    TIMER_START = 1;
    GPIO_OUT_SET = (uint32_t)1 << PIN_TX;
    GPIO_DIRECTION_SET = (uint32_t)1 << PIN_TX;
    UART_PIN_TX = PIN_TX;
    UART_PIN_RX = PIN_RX;
    UART_BAUD = BAUD_115200;
    UART_ENABLE = UART_ON;
    UART_INTERRUPTS = UART_CAME_AND_SENT;
    UART_START_RX = 1;
    UART_START_TX = 1;
    interrupt_enable(UART_IRQ);
    interrupt_enable(TIMER_IRQ);
}

bool board_try_send(uint8_t byte) {
    if (sending)
        return false;
    sending = true;
    UART_TX = byte;
    return true;
}

uint32_t board_now_us(void) {
    TIMER_CAPTURE = 1;
    return TIMER_CAPTURED;
}

void board_tick(void) {}

void board_interrupt(void) {
    if (TIMER_COMPARED != 0) {
        TIMER_COMPARED = 0;
        TIMER_COMPARE += TICK_US;
    }
    if (UART_SENT != 0) {
        UART_SENT = 0;
        sending = false;
    }
    while (line_has_room() && UART_CAME != 0) {
        UART_CAME = 0;
        line_came((uint8_t)UART_RX);
    }
    if (line_has_room())
        UART_INTERRUPTS = UART_CAME_AND_SENT;
    else
        UART_INTERRUPTS_OFF = UART_CAME_ONLY;
}
