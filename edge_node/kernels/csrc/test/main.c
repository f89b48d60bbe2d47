// SPDX-License-Identifier: Apache-2.0
// Runs the C tests that are linked in; each prints one line and returns how it went.
//
// Law of the file: weak symbols, so that any of the tests may be left out.
// Read next: test_bitslice.c.
#include <stddef.h>
#include <stdio.h>

__attribute__((weak)) int test_bitslice(void);
__attribute__((weak)) int test_engine(void);
__attribute__((weak)) int test_training(void);
__attribute__((weak)) int test_burst(void);

int main(void) {
    int (*const tests[])(void) = {test_bitslice, test_engine, test_training, test_burst};
    int failed = 0, run = 0;
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        if (tests[i] != NULL) {
            failed |= tests[i]() != 0;
            run++;
        }
    printf("%d tests, %s\n", run, failed ? "FAILED" : "passed");
    return failed || run == 0;
}
