// SPDX-License-Identifier: Apache-2.0
// USART1 of an STM32F405 on PA9 (out) and PA10 (in), 115,200 baud (ST RM0090).
//
// Law of the file: see board.h.
// Read next: ../microbit/board.c.
#include "board.h"

#include "systick.h"

#define RCC_AHB1_ENABLE REGISTER(0x40023830u)
#define RCC_APB2_ENABLE REGISTER(0x40023844u)
#define GPIOA_MODE REGISTER(0x40020000u)
#define GPIOA_FUNCTION_HIGH REGISTER(0x40020024u)
#define USART_STATUS REGISTER(0x40011000u)
#define USART_DATA REGISTER(0x40011004u)
#define USART_BAUD REGISTER(0x40011008u)
#define USART_CONTROL REGISTER(0x4001100cu)

enum {
    BAUD = 115200,
    USART_IRQ = 37,
    GPIOA_CLOCK = 1,
    USART1_CLOCK = 1 << 4,
    RX_LOST = 1 << 3,
    RX_CAME = 1 << 5,
    TX_EMPTY = 1 << 7,
    CONTROL_TX_INTERRUPT = 1 << 7,
    CONTROL_RX_INTERRUPT = 1 << 5,
    CONTROL_ON = 1 << 13 | CONTROL_RX_INTERRUPT | 1 << 3 | 1 << 2,
    PINS = 2 * 9,                // of PA9 and PA10, two bits a pin
    PINS_ALTERNATE = 10,         // 0b10 for both
    FUNCTIONS = 4 * (9 - 8),     // four bits a pin
    FUNCTIONS_USART = 7 << 4 | 7 // AF7 for both
};

void board_begin(void) {
    systick_begin();
    RCC_AHB1_ENABLE |= GPIOA_CLOCK;
    RCC_APB2_ENABLE |= USART1_CLOCK;
    GPIOA_MODE = (GPIOA_MODE & ~(15u << PINS)) | PINS_ALTERNATE << PINS;
    GPIOA_FUNCTION_HIGH = (GPIOA_FUNCTION_HIGH & ~(255u << FUNCTIONS)) | FUNCTIONS_USART
                                                                             << FUNCTIONS;
    USART_BAUD = (BOARD_CLOCK_MHZ * 1000000u + BAUD / 2) / BAUD;
    USART_CONTROL = CONTROL_ON;
    interrupt_enable(USART_IRQ);
}

bool board_try_send(uint8_t byte) {
    if ((USART_STATUS & TX_EMPTY) == 0) {
        USART_CONTROL = CONTROL_ON | CONTROL_TX_INTERRUPT;
        return false;
    }
    USART_DATA = byte;
    return true;
}

void board_interrupt(void) {
    uint32_t status;
    while (line_has_room() && ((status = USART_STATUS) & (RX_CAME | RX_LOST)) != 0) {
        uint8_t byte = (uint8_t)USART_DATA; // clears both
        if ((status & RX_CAME) != 0)
            line_came(byte);
    }
    // An empty transmitter has woken who waits for it.
    USART_CONTROL = line_has_room() ? CONTROL_ON : CONTROL_ON & ~(uint32_t)CONTROL_RX_INTERRUPT;
}
