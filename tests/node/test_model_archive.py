# SPDX-License-Identifier: Apache-2.0
"""Model archives as numpy.savez writes them: read as documented, refused each for its own reason.

What is read is compared with sums taken straight from the documented meaning of the arrays.
"""

import io
import pickle  # noqa: TID251  # writes what the restricted reader is tested on
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edge_node.kernels.evaluation import all_logits, slice_images
from edge_node.node.configuration_errors import ArchitectureTextInvalid
from edge_node.node.model_archive import (
    ArchitectureNotText,
    ArchiveUnreadable,
    ArraysWrong,
    DatasetDoesNotFit,
    KernelNotBinary,
    KernelShapeWrong,
    ThresholdNotWhole,
    ThresholdShapeWrong,
    model_archive,
    read_model_archive,
)
from edge_node.primitives.errors import EdgeNodeError
from edge_node.spec.architecture import (
    BINARY_4K,
    DENSE_256,
    UINT8_4K,
    Architecture,
    ArchitectureOutOfRange,
)
from edge_node.spec.dataset import Manifest
from edge_node.spec.model import ThresholdOutOfRange
from tests.spec.samples import random_model
from tests.spec.toy_data import SIDE, toy_dataset

TOY = toy_dataset().manifest
Arrays = dict[str, npt.NDArray[Any]]
TEXT = "8bit:conv4p-dense3"


def arrays_of(seed: int = 1) -> Arrays:
    """Return an archive's arrays for the toy dataset: 8x8 grey images, three classes."""
    rng = np.random.default_rng(seed)
    return {
        "architecture": np.array(TEXT),
        "kernel_0": rng.choice([-1, 1], (3, 3, 1, 4)),
        "threshold_0": rng.integers(-200, 200, 4),
        "kernel_1": rng.choice([-1.0, 1.0], (36, 3)).astype(np.float32),
        "threshold_1": np.array([0, -2, 3], np.int8),
    }


