// SPDX-License-Identifier: Apache-2.0
// The RP2040's second stage: lets the processor read the flash as memory, then begins the image.
//
// Command 03h, one bit at a time at a quarter of the clock: every flash chip knows it (Raspberry
// Pi, RP2040 datasheet 2.8.1.3 and 4.10).
// Law of the file: it runs anywhere and calls nothing; 252 bytes at the most.
// Read next: board.c.
#include <stdint.h>

#define REGISTER(address) (*(volatile uint32_t *)(address))
#define SSI_CONTROL_0 REGISTER(0x18000000u)
#define SSI_CONTROL_1 REGISTER(0x18000004u)
#define SSI_ENABLE REGISTER(0x18000008u)
#define SSI_BAUD REGISTER(0x18000014u)
#define SSI_SPI_CONTROL REGISTER(0x180000f4u)
#define VECTORS REGISTER(0xe000ed08u)

enum {
    DIVIDER = 4,
    FRAMES_OF_32_BITS = 31 << 16,
    READ_AFTER_COMMAND = 3 << 8,
    COMMAND_READ = 0x03,
    COMMAND_OF_8_BITS = 2 << 8,
    ADDRESS_OF_24_BITS = 6 << 2,
    IMAGE = 0x10000100
};

__attribute__((section(".first"), noreturn)) void boot2(void);
void boot2(void) {
    SSI_ENABLE = 0;
    SSI_BAUD = DIVIDER;
    SSI_CONTROL_0 = FRAMES_OF_32_BITS | READ_AFTER_COMMAND;
    SSI_CONTROL_1 = 0;
    SSI_SPI_CONTROL = (uint32_t)COMMAND_READ << 24 | COMMAND_OF_8_BITS | ADDRESS_OF_24_BITS;
    SSI_ENABLE = 1;
    VECTORS = IMAGE;
    __asm__ volatile("ldr r1, [%0]\n\t"
                     "ldr r0, [%0, #4]\n\t"
                     "msr msp, r1\n\t"
                     "bx r0" ::"r"(IMAGE)
                     : "r0", "r1");
    __builtin_unreachable();
}
