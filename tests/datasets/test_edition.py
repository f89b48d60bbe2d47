# SPDX-License-Identifier: Apache-2.0
"""An edition lets nothing through that differs from the published files in a single bit."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_node.datasets.chunk_table import table_of
from edge_node.datasets.errors import PinMismatch
from edge_node.primitives.types import DatasetId, Hash32
from edge_node.spec.dataset import SplitName
from tests.datasets.samples import small_edition

EDITION, PARTS = small_edition()


def test_published_files_pass_and_make_the_dataset() -> None:
    for pin, values in zip(EDITION.files, PARTS, strict=True):
        EDITION.check(pin, values, Path("x"))
        assert pin.value_bytes == values.size
    dataset = EDITION.dataset(PARTS)
    assert table_of(dataset).dataset_id == EDITION.dataset_id
    assert np.array_equal(dataset[SplitName.TRAIN].labels, PARTS[1][:30])
    assert np.array_equal(dataset[SplitName.EVALUATION].labels, PARTS[1][30:])
    assert np.array_equal(dataset[SplitName.RESERVE].images.reshape(-1, 28, 28), PARTS[2])


@pytest.mark.parametrize("file", range(4))
def test_one_changed_bit_is_found(file: int) -> None:
    values = PARTS[file].copy()
    values.reshape(-1)[-1] ^= 1
    with pytest.raises(PinMismatch, match="/data/file must unpack to SHA-256"):
        EDITION.check(EDITION.files[file], values, Path("/data/file"))


def test_other_shape_with_the_same_bytes_is_found() -> None:
    with pytest.raises(PinMismatch, match="not a file of shape 40x784"):
        EDITION.check(EDITION.files[0], PARTS[0].reshape(40, 784), Path("x"))


def test_edition_whose_manifest_changed_can_not_be_built() -> None:
    with pytest.raises(AssertionError, match="never changes"):
        replace(EDITION, dataset_id=DatasetId(Hash32(bytes(32))))
