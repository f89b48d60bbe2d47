# SPDX-License-Identifier: Apache-2.0
"""The adopted overlay, step by step: files as adopted, .hwh as designed, the engine as it says.

Each step is taken only if the one before it held: a fabric that does not fit its .hwh makes a board
hang at the first register.
Law of the file: only the last step touches the fabric, and not while another program uses it.
Read next: overlay_adoption.py, hardware.py, fpga/driver/overlay.py.
"""

from collections.abc import Iterator
from contextlib import closing
from typing import Final

from edge_node.inference.backend import InferenceError
from edge_node.inference.bitstream import (
    ADOPT,
    AdoptedOverlay,
    FabricInUse,
    check_unchanged,
    sole_use,
)
from edge_node.node.hardware import Finding
from edge_node.node.overlay_adoption import hwh_differences
from edge_node.primitives.counting import counted

NO_OVERLAY: Final = f"none is adopted; {ADOPT} does it, once there is a bitstream"


def check_overlay(adopted: AdoptedOverlay | None) -> tuple[Finding, ...]:
    """Return what holds of an overlay, up to the first step that does not.

    Parameters
    ----------
    adopted : AdoptedOverlay or None
        As adopted; None for none.
    """
    if adopted is None:
        return (Finding(name="overlay", works=False, needed=False, detail=NO_OVERLAY),)
    findings: list[Finding] = []
    for finding in _steps(adopted):
        findings.append(finding)
        if not finding.works:
            break
    return tuple(findings)


def _steps(adopted: AdoptedOverlay) -> Iterator[Finding]:
    try:
        check_unchanged(adopted)
    except InferenceError as error:
        yield _finding("files", why=str(error))
    else:
        yield _finding("files", detail=f"{adopted.bitfile} and its .hwh, as they were adopted")
    differences = hwh_differences(adopted.hwh)
    yield _finding("hwh", why="; ".join(differences), detail="addresses, DMA and registers fit")
    yield _engine(adopted)


def _engine(adopted: AdoptedOverlay) -> Finding:
    """Load the overlay and let the engine say what it is, unless somebody is using it."""
    try:
        with sole_use(adopted):
            return _identity(adopted)
    except FabricInUse as error:
        detail = f"not looked at: {error.why}"
        return Finding(name="overlay engine", works=False, needed=False, detail=detail)


def _identity(adopted: AdoptedOverlay) -> Finding:
    from edge_node_fpga.driver.errors import OverlayError  # noqa: PLC0415 - where an FPGA is
    from edge_node_fpga.driver.overlay import Overlay  # noqa: PLC0415 - the same

    try:
        with closing(Overlay(adopted.bitfile)) as overlay:
            caps = overlay.caps
    except OverlayError as error:
        return _finding("engine", why=str(error))
    except Exception as error:  # noqa: BLE001 - pynq raises what it likes
        why = f"pynq could not load it ({error}); run this as root, on the board"
        return _finding("engine", why=why)
    detail = (
        f"ID and VERSION fit; {caps.elements} elements, {caps.trees} trees,"
        f" {counted(caps.lanes, 'image')} at once, {caps.weight_rows} rows of weights"
    )
    return _finding("engine", detail=detail)


def _finding(part: str, *, why: str = "", detail: str = "") -> Finding:
    # Needed: who has adopted an overlay wants to hear that it is not used.
    return Finding(name=f"overlay {part}", works=not why, needed=True, detail=why or detail)
