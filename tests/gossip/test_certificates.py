# SPDX-License-Identifier: Apache-2.0
"""The private authority: what OpenSSL itself says of its certificates, and whom TLS lets in."""

import shutil
import socket
import ssl
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from edge_node.gossip.certificates import Authority
from edge_node.gossip.errors import CertificateNotMade

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl here")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    made = Authority(tmp_path / "authority")
    made.create()
    return made


def greeted(authority: Authority, server: Path, client: Path | None) -> str:
    """Return the name of the client that a TLS server on 127.0.0.1 sees; raise if it sees none."""
    names: list[str] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_verify_locations(authority.certificate)
    context.load_cert_chain(server / "pem", server / "key")
    context.verify_mode = ssl.CERT_REQUIRED
    calling = ssl.create_default_context(cafile=str(authority.certificate))
    if client is not None:
        calling.load_cert_chain(client / "pem", client / "key")

    def serve(listening: socket.socket) -> None:
        try:
            with listening.accept()[0] as raw, context.wrap_socket(raw, server_side=True) as one:
                subject: Any = (one.getpeercert() or {})["subject"]
                names.extend(value for ((_, value),) in subject)
                one.sendall(b"hello")
        except OSError:
            pass

    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = threading.Thread(target=serve, args=(listening,))
        serving.start()
        place = listening.getsockname()
        try:
            with (
                socket.create_connection(place, 10) as raw,
                calling.wrap_socket(raw, server_hostname="127.0.0.1") as one,
            ):
                assert one.recv(5) == b"hello"
        finally:
            serving.join()
    return names[0]


def issue(authority: Authority, place: Path, name: str, host: str = "") -> Path:
    place.mkdir()
    if host:
        authority.issue_broker(name, host, place / "key", place / "pem")
    else:
        authority.issue_client(name, place / "key", place / "pem")
    return place


def test_client_is_who_its_certificate_says(authority: Authority, tmp_path: Path) -> None:
    server = issue(authority, tmp_path / "server", "b1", "127.0.0.1")
    client = issue(authority, tmp_path / "client", "0123456789abcdef")
    assert greeted(authority, server, client) == "0123456789abcdef"
    # A broker is a client of the others.
    other = issue(authority, tmp_path / "other", "b2", "pi.lan")
    assert greeted(authority, server, other) == "b2"


def test_nobody_gets_in_without_a_certificate_of_this_authority(
    authority: Authority, tmp_path: Path
) -> None:
    server = issue(authority, tmp_path / "server", "b1", "127.0.0.1")
    stranger = Authority(tmp_path / "elsewhere")
    stranger.create()
    forged = issue(stranger, tmp_path / "forged", "0123456789abcdef")
    for client in (None, forged):
        with pytest.raises((OSError, AssertionError)):
            greeted(authority, server, client)


def test_a_client_is_no_server(authority: Authority, tmp_path: Path) -> None:
    client = issue(authority, tmp_path / "client", "0123456789abcdef")
    with pytest.raises(ssl.SSLError):
        greeted(authority, client, client)


def test_keys_are_private_and_never_overwritten(authority: Authority, tmp_path: Path) -> None:
    client = issue(authority, tmp_path / "client", "0123456789abcdef")
    for key in (client / "key", tmp_path / "authority" / "ca.key"):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
    before = (client / "key").read_bytes()
    with pytest.raises(CertificateNotMade, match="remove"):
        authority.issue_client("0123456789abcdef", client / "key", client / "pem")
    with pytest.raises(CertificateNotMade):
        authority.create()
    assert (client / "key").read_bytes() == before


def test_what_openssl_refuses_is_told(authority: Authority, tmp_path: Path) -> None:
    with pytest.raises(CertificateNotMade, match="openssl req"):
        authority.issue_client("n" * 65, tmp_path / "key", tmp_path / "pem")


def test_missing_program_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CertificateNotMade, match="install openssl"):
        Authority(tmp_path / "authority").create()
