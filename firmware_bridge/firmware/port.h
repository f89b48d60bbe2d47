// SPDX-License-Identifier: Apache-2.0
// What a board gives the core: a line, a clock, a sensor and memory.
//
// A port's program makes one of these, passes what the line brings to device_receive, and calls
// device_poll at least once a millisecond while it does not sleep.
// Law of the file: the core knows no register, and a port nothing of the protocol.
// Read next: device.h, then ports/mps2_an385/.
#ifndef EDGE_PORT_H
#define EDGE_PORT_H

#include <stdbool.h>
#include <stdint.h>

#include "frame.h"

enum { PORT_ANSWER_BYTES = 800 }; // of the greatest LOGITS: 256 classes

struct port {
    const char *board;            // its name, 1..32 characters
    const uint8_t *firmware_hash; // SHA-256 of the sources
    const char *sensor;           // its name; empty without one
    int32_t sensor_shape[3];      // rows, columns and channels of a sample

    void *context; // given to the functions
    frame_send_t *send;
    uint32_t (*now_us)(void *context);                   // may wrap
    bool (*read_sensor)(void *context, uint8_t *pixels); // a whole sample; NULL without one

    uint8_t *frame; // one that comes
    uint32_t frame_bytes;
    uint8_t *answer; // one that is kept, PORT_ANSWER_BYTES
    uint8_t *push;   // one that goes, 64 bytes at least; NULL without a sensor
    uint32_t push_bytes;
    uint8_t *sample; // of the sensor's shape; NULL without a sensor
    uint8_t *image;  // one longer than a frame
    uint32_t image_bytes;
    uint32_t *model; // a blob and its thresholds
    uint32_t model_bytes;
    uint32_t *work; // maps of a model
    uint32_t work_words;
};

#endif
