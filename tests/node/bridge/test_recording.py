# SPDX-License-Identifier: Apache-2.0
"""Samples become a file that `dataset import` takes, run by run; a file is whole or as it was."""

import math
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from edge_node.datasets.errors import (
    DatasetError,
    DatasetTooLarge,
    MixedImageSizes,
    WrongForm,
)
from edge_node.datasets.importing import (
    MAX_IMPORT_BYTES,
    ImportFormat,
    ImportRequest,
    import_dataset,
)
from edge_node.datasets.npz import Array
from edge_node.node.bridge.recording import (
    RecordingThere,
    check_room,
    earlier_recording,
    recording_of,
    write_recording,
)
from edge_node_bridge.device import SensorSample
from tests.full_disk import files_of_at_most

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
    check_room(path, earlier, SHAPE, COUNT)
    check_room(path, None, (9, 9, 1), COUNT)
    with pytest.raises(MixedImageSizes, match=r"mine\.npz"):
        check_room(path, earlier, (5, 4, 1), COUNT)


def test_more_samples_than_a_dataset_can_have_are_refused_before_any_is_taken(
    tmp_path: Path,
) -> None:
    path = recorded(tmp_path / "mine.npz", 0)
    earlier, most = earlier_recording(path, append=True), MAX_IMPORT_BYTES // math.prod(SHAPE)
    check_room(path, None, SHAPE, most)
    check_room(path, earlier, SHAPE, most - COUNT)
    with pytest.raises(DatasetTooLarge, match=str(MAX_IMPORT_BYTES)):
        check_room(path, earlier, SHAPE, most - COUNT + 1)


def test_place_where_no_file_can_be_made_is_told_before_any_is_taken(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        earlier_recording(tmp_path / "nowhere" / "mine.npz", append=False)
    assert list(tmp_path.iterdir()) == []


def test_disk_without_room_is_told_before_any_sample_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = recorded(tmp_path / "mine.npz", 0)
    earlier = earlier_recording(path, append=True)
    size = math.prod(SHAPE)
    free = SimpleNamespace(free=(COUNT + 10) * size)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: free)
    check_room(path, earlier, SHAPE, 10)
    with pytest.raises(OSError, match="No space left on device") as caught:
        check_room(path, earlier, SHAPE, 11)
    assert caught.value.filename == str(path)


def test_disk_that_is_full_at_the_end_is_told_with_the_file_and_keeps_the_old_one(
    tmp_path: Path,
) -> None:
    path = recorded(tmp_path / "mine.npz", 0)
    before, new = path.read_bytes(), recording_of(samples(0), SHAPE, 1)
    with files_of_at_most(64), pytest.raises(OSError, match="too large") as caught:
        write_recording(path, earlier_recording(path, append=True), new)
    assert caught.value.filename == str(path)
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [before]


def test_file_of_another_kind_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "thesis.npz"
    path.write_bytes(b"years of work")
    with pytest.raises(DatasetError):
        earlier_recording(path, append=True)
    np.savez(tmp_path / "other.npz", weights=np.zeros(3))
    with pytest.raises(DatasetError):
        earlier_recording(tmp_path / "other.npz", append=True)
    assert path.read_bytes() == b"years of work"


@pytest.mark.parametrize(
    "arrays",
    [
        {"x_test": np.zeros((2, *SHAPE), np.uint8), "y_test": np.zeros(2, np.uint8)},
        {"weights": np.zeros(3)},
        {"images": np.zeros((2, *SHAPE), np.float32)},
        {"images": np.zeros((2, *SHAPE[:2]), np.uint8)},
        {"labels": np.zeros(2, np.int64)},
        {"labels": np.zeros(1, np.uint8)},
    ],
)
def test_dataset_of_somebody_else_does_not_grow_lest_it_loses_what_samples_have_not(
    tmp_path: Path, arrays: dict[str, Array]
) -> None:
    path = tmp_path / "mnist.npz"
    own: dict[str, Array] = {
        "images": np.zeros((2, *SHAPE), np.uint8),
        "labels": np.zeros(2, np.uint8),
    }
    np.savez(path, **dict[str, Any]({**own, **arrays}))
    with pytest.raises(WrongForm, match="edge-node bridge sample"):
        earlier_recording(path, append=True)
