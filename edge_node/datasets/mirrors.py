# SPDX-License-Identifier: Apache-2.0
"""Mirrors: web servers from which the four gzipped IDX files of an edition can be had.

Which ones there are stands in edge_node/data/dataset_mirrors.toml and comes in as a parameter.
Law of the file: a mirror is trusted with nothing: sizes are bounded, and what comes is checked by
the edition's pins.
Read next: sources.py.
"""

import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path

from edge_node.datasets.errors import MirrorFailed

CONNECT_TIMEOUT_S = 3
"""To connect, and between two pieces: a mirror that is silent longer is passed over."""

MAX_OVERHEAD_BYTES = 1 << 16
"""What gzip may add to bytes that it can not compress."""

_PIECE_BYTES = 1 << 16


def download(url: str, target: Path, *, max_bytes: int) -> None:
    """Put what a URL gives into a file.

    Parameters
    ----------
    url : str
        http or https.
    target : Path
        The file to write.
    max_bytes : int
        Most bytes of it.

    Raises
    ------
    MirrorFailed
        It is not there, too long or too slow; or the file can not be written.
    """
    if not url.startswith(("http://", "https://")):
        raise MirrorFailed(url=url, why="only http and https are used")
    try:
        with (
            urllib.request.urlopen(url, timeout=CONNECT_TIMEOUT_S) as answer,  # noqa: S310  # see above
            target.open("wb") as file,
        ):
            left = max_bytes
            while piece := answer.read(_PIECE_BYTES):
                left -= len(piece)
                if left < 0:
                    raise MirrorFailed(url=url, why=f"more than {max_bytes} bytes")
                file.write(piece)
    except urllib.error.URLError as error:
        raise MirrorFailed(url=url, why=error.reason) from error
    except (HTTPException, OSError, ValueError) as error:
        raise MirrorFailed(url=url, why=str(error) or type(error).__name__) from error
