// SPDX-License-Identifier: Apache-2.0
// Reading and writing the strict subset of CBOR; see cbor.h.
//
// Law of the file: accepts what edge_node.spec.encoding.decode accepts and nothing else; no count
// is believed before the bytes for it are there; no recursion.
// Read next: model.c.
#include "cbor.h"

#include <string.h>

enum { DIRECT = 24, MAX_ARGUMENT_CODE = 27 };

static bool fail(struct cbor_reader *reader) {
    reader->failed = true;
    return false;
}

static bool read_argument(struct cbor_reader *reader, unsigned code, uint64_t *argument) {
    size_t size = (size_t)1 << (code - DIRECT);
    if (size > reader->size - reader->offset)
        return fail(reader);
    uint64_t number = 0;
    for (size_t i = 0; i < size; i++)
        number = number << 8 | reader->data[reader->offset++];
    *argument = number;
    // One number, one form: it would not have fitted into half the size.
    bool shortest = size == 1 ? number >= DIRECT : number >> (4 * size) != 0;
    return shortest || fail(reader);
}

static bool continues(const uint8_t *byte, size_t left, size_t count) {
    if (left <= count)
        return false;
    for (size_t i = 1; i <= count; i++)
        if ((byte[i] & 0xc0u) != 0x80u)
            return false;
    return true;
}

static bool is_utf8(const uint8_t *text, size_t size) {
    size_t i = 0;
    while (i < size) {
        uint8_t first = text[i];
        uint8_t second = i + 1 < size ? text[i + 1] : 0;
        size_t more;
        if (first < 0x80) {
            more = 0;
        } else if (first >= 0xc2 && first < 0xe0) {
            more = 1;
        } else if (first >= 0xe0 && first < 0xf0) {
            more = 2; // no longer forms of shorter ones, no surrogates
            if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second >= 0xa0))
                return false;
        } else if (first >= 0xf0 && first < 0xf5) {
            more = 3;
            if ((first == 0xf0 && second < 0x90) || (first == 0xf4 && second >= 0x90))
                return false;
        } else {
            return false;
        }
        if (!continues(text + i, size - i, more))
            return false;
        i += 1 + more;
    }
    return true;
}

bool cbor_next(struct cbor_reader *reader, struct cbor_item *item) {
    if (reader->failed || reader->offset >= reader->size)
        return fail(reader);
    unsigned initial = reader->data[reader->offset++];
    unsigned code = initial & 31u;
    if (initial >> 5 > CBOR_MAP || code > MAX_ARGUMENT_CODE)
        return fail(reader);
    item->kind = (enum cbor_kind)(initial >> 5);
    item->argument = code;
    item->bytes = NULL;
    if (code >= DIRECT && !read_argument(reader, code, &item->argument))
        return false;
    size_t left = reader->size - reader->offset;
    switch (item->kind) {
    case CBOR_UNSIGNED:
        return true;
    case CBOR_NEGATIVE:
        return item->argument <= INT64_MAX || fail(reader);
    case CBOR_BYTES:
    case CBOR_TEXT:
        if (item->argument > left)
            return fail(reader);
        item->bytes = reader->data + reader->offset;
        reader->offset += (size_t)item->argument;
        if (item->kind == CBOR_BYTES)
            return true;
        return (item->argument <= CBOR_MAX_TEXT_BYTES &&
                is_utf8(item->bytes, (size_t)item->argument)) ||
               fail(reader);
    default: // every item of an array or map takes a byte at least
        return item->argument <= left || fail(reader);
    }
}

bool cbor_key(struct cbor_reader *reader, int *last) {
    if (reader->failed || reader->offset >= reader->size)
        return fail(reader);
    int key = reader->data[reader->offset];
    if (key <= *last || key > CBOR_MAX_KEY)
        return fail(reader);
    reader->offset++;
    *last = key;
    return true;
}

bool cbor_valid(const uint8_t *data, size_t size, uint32_t max_items, unsigned max_depth) {
    struct cbor_reader reader = {data, size, 0, false};
    // What is open: values still to come, and the last key, or ARRAY for none.
    enum { ARRAY = -2 };
    struct {
        uint64_t left;
        int key;
    } open[CBOR_MAX_DEPTH + 1] = {{1, ARRAY}};
    unsigned depth = 0;
    for (;;) {
        while (open[depth].left == 0) {
            if (depth == 0)
                return reader.offset == size;
            depth--;
        }
        open[depth].left--;
        struct cbor_item item;
        if ((open[depth].key != ARRAY && !cbor_key(&reader, &open[depth].key)) ||
            max_items-- == 0 || !cbor_next(&reader, &item))
            return false;
        if (item.kind == CBOR_ARRAY || item.kind == CBOR_MAP) {
            if (depth == max_depth)
                return false;
            depth++;
            open[depth].left = item.argument;
            open[depth].key = item.kind == CBOR_MAP ? -1 : ARRAY;
        }
    }
}

static void put_byte(struct cbor_writer *writer, unsigned byte) {
    if (writer->size == writer->capacity) {
        writer->overflow = true;
        return;
    }
    writer->data[writer->size++] = (uint8_t)byte;
}

void cbor_put(struct cbor_writer *writer, enum cbor_kind kind, uint64_t argument) {
    unsigned major = (unsigned)kind << 5;
    if (argument < DIRECT) {
        put_byte(writer, major | (unsigned)argument);
        return;
    }
    unsigned log_bytes = argument > UINT32_MAX ? 3 : argument > UINT16_MAX ? 2 : argument > 255;
    put_byte(writer, major | (DIRECT + log_bytes));
    for (unsigned left = 1u << log_bytes; left-- > 0;)
        put_byte(writer, (unsigned)(argument >> (8 * left)) & 255u);
}

void cbor_put_int(struct cbor_writer *writer, int64_t number) {
    if (number < 0)
        cbor_put(writer, CBOR_NEGATIVE, (uint64_t)(-1 - number));
    else
        cbor_put(writer, CBOR_UNSIGNED, (uint64_t)number);
}

void cbor_put_string(struct cbor_writer *writer, enum cbor_kind kind, const uint8_t *bytes,
                     size_t size) {
    cbor_put(writer, kind, size);
    if (writer->overflow || size > writer->capacity - writer->size) {
        writer->overflow = true;
        return;
    }
    if (size > 0)
        memcpy(writer->data + writer->size, bytes, size);
    writer->size += size;
}
