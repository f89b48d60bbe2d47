// SPDX-License-Identifier: Apache-2.0
// The MPS2+ AN385's first UART (CMSDK APB UART, Arm DDI 0479), 115,200 baud.
//
// Law of the file: see board.h.
// Read next: ../stm32f405/board.c.
#include "board.h"

#include "systick.h"

#define UART_DATA REGISTER(0x40004000u)
#define UART_STATE REGISTER(0x40004004u)
#define UART_CONTROL REGISTER(0x40004008u)
#define UART_INTERRUPT REGISTER(0x4000400cu)
#define UART_DIVIDER REGISTER(0x40004010u)

enum { BAUD = 115200, TX_FULL = 1, RX_FULL = 2, TX_DONE = 1, RX_CAME = 2, RX_IRQ = 0, TX_IRQ = 1 };
enum { CONTROL_ALL = 15 }; // send and receive, an interrupt for each

void board_begin(void) {
    systick_begin();
    UART_DIVIDER = BOARD_CLOCK_MHZ * 1000000u / BAUD;
    UART_CONTROL = CONTROL_ALL;
    interrupt_enable(RX_IRQ);
    interrupt_enable(TX_IRQ);
}

bool board_try_send(uint8_t byte) {
    if ((UART_STATE & TX_FULL) != 0)
        return false;
    UART_DATA = byte;
    return true;
}

void board_interrupt(void) {
    UART_INTERRUPT = TX_DONE | RX_CAME;
    while (line_has_room() && (UART_STATE & RX_FULL) != 0)
        line_came((uint8_t)UART_DATA);
}
