// SPDX-License-Identifier: Apache-2.0
// Made by firmware_bridge/generate.py from protocol.toml; change that, not this.
// Version, limits and codes of the protocol; PROTOCOL.md has its rules.

#ifndef EDGE_CODES_H
#define EDGE_CODES_H

#define EDGE_PROTOCOL_VERSION 1u

// The least max_frame_bytes that a device may announce, and all that it takes before HELLO.
#define EDGE_FRAME_BYTES_MIN 256u
// The greatest max_frame_bytes that a device may announce.
#define EDGE_FRAME_BYTES_DEVICE_MAX 4096u
// The greatest max_frame_bytes that a host may announce.
#define EDGE_FRAME_BYTES_HOST_MAX 65535u
// Bytes of a SHA-256.
#define EDGE_HASH_BYTES 32u
// Arrays and maps within each other, the payload's own map counted.
#define EDGE_VALUE_DEPTH_MAX 4u
// Values in one payload, the payload's own map counted, keys not.
#define EDGE_VALUE_ITEMS_MAX 512u
// Bytes of any text.
#define EDGE_VALUE_TEXT_BYTES_MAX 256u
// Milliseconds after which a device sends a push again that nobody has acknowledged.
#define EDGE_PUSH_REPEAT_MS 500u
// How often a device sends one push; then it stops sampling, as the host is gone.
#define EDGE_PUSH_ATTEMPTS_MAX 60u

typedef enum {
    // Begins a session: stops sampling, forgets what was half sent, keeps the model.
    EDGE_MSG_HELLO = 1,
    // Asks the device to compute its known answer.
    EDGE_MSG_SELF_TEST = 2,
    // Announces a model and throws the present one away: there is room for one.
    EDGE_MSG_MODEL_BEGIN = 3,
    // A part of the blob. Parts come in order and without gaps.
    EDGE_MSG_MODEL_CHUNK = 4,
    // Asks the device to check the hash and the rules, and to run this model from now on.
    EDGE_MSG_MODEL_END = 5,
    // A part of an image that is longer than a frame. Offset 0 begins a new image.
    EDGE_MSG_IMAGE_CHUNK = 6,
    // Runs the model on one image.
    EDGE_MSG_INFER = 7,
    // Says what the sensor sees from now on.
    EDGE_MSG_SET_LABEL = 8,
    // Asks for samples from index 0, each sent when the one before it is acknowledged.
    EDGE_MSG_SAMPLE_START = 9,
    // Ends sampling; a push that is not acknowledged yet is not sent again.
    EDGE_MSG_SAMPLE_STOP = 10,
    // Asks for the device's counters, all since it started.
    EDGE_MSG_STATUS = 11,
    // The request was carried out.
    EDGE_MSG_DONE = 64,
    // Who the device is.
    EDGE_MSG_HELLO_ANSWER = 65,
    // What the self-test gave.
    EDGE_MSG_SELF_TEST_ANSWER = 66,
    // The model was checked and will be run from now on.
    EDGE_MSG_MODEL_READY = 67,
    // What the model says of an image.
    EDGE_MSG_LOGITS = 68,
    // Counters since the device started, modulo 2^32.
    EDGE_MSG_STATUS_ANSWER = 69,
    // The request was not carried out and has changed nothing but what the code says.
    EDGE_MSG_ERROR = 127,
    // A reading of the sensor, or a part of one that is longer than a frame.
    EDGE_MSG_SAMPLE = 128,
    // The push of this sequence has come.
    EDGE_MSG_ACK = 192,
} edge_message_type_t;

typedef enum {
    // No HELLO since the device started. Detail: 0.
    EDGE_ERR_NOT_GREETED = 1,
    // A request is neither the next one, by its sequence, nor the last one, byte by byte. Detail:
    // the sequence that the device waits for.
    EDGE_ERR_OUT_OF_STEP = 2,
    // The frame is of another version of the protocol. Detail: the device's version.
    EDGE_ERR_OTHER_VERSION = 3,
    // No request has this type. Detail: the type.
    EDGE_ERR_UNKNOWN_TYPE = 4,
    // The payload is not the canonical encoding of the message, or a field is out of its range.
    // Detail: the byte of the payload at which that was seen.
    EDGE_ERR_BAD_PAYLOAD = 5,
    // The device lacks the capability that the request needs. Detail: the number of the
    // capability's bit.
    EDGE_ERR_NOT_CAPABLE = 6,
    // The model or the image has more bytes than the device can hold. Detail: the bytes that it can
    // hold.
    EDGE_ERR_TOO_BIG = 7,
    // A chunk does not begin where the last one ended, or goes beyond the end, or none was begun.
    // Detail: the offset that the device waits for.
    EDGE_ERR_OUT_OF_ORDER = 8,
    // MODEL_END or INFER came before all of the bytes. Detail: the bytes that have come.
    EDGE_ERR_INCOMPLETE = 9,
    // The model that came does not have the hash that was promised; it was thrown away. Detail: 0;
    // `model_hash` has what the device computed.
    EDGE_ERR_HASH_DIFFERS = 10,
    // The model breaks a rule of models or a limit of the device; it was thrown away. Detail: the
    // firmware's reason, named in firmware/model.h.
    EDGE_ERR_MODEL_REFUSED = 11,
    // There is no model to run. Detail: 0.
    EDGE_ERR_NO_MODEL = 12,
    // The image does not have the size that the model takes. Detail: the bytes that the model
    // takes.
    EDGE_ERR_WRONG_IMAGE = 13,
} edge_error_code_t;

// Numbers of bits.
typedef enum {
    // runs models (INFER, IMAGE_CHUNK)
    EDGE_CAP_INFER = 0,
    // has a sensor (SAMPLE_START, SAMPLE_STOP, SET_LABEL)
    EDGE_CAP_SAMPLE = 1,
    // computes a known answer (SELF_TEST)
    EDGE_CAP_SELF_TEST = 2,
    // takes a model from the host (MODEL_BEGIN, MODEL_CHUNK, MODEL_END)
    EDGE_CAP_PUSH_MODEL = 3,
} edge_capability_bit_t;

#define EDGE_NO_CAPABILITY 255u

#endif
