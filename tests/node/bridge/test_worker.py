# SPDX-License-Identifier: Apache-2.0
"""A device's life: it runs the newest model on what it sees, whatever happens to cable and board.

The firmware's core on this machine is the device, behind a socket; logits are compared with the
law's.
"""

import os
import queue
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from edge_node.inference.reference import ReferenceBackend
from edge_node.node.bridge import worker as worker_module
from edge_node.node.bridge.accepted import AcceptedModel, Fits
from edge_node.node.bridge.worker import (
    DeviceLost,
    DeviceSeen,
    DeviceWorker,
    ModelRuns,
    NeverOpened,
    Predicted,
    Report,
    Surroundings,
    fits,
)
from edge_node.node.system import SystemClock
from edge_node.spec.architecture import BINARY_4K, dense
from edge_node.spec.model import model_from_blob
from edge_node_bridge.errors import PortForbidden
from edge_node_bridge.link import LinkLimits
from edge_node_bridge.serial_port import SerialPort
from tests.firmware_bridge.board import Board
from tests.firmware_bridge.native import NativeDevice, bars
from tests.firmware_bridge.plugged import SENSOR_SIDE, built_core, plugged
from tests.node.bridge.live import PATIENCE_S, accepted, next_of

FIRST, SECOND = accepted(1, height=1), accepted(2, height=2)


class Chain:
    """Models that a test accepts one after the other."""

    def __init__(self, *models: AcceptedModel) -> None:
        self.models = list(models)

    def newest(self, fitting: Fits) -> AcceptedModel | None:
        found = [each for each in self.models if fitting(each.architecture, len(each.blob))]
        return found[-1] if found else None


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "RETRY_S", 0.05)
    monkeypatch.setattr(worker_module, "IDLE_S", 0.05)


@contextmanager
def at_work(
    port: str,
    chain: Chain,
    open_line: Callable[[], SerialPort] | None = None,
    *,
    interval_ms: int = 5,
) -> Iterator["queue.Queue[Report]"]:
    reports: queue.Queue[Report] = queue.Queue()
    stop = threading.Event()
    worker = DeviceWorker(
        "board",
        open_line or partial(SerialPort, port),
        Surroundings(newest=chain.newest, report=reports.put, stop=stop, clock=SystemClock()),
        interval_ms=interval_ms,
        limits=LinkLimits(),
    )
    worker.start()
    try:
        yield reports
    finally:
        stop.set()
        assert worker.join(PATIENCE_S)


@contextmanager
def terminal(link: Path) -> Iterator[None]:
    """Plug a board in at a pty with a name of udev's kind; pull it at the end."""
    board_end, host_end = os.openpty()
    tty.setraw(board_end)
    link.symlink_to(os.ttyname(host_end))
    os.close(host_end)
    board = Board(NativeDevice(built_core(), SENSOR_SIDE), board_end)
    try:
        yield
    finally:
        board.stop()
        link.unlink()
        os.close(board_end)


def logits_by_the_law(found: Predicted) -> list[int]:
    model = model_from_blob(found.model.blob)
    image = np.frombuffer(found.sample.pixels, dtype=np.uint8).reshape(1, -1)
    row: list[int] = ReferenceBackend().logits(model, image)[0].tolist()
    return row


def test_newest_model_runs_on_what_the_sensor_sees_and_gives_way_to_a_newer_one() -> None:
    chain = Chain(FIRST)
    with plugged() as board, at_work(board.port, chain) as reports:
        assert next_of(DeviceSeen, reports).hello.sensor == "test-pattern"
        first = next_of(ModelRuns, reports)
        assert (first.model, first.pushed) == (FIRST, True)
        for number in range(3):
            found = next_of(Predicted, reports)
            assert found.sample.pixels == bars(SENSOR_SIDE, number)
            assert list(found.answer.logits) == logits_by_the_law(found)
        chain.models.append(SECOND)
        assert next_of(ModelRuns, reports).model == SECOND
        found = next_of(Predicted, reports)
        assert found.model == SECOND
        assert list(found.answer.logits) == logits_by_the_law(found)


def test_between_two_samples_an_hour_apart_a_newer_model_comes_and_the_end_too() -> None:
    chain = Chain(FIRST)
    with plugged() as board, at_work(board.port, chain, interval_ms=3_600_000) as reports:
        assert next_of(Predicted, reports).model == FIRST
        chain.models.append(SECOND)
        assert next_of(ModelRuns, reports).model == SECOND
        assert next_of(Predicted, reports).model == SECOND


def test_model_that_a_reorganisation_moves_to_another_height_runs_on() -> None:
    chain = Chain(FIRST)
    with plugged() as board, at_work(board.port, chain) as reports:
        next_of(Predicted, reports)
        chain.models.append(replace(FIRST, height=7))
        for number in range(1, 6):
            assert next_of(Predicted, reports).sample.index == number


