# SPDX-License-Identifier: Apache-2.0
"""pynq, checked: that of the board's image, or of the extra `fpga-sim` elsewhere.

On a board nothing is installed over what its image has; a version that does not suit is named.
Law of the file: the only one that imports pynq, for the driver and for the simulated device.
Read next: overlay.py, fpga/sim/device.py.
"""

import re
import warnings
from typing import Any, TypeAlias

from edge_node_fpga.driver.errors import PynqMissing, PynqUnfit

FromPynq: TypeAlias = Any
"""pynq, or an object of a class of its; it brings no types."""

OLDEST = (3, 0, 1)
"""Of the images that this was written for."""
FIRST_WITHOUT_BOARD = (4, 0, 0)
"""It knows no PYNQ-Z2 any more."""


def load_pynq() -> FromPynq:
    """Return the package pynq; the first time takes seconds.

    Raises
    ------
    PynqMissing
        It is not installed, or does not load.
    PynqUnfit
        It is older or newer than what this driver and the board suit.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of packages that it uses, and of no board being here
            import pynq  # noqa: PLC0415 - slow, and only where a board or its simulation is
    except ImportError as missing:
        raise PynqMissing from missing
    if not OLDEST <= _numbers(pynq.__version__) < FIRST_WITHOUT_BOARD:
        raise PynqUnfit(
            oldest=_text(OLDEST), below=_text(FIRST_WITHOUT_BOARD), actual=pynq.__version__
        )
    return pynq


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[: len(OLDEST)])


def _text(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
