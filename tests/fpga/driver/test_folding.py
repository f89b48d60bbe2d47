# SPDX-License-Identifier: Apache-2.0
"""Folded networks, taken apart again: a packet is run here as the engine runs it, in integers.

The twin below reads nothing but the packet: descriptors, word programs, words, starts of sums. Its
logits must be those of the network that was folded (tests/fpga/network.py). Then the limits.
"""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pytest

from edge_node_fpga.driver import folding
from edge_node_fpga.driver.folding import Caps, DoesNotFit, Folded, Layer, fold
from tests.fpga.network import dense_network, logits, random_images, random_network

SMALL = Caps(elements=8, trees=8, lanes=1, weight_rows=1024)
WIDE = Caps(elements=64, trees=32, lanes=4, weight_rows=512)
MASK = (1 << 64) - 1


def bits(value: int, low: int, high: int) -> int:
    return value >> low & (1 << high - low + 1) - 1


def signed(value: int, width: int) -> int:
    return value - (1 << width) if value >> width - 1 else value


@dataclass
class Memories:
    """What a model's packet leaves in the engine; commands are taken as they come."""

    model: int
    descriptors: list[int]
    entries: list[int]
    limits: list[int]
    weights: dict[int, int]
    first: list[int]


def loaded(packet: bytes) -> Memories:
    beats = struct.unpack(f"<{len(packet) // 8}Q", packet)
    assert beats[-1] == zlib.crc32(packet[:-8])
    assert len(beats) == bits(beats[1], 0, 31) + 3
    found: dict[int, tuple[int, Sequence[int]]] = {}
    at = 2
    while at < len(beats) - 1:
        count = beats[at] >> 32
        found[beats[at] & 7] = (bits(beats[at], 8, 31), beats[at + 1 : at + 1 + count])
        at += 1 + count
    joined = {
        target: [
            sum(part << 64 * i for i, part in enumerate(content[j : j + size]))
            for j in range(0, len(content), size)
        ]
        for target, size in ((folding.MODEL, 2), (folding.LAYERS, 4), (folding.PROGRAM, 2))
        for content in [found[target][1]]
    }
    base, words = found[folding.WEIGHTS]
    return Memories(
        model=joined[folding.MODEL][0],
        descriptors=joined[folding.LAYERS],
        entries=joined[folding.PROGRAM],
        limits=list(found[folding.LIMITS][1]),
        weights={base + i: word for i, word in enumerate(words)},
        first=list(found.get(folding.FIRST, (0, ()))[1]),
    )


def run(folded: Folded, caps: Caps, image: npt.NDArray[np.uint8]) -> list[int]:
    """Return the logits of an image."""
    memories = loaded(folded.packet)
    rows = image.reshape(folded.image_rows, -1)
    if not folded.bytes:
        rows = np.packbits(rows < 128, axis=-1, bitorder="little")
    maps = [int.from_bytes(row.tobytes(), "little") for row in rows]
    if folded.first:
        maps = first_layer(memories, caps, rows, eight_bit=folded.bytes)
    together = bits(memories.model, 8, 8)
    per = caps.elements // (caps.lanes if together else 1)
    result: list[int] = []
    for descriptor in memories.descriptors:
        maps, result = layer(memories, descriptor, maps, caps.elements, per)
    return result


def first_layer(
    memories: Memories, caps: Caps, rows: npt.NDArray[np.uint8], *, eight_bit: bool
) -> list[int]:
    model = memories.model
    quad, tiles = bits(model, 6, 6), bits(model, 10, 13)
    channels = (tiles - 1) * caps.trees + bits(model, 32, 38)
    assert not quad or channels <= caps.trees // 4
    pixels = rows if eight_bit else np.unpackbits(rows, axis=-1, bitorder="little")
    maps = []
    for y in range(bits(model, 40, 44)):
        row = 0
        for x in range(bits(model, 48, 52)):
            for channel in range(channels):
                word = memories.first[channel]
                quarters = [
                    first_sum(word, pixels[2 * y + j :, 2 * x + i :], eight_bit=eight_bit)
                    for j in (0, 1)
                    for i in (0, 1)
                ]
                row |= all(quarters) << x * channels + channel
        maps.append(row)
    return maps


def first_sum(word: int, pixels: npt.NDArray[np.uint8], *, eight_bit: bool) -> bool:
    """Return whether the output is -1."""
    total = signed(bits(word, 9, 21), 13) - 3 * (383 if eight_bit else 2)
    for i, pixel in enumerate(pixels[:3, :3].ravel()):
        minus = word >> i & 1
        total += int(pixel) ^ (255 if eight_bit else 1) * minus
    return total < 0 if eight_bit else total >= 0


