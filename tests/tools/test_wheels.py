# SPDX-License-Identifier: Apache-2.0
"""pip is started anew where a connection breaks, and fails in the end.

The pip is this Python's, the index a server on the loopback that breaks off as often as it is told.
"""

import subprocess
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tools import wheels
from tools.wheels import run_pip

pytestmark = pytest.mark.slow  # runs pip

NAME = "thing-1-py3-none-any.whl"


def wheel(folder: Path) -> bytes:
    """Return a wheel of one module."""
    made, info = folder / NAME, "thing-1.dist-info"
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("thing.py", "")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: thing\nVersion: 1\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", f"thing.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n")
    return made.read_bytes()


@contextmanager
def index(content: bytes, breaks: int) -> Iterator[tuple[str, list[str]]]:
    """Serve a wheel, half of it so many times; give the address and what was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = f'<a href="/{NAME}">{NAME}</a>'.encode()
            whole = content if self.path == f"/{NAME}" else page
            asked.append(self.path)
            is_broken = whole is content and asked.count(self.path) <= breaks
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(whole)))
            self.end_headers()
            self.wfile.write(whole[: len(whole) // 2] if is_broken else whole)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/simple/", asked
        finally:
            server.shutdown()
            thread.join()


def download(place: str, folder: Path) -> None:
    run_pip("download", "--isolated", "--no-cache-dir", "--index-url", place, "-d", folder, "thing")


def test_wheel_whose_connection_breaks_is_fetched_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wheels, "PAUSES_S", (0, 0))
    content = wheel(tmp_path)
    with index(content, breaks=2) as (place, asked):
        download(place, tmp_path / "got")
    assert (tmp_path / "got" / NAME).read_bytes() == content
    assert asked.count(f"/{NAME}") == 3


def test_pip_that_fails_each_time_has_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wheels, "PAUSES_S", (0,))
    fails = pytest.raises(subprocess.CalledProcessError)
    with index(wheel(tmp_path), breaks=9) as (place, asked), fails:
        download(place, tmp_path / "got")
    assert asked.count(f"/{NAME}") == 2
