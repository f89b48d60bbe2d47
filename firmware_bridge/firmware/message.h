// SPDX-License-Identifier: Apache-2.0
// Payloads by the tables of messages.h: one function reads every message, one writes every message.
//
// Law of the file: what is read is canonical, whole and within every field's bounds; strings are
// not copied.
// Read next: device.c.
#ifndef EDGE_MESSAGE_H
#define EDGE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "messages.h"

// Read a request's payload into its struct. False at the first fault, with the byte it is at.
bool message_read(const edge_message_t *message, const uint8_t *payload, size_t size, void *fields,
                  uint32_t *fault_at);

// Write a payload from a message's struct; 0 if it takes more than `capacity` bytes.
size_t message_write(const edge_message_t *message, const void *fields, uint8_t *payload,
                     size_t capacity);

#endif
