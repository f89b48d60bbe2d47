// SPDX-License-Identifier: Apache-2.0
// A sensor that is none: bars that walk, for boards without a camera. It says so by its name.
//
// Law of the file: deterministic; sample n is the same on every board.
// Read next: port.h.
#ifndef EDGE_TEST_PATTERN_H
#define EDGE_TEST_PATTERN_H

#include <stdint.h>

enum { TEST_PATTERN_MAX_SIDE = 64, TEST_PATTERN_BAR = 4 };

struct test_pattern {
    uint8_t side;
    uint32_t taken;
};

// Sample n: bars TEST_PATTERN_BAR wide at 255 on 0, upright if n is even, n / 2 pixels further.
void test_pattern(struct test_pattern *pattern, uint8_t *pixels);

#endif
