# SPDX-License-Identifier: Apache-2.0
"""Folding: from a network to the packet that the engine loads.

A layer becomes a descriptor, a word program (which bits of which rows make the words of a window),
rows of weights and starts of sums. What is a threshold in the law becomes the number that a sum
starts from, so that its sign says the activation.
Law of the file: integers only; equal results are the engine's part, this one says what they mean.
Read next: fpga/README.md, fpga/rtl/window_control.sv, fpga/rtl/tile_sequencer.sv.
"""

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from edge_node_fpga.driver.word_program import WORD, Entry, word_program
from edge_node_fpga.regs.constants import ID

MAGIC = ID.reset
KIND_MODEL, KIND_IMAGES = 1, 2
LAYERS, PROGRAM, LIMITS, WEIGHTS, FIRST, MODEL = 1, 2, 3, 4, 5, 6
"""Targets of a model's commands."""
MAX_IMAGE_BEATS = (1 << 8) - 1
"""What the model's field for beats of an image's row holds."""
MAX_ROW_WORDS = (1 << 9) - 1
"""What a descriptor's field for words of a map's row holds."""

_BEAT = (1 << WORD) - 1
_PLANES = 8
_TAIL_WORDS = 2
"""Words after the planes of an 8-bit window; their ones are the low bits of a limit."""
_ZERO = 128
"""The byte that stands for 0."""
_TAPS = 9
"""Of the first-layer unit: a 3x3 kernel on one plane."""
_ROW_MIDDLE_BYTES, _ROW_MIDDLE_BITS = 383, 2
"""The unit's sum of three pixels is so much less than the law's: its middle is 0."""
_KERNEL_ROWS = 3
_FIRST_START = 1150
"""No sum of nine pixels is farther from zero: a start beyond says the same."""
_LAYER_START_CLOCKS = 24
"""About what the sequencer takes from layer to layer."""

PacketBytes: TypeAlias = bytes
Command: TypeAlias = tuple[int, int, list[int]]
"""Target, address, beats."""


