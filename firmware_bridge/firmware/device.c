// SPDX-License-Identifier: Apache-2.0
// Carrying out requests, and sampling; see device.h.
//
// Law of the file: one function a request, each ends by exactly one answer.
// Read next: port.h.
#include "device.h"

#include <string.h>

#include "infer.h"
#include "message.h"
#include "selftest.h"

enum {
    NO_LABEL = -1,
    SAMPLE_AROUND_BYTES = 40 // a SAMPLE's frame without pixels, at the most
};

static const uint8_t MODEL_TAG[] = "edge-node/v1/model"; // hashed with its zero byte

static edge_bytes_t bytes_of(const void *data, size_t size) {
    edge_bytes_t bytes = {data, (uint32_t)size};
    return bytes;
}

static edge_bytes_t text_of(const char *text) {
    return bytes_of(text, strlen(text));
}

static bool has_model(const struct device *device) {
    return device->model.layer_count > 0;
}

static bool has_sensor(const struct device *device) {
    return device->port->read_sensor != NULL;
}

static uint32_t sample_bytes(const struct device *device) {
    const int32_t *shape = device->port->sensor_shape;
    return (uint32_t)(shape[0] * shape[1] * shape[2]);
}

static uint32_t max_model_bytes(const struct device *device) {
    return device->port->model_bytes - 4; // it may be moved to begin its weights at a word
}

static void done(struct device *device) {
    link_answer(&device->link, &EDGE_MESSAGE_DONE, NULL);
}

static void hello(struct device *device, const edge_hello_t *hello) {
    const struct port *port = device->port;
    link_greet(&device->link, hello->max_frame_bytes);
    device->sampling = false;
    device->model_coming = false;
    device->image_came = 0;
    uint32_t capabilities = 1u << EDGE_CAP_INFER | 1u << EDGE_CAP_SELF_TEST |
                            1u << EDGE_CAP_PUSH_MODEL |
                            (uint32_t)has_sensor(device) << EDGE_CAP_SAMPLE;
    edge_hello_answer_t answer = {
        .version = EDGE_PROTOCOL_VERSION,
        .session = hello->session,
        .board = text_of(port->board),
        .max_frame_bytes = port->frame_bytes,
        .capabilities = capabilities,
        .firmware_hash = bytes_of(port->firmware_hash, SHA256_BYTES),
        .max_model_bytes = max_model_bytes(device),
        .max_image_bytes = port->image_bytes,
        .model_hash = bytes_of(device->model_hash, has_model(device) ? SHA256_BYTES : 0),
        .sensor = text_of(port->sensor),
        .sensor_shape = {port->sensor_shape, has_sensor(device) ? 3 : 0},
    };
    link_answer(&device->link, &EDGE_MESSAGE_HELLO_ANSWER, &answer);
}

static void self_test(struct device *device) {
    uint8_t hash[SHA256_BYTES];
    bool passed = selftest(device->port->work, hash);
    edge_self_test_answer_t answer = {passed, bytes_of(hash, sizeof hash)};
    link_answer(&device->link, &EDGE_MESSAGE_SELF_TEST_ANSWER, &answer);
}

static void model_begin(struct device *device, const edge_model_begin_t *begin) {
    if (begin->model_bytes > max_model_bytes(device)) {
        link_refuse(&device->link, EDGE_ERR_TOO_BIG, max_model_bytes(device));
        return;
    }
    device->model.layer_count = 0;
    device->model_coming = true;
    device->model_bytes = begin->model_bytes;
    device->model_came = 0;
    memcpy(device->model_hash, begin->model_hash.data, SHA256_BYTES);
    done(device);
}

static void model_chunk(struct device *device, const edge_model_chunk_t *chunk) {
    uint32_t came = device->model_coming ? device->model_came : 0;
    if (!device->model_coming || chunk->offset != came ||
        chunk->data.size > device->model_bytes - came) {
        link_refuse(&device->link, EDGE_ERR_OUT_OF_ORDER, came);
        return;
    }
    memcpy((uint8_t *)device->port->model + came, chunk->data.data, chunk->data.size);
    device->model_came += chunk->data.size;
    done(device);
}

