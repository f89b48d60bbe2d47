# SPDX-License-Identifier: Apache-2.0
"""Authors a C header of a model: its numbers and the function that runs it, for any maker's board.

The header is C99 and C++11, needs no library and no heap, and gives the law's logits (R-7) in every
bit; its buffers lie on the stack and their size is a macro. Bits are the law's: 1 means -1.
Law of the file: text only; a test compiles it and compares logits.
Read next: spec/bnn.py, which the C text below follows line by line.
"""

import re
from collections.abc import Iterable, Iterator
from typing import ClassVar

import numpy as np

from edge_node.inference.backend import InferenceError
from edge_node.kernels.arrays import Bits, weight_bits
from edge_node.spec.architecture import Architecture, LayerShape
from edge_node.spec.model import Model

MAX_NAME_LENGTH = 40
"""Of the prefix of all names in a header."""

_WORD_BITS = 32
_NUMBERS_PER_LINE = 8


class HeaderNameInvalid(InferenceError):
    """A header's name can not begin a C identifier."""

    reason: ClassVar[str] = "header-name"

    def __init__(self, *, actual: str) -> None:
        super().__init__(
            f"choose a name of a-z, 0-9 and _, a letter first, up to {MAX_NAME_LENGTH} characters,"
            f" not {actual!r}"
        )
        self.actual = actual


def c_header(model: Model, *, name: str = "edge_model") -> str:
    """Return the text of a C header.

    Parameters
    ----------
    model : Model
    name : str
        Prefix of all names in it, so that one program can hold several models.

    Raises
    ------
    HeaderNameInvalid
        The name can not begin a C identifier.
    """
    if not re.fullmatch(rf"[a-z][a-z0-9_]{{0,{MAX_NAME_LENGTH - 1}}}", name):
        raise HeaderNameInvalid(actual=name)
    text = "".join([_head(model), _TYPES, *_tables(model), _ENGINE])
    return text.replace("model_", f"{name}_").replace("MODEL_", f"{name.upper()}_")


