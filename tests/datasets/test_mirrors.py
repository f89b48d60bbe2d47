# SPDX-License-Identifier: Apache-2.0
"""Downloads from a server on loopback: what comes is bounded, and every failure has a reason."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from edge_node.datasets import mirrors
from edge_node.datasets.errors import MirrorFailed
from edge_node.datasets.mirrors import download

CONTENT = bytes(range(256)) * 1000


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/file")
            self.end_headers()
        elif self.path in ("/file", "/short"):
            self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(CONTENT if self.path == "/file" else CONTENT[:-1])
        else:
            self.send_error(404)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
        pass


@pytest.fixture
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


@pytest.mark.parametrize("path", ["/file", "/moved"])
def test_file_is_downloaded(server: str, tmp_path: Path, path: str) -> None:
    download(server + path, tmp_path / "file", max_bytes=len(CONTENT))
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_too_long_a_file_is_given_up(server: str, tmp_path: Path) -> None:
    with pytest.raises(MirrorFailed, match="more than 255999 bytes"):
        download(f"{server}/file", tmp_path / "file", max_bytes=len(CONTENT) - 1)


def test_missing_file_is_named(server: str, tmp_path: Path) -> None:
    with pytest.raises(MirrorFailed, match=r"/nothing can not be downloaded \(Not Found\)"):
        download(f"{server}/nothing", tmp_path / "file", max_bytes=1)


def test_connection_that_breaks_is_named(server: str, tmp_path: Path) -> None:
    # What is cut is found by the pins too; the reason is clearer here.
    with contextlib.suppress(MirrorFailed):
        download(f"{server}/short", tmp_path / "file", max_bytes=len(CONTENT))
        assert (tmp_path / "file").read_bytes() == CONTENT[:-1]


def test_silent_server_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert mirrors.CONNECT_TIMEOUT_S == 3
    monkeypatch.setattr(mirrors, "CONNECT_TIMEOUT_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/file"
        with pytest.raises(MirrorFailed, match="timed out"):
            download(url, tmp_path / "file", max_bytes=1)


@pytest.mark.parametrize("before", [b"", b"HTTP/1.0 200 OK\r\n\r\n"])
def test_mirror_that_trickles_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: bytes
) -> None:
    monkeypatch.setattr(mirrors, "GRACE_S", 0.2)
    monkeypatch.setattr(mirrors, "CONNECT_TIMEOUT_S", 60)  # or it is silent where all stands still
    end = threading.Event()

    def trickle(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection, contextlib.suppress(OSError):
            connection.sendall(before)
            while not end.wait(0.02):
                connection.sendall(b"x")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=trickle, args=(server,))
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/file"
        # Without a limit it would end with the trickle.
        late = threading.Timer(60, end.set)
        late.start()
        try:
            with pytest.raises(MirrorFailed, match="slower than 8192 bytes a second"):
                download(url, tmp_path / "file", max_bytes=len(CONTENT))
            assert not end.is_set()
        finally:
            late.cancel()
            end.set()
            thread.join()


def test_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/file"
    with pytest.raises(MirrorFailed, match="Connection refused"):
        download(url, tmp_path / "file", max_bytes=1)


@pytest.mark.parametrize("url", ["file:///etc/hosts", "ftp://x/y", "/etc/hosts", "http://[/"])
def test_only_the_web_is_asked(url: str, tmp_path: Path) -> None:
    with pytest.raises(MirrorFailed):
        download(url, tmp_path / "file", max_bytes=1)
    assert not (tmp_path / "file").exists()
