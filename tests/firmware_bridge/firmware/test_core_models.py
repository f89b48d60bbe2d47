# SPDX-License-Identifier: Apache-2.0
"""The core's verdict on a blob is the law's, rule by rule, and its logits are, bit by bit.

In every form that the law allows: kernels, padding, pooling, 1-bit and 8-bit input.
"""

import hashlib
import json
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_node.spec import bnn
from edge_node.spec.architecture import (
    BINARY_4K,
    DENSE_256,
    UINT8_4K,
    UINT8_94K,
    Architecture,
    conv,
    dense,
)
from edge_node.spec.encoding import Value, encode
from edge_node.spec.errors import InvalidInput
from edge_node.spec.model import Model, model_from_blob
from tests.firmware_bridge.firmware.core_library import Core
from tests.spec.samples import random_model, stream
from tools.fpga_architectures import draw_architecture, draw_images, draw_model

MODELS = json.loads((Path(__file__).parents[2] / "vectors" / "models.json").read_text())["models"]
NO_ROOM, NO_WORK = 100, 101
SOME = Architecture(
    height=7, width=6, input_channels=2, input_bits=1, layers=(conv(3, same=True), dense(4))
)


def law_verdict(blob: bytes) -> int:
    """Return the number of the rule that a blob breaks, 0 if none."""
    try:
        model_from_blob(blob)
    except InvalidInput as refused:
        return int(refused.reason.removeprefix("R-"))
    return 0


def law_logits(model: Model, images: list[bytes]) -> list[list[int]]:
    return [bnn.logits(model, image) for image in images]


@given(data=st.data())
@settings(max_examples=150)
def test_logits_are_the_laws_in_every_form(core: Core, data: st.DataObject) -> None:
    def below(limit: int) -> int:
        return data.draw(st.integers(0, limit - 1))

    architecture = draw_architecture(below)
    model = draw_model(below, architecture)
    images = [bytes(image) for image in draw_images(below, architecture, 2)]
    outcome = core.run(model.blob(), architecture, images)
    assert (outcome.verdict, outcome.logits) == (0, law_logits(model, images))


@pytest.mark.parametrize("architecture", [BINARY_4K, UINT8_4K, UINT8_94K, DENSE_256])
def test_reference_families_are_exact(core: Core, architecture: Architecture) -> None:
    model = random_model(architecture, "firmware")
    prf = stream("firmware images")
    images = [bytes(prf.below(256) for _ in range(784)) for _ in range(4)]
    assert core.run(model.blob(), architecture, images).logits == law_logits(model, images)


@pytest.mark.parametrize("vector", MODELS, ids=lambda vector: vector["name"])
def test_vector_has_its_logits(core: Core, vector: dict[str, object]) -> None:
    blob = bytes.fromhex(str(vector["blob"]))
    model = model_from_blob(blob)
    told = vector["images"]
    assert isinstance(told, dict)
    size = model.architecture.image_bytes
    pixels = hashlib.shake_128(told["shake128"].encode()).digest(size * told["count"])
    images = [pixels[i * size : (i + 1) * size] for i in range(told["count"])]
    outcome = core.run(blob, model.architecture, images)
    assert outcome.logits == law_logits(model, images)
    if "logits" in vector:
        assert outcome.logits == vector["logits"]


def test_largest_fan_in_and_kernel_are_exact(core: Core) -> None:
    architecture = Architecture(
        height=64, width=64, input_channels=4, input_bits=8, layers=(dense(3), dense(2))
    )
    model = random_model(architecture, "wide")
    images = [bytes(255 * (i % 2) for i in range(architecture.image_bytes)), bytes(64 * 64 * 4)]
    assert core.run(model.blob(), architecture, images).logits == law_logits(model, images)


def test_wide_pooled_bytes_do_not_overflow(core: Core) -> None:
    # 1,225 weights a channel at pixels of 0 and 255: each 16-bit lane has to be emptied in time.
    architecture = Architecture(
        height=36, width=36, input_channels=1, input_bits=8,
        layers=(conv(4, kernel=35, pool=True), dense(2)),
    )  # fmt: skip
    weights = ((0, (1 << 1225) - 1, 1, 1 << 1224), (3, 5))
    for threshold in (-156_800, 0, 155_575, 156_801):
        model = Model(
            architecture=architecture, weights=weights, thresholds=((threshold,) * 4, (0, 0))
        )
        images = [bytes(1296), b"\xff" * 1296]
        assert core.run(model.blob(), architecture, images).logits == law_logits(model, images)


