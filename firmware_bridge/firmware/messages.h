// SPDX-License-Identifier: Apache-2.0
// Made by firmware_bridge/generate.py from protocol.toml; change that, not this.
// The messages of the protocol; PROTOCOL.md says what each of them is for.

#ifndef EDGE_MESSAGES_H
#define EDGE_MESSAGES_H

#include <stddef.h>
#include <stdint.h>

#include "codes.h"

typedef enum {
    EDGE_KIND_UINT,  // uint32_t, least..most
    EDGE_KIND_INT,   // int32_t, least..most
    EDGE_KIND_BYTES, // edge_bytes_t, least..most bytes
    EDGE_KIND_TEXT,  // edge_bytes_t of UTF-8, least..most bytes
    EDGE_KIND_INTS,  // edge_ints_t, least..most items
} edge_kind_t;

// Bytes or text that lie elsewhere.
typedef struct {
    const uint8_t *data;
    uint32_t size;
} edge_bytes_t;

// Integers that lie elsewhere.
typedef struct {
    const int32_t *items;
    uint32_t count;
} edge_ints_t;

// A field of a payload; its key is its place in the table.
typedef struct {
    uint8_t kind;
    uint8_t offset; // in the message's struct
    int32_t least;
    uint32_t most;
} edge_field_t;

// A message: its header's type, and the table of its fields.
typedef struct {
    uint8_t type;
    uint8_t answer;     // of a request: the type that answers it; else 0
    uint8_t capability; // number of the bit that a request needs, or EDGE_NO_CAPABILITY
    uint8_t field_count;
    const edge_field_t *fields;
} edge_message_t;

// Begins a session: stops sampling, forgets what was half sent, keeps the model.
typedef struct {
    // The host's version of the protocol.
    uint32_t version;
    // A number drawn by the host, given back in the answer.
    uint32_t session;
    // The longest frame that the host takes.
    uint32_t max_frame_bytes;
} edge_hello_t;

static const edge_field_t EDGE_FIELDS_HELLO[] = {
    {EDGE_KIND_UINT, offsetof(edge_hello_t, version), 0, 255u},
    {EDGE_KIND_UINT, offsetof(edge_hello_t, session), 0, 4294967295u},
    {EDGE_KIND_UINT, offsetof(edge_hello_t, max_frame_bytes), 0, 65535u},
};
static const edge_message_t EDGE_MESSAGE_HELLO = {
    .type = EDGE_MSG_HELLO,
    .answer = EDGE_MSG_HELLO_ANSWER,
    .capability = EDGE_NO_CAPABILITY,
    .field_count = 3,
    .fields = EDGE_FIELDS_HELLO,
};

// Asks the device to compute its known answer.
static const edge_message_t EDGE_MESSAGE_SELF_TEST = {
    .type = EDGE_MSG_SELF_TEST,
    .answer = EDGE_MSG_SELF_TEST_ANSWER,
    .capability = EDGE_CAP_SELF_TEST,
    .field_count = 0,
    .fields = NULL,
};

// Announces a model and throws the present one away: there is room for one.
typedef struct {
    // The length of its canonical blob.
    uint32_t model_bytes;
    // SHA-256 over `edge-node/v1/model`, a zero byte and the blob.
    edge_bytes_t model_hash;
} edge_model_begin_t;

static const edge_field_t EDGE_FIELDS_MODEL_BEGIN[] = {
    {EDGE_KIND_UINT, offsetof(edge_model_begin_t, model_bytes), 0, 4294967295u},
    {EDGE_KIND_BYTES, offsetof(edge_model_begin_t, model_hash), 32, 32u},
};
static const edge_message_t EDGE_MESSAGE_MODEL_BEGIN = {
    .type = EDGE_MSG_MODEL_BEGIN,
    .answer = EDGE_MSG_DONE,
    .capability = EDGE_CAP_PUSH_MODEL,
    .field_count = 2,
    .fields = EDGE_FIELDS_MODEL_BEGIN,
};

// A part of the blob. Parts come in order and without gaps.
typedef struct {
    // Where in the blob the part begins.
    uint32_t offset;
    // Its bytes.
    edge_bytes_t data;
} edge_model_chunk_t;

static const edge_field_t EDGE_FIELDS_MODEL_CHUNK[] = {
    {EDGE_KIND_UINT, offsetof(edge_model_chunk_t, offset), 0, 4294967295u},
    {EDGE_KIND_BYTES, offsetof(edge_model_chunk_t, data), 1, 65535u},
};
static const edge_message_t EDGE_MESSAGE_MODEL_CHUNK = {
    .type = EDGE_MSG_MODEL_CHUNK,
    .answer = EDGE_MSG_DONE,
    .capability = EDGE_CAP_PUSH_MODEL,
    .field_count = 2,
    .fields = EDGE_FIELDS_MODEL_CHUNK,
};