def layer(
    memories: Memories, descriptor: int, maps: list[int], elements: int, per: int
) -> tuple[list[int], list[int]]:
    """Return the layer's output rows, or its logits."""
    pool = bits(descriptor, 1, 1)
    tiles = bits(descriptor, 176, 181)
    channels = (tiles - 1) * per + bits(descriptor, 200, 206)
    rows: list[int] = []
    result: list[int] = []
    for y in range(bits(descriptor, 64, 70)):
        out = 0
        for x in range(bits(descriptor, 72, 78)):
            steps = [(2 * y + j, 2 * x + i) for j in (0, 1) for i in (0, 1)] if pool else [(y, x)]
            windows = [window(memories, descriptor, maps, *step) for step in steps]
            for channel in range(channels):
                start, content = parameters(memories, descriptor, channel, elements, per)
                sums = [total(descriptor, each, start, content) for each in windows]
                if bits(descriptor, 0, 0):
                    result.append((start >> 20 & 1) - 2 * sums[0])
                minus = [each < 0 if bits(descriptor, 2, 2) else each >= 0 for each in sums]
                out |= all(minus) << x * channels + channel
        rows.append(out)
    return rows, result


def window(memories: Memories, descriptor: int, maps: list[int], y: int, x: int) -> list[int]:
    """Return the words of a window, by the word program."""
    base, length = bits(descriptor, 112, 119), bits(descriptor, 128, 136)
    step, pad = bits(descriptor, 40, 54), bits(descriptor, 8, 13)
    width = bits(descriptor, 24, 38)
    words: list[int] = []
    for entry in memories.entries[base : base + length]:
        if entry >> 70 & 1:
            words.append(0)
        for piece in (bits(entry, 0, 34), bits(entry, 35, 69)):
            start, end = bits(piece, 7, 12), bits(piece, 0, 6)
            at = y + bits(piece, 29, 34) - pad
            row = maps[at] & (1 << width) - 1 if 0 <= at < len(maps) else 0
            offset = signed(bits(piece, 13, 28), 16) + x * step - bits(descriptor, 80, 94)
            moved = row >> offset if offset >= 0 else row << -offset
            words[-1] |= moved & (1 << end) - (1 << start) if end > start else 0
    assert len(words) == bits(descriptor, 144, 153)
    return words


def parameters(
    memories: Memories, descriptor: int, channel: int, elements: int, per: int
) -> tuple[int, list[int]]:
    """Return what a channel's sum starts from, and its words of weights."""
    tile, element = divmod(channel, per)
    words = bits(descriptor, 144, 153) + bits(descriptor, 4, 5)
    row = bits(descriptor, 160, 169) + tile * words
    content = [memories.weights[(row + w) * elements + element] for w in range(words)]
    return memories.limits[(bits(descriptor, 192, 196) + tile) * elements + element], content


def total(descriptor: int, words: list[int], start: int, content: list[int]) -> int:
    """Return a sum: mismatches of bits, or of each plane of bytes, the highest first."""
    value = signed(start & 0xFFFFF, 20)
    if not bits(descriptor, 2, 2):
        return value + sum((a ^ b).bit_count() for a, b in zip(words, content, strict=True))
    tail = content[len(words) :]
    for plane in range(7, -1, -1):
        value *= 1 if plane == 7 else 2
        for data, weights in zip(words, content[: len(words)], strict=True):
            value += ((data >> plane & 0x0101_0101_0101_0101) ^ weights).bit_count()
    return value + sum(word.bit_count() for word in tail)


@pytest.mark.parametrize("caps", [SMALL, WIDE], ids=["8x64", "64x64"])
@pytest.mark.parametrize("seed", range(20))
def test_packet_says_what_the_network_computes(caps: Caps, seed: int) -> None:
    rng = np.random.default_rng(seed)
    layers = random_network(rng)
    images = random_images(rng, layers, 1)
    folded = fold(layers, caps)
    assert run(folded, caps, images[0]) == logits(layers, images)[0].tolist()


@pytest.mark.parametrize("channels", [2, 8, 11])
@pytest.mark.parametrize("eight_bit", [False, True])
def test_first_layer_in_its_unit_says_the_same(channels: int, eight_bit: bool) -> None:
    rng = np.random.default_rng(channels)
    layers = convolved_network(rng, channels, eight_bit=eight_bit)
    images = random_images(rng, layers, 1)
    folded = fold(layers, SMALL)
    assert folded.first
    assert run(folded, SMALL, images[0]) == logits(layers, images)[0].tolist()


