// SPDX-License-Identifier: Apache-2.0
// Sequence, kept answer and pushes; see link.h.
//
// Law of the file: what is not of the session changes nothing but a counter.
// Read next: device.c.
#include "link.h"

#include "message.h"

static uint32_t crc_of(const struct frame_receiver *receiver) {
    const uint8_t *crc = receiver->data + receiver->size - FRAME_CRC_BYTES;
    return crc[0] | (uint32_t)crc[1] << 8 | (uint32_t)crc[2] << 16 | (uint32_t)crc[3] << 24;
}

static void send(struct link *link, const struct link_buffer *buffer) {
    frame_send(buffer->data, buffer->size, link->send, link->context);
}

// Write a frame into a buffer; false if buffer or host have no room for it.
static bool fill(const struct link *link, struct link_buffer *buffer, uint16_t sequence,
                 const edge_message_t *message, const void *fields) {
    size_t most = buffer->capacity;
    if (most > link->host_frame_bytes)
        most = link->host_frame_bytes;
    size_t payload = message_write(message, fields, buffer->data + FRAME_HEADER_BYTES,
                                   most - FRAME_AROUND_BYTES);
    struct frame_header header = {EDGE_PROTOCOL_VERSION, message->type, sequence,
                                  (uint16_t)payload};
    buffer->size = payload == 0 ? 0 : frame_close(buffer->data, &header);
    return payload > 0;
}

// Answer a request that is not looked at: no answer is kept, and the sequence stays.
static void turn_away(struct link *link, uint16_t sequence, edge_error_code_t code,
                      uint32_t detail) {
    uint8_t frame[32]; // above any ERROR without a hash
    struct link_buffer buffer = {frame, sizeof frame, 0};
    edge_error_t error = {.code = code, .detail = detail};
    if (fill(link, &buffer, sequence, &EDGE_MESSAGE_ERROR, &error))
        send(link, &buffer);
}

static bool is_acknowledged(struct link *link, const struct frame_header *header,
                            const uint8_t *payload) {
    enum { EMPTY_MAP = 0xa0 };
    if (link->push.size == 0 || header->sequence != link->push_sequence ||
        header->payload_bytes != 1 || payload[0] != EMPTY_MAP)
        return false;
    link->push.size = 0;
    link->push_sequence++;
    return true;
}

static enum link_event take(struct link *link, const struct frame_header *header,
                            struct link_request *request) {
    uint16_t sequence = header->sequence;
    uint32_t crc = crc_of(&link->receiver);
    request->type = header->type;
    request->payload = link->receiver.data + FRAME_HEADER_BYTES;
    request->payload_bytes = header->payload_bytes;
    if (header->type == EDGE_MSG_ACK)
        return is_acknowledged(link, header, request->payload) ? LINK_ACKNOWLEDGED : LINK_NOTHING;
    if (link->answer.size > 0 && sequence == link->sequence && crc == link->request_crc) {
        link->repeats++;
        send(link, &link->answer);
        return LINK_NOTHING;
    }
    uint16_t expected = (uint16_t)(link->sequence + 1);
    if (header->type != EDGE_MSG_HELLO && !link->greeted) {
        turn_away(link, sequence, EDGE_ERR_NOT_GREETED, 0);
        return LINK_NOTHING;
    }
    if (header->type != EDGE_MSG_HELLO && sequence != expected) {
        turn_away(link, sequence, EDGE_ERR_OUT_OF_STEP, expected);
        return LINK_NOTHING;
    }
    link->sequence = sequence;
    link->request_crc = crc;
    link->answer.size = 0;
    return LINK_REQUEST;
}

enum link_event link_receive(struct link *link, uint8_t byte, struct link_request *request) {
    enum frame_event event = frame_receive(&link->receiver, byte);
    if (event == FRAME_UNFINISHED)
        return LINK_NOTHING;
    struct frame_header header;
    bool good = event == FRAME_GOOD;
    if (good) {
        bool sized = frame_read_header(link->receiver.data, link->receiver.size, &header);
        if (header.version != EDGE_PROTOCOL_VERSION) {
            link->frames++;
            turn_away(link, header.sequence, EDGE_ERR_OTHER_VERSION, EDGE_PROTOCOL_VERSION);
            return LINK_NOTHING;
        }
        good = sized;
    }
    if (!good) {
        link->bad_frames++;
        return LINK_NOTHING;
    }
    link->frames++;
    return take(link, &header, request);
}

void link_greet(struct link *link, uint32_t host_frame_bytes) {
    link->greeted = true;
    link->host_frame_bytes =
        host_frame_bytes < EDGE_FRAME_BYTES_MIN ? EDGE_FRAME_BYTES_MIN : host_frame_bytes;
    link->push.size = 0;
    link->push_sequence = 0;
}

bool link_answer(struct link *link, const edge_message_t *message, const void *fields) {
    if (!fill(link, &link->answer, link->sequence, message, fields))
        return false;
    send(link, &link->answer);
    return true;
}

void link_refuse(struct link *link, edge_error_code_t code, uint32_t detail) {
    edge_error_t error = {.code = code, .detail = detail};
    link_answer(link, &EDGE_MESSAGE_ERROR, &error);
}

void link_push(struct link *link, const edge_message_t *message, const void *fields,
               uint32_t now_ms) {
    if (!fill(link, &link->push, link->push_sequence, message, fields))
        return;
    link->push_attempts = 1;
    link->pushed_ms = now_ms;
    send(link, &link->push);
}

bool link_poll(struct link *link, uint32_t now_ms) {
    if (link->push.size == 0 || now_ms - link->pushed_ms < EDGE_PUSH_REPEAT_MS)
        return true;
    if (link->push_attempts == EDGE_PUSH_ATTEMPTS_MAX) {
        link->push.size = 0;
        return false;
    }
    link->push_attempts++;
    link->pushed_ms = now_ms;
    link->push_repeats++;
    send(link, &link->push);
    return true;
}
