// SPDX-License-Identifier: Apache-2.0
// A device as a process: what comes on standard input is its line's, standard output goes back.
//
// Law of the file: it sleeps until a byte comes or a push may be due; it ends with its input.
// Read next: library.h.
#define _POSIX_C_SOURCE 200809L

#include <poll.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#include "library.h"

enum { CHUNK_BYTES = 1024, POLL_MS = 10, PATTERN_SIDE = 28 };

static uint32_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint32_t)(now.tv_sec * 1000 + now.tv_nsec / 1000000);
}

// 0 if nobody is at the other end any more.
static int send_all(const uint8_t *bytes, size_t size) {
    while (size > 0) {
        ssize_t written = write(STDOUT_FILENO, bytes, size);
        if (written <= 0)
            return 0;
        bytes += written;
        size -= (size_t)written;
    }
    return 1;
}

int main(void) {
    struct core *core = core_only();
    uint8_t bytes[CHUNK_BYTES];
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    core_begin(core, PATTERN_SIDE, now_ms());
    for (;;) {
        if (poll(&input, 1, POLL_MS) > 0) {
            ssize_t count = read(STDIN_FILENO, bytes, sizeof bytes);
            if (count <= 0)
                return 0;
            core_receive(core, bytes, (size_t)count);
        }
        core_poll(core, now_ms());
        size_t size;
        while ((size = core_take(core, bytes, sizeof bytes)) > 0)
            if (!send_all(bytes, size))
                return 1;
    }
}
