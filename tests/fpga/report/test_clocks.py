# SPDX-License-Identifier: Apache-2.0
"""Clocks are measured on the simulated device; what does not fit the build is left out."""

import pytest

from edge_node_fpga.report.clocks import clock
from edge_node_fpga.report.networks import BINARY_4K, DENSE_64, UINT8_1M
from tests.fpga.conftest import SMALLEST

IMAGES = 20


@pytest.mark.fpga
@pytest.mark.timeout(1200)
def test_clocks_of_a_batch_and_of_one_image() -> None:
    found = list(clock(SMALLEST, (DENSE_64, UINT8_1M, BINARY_4K), most_images=IMAGES))
    assert [each.network for each in found] == [DENSE_64.name, BINARY_4K.name]
    for each in found:
        assert each.spread_clocks == 0
        assert each.images == IMAGES
        assert each.image_beats < each.one_clocks < each.clocks < IMAGES * each.one_clocks
        assert each.double_banked
        assert each.batch_ms is None
    dense, _ = found
    # 114 rows of 8 words: the array can not be faster than a row a clock.
    assert dense.weight_rows == 114
    assert dense.clocks >= IMAGES * dense.weight_rows
