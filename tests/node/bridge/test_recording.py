# SPDX-License-Identifier: Apache-2.0
"""Samples become a file that `dataset import` takes, run by run; a file is whole or as it was."""

from pathlib import Path

import numpy as np
import pytest

from edge_node.datasets.errors import DatasetError, MixedImageSizes
from edge_node.datasets.importing import ImportFormat, ImportRequest, import_dataset
from edge_node.node.bridge.recording import (
    RecordingThere,
    check_alike,
    earlier_recording,
    recording_of,
    write_recording,
)
from edge_node_bridge.device import SensorSample

SHAPE = (4, 5, 1)
COUNT = 12


def samples(value: int) -> list[SensorSample]:
    size = SHAPE[0] * SHAPE[1]
    return [
        SensorSample(index=i, label=value, pixels=bytes([value + i]) * size) for i in range(COUNT)
    ]


def recorded(path: Path, *labels: int) -> Path:
    for label in labels:
        earlier = earlier_recording(path, append=path.exists())
        write_recording(path, earlier, recording_of(samples(100 * label), SHAPE, label))
    return path


def test_runs_of_two_classes_become_a_dataset(tmp_path: Path) -> None:
    path = recorded(tmp_path / "mine.npz", 0, 1)
    made = import_dataset(ImportRequest(path=path, format=ImportFormat.NPZ, name="mine"))
    manifest = made.manifest
    assert (manifest.height, manifest.width, manifest.channels) == SHAPE
    assert manifest.classes == 2
    assert sum(each.count for each in manifest.splits) == 2 * COUNT
    assert list(tmp_path.iterdir()) == [path]


def test_samples_stand_in_order_with_their_labels(tmp_path: Path) -> None:
    whole = earlier_recording(recorded(tmp_path / "mine.npz", 0, 2), append=True)
    assert whole is not None
    assert len(whole) == 2 * COUNT
    assert whole.images.shape == (2 * COUNT, *SHAPE)
    assert whole.images[:, 0, 0, 0].tolist() == [*range(COUNT), *range(200, 200 + COUNT)]
    assert whole.labels.tolist() == [0] * COUNT + [2] * COUNT


def test_file_that_is_there_grows_only_when_asked(tmp_path: Path) -> None:
    path = recorded(tmp_path / "mine.npz", 0)
    before = path.read_bytes()
    with pytest.raises(RecordingThere, match="--append"):
        earlier_recording(path, append=False)
    assert earlier_recording(tmp_path / "none.npz", append=True) is None
    assert path.read_bytes() == before


def test_samples_of_another_shape_are_refused_before_any_is_taken(tmp_path: Path) -> None:
    path = recorded(tmp_path / "mine.npz", 0)
    earlier = earlier_recording(path, append=True)
    check_alike(path, earlier, SHAPE)
    check_alike(path, None, (9, 9, 1))
    with pytest.raises(MixedImageSizes, match=r"mine\.npz"):
        check_alike(path, earlier, (5, 4, 1))


def test_file_of_another_kind_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "thesis.npz"
    path.write_bytes(b"years of work")
    with pytest.raises(DatasetError):
        earlier_recording(path, append=True)
    np.savez(tmp_path / "other.npz", weights=np.zeros(3))
    with pytest.raises(DatasetError):
        earlier_recording(tmp_path / "other.npz", append=True)
    assert path.read_bytes() == b"years of work"