class DoesNotFit(Exception):
    """An architecture is beyond one of the engine's limits."""

    def __init__(self, *, what: str, needed: int, limit: int) -> None:
        super().__init__(
            f"the network needs {needed} {what}, the engine has {limit}: "
            "take a smaller network or a larger engine"
        )
        self.needed = needed
        self.limit = limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """What an engine is: its CAPS registers."""

    elements: int
    """P: processing elements."""
    trees: int
    """T: channels of the first-layer unit."""
    lanes: int
    """Images side by side."""
    weight_rows: int
    """Rows of weights, for both slots."""
    limit_rows: int = 32
    """Rows of limits of one model."""
    layers: int = 16
    """Layers of the array."""
    program_words: int = 256
    """Entries of one model's word programs."""
    window_words: int = 256
    """Words of a window."""
    lane_window_words: int = 16
    """The same with images side by side."""
    bank_words: int = 512
    """Words of a map's rows of one parity."""
    lane_bank_words: int = 32
    """The same with images side by side."""
    tiles: int = 32
    """Tiles of a layer."""
    first_tiles: int = 8
    """Tiles of the first-layer unit."""
    first_side: int = 32
    """Rows and columns of its images."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A layer of a network."""

    in_rows: int
    """Rows of the map that it reads."""
    in_columns: int
    """Columns of it."""
    in_channels: int
    """Channels of it."""
    kernel_rows: int
    """Rows of its window; all of the map in a dense layer."""
    kernel_columns: int
    """Columns of its window."""
    pad: int
    """Rows and columns of +1 around the map."""
    pool: bool
    """2x2: four windows make one output."""
    bytes: bool
    """Its input is 8-bit."""
    last: bool
    """Its sums are the logits."""
    channels: int
    """Outputs at one place."""
    weights: Sequence[int]
    """One integer a channel; bit ((ky * kw + kx) * C + c), 1 is -1."""
    thresholds: Sequence[int]
    """One a channel, as the law says; a bias in the last layer."""

    @property
    def fan_in(self) -> int:
        """Values in a window."""
        return self.kernel_rows * self.kernel_columns * self.in_channels

    @property
    def out_rows(self) -> int:
        """Rows of its output, pooled."""
        rows = self.in_rows + 2 * self.pad - self.kernel_rows + 1
        return rows // 2 if self.pool else rows

    @property
    def out_columns(self) -> int:
        """Columns of its output, pooled."""
        columns = self.in_columns + 2 * self.pad - self.kernel_columns + 1
        return columns // 2 if self.pool else columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """A network as the engine takes it."""

    packet: PacketBytes
    """For the slot and the rows of weights that were asked for."""
    first: bool
    """The first layer is in its own unit."""
    bytes: bool
    """Images are 8-bit."""
    image_rows: int
    """Rows of an image as it is sent."""
    row_beats: int
    """Beats of such a row."""
    classes: int
    """Logits of an image."""
    rows: int
    """Rows of weights that it takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """A way to run a network on an engine."""

    first: Layer
    """As it was given."""
    unit: bool
    """It runs in the first-layer unit."""
    rest: list[Layer]
    """Layers of the array."""
    caps: Caps
    together: bool
    """Images go side by side."""

    @property
    def sent(self) -> Layer:
        """The layer whose map is the image as it is sent."""
        return self.first if self.unit else self.rest[0]

    @property
    def image_bits(self) -> int:
        """Bits of a row of the image, before it is padded."""
        return self.sent.in_columns * _step(self.sent)

    @property
    def per(self) -> int:
        """Elements that work on one image."""
        return self.caps.elements // (self.caps.lanes if self.together else 1)

    @property
    def rows(self) -> int:
        """Rows of weights."""
        return sum(self.tiles(layer) * (_words(layer) + _tail(layer)) for layer in self.rest)

    @property
    def clocks(self) -> int:
        """About what an image takes in the array."""
        clocks = 0
        for layer in self.rest:
            places = layer.out_rows * layer.out_columns * (4 if layer.pool else 1)
            rounds = _words(layer) * (_PLANES if layer.bytes else 1) + _tail(layer)
            clocks += places * max(self.tiles(layer) * rounds, len(_program(layer)))
            clocks += _LAYER_START_CLOCKS
        return clocks // (self.caps.lanes if self.together else 1)

    def tiles(self, layer: Layer) -> int:
        return _ceil(layer.channels, self.per)

    def excess(self, weight_base: int) -> DoesNotFit | None:
        """Return the first limit that it is beyond, or None."""
        for what, needed, limit in (*self._of_layers(), *self._of_all(weight_base)):
            if needed > limit:
                return DoesNotFit(what=what, needed=needed, limit=limit)
        return None

    def _of_layers(self) -> Iterator[tuple[str, int, int]]:
        caps = self.caps
        for layer in self.rest:
            window = caps.lane_window_words if self.together else caps.window_words
            yield "words in a window", _words(layer), window
            yield "channels in a layer", layer.channels, caps.tiles * self.per
            yield "words in a row of a map", _row_words(layer), MAX_ROW_WORDS
            bank = caps.lane_bank_words if self.together else caps.bank_words
            yield "words in half of a map", (layer.in_rows + 1) // 2 * _row_words(layer), bank
            if layer.last and self.together:
                yield "classes", layer.channels, self.per

    def _of_all(self, weight_base: int) -> Iterator[tuple[str, int, int]]:
        caps = self.caps
        yield "layers", len(self.rest), caps.layers
        yield "beats in a row of an image", _ceil(self.image_bits, WORD), MAX_IMAGE_BEATS
        yield "rows of weights", weight_base + self.rows, caps.weight_rows
        yield "rows of limits", sum(self.tiles(layer) for layer in self.rest), caps.limit_rows
        entries = sum(len(_program(layer)) for layer in self.rest)
        yield "entries of word programs", entries, caps.program_words


def fold(layers: Sequence[Layer], caps: Caps, *, slot: int = 0, weight_base: int = 0) -> Folded:
    """Return the packet of a network.

    Parameters
    ----------
    layers : sequence of Layer
        From the image to the logits; only the last is `last`.
    caps : Caps
        The engine that it is for.
    slot : int
        0 or 1: the slot that it is loaded into.
    weight_base : int
        First row of weights that it may take; the rows of the other slot's model are not free.

    Raises
    ------
    DoesNotFit
        A limit of the engine is too low; with the number that is needed and the limit.
    """
    first, rest = layers[0], list(layers)
    unit = len(layers) > 1 and _suits_unit(first, caps)
    if unit:
        rest = rest[1:]
    elif (first.kernel_rows, first.kernel_columns, first.pad) == (
        first.in_rows,
        first.in_columns,
        0,
    ):
        rest[0] = _in_one_row(first)
    ways = (False, True) if caps.lanes > 1 else (False,)
    plans = [
        _Plan(first=first, unit=unit, rest=rest, caps=caps, together=together) for together in ways
    ]
    wrong = {plan.together: plan.excess(weight_base) for plan in plans}
    fitting = [plan for plan in plans if wrong[plan.together] is None]
    if not fitting:
        why = wrong[False]  # the way with higher limits
        assert why is not None
        raise why
    plan = min(fitting, key=lambda each: each.clocks)
    content = _payload(_commands(plan, weight_base))
    return Folded(
        packet=packet(KIND_MODEL, slot, 0, content),
        first=unit,
        bytes=first.bytes,
        image_rows=plan.sent.in_rows,
        row_beats=_ceil(plan.image_bits, WORD),
        classes=layers[-1].channels,
        rows=plan.rows,
    )


def packet(kind: int, slot: int, images: int, payload: bytes) -> PacketBytes:
    """Return a payload of whole beats with its header and its CRC-32."""
    head = struct.pack("<QII", MAGIC | kind << 32 | slot << 40, len(payload) // 8, images)
    return head + payload + struct.pack("<Q", zlib.crc32(payload, zlib.crc32(head)))


def _suits_unit(first: Layer, caps: Caps) -> bool:
    return (
        (first.kernel_rows, first.kernel_columns, first.in_channels, first.pad) == (3, 3, 1, 0)
        and first.pool
        and max(first.in_rows, first.in_columns) <= caps.first_side
        and first.channels <= caps.trees * caps.first_tiles
    )


def _in_one_row(layer: Layer) -> Layer:
    """Return the same for a layer that reads the whole map at once: one row is as good."""
    return Layer(
        in_rows=1,
        in_columns=1,
        in_channels=layer.fan_in,
        kernel_rows=1,
        kernel_columns=1,
        pad=0,
        pool=layer.pool,
        bytes=layer.bytes,
        last=layer.last,
        channels=layer.channels,
        weights=layer.weights,
        thresholds=layer.thresholds,
    )


def _ceil(a: int, b: int) -> int:
    return -(-a // b)


def _step(layer: Layer) -> int:
    """Return the bits of one place of its map."""
    return layer.in_channels * (_PLANES if layer.bytes else 1)


def _row_words(layer: Layer) -> int:
    return _ceil(layer.in_columns * _step(layer), WORD)


def _words(layer: Layer) -> int:
    """Return the words of its window."""
    return _ceil(layer.fan_in * (_PLANES if layer.bytes else 1), WORD)


def _tail(layer: Layer) -> int:
    return _TAIL_WORDS if layer.bytes else 0


def _program(layer: Layer) -> list[Entry]:
    return word_program(layer.kernel_rows, layer.kernel_columns * _step(layer))


def _commands(plan: _Plan, weight_base: int) -> list[Command]:
    descriptors: list[int] = []
    program: list[int] = []
    limits: list[int] = []
    rows: list[int] = []
    elements = plan.caps.elements
    for layer in plan.rest:
        descriptors += _descriptor(
            plan,
            layer,
            program_base=len(program) // 2,
            weight_base=weight_base + len(rows) // elements,
            limit_base=len(limits) // elements,
        )
        for entry in _program(layer):
            program += entry.beats
        for tile in range(plan.tiles(layer)):
            channels = [tile * plan.per + element % plan.per for element in range(elements)]
            folded = [_folded(layer, channel) for channel in channels]
            rows += [
                word for row in zip(*(words for words, _ in folded), strict=True) for word in row
            ]
            limits += [start for _, start in folded]
    commands = [
        (MODEL, 0, _model(plan)),
        (LAYERS, 0, descriptors),
        (PROGRAM, 0, program),
        (LIMITS, 0, limits),
        (WEIGHTS, weight_base * elements, rows),
    ]
    return [*commands, (FIRST, 0, _first_unit(plan))] if plan.unit else commands


def _payload(commands: Sequence[Command]) -> bytes:
    beats: list[int] = []
    for target, address, content in commands:
        beats += [target | address << 8 | len(content) << 32, *content]
    return struct.pack(f"<{len(beats)}Q", *beats)


def _descriptor(
    plan: _Plan, layer: Layer, *, program_base: int, weight_base: int, limit_base: int
) -> list[int]:
    """Return the four beats of a layer; the table is in fpga/README.md."""
    tiles, step = plan.tiles(layer), _step(layer)
    what = layer.last | layer.pool << 1 | layer.bytes << 2 | _tail(layer) << 4 | layer.pad << 8
    what |= layer.in_rows << 16 | layer.in_columns * step << 24 | step << 40
    grid = layer.out_rows | layer.out_columns << 8 | layer.pad * step << 16
    grid |= _row_words(layer) << 32 | program_base << 48
    work = len(_program(layer)) | _words(layer) << 16 | weight_base << 32 | tiles << 48
    ends = limit_base | layer.channels - (tiles - 1) * plan.per << 8
    return [what, grid, work, ends]


def _model(plan: _Plan) -> list[int]:
    """Return the two beats of the model; the table is in fpga/README.md."""
    first, trees = plan.first, plan.caps.trees
    value = len(plan.rest) | plan.unit << 5 | first.bytes << 7 | plan.together << 8
    value |= plan.sent.in_rows << 16 | _ceil(plan.image_bits, WORD) << 24
    if plan.unit:
        tiles = _ceil(first.channels, trees)
        value |= _quad(plan) << 6 | tiles << 10 | first.channels - (tiles - 1) * trees << 32
        value |= first.out_rows << 40 | first.out_columns << 48
    return [value, _row_words(plan.rest[0])]


def _quad(plan: _Plan) -> bool:
    """Return whether the unit makes all four windows of a pool at once."""
    return plan.first.channels <= plan.caps.trees // 4


def _first_unit(plan: _Plan) -> list[int]:
    first, trees = plan.first, plan.caps.trees
    if _quad(plan):
        channels = [tree % (trees // 4) for tree in range(trees)]
    else:
        channels = list(range(_ceil(first.channels, trees) * trees))
    return [_folded_first(first, channel) for channel in channels]


def _signed(value: int, bits: int) -> int:
    assert -(1 << bits - 1) <= value < 1 << bits - 1
    return value & (1 << bits) - 1


def _cut(bits: int, words: int) -> list[int]:
    return [bits >> WORD * i & _BEAT for i in range(words)]


def _folded(layer: Layer, channel: int) -> tuple[list[int], int]:
    """Return a channel's words of weights, and what its sum starts from."""
    words = _words(layer)
    if channel >= layer.channels:
        return [0] * (words + _tail(layer)), 0
    weights, threshold = layer.weights[channel], layer.thresholds[channel]
    if layer.bytes:
        spread = sum((weights >> i & 1) << _PLANES * i for i in range(layer.fan_in))
        limit = threshold + _ZERO * layer.fan_in - weights.bit_count()
        # The start counts in steps of a byte's highest bit; ones in the tail take back the rest.
        start = _ceil(limit, _ZERO)
        tail = (1 << _ZERO * start - limit) - 1
        return [*_cut(spread, words), *_cut(tail, _TAIL_WORDS)], _signed(-start, 20)
    if layer.last:
        whole = layer.fan_in + threshold
        return _cut(weights, words), _signed(-(whole // 2), 20) | (whole & 1) << 20
    return _cut(weights, words), _signed(-(threshold + 1), 20)


def _folded_first(layer: Layer, channel: int) -> int:
    """Return a channel of the first-layer unit: weights, and what its sum starts from."""
    if channel >= layer.channels:
        return 0
    weights, threshold = layer.weights[channel], layer.thresholds[channel]
    start = _KERNEL_ROWS * _ROW_MIDDLE_BITS - (threshold + 1)
    if layer.bytes:
        middle = _KERNEL_ROWS * _ROW_MIDDLE_BYTES
        start = middle + weights.bit_count() - threshold - _ZERO * _TAPS
    return weights | _signed(max(-_FIRST_START, min(_FIRST_START, start)), 13) << _TAPS