def _head(model: Model) -> str:
    architecture = model.architecture
    words = _map_words(architecture)
    return _HEAD.format(
        hash=model.model_hash().hex(),
        rows=architecture.height,
        columns=architecture.width,
        channels=architecture.input_channels,
        bits=architecture.input_bits,
        classes=architecture.classes,
        layers=len(architecture.layers),
        words=words,
        stack_bytes=2 * words * (_WORD_BITS // 8),
    )


def _map_words(architecture: Architecture) -> int:
    """Return the words of the greatest map of activations that the C function keeps."""
    maps = [(s.out_height * s.out_width, s.channels) for s in architecture.shapes[:-1]]
    if architecture.input_bits == 1:
        maps.append((architecture.height * architecture.width, architecture.input_channels))
    return max(places * _words(channels) for places, channels in maps)


def _words(channels: int) -> int:
    return -(-channels // _WORD_BITS)


def _tables(model: Model) -> Iterator[str]:
    shapes = model.architecture.shapes
    layers = zip(shapes, weight_bits(model), model.thresholds, strict=True)
    for index, (shape, bits, thresholds) in enumerate(layers):
        words = (f"0x{word:08x}u" for word in _packed_weights(shape, bits))
        yield _array("uint32_t", f"model_weights_{index}", words)
        yield _array("int32_t", f"model_thresholds_{index}", map(str, thresholds))
    rows = (_layer_row(index, shape) for index, shape in enumerate(shapes))
    yield _array("model_layer_t", "model_layers", rows, per_line=1)


def _packed_weights(shape: LayerShape, bits: Bits) -> list[int]:
    """Return words[channel][kernel row][kernel column][input word], flat."""
    places = bits.reshape(-1, shape.in_channels)
    filled = np.zeros((len(places), _words(shape.in_channels) * _WORD_BITS), dtype=np.uint8)
    filled[:, : shape.in_channels] = places
    packed: list[int] = np.packbits(filled, axis=1, bitorder="little").view("<u4").ravel().tolist()
    return packed


def _layer_row(index: int, shape: LayerShape) -> str:
    numbers = (
        shape.in_height,
        shape.in_width,
        shape.in_channels,
        shape.kernel_height,
        shape.kernel_width,
        shape.pad,
        int(shape.layer.pool),
        shape.out_height,
        shape.out_width,
        shape.channels,
    )
    return f"{{{', '.join(map(str, numbers))}, model_weights_{index}, model_thresholds_{index}}}"


def _array(kind: str, name: str, items: Iterable[str], per_line: int = _NUMBERS_PER_LINE) -> str:
    values = list(items)
    starts = range(0, len(values), per_line)
    lines = [f"    {', '.join(values[start : start + per_line])}," for start in starts]
    return "\n".join([f"static const {kind} {name}[] = {{", *lines, "};\n\n"])


_HEAD = """\
/* SPDX-License-Identifier: Apache-2.0
 *
 * A binary neural network, written by edge-node.
 * Model {hash}
 *
 *   uint8_t pixels[MODEL_IMAGE_BYTES];   rows, then columns, then channels; 0..255 each
 *   int class_index = model_classify(pixels);
 *   int32_t logits[MODEL_CLASSES];
 *   model_logits(pixels, logits);        exact: the same integers on every machine
 *
 * C99 or C++11; no library, no heap; MODEL_STACK_BYTES of stack for its maps.
 */
#ifndef MODEL_H
#define MODEL_H

#include <stdint.h>

#define MODEL_HASH "{hash}"
#define MODEL_ROWS {rows}
#define MODEL_COLUMNS {columns}
#define MODEL_CHANNELS {channels}
#define MODEL_IMAGE_BYTES (MODEL_ROWS * MODEL_COLUMNS * MODEL_CHANNELS)
#define MODEL_INPUT_BITS {bits}
#define MODEL_CLASSES {classes}
#define MODEL_LAYERS {layers}
#define MODEL_MAP_WORDS {words}
#define MODEL_STACK_BYTES {stack_bytes}

"""

_TYPES = """\
/* Stride 1, a border of +1 around the map, then 2x2 pooling if any. A bit of 1 means -1. */
typedef struct {
    int32_t in_height, in_width, in_channels, kernel_height, kernel_width, pad, pool;
    int32_t out_height, out_width, channels;
    const uint32_t *weights; /* [channel][kernel row][kernel column][word] */
    const int32_t *thresholds;
} model_layer_t;

"""

_ENGINE = """\
static inline int32_t model_count_ones(uint32_t word)
{
    word = word - ((word >> 1) & 0x55555555u);
    word = (word & 0x33333333u) + ((word >> 2) & 0x33333333u);
    return (int32_t)((((word + (word >> 4)) & 0x0f0f0f0fu) * 0x01010101u) >> 24);
}

static inline int32_t model_words(int32_t channels)
{
    return (channels + 31) / 32;
}

/* How many products of a channel's weights with the map at (y, x) are -1. */
static inline int32_t model_mismatches(const model_layer_t *layer, const uint32_t *map,
                                       int32_t channel, int32_t y, int32_t x)
{
    const int32_t words = model_words(layer->in_channels);
    const uint32_t *weight =
        layer->weights + channel * layer->kernel_height * layer->kernel_width * words;
    int32_t mismatches = 0;
    for (int32_t row = y - layer->pad; row < y - layer->pad + layer->kernel_height; row++) {
        for (int32_t column = x - layer->pad; column < x - layer->pad + layer->kernel_width;
             column++) {
            const int inside =
                row >= 0 && row < layer->in_height && column >= 0 && column < layer->in_width;
            const uint32_t *place = map + (inside ? (row * layer->in_width + column) * words : 0);
            for (int32_t word = 0; word < words; word++) {
                mismatches += model_count_ones(*weight++ ^ (inside ? place[word] : 0u));
            }
        }
    }
    return mismatches;
}

#if MODEL_INPUT_BITS == 8
/* The sum of a channel's weights times (pixel - 128), at (y, x) of the image. */
static inline int32_t model_pixel_sum(const model_layer_t *layer, const uint8_t *pixels,
                                      int32_t channel, int32_t y, int32_t x)
{
    const int32_t words = model_words(layer->in_channels);
    const uint32_t *weight =
        layer->weights + channel * layer->kernel_height * layer->kernel_width * words;
    int32_t sum = 0;
    for (int32_t row = y; row < y + layer->kernel_height; row++) {
        for (int32_t column = x; column < x + layer->kernel_width; column++) {
            const uint8_t *place = pixels + (row * layer->in_width + column) * layer->in_channels;
            for (int32_t i = 0; i < layer->in_channels; i++) {
                const int32_t value = (int32_t)place[i] - 128;
                sum += ((weight[i / 32] >> (i % 32)) & 1u) != 0u ? -value : value;
            }
            weight += words;
        }
    }
    return sum;
}
#endif

/* Whether a channel's activation at (y, x), before pooling, is -1. */
static inline int model_is_negative(const model_layer_t *layer, const uint8_t *pixels,
                                    const uint32_t *map, int32_t channel, int32_t y, int32_t x)
{
#if MODEL_INPUT_BITS == 8
    if (layer == model_layers) {
        return model_pixel_sum(layer, pixels, channel, y, x) < layer->thresholds[channel];
    }
#else
    (void)pixels;
#endif
    return model_mismatches(layer, map, channel, y, x) > layer->thresholds[channel];
}

static inline void model_run_layer(const model_layer_t *layer, const uint8_t *pixels,
                                   const uint32_t *map, uint32_t *out)
{
    const int32_t step = layer->pool != 0 ? 2 : 1;
    for (int32_t place = 0; place < layer->out_height * layer->out_width; place++) {
        const int32_t y = place / layer->out_width * step;
        const int32_t x = place % layer->out_width * step;
        uint32_t word = 0;
        for (int32_t channel = 0; channel < layer->channels; channel++) {
            int negative = 1; /* the maximum of four is -1 if all of them are */
            for (int32_t i = 0; negative && i < step * step; i++) {
                negative =
                    model_is_negative(layer, pixels, map, channel, y + i / step, x + i % step);
            }
            word |= (uint32_t)negative << (channel % 32);
            if (channel % 32 == 31 || channel + 1 == layer->channels) {
                *out++ = word;
                word = 0;
            }
        }
    }
}

static inline void model_logits(const uint8_t *pixels, int32_t *logits)
{
    uint32_t maps[2][MODEL_MAP_WORDS];
    int from = 0;
    const model_layer_t *layer = model_layers;
#if MODEL_INPUT_BITS == 1
    for (int32_t place = 0; place < MODEL_ROWS * MODEL_COLUMNS; place++) {
        for (int32_t first = 0; first < MODEL_CHANNELS; first += 32) {
            uint32_t word = 0;
            for (int32_t i = first; i < MODEL_CHANNELS && i < first + 32; i++) {
                word |= (uint32_t)(pixels[place * MODEL_CHANNELS + i] < 128) << (i % 32);
            }
            maps[from][place * model_words(MODEL_CHANNELS) + first / 32] = word;
        }
    }
#endif
    for (; layer < model_layers + MODEL_LAYERS - 1; layer++) {
        model_run_layer(layer, pixels, maps[from], maps[1 - from]);
        from = 1 - from;
    }
    for (int32_t channel = 0; channel < MODEL_CLASSES; channel++) {
        const int32_t fan_in = layer->in_height * layer->in_width * layer->in_channels;
        logits[channel] = fan_in - 2 * model_mismatches(layer, maps[from], channel, 0, 0) +
                          layer->thresholds[channel];
    }
}

/* The class with the greatest logit, the lowest index on a tie. */
static inline int model_classify(const uint8_t *pixels)
{
    int32_t logits[MODEL_CLASSES];
    int best = 0;
    model_logits(pixels, logits);
    for (int channel = 1; channel < MODEL_CLASSES; channel++) {
        best = logits[channel] > logits[best] ? channel : best;
    }
    return best;
}

#endif
"""