def written(folder: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> Path:
    path = folder / "model.npz"
    np.savez(path, **dict[str, Any](arrays))
    return path


def test_arrays_mean_what_is_documented(tmp_path: Path) -> None:
    arrays = arrays_of()
    model = read_model_archive(written(tmp_path, arrays), TOY)
    images = np.random.default_rng(2).integers(0, 256, (50, SIDE, SIDE), dtype=np.uint8)
    signs = np.zeros((50, 6, 6, 4))
    for y in range(6):
        for x in range(6):
            patch = images[:, y : y + 3, x : x + 3].astype(int) - 128
            sums = np.einsum("nyx,yxc->nc", patch, arrays["kernel_0"][:, :, 0])
            signs[:, y, x] = np.where(sums >= arrays["threshold_0"], 1, -1)
    pooled = signs.reshape(50, 3, 2, 3, 2, 4).max(axis=(2, 4))
    wanted = pooled.reshape(50, 36) @ arrays["kernel_1"] + arrays["threshold_1"]
    logits = all_logits(model, slice_images(model.architecture, images))
    assert np.array_equal(logits, wanted)


@pytest.mark.parametrize("family", [BINARY_4K, UINT8_4K, DENSE_256])
def test_what_is_written_is_read_again(tmp_path: Path, family: Architecture) -> None:
    model = random_model(family, "archive")
    path = tmp_path / "model.npz"
    path.write_bytes(model_archive(model))
    mnist = Manifest(name="m", height=28, width=28, channels=1, classes=10, splits=TOY.splits)
    assert read_model_archive(path, mnist) == model


def test_threshold_out_of_reach_means_never_and_always(tmp_path: Path) -> None:
    arrays = arrays_of()
    arrays["threshold_0"] = np.array([1 << 62, -(1 << 62), 1153, -1152])
    model = read_model_archive(written(tmp_path, arrays), TOY)
    assert model.thresholds[0] == (1153, -1152, 1153, -1152)


def test_order_of_the_bytes_is_the_files_own(tmp_path: Path) -> None:
    arrays = arrays_of()
    model = read_model_archive(written(tmp_path, arrays), TOY)
    swapped = {name: each.astype(each.dtype.newbyteorder()) for name, each in arrays.items()}
    swapped["kernel_1"] = np.asfortranarray(swapped["kernel_1"])
    assert read_model_archive(written(tmp_path, swapped), TOY) == model


def changed(name: str, value: npt.NDArray[Any] | None) -> Arrays:
    arrays = arrays_of()
    if value is None:
        del arrays[name]
    else:
        arrays[name] = value
    return arrays


HALF = np.full((36, 3), 0.5)
TRAP = np.frombuffer(b"\xff" * 16, "<U4")[0:1].reshape(())


@pytest.mark.parametrize(
    ("arrays", "error", "message"),
    [
        (changed("architecture", None), ArchitectureNotText, r"one text.*not missing"),
        (changed("architecture", np.array(3)), ArchitectureNotText, "not int64 of shape"),
        (changed("architecture", np.array([TEXT])), ArchitectureNotText, r"of shape \(1,\)"),
        (changed("architecture", np.array("x" * 2_000)), ArchitectureNotText, "1024 characters"),
        (changed("architecture", TRAP), ArchitectureNotText, "code points that do not exist"),
        (changed("architecture", np.array("conv4")), ArchitectureTextInvalid, "'conv4' is no"),
        (changed("architecture", np.array("8bit:conv9-conv4")), ArchitectureOutOfRange, "R-4"),
        (changed("architecture", np.array("8bit:conv4-dense4")), DatasetDoesNotFit, "3, not 4"),
        (changed("kernel_1", None), ArraysWrong, "kernel_1 must be there, not missing"),
        (changed("threshold_0", None), ArraysWrong, "threshold_0 must be there, not missing"),
        (changed("kernel_2", HALF), ArraysWrong, "kernel_2 must be absent, not present"),
        (changed("kernel_0", np.ones((9, 5))), KernelShapeWrong, r"\(9, 4\), not \(9, 5\)"),
        (changed("kernel_0", np.ones(36)), KernelShapeWrong, r"\(3, 3, 1, 4\) or"),
        (changed("kernel_1", HALF), KernelNotBinary, r"kernel_1.*\+1 and -1, not 0\.5"),
        (changed("kernel_1", 0 * HALF), KernelNotBinary, r"not 0\.0"),
        (changed("kernel_1", HALF * np.nan), KernelNotBinary, "not nan"),
        (changed("kernel_1", HALF > 0), KernelNotBinary, "not bool"),
        (changed("kernel_1", HALF.astype("U3")), KernelNotBinary, "not <U3"),
        (changed("threshold_0", np.zeros((4, 1), int)), ThresholdShapeWrong, r"\(4,\), not"),
        (changed("threshold_0", np.zeros(5, int)), ThresholdShapeWrong, r"\(4,\), not \(5,\)"),
        (changed("threshold_0", np.zeros(4)), ThresholdNotWhole, "integers, not float64"),
        (changed("threshold_1", np.full(3, 1 << 40)), ThresholdOutOfRange, "R-6"),
    ],
)
def test_malformed_file_is_refused_for_its_own_reason(
    tmp_path: Path, arrays: Arrays, error: type[EdgeNodeError], message: str
) -> None:
    with pytest.raises(error, match=message):
        read_model_archive(written(tmp_path, arrays), TOY)


def test_pickle_is_refused_unread(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return (pytest.fail, ("the pickle was read",))

    path = tmp_path / "model.npz"
    np.savez(path, **dict[str, Any](arrays_of()), more=np.array([Trap()], object))
    with pytest.raises(ArchiveUnreadable, match="a pickle"):
        read_model_archive(path, TOY)
    path.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(ArchiveUnreadable, match="PK of an npz archive"):
        read_model_archive(path, TOY)


def test_damaged_file_is_refused_or_means_the_same(tmp_path: Path) -> None:
    path = written(tmp_path, arrays_of())
    data, model = path.read_bytes(), read_model_archive(path, TOY)
    for position in range(0, len(data), 7):
        damaged = bytearray(data)
        damaged[position] ^= 0x41
        path.write_bytes(bytes(damaged))
        try:
            assert read_model_archive(path, TOY) == model, position
        except EdgeNodeError:
            continue


def test_two_arrays_of_one_name_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path, arrays_of())
    again = io.BytesIO()
    np.save(again, np.zeros(4, int))
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("threshold_0.npy", again.getvalue())
    with pytest.raises(ArchiveUnreadable, match="one array of a name"):
        read_model_archive(path, TOY)
