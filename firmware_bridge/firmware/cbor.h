// SPDX-License-Identifier: Apache-2.0
// The strict subset of CBOR of everything that is sent or hashed, read and written in place.
//
// Integers of 64 bits, byte strings, text, arrays, and maps with keys 0..23 in order; always the
// shortest form, definite lengths, nothing after the value. Nothing is copied: what is read is a
// place in the buffer.
// Law of the file: no byte beyond `size` is read or written; a reader that failed stays failed.
// Read next: model.c and device.c, which read and write with it.
#ifndef EDGE_CBOR_H
#define EDGE_CBOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cbor_kind { CBOR_UNSIGNED, CBOR_NEGATIVE, CBOR_BYTES, CBOR_TEXT, CBOR_ARRAY, CBOR_MAP };

enum { CBOR_MAX_KEY = 23, CBOR_MAX_DEPTH = 8, CBOR_MAX_TEXT_BYTES = 256 };

struct cbor_reader {
    const uint8_t *data;
    size_t size;
    size_t offset;
    bool failed;
};

// The head of a value: for integers the number (-1 - argument if negative), else a count.
struct cbor_item {
    enum cbor_kind kind;
    uint64_t argument;
    const uint8_t *bytes; // of strings: where they begin, `argument` of them
};

// Whether `data` is exactly one canonical value within the limits. max_depth <= CBOR_MAX_DEPTH.
bool cbor_valid(const uint8_t *data, size_t size, uint32_t max_items, unsigned max_depth);

// Read a head, and the bytes of a string. False at the end or if it is not canonical.
bool cbor_next(struct cbor_reader *reader, struct cbor_item *item);

// Read a key of a map. False if it is not above `last` (-1 at first) or not in 0..CBOR_MAX_KEY.
bool cbor_key(struct cbor_reader *reader, int *last);

struct cbor_writer {
    uint8_t *data;
    size_t capacity;
    size_t size;
    bool overflow;
};

void cbor_put(struct cbor_writer *writer, enum cbor_kind kind, uint64_t argument);
void cbor_put_int(struct cbor_writer *writer, int64_t number);
void cbor_put_string(struct cbor_writer *writer, enum cbor_kind kind, const uint8_t *bytes,
                     size_t size);

#endif
