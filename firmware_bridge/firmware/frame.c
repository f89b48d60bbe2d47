// SPDX-License-Identifier: Apache-2.0
// Taking frames from a line and sending them; see frame.h.
//
// Law of the file: no byte is written beyond `capacity`.
// Read next: link.c.
#include "frame.h"

#include "crc32.h"

enum { COBS_LONGEST = 0xff };

static uint16_t read_u16(const uint8_t *bytes) {
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static void write_u16(uint8_t *bytes, unsigned number) {
    bytes[0] = (uint8_t)number;
    bytes[1] = (uint8_t)(number >> 8);
}

static void append(struct frame_receiver *receiver, uint8_t byte) {
    if (receiver->size == receiver->capacity)
        receiver->too_long = true;
    else
        receiver->data[receiver->size++] = byte;
}

static bool crc_is_right(const uint8_t *frame, size_t size) {
    const uint8_t *end = frame + size - FRAME_CRC_BYTES;
    uint32_t told = read_u16(end) | (uint32_t)read_u16(end + 2) << 16;
    return crc32(frame, size - FRAME_CRC_BYTES) == told;
}

static enum frame_event end_of_frame(struct frame_receiver *receiver) {
    bool begun = receiver->begun;
    bool whole = receiver->left == 0 && !receiver->too_long;
    size_t size = receiver->size;
    receiver->begun = false;
    receiver->too_long = false;
    receiver->zero_owed = false;
    receiver->left = 0;
    if (!begun)
        return FRAME_UNFINISHED; // two zeros in a row: an empty frame
    if (!whole || size < FRAME_AROUND_BYTES || !crc_is_right(receiver->data, size))
        return FRAME_BAD;
    return FRAME_GOOD;
}

enum frame_event frame_receive(struct frame_receiver *receiver, uint8_t byte) {
    if (byte == 0)
        return end_of_frame(receiver);
    if (!receiver->begun) {
        receiver->begun = true;
        receiver->size = 0;
    }
    if (receiver->left > 0) {
        receiver->left--;
        append(receiver, byte);
        return FRAME_UNFINISHED;
    }
    if (receiver->zero_owed)
        append(receiver, 0);
    receiver->zero_owed = byte != COBS_LONGEST;
    receiver->left = (uint8_t)(byte - 1);
    return FRAME_UNFINISHED;
}

bool frame_read_header(const uint8_t *frame, size_t size, struct frame_header *header) {
    header->version = frame[0];
    header->type = frame[1];
    header->sequence = read_u16(frame + 2);
    header->payload_bytes = read_u16(frame + 4);
    return header->payload_bytes == size - FRAME_AROUND_BYTES;
}

size_t frame_close(uint8_t *frame, const struct frame_header *header) {
    frame[0] = header->version;
    frame[1] = header->type;
    write_u16(frame + 2, header->sequence);
    write_u16(frame + 4, header->payload_bytes);
    size_t size = (size_t)header->payload_bytes + FRAME_HEADER_BYTES;
    uint32_t crc = crc32(frame, size);
    write_u16(frame + size, crc & 0xffffu);
    write_u16(frame + size + 2, crc >> 16);
    return size + FRAME_CRC_BYTES;
}

void frame_send(const uint8_t *frame, size_t size, frame_send_t *send, void *context) {
    size_t at = 0;
    for (;;) {
        size_t run = 0;
        while (run < COBS_LONGEST - 1 && at + run < size && frame[at + run] != 0)
            run++;
        uint8_t code = (uint8_t)(run + 1);
        send(context, &code, 1);
        if (run > 0)
            send(context, frame + at, run);
        at += run;
        if (at == size)
            break;
        if (run < COBS_LONGEST - 1)
            at++; // the zero that the block's end stands for
    }
    static const uint8_t END = 0;
    send(context, &END, 1);
}
