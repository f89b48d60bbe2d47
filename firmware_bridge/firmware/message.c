// SPDX-License-Identifier: Apache-2.0
// Reading and writing payloads by their tables; see message.h.
//
// Law of the file: requests have no arrays, so none is read.
// Read next: link.c.
#include "message.h"

#include "cbor.h"

static bool read_field(const edge_field_t *field, const struct cbor_item *item, void *value) {
    bool bytes = field->kind == EDGE_KIND_BYTES;
    if (item->kind != (bytes ? CBOR_BYTES : CBOR_UNSIGNED) || item->argument > field->most ||
        (field->least > 0 && item->argument < (uint64_t)field->least))
        return false;
    if (bytes) {
        edge_bytes_t *string = value;
        string->data = item->bytes;
        string->size = (uint32_t)item->argument;
    } else {
        uint32_t *number = value;
        *number = (uint32_t)item->argument;
    }
    return true;
}

bool message_read(const edge_message_t *message, const uint8_t *payload, size_t size, void *fields,
                  uint32_t *fault_at) {
    struct cbor_reader reader = {payload, size, 0, false};
    struct cbor_item item;
    int key = -1;
    *fault_at = 0;
    if (!cbor_next(&reader, &item) || item.kind != CBOR_MAP ||
        item.argument != message->field_count)
        return false;
    for (int i = 0; i < message->field_count; i++) {
        const edge_field_t *field = &message->fields[i];
        *fault_at = (uint32_t)reader.offset;
        if (!cbor_key(&reader, &key) || key != i || !cbor_next(&reader, &item) ||
            !read_field(field, &item, (uint8_t *)fields + field->offset))
            return false;
    }
    *fault_at = (uint32_t)reader.offset;
    return reader.offset == size;
}

static void write_field(struct cbor_writer *writer, const edge_field_t *field, const void *value) {
    const edge_bytes_t *string = value;
    const edge_ints_t *ints = value;
    switch (field->kind) {
    case EDGE_KIND_UINT:
        cbor_put(writer, CBOR_UNSIGNED, *(const uint32_t *)value);
        break;
    case EDGE_KIND_INT:
        cbor_put_int(writer, *(const int32_t *)value);
        break;
    case EDGE_KIND_BYTES:
    case EDGE_KIND_TEXT:
        cbor_put_string(writer, field->kind == EDGE_KIND_TEXT ? CBOR_TEXT : CBOR_BYTES,
                        string->data, string->size);
        break;
    default:
        cbor_put(writer, CBOR_ARRAY, ints->count);
        for (uint32_t i = 0; i < ints->count; i++)
            cbor_put_int(writer, ints->items[i]);
    }
}

size_t message_write(const edge_message_t *message, const void *fields, uint8_t *payload,
                     size_t capacity) {
    struct cbor_writer writer = {payload, capacity, 0, false};
    cbor_put(&writer, CBOR_MAP, message->field_count);
    for (unsigned i = 0; i < message->field_count; i++) {
        const edge_field_t *field = &message->fields[i];
        cbor_put(&writer, CBOR_UNSIGNED, i);
        write_field(&writer, field, (const uint8_t *)fields + field->offset);
    }
    return writer.overflow ? 0 : writer.size;
}
