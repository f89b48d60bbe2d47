// SPDX-License-Identifier: Apache-2.0
// A microcontroller as a member of the network: what each request does.
//
// Law of the file: a request that is refused has changed nothing but what PROTOCOL.md says.
// Read next: device.c.
#ifndef EDGE_DEVICE_H
#define EDGE_DEVICE_H

#include "link.h"
#include "model.h"
#include "port.h"
#include "sha256.h"

struct device {
    const struct port *port;
    struct link link;
    uint32_t now_ms, started_ms;

    struct model model; // layer_count is 0 without one
    uint8_t model_hash[SHA256_BYTES];
    bool model_coming; // after MODEL_BEGIN, before MODEL_END; model_hash is what was promised
    uint32_t model_bytes, model_came;

    uint32_t image_came;

    bool sampling;
    int32_t label;
    int32_t sample_label;
    uint32_t sample_index, sample_count; // a count of 0 has no end
    uint32_t sample_interval_ms, sampled_ms;
    uint32_t sample_wait_ms; // from the last one to the next: 0 before the first
    uint32_t sample_offset;  // what was acknowledged of the present sample
    uint32_t sample_part;    // what is on its way

    uint32_t images, samples, sensor_failures, inference_us;
};

void device_begin(struct device *device, const struct port *port, uint32_t now_ms);
void device_receive(struct device *device, uint8_t byte);
void device_poll(struct device *device, uint32_t now_ms);

#endif
