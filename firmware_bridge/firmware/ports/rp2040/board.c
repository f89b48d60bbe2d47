// SPDX-License-Identifier: Apache-2.0
// UART0 of an RP2040 on GP0 (out) and GP1 (in), 115,200 baud (Raspberry Pi, RP2040 datasheet).
//
// The crystal's 12 MHz become 125 MHz by the PLL (1,500 MHz / 6 / 2); the clock is the chip's own
// microsecond timer.
// Law of the file: see board.h.
// Read next: boot2.c.
#include "board.h"

#define RESETS_CLEAR REGISTER(0x4000f000u)
#define RESETS_DONE REGISTER(0x4000c008u)
#define CRYSTAL_CONTROL REGISTER(0x40024000u)
#define CRYSTAL_STATUS REGISTER(0x40024004u)
#define CRYSTAL_STARTUP REGISTER(0x4002400cu)
#define CLOCK_REF REGISTER(0x40008030u)
#define CLOCK_REF_SELECTED REGISTER(0x40008038u)
#define CLOCK_SYSTEM REGISTER(0x4000803cu)
#define CLOCK_SYSTEM_SELECTED REGISTER(0x40008044u)
#define CLOCK_PERIPHERALS REGISTER(0x40008048u)
#define PLL_STATUS REGISTER(0x40028000u)
#define PLL_POWER REGISTER(0x40028004u)
#define PLL_FEEDBACK REGISTER(0x40028008u)
#define PLL_DIVIDERS REGISTER(0x4002800cu)
#define WATCHDOG_TICK REGISTER(0x4005802cu)
#define TIMER_ALARM REGISTER(0x40054010u)
#define TIMER_NOW REGISTER(0x40054028u)
#define TIMER_CAME REGISTER(0x40054034u)
#define TIMER_INTERRUPTS REGISTER(0x40054038u)
#define PIN_0_FUNCTION REGISTER(0x40014004u)
#define PIN_1_FUNCTION REGISTER(0x4001400cu)
#define UART_DATA REGISTER(0x40034000u)
#define UART_FLAGS REGISTER(0x40034018u)
#define UART_BAUD REGISTER(0x40034024u)
#define UART_BAUD_64THS REGISTER(0x40034028u)
#define UART_LINE REGISTER(0x4003402cu)
#define UART_CONTROL REGISTER(0x40034030u)
#define UART_INTERRUPTS REGISTER(0x40034038u)
#define UART_CLEAR REGISTER(0x40034044u)

enum {
    PERIPHERAL_HZ = 125000000,
    BAUD = 115200,
    BAUD_64THS = (8 * PERIPHERAL_HZ / BAUD + 1) / 2, // divider of 16 times the rate, in 1/64
    TIMER_IRQ = 0,
    UART_IRQ = 20,
    RESET_IO = 1 << 5,
    RESET_PADS = 1 << 8,
    RESET_PLL = 1 << 12,
    RESET_TIMER = 1 << 21,
    RESET_UART = 1 << 22,
    USED = RESET_IO | RESET_PADS | RESET_PLL | RESET_TIMER | RESET_UART,
    CRYSTAL_ON = 0xfab << 12 | 0xaa0,
    CRYSTAL_STARTUP_1_MS = 47, // 256 cycles each
    CLOCK_REF_CRYSTAL = 2,
    CLOCK_SYSTEM_AUX = 1, // the PLL, if no other is chosen
    CLOCK_ON = 1 << 11,
    PLL_TIMES = 125,
    PLL_BY_6_BY_2 = 6 << 16 | 2 << 12,
    PLL_RUNNING = 1 << 2,                        // off: the modulator, which nothing uses
    PLL_WITHOUT_DIVIDERS = PLL_RUNNING | 1 << 3, // off: the dividers too
    TICK_OF_12_CYCLES = 1 << 9 | 12,
    FUNCTION_UART = 2,
    LINE_8_BITS = 3 << 5, // without a FIFO: an interrupt for each byte
    UART_ON = 1 << 9 | 1 << 8 | 1,
    RX_EMPTY = 1 << 4,
    TX_FULL = 1 << 5,
    RX_INTERRUPT = 1 << 4,
    TX_INTERRUPT = 1 << 5,
    TICK_US = 1000
};

static void begin_clocks(void) {
    CRYSTAL_STARTUP = CRYSTAL_STARTUP_1_MS;
    CRYSTAL_CONTROL = CRYSTAL_ON;
    while ((CRYSTAL_STATUS & (uint32_t)1 << 31) == 0)
        ;
    CLOCK_REF = CLOCK_REF_CRYSTAL;
    while ((CLOCK_REF_SELECTED & 1u << CLOCK_REF_CRYSTAL) == 0)
        ;
    PLL_FEEDBACK = PLL_TIMES;
    PLL_POWER = PLL_WITHOUT_DIVIDERS;
    while ((PLL_STATUS & (uint32_t)1 << 31) == 0)
        ;
    PLL_DIVIDERS = PLL_BY_6_BY_2;
    PLL_POWER = PLL_RUNNING;
    CLOCK_SYSTEM = CLOCK_SYSTEM_AUX;
    while ((CLOCK_SYSTEM_SELECTED & 1u << CLOCK_SYSTEM_AUX) == 0)
        ;
    CLOCK_PERIPHERALS = CLOCK_ON;
    WATCHDOG_TICK = TICK_OF_12_CYCLES;
}

void board_begin(void) {
    RESETS_CLEAR = USED;
    while ((RESETS_DONE & USED) != USED)
        ;
    begin_clocks();
    PIN_0_FUNCTION = FUNCTION_UART;
    PIN_1_FUNCTION = FUNCTION_UART;
    UART_BAUD = BAUD_64THS / 64;
    UART_BAUD_64THS = BAUD_64THS % 64;
    UART_LINE = LINE_8_BITS;
    UART_CONTROL = UART_ON;
    UART_INTERRUPTS = RX_INTERRUPT;
    TIMER_INTERRUPTS = 1;
    TIMER_ALARM = TIMER_NOW + TICK_US;
    interrupt_enable(UART_IRQ);
    interrupt_enable(TIMER_IRQ);
}

bool board_try_send(uint8_t byte) {
    if ((UART_FLAGS & TX_FULL) != 0) {
        UART_INTERRUPTS = RX_INTERRUPT | TX_INTERRUPT;
        return false;
    }
    UART_DATA = byte;
    return true;
}

uint32_t board_now_us(void) {
    return TIMER_NOW;
}

void board_tick(void) {}

void board_interrupt(void) {
    if (TIMER_CAME != 0) {
        TIMER_CAME = 1;
        TIMER_ALARM = TIMER_NOW + TICK_US;
    }
    UART_CLEAR = RX_INTERRUPT | TX_INTERRUPT;
    while (line_has_room() && (UART_FLAGS & RX_EMPTY) == 0)
        line_came((uint8_t)UART_DATA);
    UART_INTERRUPTS = line_has_room() ? RX_INTERRUPT : 0;
}
