# SPDX-License-Identifier: Apache-2.0
"""Adopting an overlay: what fits the design is kept for the node, what does not leaves no trace."""

from pathlib import Path

import pytest

from edge_node.node.configuration import ConfigRequest, load_config
from edge_node.node.data_directory import DataDirectory
from edge_node.node.overlay_adoption import OverlayRefused, adopt_overlay
from edge_node_fpga.sim.hwh import write_hwh


@pytest.fixture
def directory(tmp_path: Path) -> DataDirectory:
    return DataDirectory(tmp_path / "data")


@pytest.fixture
def bitfile(tmp_path: Path) -> Path:
    path = tmp_path / "bnn.bit"
    path.write_bytes(b"bits")
    write_hwh(path.with_suffix(".hwh"))
    return path


def test_adopted_overlay_is_what_a_node_reads(directory: DataDirectory, bitfile: Path) -> None:
    adopted = adopt_overlay(directory, bitfile)
    environment = {"EDGE_NODE_DATA_DIR": str(directory.root)}
    loaded = load_config(ConfigRequest(environment=environment))
    assert loaded.config.fpga.adopted == adopted
    origin = next(each for each in loaded.origins if each.key == "overlay")
    assert origin.source == str(directory.overlay)


def test_later_adoption_takes_the_place_of_the_earlier(
    directory: DataDirectory, bitfile: Path
) -> None:
    first = adopt_overlay(directory, bitfile)
    bitfile.write_bytes(b"other bits")
    second = adopt_overlay(directory, bitfile)
    assert first.sha256 != second.sha256
    assert second.sha256 in directory.overlay.read_text()
    assert first.sha256 not in directory.overlay.read_text()


def test_overlay_of_another_design_is_refused_with_all_differences(
    directory: DataDirectory, bitfile: Path
) -> None:
    hwh = bitfile.with_suffix(".hwh")
    text = hwh.read_text().replace("7z020", "7z010")
    hwh.write_text(text.replace('BASEVALUE="0x43c00000"', 'BASEVALUE="0x43c10000"'))
    with pytest.raises(OverlayRefused, match=r"the device is 7z010, not 7z020; .*0x43c10000") as no:
        adopt_overlay(directory, bitfile)
    assert len(no.value.differences) == 2
    assert not directory.root.exists()


def test_overlay_without_its_hwh_is_refused(directory: DataDirectory, bitfile: Path) -> None:
    bitfile.with_suffix(".hwh").unlink()
    with pytest.raises(OverlayRefused, match=r"put the \.hwh of the bitstream beside it"):
        adopt_overlay(directory, bitfile)


def test_empty_bitstream_is_refused(directory: DataDirectory, bitfile: Path) -> None:
    bitfile.write_bytes(b"")  # as a copy leaves it for which the card had no room
    with pytest.raises(OverlayRefused, match=r"bnn\.bit is not adopted: it is empty; give the one"):
        adopt_overlay(directory, bitfile)
    assert not directory.root.exists()


def test_hwh_in_the_place_of_the_bitstream_is_refused(
    directory: DataDirectory, bitfile: Path
) -> None:
    with pytest.raises(OverlayRefused, match=r"does not end in \.bit"):
        adopt_overlay(directory, bitfile.with_suffix(".hwh"))