// Asks the device to check the hash and the rules, and to run this model from now on.
static const edge_message_t EDGE_MESSAGE_MODEL_END = {
    .type = EDGE_MSG_MODEL_END,
    .answer = EDGE_MSG_MODEL_READY,
    .capability = EDGE_CAP_PUSH_MODEL,
    .field_count = 0,
    .fields = NULL,
};

// A part of an image that is longer than a frame. Offset 0 begins a new image.
typedef struct {
    // Where in the image the part begins.
    uint32_t offset;
    // Its pixels.
    edge_bytes_t data;
} edge_image_chunk_t;

static const edge_field_t EDGE_FIELDS_IMAGE_CHUNK[] = {
    {EDGE_KIND_UINT, offsetof(edge_image_chunk_t, offset), 0, 4294967295u},
    {EDGE_KIND_BYTES, offsetof(edge_image_chunk_t, data), 1, 65535u},
};
static const edge_message_t EDGE_MESSAGE_IMAGE_CHUNK = {
    .type = EDGE_MSG_IMAGE_CHUNK,
    .answer = EDGE_MSG_DONE,
    .capability = EDGE_CAP_INFER,
    .field_count = 2,
    .fields = EDGE_FIELDS_IMAGE_CHUNK,
};

// Runs the model on one image.
typedef struct {
    // The image, a byte a pixel in order of row, column, channel; empty for what IMAGE_CHUNK
    // brought.
    edge_bytes_t pixels;
} edge_infer_t;

static const edge_field_t EDGE_FIELDS_INFER[] = {
    {EDGE_KIND_BYTES, offsetof(edge_infer_t, pixels), 0, 65535u},
};
static const edge_message_t EDGE_MESSAGE_INFER = {
    .type = EDGE_MSG_INFER,
    .answer = EDGE_MSG_LOGITS,
    .capability = EDGE_CAP_INFER,
    .field_count = 1,
    .fields = EDGE_FIELDS_INFER,
};

// Says what the sensor sees from now on.
typedef struct {
    // The class that samples get.
    uint32_t label;
} edge_set_label_t;

static const edge_field_t EDGE_FIELDS_SET_LABEL[] = {
    {EDGE_KIND_UINT, offsetof(edge_set_label_t, label), 0, 255u},
};
static const edge_message_t EDGE_MESSAGE_SET_LABEL = {
    .type = EDGE_MSG_SET_LABEL,
    .answer = EDGE_MSG_DONE,
    .capability = EDGE_CAP_SAMPLE,
    .field_count = 1,
    .fields = EDGE_FIELDS_SET_LABEL,
};

// Asks for samples from index 0, each sent when the one before it is acknowledged.
typedef struct {
    // How many; 0 is until SAMPLE_STOP.
    uint32_t count;
    // The least time from one sample to the next.
    uint32_t interval_ms;
} edge_sample_start_t;

static const edge_field_t EDGE_FIELDS_SAMPLE_START[] = {
    {EDGE_KIND_UINT, offsetof(edge_sample_start_t, count), 0, 4294967295u},
    {EDGE_KIND_UINT, offsetof(edge_sample_start_t, interval_ms), 0, 4294967295u},
};
static const edge_message_t EDGE_MESSAGE_SAMPLE_START = {
    .type = EDGE_MSG_SAMPLE_START,
    .answer = EDGE_MSG_DONE,
    .capability = EDGE_CAP_SAMPLE,
    .field_count = 2,
    .fields = EDGE_FIELDS_SAMPLE_START,
};

// Ends sampling; a push that is not acknowledged yet is not sent again.
static const edge_message_t EDGE_MESSAGE_SAMPLE_STOP = {
    .type = EDGE_MSG_SAMPLE_STOP,
    .answer = EDGE_MSG_DONE,
    .capability = EDGE_CAP_SAMPLE,
    .field_count = 0,
    .fields = NULL,
};

// Asks for the device's counters, all since it started.
static const edge_message_t EDGE_MESSAGE_STATUS = {
    .type = EDGE_MSG_STATUS,
    .answer = EDGE_MSG_STATUS_ANSWER,
    .capability = EDGE_NO_CAPABILITY,
    .field_count = 0,
    .fields = NULL,
};

// The request was carried out.
static const edge_message_t EDGE_MESSAGE_DONE = {
    .type = EDGE_MSG_DONE,
    .answer = 0,
    .capability = EDGE_NO_CAPABILITY,
    .field_count = 0,
    .fields = NULL,
};

