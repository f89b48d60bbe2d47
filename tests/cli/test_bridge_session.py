# SPDX-License-Identifier: Apache-2.0
"""Which model a device is to have, at what speed its port is opened, and devices that misbehave."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge_node.cli.bridge_session import at_port, model_to_push
from edge_node.cli.chain_access import ChainEmpty
from edge_node.cli.session import Session
from edge_node.node.bridge.errors import BridgeFailed, NoModelYet
from edge_node.spec.model import hash_of_blob
from edge_node_bridge.frame import Frame
from tests.cli.typing_in import HEIGHT, found_toy_node, typed
from tests.firmware_bridge.board import Board
from tests.firmware_bridge.plugged import plugged
from tests.firmware_bridge.reference_device import ReferenceDevice


def session_in(root: Path, **flags: str) -> Session:
    return Session(flags={"node.data_dir": str(root), **flags}, file=None)


def test_newest_is_taken_where_nothing_is_named(toy_node: Path) -> None:
    newest = model_to_push(session_in(toy_node), model=None, family="", file=None)
    assert newest.height == HEIGHT
    assert hash_of_blob(newest.blob) == newest.model_hash
    best = model_to_push(session_in(toy_node), model="best", family="", file=None)
    assert hash_of_blob(best.blob) == best.model_hash
    with pytest.raises(NoModelYet, match="no family that begins"):
        model_to_push(session_in(toy_node), model=None, family="zz", file=None)


def test_chain_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    root = found_toy_node(tmp_path / "node", height=0)
    with pytest.raises(ChainEmpty):
        model_to_push(session_in(root), model=None, family="", file=None)
    assert not (root / "chain.sqlite3").exists()


def test_speed_is_the_commands_else_the_configurations(tmp_path: Path) -> None:
    with plugged() as board:
        with at_port(session_in(tmp_path), board.port, 9_600) as device:
            assert device.status().frames > 0
        slow = Session(flags={"node.data_dir": str(tmp_path), "bridge.baud": "9600"}, file=None)
        with at_port(slow, board.port, None) as device:
            assert device.link._limits.line_bits_per_s == 9_600
    with pytest.raises(BridgeFailed), at_port(session_in(tmp_path), board.port, None):
        raise AssertionError


class OfTomorrow(ReferenceDevice):
    """Speaks another version of the protocol."""

    version = ReferenceDevice.version + 1


class Boasting(ReferenceDevice):
    """Announces longer frames than the protocol has."""

    announced_frame_bytes = 60_000


class Restarting(ReferenceDevice):
    """Is reset once, in the middle of a session."""

    def take(self, frame: Frame) -> None:
        if self.frames == 2:
            self.start()
        super().take(frame)


class Babbling(ReferenceDevice):
    """Sends bytes that are no frames, without end."""

    def poll(self, now_ms: int) -> None:
        del now_ms
        self.out += bytes(range(1, 256)) * 64


@contextmanager
def listening(device: ReferenceDevice) -> Iterator[str]:
    """Give the port of a device that one connection is let in to."""
    boards: list[Board] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection = server.accept()[0]
            boards.append(Board(device, connection.detach()))

        accepting = threading.Thread(target=serve, daemon=True)
        accepting.start()
        yield "socket://{}:{}".format(*server.getsockname())
        accepting.join(timeout=30)
    for board in boards:
        board.stop()


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (OfTomorrow, "version 2 of the protocol, this program version 1: flash the firmware of"),
        (Boasting, "takes frames of 60000 bytes, the protocol wants 256 to 4096: flash this"),
        (Restarting, "the device has restarted: begin again, and give it its model again"),
        (Babbling, "something else talks on this line, so check the port and the firmware"),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_device_that_misbehaves_is_told_in_one_sentence_with_its_port(
    make: Callable[[], ReferenceDevice], told: str, tmp_path: Path
) -> None:
    file = tmp_path / "mine.npz"
    with listening(make()) as port:
        words = ("sample", port, "--label", "1", "--count", "9", "--output", str(file))
        sentence = typed(tmp_path, "bridge", *words).sentence(3)
    assert sentence.startswith(f"edge-node: {port}: ")
    assert told in sentence
    assert not file.exists()
