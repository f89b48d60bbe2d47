# SPDX-License-Identifier: Apache-2.0
"""Architectures as text: the reference families by name, all others layer by layer, exactly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_node.node.architecture_text import (
    REFERENCE_FAMILIES,
    architecture_text,
    parse_architecture,
)
from edge_node.node.configuration_errors import ArchitectureTextInvalid
from edge_node.spec.architecture import BINARY_4K, ArchitectureOutOfRange, conv, dense

WORDS = st.tuples(
    st.integers(1, 12), st.sampled_from([1, 2, 3, 5]), st.booleans(), st.booleans()
).map(lambda w: f"conv{w[0]}" + ("" if w[1] == 3 else f"k{w[1]}") + "s" * w[2] + "p" * w[3])


@pytest.mark.parametrize("name", REFERENCE_FAMILIES)
def test_reference_families_have_names(name: str) -> None:
    assert parse_architecture(name) == REFERENCE_FAMILIES[name]
    assert architecture_text(REFERENCE_FAMILIES[name]) == name


def test_layers_are_read_in_order() -> None:
    assert parse_architecture("1bit:conv8p-conv10p-conv20-dense10") == BINARY_4K
    other = parse_architecture(
        "8bit:conv4k1-conv4k5sp-dense7-dense3", height=9, width=8, channels=3
    )
    padded = conv(4, kernel=5, pool=True, same=True)
    assert other.layers == (conv(4, kernel=1), padded, dense(7), dense(3))
    assert (other.input_bits, other.height, other.width, other.input_channels) == (8, 9, 8, 3)
    assert architecture_text(other) == "8bit:conv4k1-conv4k5sp-dense7-dense3"


def test_name_takes_the_shape_of_the_images() -> None:
    architecture = parse_architecture("binary-4k", height=32, width=32, channels=3)
    assert architecture.input_channels == 3
    assert architecture_text(architecture) == "1bit:conv8p-conv10p-conv20-dense10"


@given(st.sampled_from([1, 8]), st.lists(WORDS, max_size=3), st.integers(2, 20))
def test_text_and_back(bits: int, words: list[str], classes: int) -> None:
    text = f"{bits}bit:" + "-".join([*words, f"dense{classes}"])
    try:
        architecture = parse_architecture(text)
    except ArchitectureOutOfRange:
        return
    assert architecture_text(architecture) in (text, *REFERENCE_FAMILIES)
    assert parse_architecture(architecture_text(architecture)) == architecture


@pytest.mark.parametrize(
    "text",
    ["", "binary-5k", "1bit:", "2bit:dense10", "1bit:conv8ps-dense10", "1bit:conv-dense10",
     "1bit:dense10p", "1bit:conv8--dense10", "1bit:dense999999", "1bit:dense-10", "dense10"],
)  # fmt: skip
def test_other_text_is_refused_with_what_would_do(text: str) -> None:
    with pytest.raises(ArchitectureTextInvalid, match="is no architecture; give one of binary-4k"):
        parse_architecture(text)


def test_r4_impossible_network_is_refused() -> None:
    with pytest.raises(ArchitectureOutOfRange, match="R-4"):
        parse_architecture("1bit:conv8k64-dense10")