def convolved_network(rng: np.random.Generator, channels: int, *, eight_bit: bool) -> list[Layer]:
    """Return a 3x3 layer with a pool on 9x8 pixels, and ten classes."""
    (last,) = dense_network(rng, 9 * channels, 10)
    middle = 0 if eight_bit else 4
    spread = 300 if eight_bit else 2
    first = Layer(
        in_rows=9,
        in_columns=8,
        in_channels=1,
        kernel_rows=3,
        kernel_columns=3,
        pad=0,
        pool=True,
        bytes=eight_bit,
        last=False,
        channels=channels,
        weights=[int(each) for each in rng.integers(0, 1 << 9, channels)],
        thresholds=[int(each) for each in rng.integers(middle - spread, middle + spread, channels)],
    )
    assert first.out_rows * first.out_columns == 9
    return [
        first,
        replace(
            last,
            in_rows=first.out_rows,
            in_columns=first.out_columns,
            in_channels=channels,
            kernel_rows=first.out_rows,
            kernel_columns=first.out_columns,
        ),
    ]


def test_second_model_lies_behind_the_first() -> None:
    rng = np.random.default_rng(3)
    layers = dense_network(rng, 300, 20, 10)
    images = random_images(rng, layers, 1)
    near, far = fold(layers, SMALL), fold(layers, SMALL, slot=1, weight_base=200)
    assert (near.packet[5], far.packet[5]) == (0, 1)
    assert near.rows == far.rows
    lowest = [min(loaded(folded.packet).weights) // SMALL.elements for folded in (near, far)]
    highest = [max(loaded(folded.packet).weights) // SMALL.elements for folded in (near, far)]
    assert lowest == [0, 200]
    assert highest == [near.rows - 1, 200 + near.rows - 1]
    assert run(far, SMALL, images[0]) == run(near, SMALL, images[0])


def narrow(**limits: int) -> Caps:
    return replace(SMALL, **limits)


def test_limits_are_met_exactly_and_said_with_both_numbers() -> None:
    layers = dense_network(np.random.default_rng(1), 700, 40, 10)
    needed = {
        "weight_rows": 5 * 11 + 2,  # tiles x words, of each layer
        "limit_rows": 5 + 2,
        "layers": 2,
        "program_words": 11 + 1,
        "window_words": 11,
        "bank_words": 11,
        "tiles": 5,
    }
    fold(layers, narrow(**needed))
    for name, most in needed.items():
        with pytest.raises(DoesNotFit) as caught:
            fold(layers, narrow(**{**needed, name: most - 1}))
        scale = SMALL.elements if name == "tiles" else 1
        assert caught.value.needed == (40 if name == "tiles" else most)
        assert caught.value.limit == (most - 1) * scale
        assert str(caught.value.needed) in str(caught.value)
        assert str(caught.value.limit) in str(caught.value)


def test_rows_of_the_other_model_count() -> None:
    layers = dense_network(np.random.default_rng(1), 700, 40, 10)
    fold(layers, SMALL, weight_base=1024 - 57)
    with pytest.raises(DoesNotFit, match=r"1025 rows of weights.* 1024"):
        fold(layers, SMALL, weight_base=1024 - 56)


def test_image_row_beyond_its_field_is_refused() -> None:
    rng = np.random.default_rng(2)
    fold(dense_network(rng, 255 * 64, 2), SMALL)
    with pytest.raises(DoesNotFit, match=r"256 beats .* 255"):
        fold(dense_network(rng, 256 * 64, 2), SMALL)


def test_network_too_large_side_by_side_runs_one_by_one() -> None:
    rng = np.random.default_rng(4)
    small, large = dense_network(rng, 70, 16, 10), dense_network(rng, 70, 16, 40)
    together = [loaded(fold(layers, WIDE).packet).model >> 8 & 1 for layers in (small, large)]
    assert together == [1, 0]


def test_map_of_the_first_layers_unit_counts_with_its_own_rows() -> None:
    # Rows of 13 words: times 2 for four rows, which half of a lane has, times 3 for five.
    rng = np.random.default_rng(5)
    first, _ = convolved_network(rng, 64, eight_bit=True)
    networks = []
    for rows in (4, 5):
        (middle,) = dense_network(rng, 9 * 64, 2)
        middle = replace(
            middle,
            in_rows=rows,
            in_columns=13,
            in_channels=64,
            kernel_rows=3,
            kernel_columns=3,
            last=False,
        )
        (last,) = dense_network(rng, (rows - 2) * 11 * 2, 2)
        last = replace(
            last,
            in_rows=rows - 2,
            in_columns=11,
            in_channels=2,
            kernel_rows=rows - 2,
            kernel_columns=11,
        )
        networks.append([replace(first, in_rows=2 * rows + 2, in_columns=28), middle, last])
    together = [loaded(fold(layers, WIDE).packet).model >> 8 & 1 for layers in networks]
    assert together == [1, 0]
    with pytest.raises(DoesNotFit, match=r"39 words in half of a map.* 38"):
        fold(networks[1], narrow(bank_words=38))
