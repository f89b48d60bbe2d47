# SPDX-License-Identifier: Apache-2.0
"""The embedded broker's process: passwords, bounded packets, silent clients, end with its input."""

import asyncio
import hashlib
import socket
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import pytest

from edge_node.gossip import amqtt_child, limits
from edge_node.gossip.amqtt_child import BoundedReader, PacketTooLarge, password_fits
from edge_node.gossip.embedded_broker import Account, RunningBroker, password_line
from tests.gossip.real import linked, message, options, wait_for_payload

STORED = password_line(Account(user="u", password="right"), bytes(12)).strip().split(":", 1)[1]


def test_passwords() -> None:
    assert password_fits("right", STORED)
    assert not password_fits("wrong", STORED)
    assert not password_fits("", STORED)


@pytest.mark.parametrize("stored", ["", "$", "$7$x$y$z", "$6$101$AAAA$AAAA", "$7$101$A$A", "a"])
def test_a_broken_password_file_lets_nobody_in(stored: str) -> None:
    assert not password_fits("right", stored)


def test_only_the_named_scheme_counts() -> None:
    digest = b64encode(hashlib.pbkdf2_hmac("sha512", b"right", bytes(12), 5)).decode()
    salt = b64encode(bytes(12)).decode()
    assert password_fits("right", f"$7$5${salt}${digest}")
    assert not password_fits("right", f"$6$5${salt}${digest}")


def read(data: bytes, size: int) -> bytes:
    async def run() -> bytes:
        stream = asyncio.StreamReader()
        stream.feed_data(data)
        stream.feed_eof()
        return await BoundedReader(stream).read(size)

    return asyncio.run(run())


def test_reads_are_bounded() -> None:
    assert read(b"abc", 2) == b"ab"
    for size in (limits.MAX_PACKET_BYTES + 1, 250_000_000, -1):
        with pytest.raises(PacketTooLarge):
            read(b"abc", size)


def test_silent_clients_are_thrown_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(amqtt_child, "FIRST_BYTE_TIMEOUT_S", 0.01)

    async def run() -> None:
        await BoundedReader(asyncio.StreamReader()).read(1)

    with pytest.raises((TimeoutError, asyncio.TimeoutError)):
        asyncio.run(run())


def test_garbage_before_the_connect_harms_nobody(amqtt: RunningBroker) -> None:
    for garbage in (b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 100, b"\x10\xff\xff\xff\x7f", b"\x00\x00"):
        with socket.create_connection((amqtt.address.host, amqtt.address.port)) as raw:
            raw.sendall(garbage)
    with linked(options(amqtt, name="after", topics=("#",))) as link:
        link.publish(message("x", b"fine"))
        wait_for_payload(link, b"fine")
    assert amqtt.is_alive


def test_an_announced_giant_is_cut_off_before_it_is_sent(amqtt: RunningBroker) -> None:
    account = amqtt.account
    fields = [b"giant", account.user.encode(), account.password.encode()]
    strings = b"".join(len(each).to_bytes(2, "big") + each for each in fields)
    rest = b"\x00\x04MQTT\x04\xc2\x00\x3c" + strings
    with socket.create_connection((amqtt.address.host, amqtt.address.port)) as raw:
        raw.settimeout(30)
        raw.sendall(b"\x10" + bytes((len(rest),)) + rest)
        assert raw.recv(4) == b"\x20\x02\x00\x00"
        # PUBLISH of 250 MB, of which only the topic comes.
        raw.sendall(b"\x30\x80\xe5\x9a\x77\x00\x01x")
        assert raw.recv(1) == b""


def test_the_process_ends_with_its_input(tmp_path: Path) -> None:
    passwords = tmp_path / "passwords"
    passwords.write_text("")
    child = subprocess.Popen(
        [sys.executable, "-m", "edge_node.gossip.amqtt_child", "127.0.0.1", "0", str(passwords)],
        stdin=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    with child:
        assert child.stdin is not None
        child.stdin.close()
        assert child.wait(120) == 0
