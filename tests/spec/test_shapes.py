# SPDX-License-Identifier: Apache-2.0
"""Evolved shapes: crossover at a boundary, one field mutated, drawn anew until allowed."""

import pytest

from edge_node.primitives.hashing import Prf
from edge_node.spec.architecture import (
    BINARY_4K,
    DENSE_256,
    UINT8_4K,
    UINT8_94K,
    Architecture,
    LayerKind,
    dense,
)
from edge_node.spec.shapes import (
    KERNELS,
    ShapeNotEvolved,
    crossed_layers,
    evolved_shape,
    mutated_layers,
)

PAIRS = [(BINARY_4K, BINARY_4K), (BINARY_4K, DENSE_256), (UINT8_94K, UINT8_4K)]


def seed(number: int) -> bytes:
    return number.to_bytes(4, "little")


def any_shape(_: Architecture) -> bool:
    return True


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_r_52_child_is_one_value_and_new(first: Architecture, second: Architecture) -> None:
    children = [evolved_shape(first, second, seed(number), any_shape) for number in range(40)]
    again = [evolved_shape(first, second, seed(number), any_shape) for number in range(40)]
    assert children == again
    assert len(set(children)) > 20
    for child in children:
        assert child.layers not in {first.layers, second.layers}
        assert child.classes == first.classes
        assert (child.height, child.width) == (first.height, first.width)


def test_r_52_crossover_joins_a_front_and_a_back() -> None:
    first, second = BINARY_4K.layers, UINT8_94K.layers
    seen = set()
    for number in range(200):
        child = crossed_layers(first, second, Prf("test-cross", seed(number)))
        cuts = [
            (front, back)
            for front in range(len(first))
            for back in range(len(second))
            if child == first[:front] + second[back:]
        ]
        assert cuts
        seen.update(cuts)
    assert len(seen) == len(first) * len(second)


def test_r_52_mutation_changes_one_field_of_one_layer_and_never_the_logits() -> None:
    genome = UINT8_94K.layers
    fields = set()
    for number in range(300):
        mutant = mutated_layers(genome, Prf("test-mutate", seed(number)))
        changed = [
            (place, name)
            for place, (old, new) in enumerate(zip(genome, mutant, strict=True))
            for name in ("kind", "channels", "kernel", "same_padding", "pool")
            if getattr(old, name) != getattr(new, name)
        ]
        assert len(changed) == 1
        fields.update(changed)
        for layer in mutant:
            assert layer.kind is LayerKind.DENSE or layer.kernel in KERNELS
    places = {(place, name) for place in range(3) for name in ("channels", "kernel", "pool")}
    assert fields == places | {(3, "channels")}


def test_r_52_genome_of_logits_alone_has_nothing_to_mutate() -> None:
    assert mutated_layers((dense(10),), Prf("test", b"")) == (dense(10),)


def test_r_52_only_an_allowed_child_is_returned() -> None:
    for number in range(20):
        child = evolved_shape(
            BINARY_4K, UINT8_4K, seed(number), lambda shape: shape.weight_count < 3_000
        )
        assert child.weight_count < 3_000


def test_r_52_parents_without_an_allowed_child_are_told() -> None:
    with pytest.raises(ShapeNotEvolved, match=r"R-52: .* found in 256 draws, not none allowed"):
        evolved_shape(BINARY_4K, BINARY_4K, seed(0), lambda _: False)
