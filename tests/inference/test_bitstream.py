# SPDX-License-Identifier: Apache-2.0
"""Adopted files: unchanged they pass, each change is refused with both hashes."""

import hashlib
from pathlib import Path

import pytest

from edge_node.inference import bitstream
from edge_node.inference.bitstream import (
    AdoptedOverlay,
    BitstreamChanged,
    BitstreamUnreadable,
    FabricInUse,
    check_unchanged,
    hwh_beside,
    read_bitstream,
    sole_use,
)


@pytest.fixture
def bitfile(tmp_path: Path) -> Path:
    path = tmp_path / "bnn.bit"
    path.write_bytes(b"bits")
    hwh_beside(path).write_bytes(b"hwh")
    return path


def test_bitstream_is_known_by_the_hashes_of_both_files(
    bitfile: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(bitfile.parent)
    adopted = read_bitstream(Path("bnn.bit"))
    assert adopted == AdoptedOverlay(
        bitfile=bitfile,
        sha256=hashlib.sha256(b"bits").hexdigest(),
        hwh_sha256=hashlib.sha256(b"hwh").hexdigest(),
    )
    check_unchanged(adopted)


def test_hashes_may_be_in_capitals(bitfile: Path) -> None:
    adopted = read_bitstream(bitfile)
    check_unchanged(
        AdoptedOverlay(
            bitfile=bitfile, sha256=adopted.sha256.upper(), hwh_sha256=adopted.hwh_sha256.upper()
        )
    )


@pytest.mark.parametrize("suffix", [".bit", ".hwh"])
def test_changed_file_is_refused_with_both_hashes(bitfile: Path, suffix: str) -> None:
    adopted = read_bitstream(bitfile)
    changed = bitfile.with_suffix(suffix)
    changed.write_bytes(b"other")
    with pytest.raises(BitstreamChanged, match="hw adopt-overlay") as caught:
        check_unchanged(adopted)
    expected = adopted.sha256 if suffix == ".bit" else adopted.hwh_sha256
    actual = hashlib.sha256(b"other").hexdigest()
    assert (caught.value.path, caught.value.expected, caught.value.actual) == (
        changed,
        expected,
        actual,
    )
    assert expected in str(caught.value)
    assert actual in str(caught.value)


@pytest.mark.parametrize("suffix", [".bit", ".hwh"])
def test_missing_file_is_named(bitfile: Path, suffix: str) -> None:
    adopted = read_bitstream(bitfile)
    bitfile.with_suffix(suffix).unlink()
    with pytest.raises(BitstreamUnreadable, match=rf"bnn\{suffix} can not be read, no such file"):
        check_unchanged(adopted)


@pytest.mark.parametrize("suffix", [".bit", ".hwh"])
def test_empty_file_is_no_bitstream(bitfile: Path, suffix: str) -> None:
    bitfile.with_suffix(suffix).write_bytes(b"")
    with pytest.raises(BitstreamUnreadable, match=rf"bnn\{suffix} can not be read, it is empty"):
        read_bitstream(bitfile)


def test_one_program_at_a_time_has_the_fabric(bitfile: Path) -> None:
    adopted = read_bitstream(bitfile)
    stop_that = pytest.raises(FabricInUse, match="stop that first")
    with sole_use(adopted), stop_that, sole_use(adopted):
        pytest.fail("both have it")
    with sole_use(adopted):
        pass  # it is free again


def test_file_beyond_any_bitstream_is_not_read_to_its_end(
    bitfile: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bitstream, "MAX_FILE_BYTES", 3)
    with pytest.raises(BitstreamUnreadable, match="more than 3 bytes"):
        read_bitstream(bitfile)
