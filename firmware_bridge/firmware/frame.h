// SPDX-License-Identifier: Apache-2.0
// Frames on the line: header, payload and CRC-32, stuffed by COBS and ended by a zero byte.
//
// The receiver takes a byte at a time and keeps no more than the frame; the sender stuffs on the
// way out, so a frame lies in memory once, as it is.
// Law of the file: whatever comes, the next zero byte begins anew.
// Read next: link.h.
#ifndef EDGE_FRAME_H
#define EDGE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    FRAME_HEADER_BYTES = 6,
    FRAME_CRC_BYTES = 4,
    FRAME_AROUND_BYTES = FRAME_HEADER_BYTES + FRAME_CRC_BYTES
};

enum frame_event { FRAME_UNFINISHED, FRAME_GOOD, FRAME_BAD };

struct frame_receiver {
    uint8_t *data;
    size_t capacity;
    size_t size;
    uint8_t left;   // bytes of the present block still to come
    bool zero_owed; // a zero stands between this block and the next
    bool begun;     // something came since the last zero byte
    bool too_long;
};

struct frame_header {
    uint8_t version, type;
    uint16_t sequence, payload_bytes;
};

// FRAME_GOOD: data[0..size) has a version, and a CRC that is right; until the next call.
enum frame_event frame_receive(struct frame_receiver *receiver, uint8_t byte);

// False if a frame with a right CRC has another length than its header says.
bool frame_read_header(const uint8_t *frame, size_t size, struct frame_header *header);

// Write header and CRC around a payload that stands at frame + FRAME_HEADER_BYTES already.
// Returns the frame's length.
size_t frame_close(uint8_t *frame, const struct frame_header *header);

typedef void frame_send_t(void *context, const uint8_t *bytes, size_t size);

void frame_send(const uint8_t *frame, size_t size, frame_send_t *send, void *context);

#endif