// Who the device is.
typedef struct {
    // The device's version of the protocol.
    uint32_t version;
    // The number of the HELLO that this answers.
    uint32_t session;
    // The name of the board.
    edge_bytes_t board;
    // The longest frame that the device takes: 256 to 4096.
    uint32_t max_frame_bytes;
    // A bit for each of them.
    uint32_t capabilities;
    // SHA-256 of the firmware's sources.
    edge_bytes_t firmware_hash;
    // The longest blob that the device can hold.
    uint32_t max_model_bytes;
    // The longest image that it can hold.
    uint32_t max_image_bytes;
    // Hash of the model that it would run now.
    edge_bytes_t model_hash;
    // The name of its sensor; empty without one.
    edge_bytes_t sensor;
    // Rows, columns and channels of a sample; empty without a sensor.
    edge_ints_t sensor_shape;
} edge_hello_answer_t;

static const edge_field_t EDGE_FIELDS_HELLO_ANSWER[] = {
    {EDGE_KIND_UINT, offsetof(edge_hello_answer_t, version), 0, 255u},
    {EDGE_KIND_UINT, offsetof(edge_hello_answer_t, session), 0, 4294967295u},
    {EDGE_KIND_TEXT, offsetof(edge_hello_answer_t, board), 0, 32u},
    {EDGE_KIND_UINT, offsetof(edge_hello_answer_t, max_frame_bytes), 0, 65535u},
    {EDGE_KIND_UINT, offsetof(edge_hello_answer_t, capabilities), 0, 4294967295u},
    {EDGE_KIND_BYTES, offsetof(edge_hello_answer_t, firmware_hash), 32, 32u},
    {EDGE_KIND_UINT, offsetof(edge_hello_answer_t, max_model_bytes), 0, 4294967295u},
    {EDGE_KIND_UINT, offsetof(edge_hello_answer_t, max_image_bytes), 0, 4294967295u},
    {EDGE_KIND_BYTES, offsetof(edge_hello_answer_t, model_hash), 0, 32u},
    {EDGE_KIND_TEXT, offsetof(edge_hello_answer_t, sensor), 0, 32u},
    {EDGE_KIND_INTS, offsetof(edge_hello_answer_t, sensor_shape), 0, 3u},
};
static const edge_message_t EDGE_MESSAGE_HELLO_ANSWER = {
    .type = EDGE_MSG_HELLO_ANSWER,
    .answer = 0,
    .capability = EDGE_NO_CAPABILITY,
    .field_count = 11,
    .fields = EDGE_FIELDS_HELLO_ANSWER,
};

// What the self-test gave.
typedef struct {
    // 1 if the answer is the known one.
    uint32_t passed;
    // SHA-256 of what was computed, a little-endian int32 a logit.
    edge_bytes_t answer_hash;
} edge_self_test_answer_t;

static const edge_field_t EDGE_FIELDS_SELF_TEST_ANSWER[] = {
    {EDGE_KIND_UINT, offsetof(edge_self_test_answer_t, passed), 0, 1u},
    {EDGE_KIND_BYTES, offsetof(edge_self_test_answer_t, answer_hash), 32, 32u},
};
static const edge_message_t EDGE_MESSAGE_SELF_TEST_ANSWER = {
    .type = EDGE_MSG_SELF_TEST_ANSWER,
    .answer = 0,
    .capability = EDGE_NO_CAPABILITY,
    .field_count = 2,
    .fields = EDGE_FIELDS_SELF_TEST_ANSWER,
};

// The model was checked and will be run from now on.
typedef struct {
    // Its hash as the device computed it.
    edge_bytes_t model_hash;
    // Bytes of the images that it takes.
    uint32_t image_bytes;
    // Logits that it gives.
    uint32_t classes;
} edge_model_ready_t;

static const edge_field_t EDGE_FIELDS_MODEL_READY[] = {
    {EDGE_KIND_BYTES, offsetof(edge_model_ready_t, model_hash), 32, 32u},
    {EDGE_KIND_UINT, offsetof(edge_model_ready_t, image_bytes), 0, 4294967295u},
    {EDGE_KIND_UINT, offsetof(edge_model_ready_t, classes), 0, 256u},
};
static const edge_message_t EDGE_MESSAGE_MODEL_READY = {
    .type = EDGE_MSG_MODEL_READY,
    .answer = 0,
    .capability = EDGE_NO_CAPABILITY,
    .field_count = 3,
    .fields = EDGE_FIELDS_MODEL_READY,
};

// What the model says of an image.
typedef struct {
    // One for each class.
    edge_ints_t logits;
    // The class with the greatest logit, the first of them on a tie.
    uint32_t class_index;
} edge_logits_t;

static const edge_field_t EDGE_FIELDS_LOGITS[] = {
    {EDGE_KIND_INTS, offsetof(edge_logits_t, logits), 0, 256u},
    {EDGE_KIND_UINT, offsetof(edge_logits_t, class_index), 0, 255u},
};
static const edge_message_t EDGE_MESSAGE_LOGITS = {
    .type = EDGE_MSG_LOGITS,
    .answer = 0,
    .capability = EDGE_NO_CAPABILITY,
    .field_count = 2,
    .fields = EDGE_FIELDS_LOGITS,
};

