# SPDX-License-Identifier: Apache-2.0
"""Adopting an overlay: its .hwh is looked through, then path and SHA-256 are kept for the node.

They go to overlay.toml in the data directory, a section [fpga] as a configuration may have: a
layer between the board's file and the user's.
Law of the file: what does not fit the design is never recorded; nothing is loaded into the fabric.
Read next: overlay_check.py, edge_node/inference/bitstream.py, fpga/driver/hwh_check.py.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from edge_node.inference.bitstream import (
    AdoptedOverlay,
    BitstreamUnreadable,
    hwh_beside,
    read_bitstream,
)
from edge_node.node.data_directory import DataDirectory
from edge_node.node.errors import NodeError
from edge_node.node.toml_files import Setting, toml_text

SUFFIX: Final = ".bit"
SECTION: Final = "fpga"


class OverlayRefused(NodeError):
    """What is to be adopted is no overlay of this engine; nothing was recorded."""

    reason = "overlay-refused"

    def __init__(self, *, path: Path, differences: Sequence[str]) -> None:
        super().__init__(
            f"{path} is not adopted: {'; '.join(differences)}; give the one that"
            " fpga/vivado/build.tcl of this version has made"
        )
        self.path = path
        self.differences = tuple(differences)


def adopt_overlay(directory: DataDirectory, bitfile: Path) -> AdoptedOverlay:
    """Record an overlay as the one that the node of a data directory loads.

    Raises
    ------
    OverlayRefused
        It is missing, unreadable or empty, or its .hwh is, or that is of another design.
    """
    if bitfile.suffix != SUFFIX:
        why = f"its name does not end in {SUFFIX}, and its .hwh is found by that name"
        raise OverlayRefused(path=bitfile, differences=[why])
    if differences := hwh_differences(hwh_beside(bitfile)):
        raise OverlayRefused(path=bitfile, differences=differences)
    try:
        found = read_bitstream(bitfile)
    except BitstreamUnreadable as error:
        raise OverlayRefused(path=error.path, differences=[error.fault]) from error
    values = {
        "overlay": str(found.bitfile),
        "overlay_sha256": found.sha256,
        "hwh_sha256": found.hwh_sha256,
    }
    settings = [Setting(section=SECTION, key=key, value=value) for key, value in values.items()]
    directory.keep_overlay(toml_text(settings))
    return found


def hwh_differences(hwh: Path) -> tuple[str, ...]:
    """Return in words what a .hwh says otherwise than the design; nothing if it is one of ours."""
    from edge_node_fpga.driver import errors, hwh_check  # noqa: PLC0415 - where an FPGA is

    try:
        return tuple(map(str, hwh_check.differences(hwh)))
    except errors.OverlayError as error:
        return (str(error),)
