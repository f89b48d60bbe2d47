# SPDX-License-Identifier: Apache-2.0
"""The networks that are clocked have the shapes of the chain's families."""

import pytest

from edge_node.spec.architecture import (
    BINARY_4K,
    UINT8_1M,
    UINT8_94K,
    Architecture,
    dense,
    mnist_architecture,
)
from edge_node_fpga.report import networks

FAMILIES = [
    (networks.BINARY_4K, BINARY_4K),
    (networks.UINT8_94K, UINT8_94K),
    (networks.UINT8_1M, UINT8_1M),
    (networks.DENSE_64, mnist_architecture((dense(64), dense(64), dense(10)), input_bits=1)),
]


@pytest.mark.parametrize(
    ("network", "family"), FAMILIES, ids=lambda each: getattr(each, "name", "")
)
def test_shapes_are_the_families(network: networks.Network, family: Architecture) -> None:
    layers = networks.layers_of(network, 1)
    assert [
        (each.in_rows, each.in_columns, each.in_channels, each.kernel_rows, each.kernel_columns)
        for each in layers
    ] == [
        (each.in_height, each.in_width, each.in_channels, each.kernel_height, each.kernel_width)
        for each in family.shapes
    ]
    assert [(each.pad, each.channels, each.bytes, each.last) for each in layers] == [
        (each.pad, each.channels, each.eight_bit, each.last) for each in family.shapes
    ]
    assert [each.pool for each in layers] == [each.layer.pool for each in family.shapes]


@pytest.mark.parametrize("network", networks.NETWORKS, ids=lambda each: each.name)
def test_weights_and_limits_are_as_many_and_as_wide_as_the_shapes(
    network: networks.Network,
) -> None:
    for layer in networks.layers_of(network, 2):
        assert len(layer.weights) == len(layer.thresholds) == layer.channels
        assert max(each.bit_length() for each in layer.weights) <= layer.fan_in


def test_same_seed_same_network_and_images() -> None:
    assert networks.layers_of(networks.BINARY_4K, 1) == networks.layers_of(networks.BINARY_4K, 1)
    assert networks.layers_of(networks.BINARY_4K, 1) != networks.layers_of(networks.BINARY_4K, 2)
    assert (networks.images_of(3, 1) == networks.images_of(3, 1)).all()


def test_counts_are_those_of_the_published_network() -> None:
    layers = networks.layers_of(networks.UINT8_94K, 1)
    assert networks.weights_of(layers) == 93_088
    assert networks.macs_of(layers) == 2_599_552 + 194_688
