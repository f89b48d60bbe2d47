# SPDX-License-Identifier: Apache-2.0
"""Facts of the block design agree with each other and with what the engine and pynq need."""

import pytest

from edge_node_fpga.vivado import design


def test_ranges_are_aligned_and_apart() -> None:
    ranges = sorted((each.base, each.bytes) for each in (design.DMA_RANGE, design.ENGINE_RANGE))
    assert all(base % size == 0 for base, size in ranges)
    (first, size), (second, _) = ranges
    assert first + size <= second


def test_registers_stand_where_the_processor_sees_the_fabric() -> None:
    for each in (design.DMA_RANGE, design.ENGINE_RANGE):
        assert 0x4000_0000 <= each.base < 0x8000_0000


def test_dma_takes_a_test_set_in_one_transfer() -> None:
    parameters = dict(design.DMA_PARAMETERS)
    pixels = 10_000 * 28 * 32  # rows of 28 bytes are padded to 32
    assert pixels < 1 << int(parameters["c_sg_length_width"])
    assert parameters["c_include_sg"] == "0"


@pytest.mark.parametrize("build", design.BUILDS, ids=lambda build: build.name)
def test_build_is_named_after_its_array_and_divides_evenly(build: design.Build) -> None:
    assert build.name == f"{build.elements}x64"
    assert build.elements % build.images == 0
    assert build.trees % 4 == 0


def test_weights_of_every_build_but_the_smallest_fill_64_memories() -> None:
    bits = {b.name: b.elements * 64 << b.row_bits for b in design.BUILDS}
    assert bits["32x64"] == bits["64x64"] == 64 * 32 * 1024


def test_default_build_exists() -> None:
    assert design.DEFAULT_BUILD in {build.name for build in design.BUILDS}
