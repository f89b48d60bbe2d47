// SPDX-License-Identifier: Apache-2.0
// Bars that walk; see test_pattern.h.
//
// Law of the file: deterministic.
// Read next: ports/.
#include "test_pattern.h"

void test_pattern(struct test_pattern *pattern, uint8_t *pixels) {
    uint32_t number = pattern->taken++;
    for (uint32_t y = 0; y < pattern->side; y++)
        for (uint32_t x = 0; x < pattern->side; x++) {
            uint32_t along = (number % 2 == 0 ? x : y) + number / 2;
            *pixels++ = along / TEST_PATTERN_BAR % 2 == 0 ? 255 : 0;
        }
}