static void model_end(struct device *device) {
    const struct port *port = device->port;
    uint32_t came = device->model_coming ? device->model_came : 0;
    if (!device->model_coming || came < device->model_bytes) {
        link_refuse(&device->link, EDGE_ERR_INCOMPLETE, came);
        return;
    }
    device->model_coming = false;
    struct sha256 state;
    uint8_t hash[SHA256_BYTES];
    sha256_begin(&state);
    sha256_add(&state, MODEL_TAG, sizeof MODEL_TAG);
    sha256_add(&state, (const uint8_t *)port->model, came);
    sha256_end(&state, hash);
    if (memcmp(hash, device->model_hash, sizeof hash) != 0) {
        edge_error_t error = {EDGE_ERR_HASH_DIFFERS, 0, bytes_of(hash, sizeof hash)};
        link_answer(&device->link, &EDGE_MESSAGE_ERROR, &error);
        return;
    }
    enum model_verdict verdict =
        model_parse(&device->model, port->model, port->model_bytes, came, port->work_words);
    if (verdict != MODEL_ACCEPTED) {
        link_refuse(&device->link, EDGE_ERR_MODEL_REFUSED, verdict);
        return;
    }
    edge_model_ready_t answer = {bytes_of(hash, sizeof hash), device->model.image_bytes,
                                 model_classes(&device->model)};
    link_answer(&device->link, &EDGE_MESSAGE_MODEL_READY, &answer);
}

static void image_chunk(struct device *device, const edge_image_chunk_t *chunk) {
    uint32_t came = chunk->offset == 0 ? 0 : device->image_came;
    if (chunk->offset != came) {
        link_refuse(&device->link, EDGE_ERR_OUT_OF_ORDER, came);
        return;
    }
    if (chunk->data.size > device->port->image_bytes - came) {
        link_refuse(&device->link, EDGE_ERR_TOO_BIG, device->port->image_bytes);
        return;
    }
    memcpy(device->port->image + came, chunk->data.data, chunk->data.size);
    device->image_came = came + chunk->data.size;
    done(device);
}

static void run(struct device *device, const edge_infer_t *request) {
    const struct port *port = device->port;
    bool in_frame = request->pixels.size > 0;
    uint32_t came = in_frame ? request->pixels.size : device->image_came;
    uint32_t wanted = device->model.image_bytes;
    if (!has_model(device)) {
        link_refuse(&device->link, EDGE_ERR_NO_MODEL, 0);
        return;
    }
    if (came != wanted) {
        bool more = !in_frame && came < wanted;
        link_refuse(&device->link, more ? EDGE_ERR_INCOMPLETE : EDGE_ERR_WRONG_IMAGE,
                    more ? came : wanted);
        return;
    }
    device->image_came = 0;
    uint32_t began_us = port->now_us(port->context);
    const int32_t *logits =
        infer(&device->model, in_frame ? request->pixels.data : port->image, port->work);
    device->inference_us += port->now_us(port->context) - began_us;
    device->images++;
    uint32_t classes = model_classes(&device->model);
    edge_logits_t answer = {{logits, classes}, infer_class(logits, classes)};
    if (!link_answer(&device->link, &EDGE_MESSAGE_LOGITS, &answer))
        link_refuse(&device->link, EDGE_ERR_TOO_BIG, device->link.host_frame_bytes);
}

static void sample_start(struct device *device, const edge_sample_start_t *start) {
    device->link.push.size = 0;
    device->link.push_sequence = 0;
    device->sampling = true;
    device->sample_index = 0;
    device->sample_count = start->count;
    device->sample_interval_ms = start->interval_ms;
    device->sample_wait_ms = 0; // the first one now
    done(device);
}

static void sample_stop(struct device *device) {
    device->sampling = false;
    device->link.push.size = 0;
    done(device);
}

static void status(struct device *device) {
    const struct link *link = &device->link;
    edge_status_answer_t answer = {
        .uptime_ms = device->now_ms - device->started_ms,
        .frames = link->frames,
        .bad_frames = link->bad_frames,
        .repeats = link->repeats,
        .images = device->images,
        .samples = device->samples,
        .push_repeats = link->push_repeats,
        .sensor_failures = device->sensor_failures,
        .inference_us = device->inference_us,
    };
    link_answer(&device->link, &EDGE_MESSAGE_STATUS_ANSWER, &answer);
}

static const edge_message_t *request_of(uint8_t type) {
    static const edge_message_t *const REQUESTS[] = {
        &EDGE_MESSAGE_HELLO,       &EDGE_MESSAGE_SELF_TEST, &EDGE_MESSAGE_MODEL_BEGIN,
        &EDGE_MESSAGE_MODEL_CHUNK, &EDGE_MESSAGE_MODEL_END, &EDGE_MESSAGE_IMAGE_CHUNK,
        &EDGE_MESSAGE_INFER,       &EDGE_MESSAGE_SET_LABEL, &EDGE_MESSAGE_SAMPLE_START,
        &EDGE_MESSAGE_SAMPLE_STOP, &EDGE_MESSAGE_STATUS,
    };
    for (size_t i = 0; i < sizeof REQUESTS / sizeof *REQUESTS; i++)
        if (REQUESTS[i]->type == type)
            return REQUESTS[i];
    return NULL;
}