def test_board_that_is_unplugged_goes_on_when_it_is_back() -> None:
    with plugged() as board, at_work(board.port, Chain(FIRST)) as reports:
        next_of(Predicted, reports)
        board.pull()
        assert "plug the board in" in next_of(DeviceLost, reports).why
        board.plug()
        next_of(DeviceSeen, reports)
        assert next_of(ModelRuns, reports).pushed, "its memory was lost with the power"
        next_of(Predicted, reports)


def test_board_behind_a_real_port_is_found_again_by_its_id(tmp_path: Path) -> None:
    link = tmp_path / "usb-board_1234-if00"
    with at_work(str(link), Chain(FIRST)) as reports:
        assert str(link) in next_of(DeviceLost, reports).why
        for _ in range(2):
            with terminal(link):
                next_of(DeviceSeen, reports)
                found = next_of(Predicted, reports)
                assert list(found.answer.logits) == logits_by_the_law(found)
            next_of(DeviceLost, reports)


def test_board_that_was_reset_gets_its_model_again() -> None:
    with plugged() as board, at_work(board.port, Chain(FIRST)) as reports:
        next_of(Predicted, reports)
        board.reset()
        assert "restarted" in next_of(DeviceLost, reports).why
        assert next_of(ModelRuns, reports).pushed
        next_of(Predicted, reports)


def test_model_that_a_device_still_has_is_not_pushed_again() -> None:
    with plugged() as board:
        for pushed in (True, False):
            with at_work(board.port, Chain(FIRST)) as reports:
                assert next_of(ModelRuns, reports).pushed is pushed
                next_of(Predicted, reports)


def test_device_that_waits_for_a_port_or_a_model_is_told_once() -> None:
    chain = Chain()
    with plugged() as board:
        board.pull()
        with at_work(board.port, chain) as reports:
            next_of(DeviceLost, reports)
            board.plug()
            next_of(DeviceSeen, reports)
            chain.models.append(FIRST)
            next_of(Predicted, reports)


def test_model_that_does_not_fit_the_sensor_is_left_out() -> None:
    small = replace(BINARY_4K, height=8, width=8, layers=(dense(4),))
    chain = Chain(FIRST, accepted(3, height=3, architecture=small))
    with plugged() as board, at_work(board.port, chain) as reports:
        assert next_of(ModelRuns, reports).model == FIRST


def test_model_that_the_device_refuses_is_not_tried_again_and_a_newer_one_is() -> None:
    wrong = replace(SECOND, model_hash=bytes(32), height=2)
    chain = Chain(wrong)
    with plugged() as board, at_work(board.port, chain) as reports:
        assert "push it again" in next_of(DeviceLost, reports).why
        assert next_of(DeviceSeen, reports).hello.model_hash == b"", "it is here, without a model"
        chain.models.append(replace(FIRST, height=3))
        assert next_of(ModelRuns, reports).model.model_hash == FIRST.model_hash


def test_board_without_a_sensor_gets_its_model_and_is_watched() -> None:
    with plugged(sensor_side=0) as board, at_work(board.port, Chain(FIRST)) as reports:
        assert next_of(ModelRuns, reports).model == FIRST
        board.reset()
        assert "restarted" in next_of(DeviceLost, reports).why


def test_port_that_nobody_may_open_ends_it_with_the_groups_name() -> None:
    def refuse() -> SerialPort:
        raise PortForbidden(name="/dev/ttyACM0", group="dialout")

    with at_work("", Chain(), refuse) as reports:
        assert "dialout" in str(next_of(NeverOpened, reports).error)


def test_name_that_is_no_port_ends_it_and_a_board_that_is_not_there_yet_does_not() -> None:
    with at_work("", Chain(), lambda: SerialPort("/dev/null")) as reports:
        assert "is no serial port" in str(next_of(NeverOpened, reports).error)
    with at_work("", Chain(), lambda: SerialPort("socket://127.0.0.1:1")) as reports:
        assert "start what listens there" in next_of(DeviceLost, reports).why


def test_what_fits_is_what_the_device_holds_and_sees() -> None:
    with plugged() as board, at_work(board.port, Chain()) as reports:
        hello = next_of(DeviceSeen, reports).hello
    size = len(FIRST.blob)
    assert fits(hello, BINARY_4K, size)
    assert not fits(hello, BINARY_4K, hello.max_model_bytes + 1)
    assert not fits(replace(hello, max_image_bytes=783), BINARY_4K, size)
    assert not fits(replace(hello, sensor_shape=(8, 8, 1)), BINARY_4K, size)
