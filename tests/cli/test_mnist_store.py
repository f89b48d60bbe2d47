# SPDX-License-Identifier: Apache-2.0
"""Dataset ids as users type them."""

import pytest

from edge_node.cli.mnist_store import DatasetIdMalformed, parse_dataset_id


def test_id_of_64_digits() -> None:
    assert parse_dataset_id("ab" * 32) == b"\xab" * 32


@pytest.mark.parametrize("text", ["", "mnist", "ab", "ab" * 33])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(DatasetIdMalformed, match="dataset list"):
        parse_dataset_id(text)