static void carry_out(struct device *device, const struct link_request *request) {
    union {
        edge_hello_t hello;
        edge_model_begin_t model_begin;
        edge_model_chunk_t model_chunk;
        edge_image_chunk_t image_chunk;
        edge_infer_t infer;
        edge_set_label_t set_label;
        edge_sample_start_t sample_start;
    } fields;
    const edge_message_t *message = request_of(request->type);
    uint32_t fault_at;
    if (message == NULL) {
        link_refuse(&device->link, EDGE_ERR_UNKNOWN_TYPE, request->type);
        return;
    }
    if (message->capability == EDGE_CAP_SAMPLE && !has_sensor(device)) {
        link_refuse(&device->link, EDGE_ERR_NOT_CAPABLE, EDGE_CAP_SAMPLE);
        return;
    }
    if (!message_read(message, request->payload, request->payload_bytes, &fields, &fault_at)) {
        link_refuse(&device->link, EDGE_ERR_BAD_PAYLOAD, fault_at);
        return;
    }
    switch (request->type) {
    case EDGE_MSG_HELLO:
        hello(device, &fields.hello);
        break;
    case EDGE_MSG_SELF_TEST:
        self_test(device);
        break;
    case EDGE_MSG_MODEL_BEGIN:
        model_begin(device, &fields.model_begin);
        break;
    case EDGE_MSG_MODEL_CHUNK:
        model_chunk(device, &fields.model_chunk);
        break;
    case EDGE_MSG_MODEL_END:
        model_end(device);
        break;
    case EDGE_MSG_IMAGE_CHUNK:
        image_chunk(device, &fields.image_chunk);
        break;
    case EDGE_MSG_INFER:
        run(device, &fields.infer);
        break;
    case EDGE_MSG_SET_LABEL:
        device->label = (int32_t)fields.set_label.label;
        done(device);
        break;
    case EDGE_MSG_SAMPLE_START:
        sample_start(device, &fields.sample_start);
        break;
    case EDGE_MSG_SAMPLE_STOP:
        sample_stop(device);
        break;
    default:
        status(device);
    }
}

static void push_sample(struct device *device) {
    const struct port *port = device->port;
    uint32_t room = port->push_bytes;
    if (room > device->link.host_frame_bytes)
        room = device->link.host_frame_bytes;
    uint32_t part = sample_bytes(device) - device->sample_offset;
    if (part > room - SAMPLE_AROUND_BYTES)
        part = room - SAMPLE_AROUND_BYTES;
    edge_sample_t sample = {
        .index = device->sample_index,
        .label = device->sample_label,
        .sample_bytes = sample_bytes(device),
        .offset = device->sample_offset,
        .pixels = bytes_of(port->sample + device->sample_offset, part),
    };
    device->sample_part = part;
    link_push(&device->link, &EDGE_MESSAGE_SAMPLE, &sample, device->now_ms);
}

static void acknowledged(struct device *device) {
    device->sample_offset += device->sample_part;
    if (device->sample_offset < sample_bytes(device)) {
        push_sample(device);
        return;
    }
    device->samples++;
    device->sample_index++;
    if (device->sample_index == device->sample_count)
        device->sampling = false;
}

static void take_sample(struct device *device) {
    const struct port *port = device->port;
    device->sampled_ms = device->now_ms;
    device->sample_wait_ms = device->sample_interval_ms;
    if (!port->read_sensor(port->context, port->sample)) {
        device->sensor_failures++;
        return;
    }
    device->sample_label = device->label;
    device->sample_offset = 0;
    push_sample(device);
}

void device_begin(struct device *device, const struct port *port, uint32_t now_ms) {
    memset(device, 0, sizeof *device);
    device->port = port;
    device->now_ms = now_ms;
    device->started_ms = now_ms;
    device->label = NO_LABEL;
    struct link *link = &device->link;
    link->receiver.data = port->frame;
    link->receiver.capacity = port->frame_bytes;
    link->send = port->send;
    link->context = port->context;
    link->host_frame_bytes = EDGE_FRAME_BYTES_MIN;
    link->answer.data = port->answer;
    link->answer.capacity = PORT_ANSWER_BYTES;
    link->push.data = port->push;
    link->push.capacity = port->push_bytes;
}

void device_receive(struct device *device, uint8_t byte) {
    struct link_request request;
    switch (link_receive(&device->link, byte, &request)) {
    case LINK_REQUEST:
        carry_out(device, &request);
        break;
    case LINK_ACKNOWLEDGED:
        acknowledged(device);
        break;
    default:
        break;
    }
}

void device_poll(struct device *device, uint32_t now_ms) {
    device->now_ms = now_ms;
    if (!link_poll(&device->link, now_ms))
        device->sampling = false;
    if (device->sampling && device->link.push.size == 0 &&
        now_ms - device->sampled_ms >= device->sample_wait_ms)
        take_sample(device);
}