numbers = st.integers(-2, 70) | st.sampled_from([1 << 16, 65_535, 1 << 63, -(1 << 63), 1025, 256])
junk: st.SearchStrategy[Value] = numbers | st.binary(max_size=9) | st.just("x") | st.just([1])
genes = (
    st.tuples(st.just(1), numbers)
    | st.tuples(st.just(0), numbers, numbers, st.integers(-1, 4))
    | st.lists(junk, max_size=5)
)
genomes = st.tuples(numbers, numbers, numbers, st.sampled_from([1, 8, 0, 2]), st.lists(genes))


@given(
    version=st.just(1) | junk,
    genome=genomes | st.lists(junk, max_size=6) | junk,
    weights=st.binary(max_size=40) | junk,
    thresholds=st.lists(junk, max_size=9) | junk,
)
@settings(max_examples=600)
def test_blob_of_any_parts_is_judged_as_by_the_law(
    core: Core, version: Value, genome: Value, weights: Value, thresholds: Value
) -> None:
    blob = encode([version, genome, weights, thresholds])
    assert core.run(blob).verdict == law_verdict(blob)


@given(at=st.integers(0, 1 << 12), byte=st.integers(0, 255), cut=st.booleans(), more=st.binary())
@settings(max_examples=600)
def test_damaged_blob_is_judged_as_by_the_law(
    core: Core, at: int, byte: int, cut: bool, more: bytes
) -> None:
    whole = random_model(SOME, "damaged").blob()
    at %= len(whole)
    blob = whole[:at] if cut else whole[:at] + bytes((byte,)) + whole[at + 1 :] + more[:2]
    assert core.run(blob).verdict == law_verdict(blob)


@given(data=st.data())
@settings(max_examples=150)
def test_sizes_at_the_edge_are_judged_as_by_the_law(core: Core, data: st.DataObject) -> None:
    side = st.sampled_from([0, 1, 2, 3, 63, 64, 65])
    gene = st.tuples(
        st.just(0),
        st.sampled_from([0, 1, 1024, 1025]),
        st.sampled_from([0, 1, 2, 3, 63, 64, 65, 127]),
        st.integers(0, 3),
    )
    last = st.tuples(st.just(1), st.sampled_from([1, 2, 256, 257]))
    layers = [*data.draw(st.lists(gene, max_size=2)), data.draw(last)]
    genome = [data.draw(side), data.draw(side), data.draw(st.sampled_from([0, 1, 4, 5, 1024]))]
    blob = encode([1, [*genome, data.draw(st.sampled_from([1, 8])), layers], b"", []])
    assert core.run(blob).verdict == law_verdict(blob)


@pytest.mark.parametrize("layer", [0, 1])
@pytest.mark.parametrize("beyond", [-1, 1])
def test_threshold_beyond_its_range_is_refused_by_its_rule(
    core: Core, layer: int, beyond: int
) -> None:
    model = random_model(SOME, "thresholds")
    shape = SOME.shapes[layer]
    edge = shape.threshold_range[beyond > 0]
    for value, verdict in ((edge, 0), (edge + beyond, 6)):
        flat = [list(each) for each in model.thresholds]
        flat[layer][-1] = value
        fields: list[Value] = [1, SOME.value(), b"", [each for part in flat for each in part]]
        fields[2] = bytes(_weights(model))
        assert core.run(encode(fields)).verdict == verdict == law_verdict(encode(fields))


def _weights(model: Model) -> bytes:
    # The third value of the blob: behind the version and the genome, with its head.
    blob, genome = model.blob(), encode(SOME.value())
    at = 2 + len(genome)
    size = blob[at + 1] if blob[at] == 0x58 else blob[at] & 31
    head = 2 if blob[at] == 0x58 else 1
    return blob[at + head : at + head + size]


def test_model_that_does_not_fit_is_refused_by_a_limit_of_the_device(core: Core) -> None:
    model = random_model(BINARY_4K, "room")
    blob = model.blob()
    channels = BINARY_4K.channel_count
    assert core.run(blob, memory_bytes=len(blob) + 8 + 4 * channels).verdict == 0
    assert core.run(blob, memory_bytes=len(blob) + 3).verdict == NO_ROOM
    assert core.run(blob, work_words=60).verdict == NO_WORK
    image = bytes(784)
    small = core.run(blob, BINARY_4K, [image], work_words=384)
    assert small.logits == law_logits(model, [image])


def test_known_answer_of_the_self_test_is_the_laws(core: Core) -> None:
    answer = hashlib.sha256()
    for blob in core.known_blobs():
        model = model_from_blob(blob)
        for number in range(8):
            size = model.architecture.image_bytes
            image = bytes((101 * number + 37 * i * i + 11 * i + 5) % 251 for i in range(size))
            logits = bnn.logits(model, image)
            answer.update(struct.pack(f"<{len(logits)}i", *logits))
    assert core.self_test() == (True, answer.digest())