// Counters since the device started, modulo 2^32.
typedef struct {
    // Milliseconds.
    uint32_t uptime_ms;
    // Good frames that came.
    uint32_t frames;
    // Frames thrown away: CRC, length, COBS.
    uint32_t bad_frames;
    // Requests answered again from the kept answer.
    uint32_t repeats;
    // Images that a model was run on for INFER.
    uint32_t images;
    // Samples acknowledged by the host.
    uint32_t samples;
    // Pushes sent again.
    uint32_t push_repeats;
    // Readings that the sensor did not give.
    uint32_t sensor_failures;
    // Microseconds that running models for INFER took in all.
    uint32_t inference_us;
} edge_status_answer_t;

static const edge_field_t EDGE_FIELDS_STATUS_ANSWER[] = {
    {EDGE_KIND_UINT, offsetof(edge_status_answer_t, uptime_ms), 0, 4294967295u},
    {EDGE_KIND_UINT, offsetof(edge_status_answer_t, frames), 0, 4294967295u},
    {EDGE_KIND_UINT, offsetof(edge_status_answer_t, bad_frames), 0, 4294967295u},
    {EDGE_KIND_UINT, offsetof(edge_status_answer_t, repeats), 0, 4294967295u},
    {EDGE_KIND_UINT, offsetof(edge_status_answer_t, images), 0, 4294967295u},
    {EDGE_KIND_UINT, offsetof(edge_status_answer_t, samples), 0, 4294967295u},
    {EDGE_KIND_UINT, offsetof(edge_status_answer_t, push_repeats), 0, 4294967295u},
    {EDGE_KIND_UINT, offsetof(edge_status_answer_t, sensor_failures), 0, 4294967295u},
    {EDGE_KIND_UINT, offsetof(edge_status_answer_t, inference_us), 0, 4294967295u},
};
static const edge_message_t EDGE_MESSAGE_STATUS_ANSWER = {
    .type = EDGE_MSG_STATUS_ANSWER,
    .answer = 0,
    .capability = EDGE_NO_CAPABILITY,
    .field_count = 9,
    .fields = EDGE_FIELDS_STATUS_ANSWER,
};

// The request was not carried out and has changed nothing but what the code says.
typedef struct {
    // One of the codes.
    uint32_t code;
    // A number that goes with the code.
    uint32_t detail;
    // With HASH_DIFFERS, what the device computed.
    edge_bytes_t model_hash;
} edge_error_t;

static const edge_field_t EDGE_FIELDS_ERROR[] = {
    {EDGE_KIND_UINT, offsetof(edge_error_t, code), 0, 255u},
    {EDGE_KIND_UINT, offsetof(edge_error_t, detail), 0, 4294967295u},
    {EDGE_KIND_BYTES, offsetof(edge_error_t, model_hash), 0, 32u},
};
static const edge_message_t EDGE_MESSAGE_ERROR = {
    .type = EDGE_MSG_ERROR,
    .answer = 0,
    .capability = EDGE_NO_CAPABILITY,
    .field_count = 3,
    .fields = EDGE_FIELDS_ERROR,
};

// A reading of the sensor, or a part of one that is longer than a frame.
typedef struct {
    // Which sample, from 0 at SAMPLE_START.
    uint32_t index;
    // Its class; -1 if nobody has said.
    int32_t label;
    // The length of the whole sample.
    uint32_t sample_bytes;
    // Where in the sample the part begins.
    uint32_t offset;
    // The part, a byte a pixel in order of row, column, channel.
    edge_bytes_t pixels;
} edge_sample_t;

static const edge_field_t EDGE_FIELDS_SAMPLE[] = {
    {EDGE_KIND_UINT, offsetof(edge_sample_t, index), 0, 4294967295u},
    {EDGE_KIND_INT, offsetof(edge_sample_t, label), -1, 255u},
    {EDGE_KIND_UINT, offsetof(edge_sample_t, sample_bytes), 0, 4294967295u},
    {EDGE_KIND_UINT, offsetof(edge_sample_t, offset), 0, 4294967295u},
    {EDGE_KIND_BYTES, offsetof(edge_sample_t, pixels), 1, 65535u},
};
static const edge_message_t EDGE_MESSAGE_SAMPLE = {
    .type = EDGE_MSG_SAMPLE,
    .answer = 0,
    .capability = EDGE_NO_CAPABILITY,
    .field_count = 5,
    .fields = EDGE_FIELDS_SAMPLE,
};

// The push of this sequence has come.
static const edge_message_t EDGE_MESSAGE_ACK = {
    .type = EDGE_MSG_ACK,
    .answer = 0,
    .capability = EDGE_NO_CAPABILITY,
    .field_count = 0,
    .fields = NULL,
};

#endif
