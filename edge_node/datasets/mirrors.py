# SPDX-License-Identifier: Apache-2.0
"""Mirrors: web servers from which the four gzipped IDX files of an edition can be had.

Which ones there are stands in edge_node/data/dataset_mirrors.toml and comes in as a parameter.
Law of the file: a mirror is trusted with nothing: sizes are bounded, and what comes is checked by
the edition's pins.
Read next: sources.py.
"""

import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import Future, wait
from http.client import HTTPException
from pathlib import Path

from edge_node.datasets.errors import MirrorFailed

CONNECT_TIMEOUT_S = 3
"""To connect, and between two pieces: a mirror that is silent longer is passed over."""

GRACE_S = 15
"""What a mirror may take before its speed counts."""

LEAST_BYTES_PER_S = 8 << 10
"""A mirror that is slower, taken over all the time after GRACE_S, is passed over."""

MAX_OVERHEAD_BYTES = 1 << 16
"""What gzip may add to bytes that it can not compress."""

_PIECE_BYTES = 1 << 16
_LOOK_S = 0.1


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
    transfer = _Transfer(url, target, max_bytes)
    start_s = time.monotonic()
    while not wait((transfer.done,), _LOOK_S).done:
        if transfer.received < (time.monotonic() - start_s - GRACE_S) * LEAST_BYTES_PER_S:
            transfer.given_up = True
            why = f"slower than {LEAST_BYTES_PER_S} bytes a second"
            raise MirrorFailed(url=url, why=why)
    transfer.done.result()


class _Transfer:
    """One download on a thread: headers that trickle in would hold whoever waits for them."""

    def __init__(self, url: str, target: Path, max_bytes: int) -> None:
        self._url, self._target, self._max_bytes = url, target, max_bytes
        self.received = 0
        self.given_up = False
        self.done: Future[None] = Future()
        # A daemon: one that was given up ends with its next piece, or with the program.
        threading.Thread(target=self._work, name="download", daemon=True).start()

    def _work(self) -> None:
        try:
            self._take_all()
        except urllib.error.URLError as error:
            self.done.set_exception(MirrorFailed(url=self._url, why=error.reason))
        except (HTTPException, OSError, ValueError) as error:
            why = str(error) or type(error).__name__
            self.done.set_exception(MirrorFailed(url=self._url, why=why))
        except BaseException as error:  # noqa: BLE001 - it is raised again where it is awaited
            self.done.set_exception(error)
        else:
            self.done.set_result(None)

    def _take_all(self) -> None:
        with (
            urllib.request.urlopen(self._url, timeout=CONNECT_TIMEOUT_S) as answer,  # noqa: S310  # `download` looked
            self._target.open("wb") as file,
        ):
            # read1 gives what is there: read would wait until a trickle has filled the piece.
            while (piece := answer.read1(_PIECE_BYTES)) and not self.given_up:
                self.received += len(piece)
                if self.received > self._max_bytes:
                    why = f"more than {self._max_bytes} bytes"
                    raise MirrorFailed(url=self._url, why=why)
                file.write(piece)
