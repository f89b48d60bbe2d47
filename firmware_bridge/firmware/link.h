// SPDX-License-Identifier: Apache-2.0
// The device's end of the line: requests in sequence, an answer that is kept, pushes repeated.
//
// Rules: PROTOCOL.md, "Requests", "Sessions" and "Pushes".
// Law of the file: a request is handed out once, however often it comes; nothing is awaited.
// Read next: device.h.
#ifndef EDGE_LINK_H
#define EDGE_LINK_H

#include "frame.h"
#include "messages.h"

struct link_buffer {
    uint8_t *data;
    size_t capacity;
    size_t size; // 0: nothing in it
};

struct link {
    struct frame_receiver receiver;
    frame_send_t *send;
    void *context;
    uint32_t host_frame_bytes; // the longest frame that the host takes

    bool greeted;
    uint16_t sequence; // of the last request
    uint32_t request_crc;
    struct link_buffer answer;

    struct link_buffer push; // size 0: none is on its way
    uint16_t push_sequence;
    uint8_t push_attempts;
    uint32_t pushed_ms;

    uint32_t frames, bad_frames, repeats, push_repeats;
};

struct link_request {
    uint8_t type;
    const uint8_t *payload;
    size_t payload_bytes;
};

enum link_event { LINK_NOTHING, LINK_REQUEST, LINK_ACKNOWLEDGED };

// Take a byte. LINK_REQUEST: carry it out and call link_answer. LINK_ACKNOWLEDGED: the push came.
enum link_event link_receive(struct link *link, uint8_t byte, struct link_request *request);

// Begin a session: the answer to HELLO follows.
void link_greet(struct link *link, uint32_t host_frame_bytes);

// Answer the request, and keep the answer. False if it does not fit; then nothing was sent.
bool link_answer(struct link *link, const edge_message_t *message, const void *fields);

// Answer by ERROR.
void link_refuse(struct link *link, edge_error_code_t code, uint32_t detail);

// Send a message of the device's own, and again at times until it is acknowledged.
void link_push(struct link *link, const edge_message_t *message, const void *fields,
               uint32_t now_ms);

// Send the push again if it is time. False if that was done too often: it is given up.
bool link_poll(struct link *link, uint32_t now_ms);

#endif
