# SPDX-License-Identifier: Apache-2.0
"""A device is opened once, has the model asked for, and never goes while somebody works on it."""

import threading

import pytest

from edge_node.inference.sole_device import Opened, SoleDevice
from edge_node.spec.architecture import BINARY_4K
from edge_node.spec.model import Model
from tests.inference.models import random_model

MODEL, OTHER = random_model(BINARY_4K, 1), random_model(BINARY_4K, 2)
PATIENCE_S = 60


class Bench:
    """Opens devices, and writes down what becomes of them."""

    def __init__(self) -> None:
        self.opened = self.closed = 0
        self.loads: list[Model] = []
        self.sole = SoleDevice(self.open)

    def open(self) -> Opened[str]:
        self.opened += 1
        return Opened(f"device {self.opened}", self.close)

    def close(self) -> None:
        self.closed += 1

    def work(self, model: Model) -> str:
        with self.sole.at_work():
            return self.sole.with_model(model, lambda _: self.loads.append(model))


def test_device_is_opened_at_the_first_model_and_gets_each_once() -> None:
    bench = Bench()
    assert bench.opened == 0
    again = random_model(BINARY_4K, 1)
    for model in (MODEL, MODEL, again, OTHER, MODEL):
        assert bench.work(model) == "device 1"
    assert bench.loads == [MODEL, OTHER, MODEL]
    bench.sole.close()
    bench.sole.close()
    assert (bench.opened, bench.closed) == (1, 1)


def test_model_whose_loading_failed_is_loaded_anew_and_so_is_the_one_before() -> None:
    bench = Bench()
    bench.work(MODEL)

    def fail(_: str) -> None:
        raise KeyError

    with pytest.raises(KeyError), bench.sole.at_work():
        bench.sole.with_model(OTHER, fail)
    bench.work(MODEL)
    assert bench.loads == [MODEL, MODEL]
    assert (bench.opened, bench.closed) == (1, 0)


def test_device_that_was_given_back_is_opened_anew_with_its_model() -> None:
    bench = Bench()
    with bench.sole.at_work():
        bench.sole.with_model(MODEL, lambda _: None)
        bench.sole.give_back()
    assert bench.work(MODEL) == "device 2"
    assert bench.loads == [MODEL]
    assert bench.closed == 1


def test_order_to_close_waits_for_nobody_and_is_carried_out_at_the_end_of_the_work() -> None:
    bench = Bench()
    entered, let_go = threading.Event(), threading.Event()

    def work() -> None:
        with bench.sole.at_work():
            bench.sole.with_model(MODEL, lambda _: None)
            entered.set()
            assert let_go.wait(PATIENCE_S)
            assert (bench.sole.is_closed, bench.closed) == (True, 0)

    worker = threading.Thread(target=work)
    worker.start()
    assert entered.wait(PATIENCE_S)
    bench.sole.close()
    assert bench.closed == 0
    let_go.set()
    worker.join(PATIENCE_S)
    assert bench.closed == 1
    assert bench.work(MODEL) == "device 2", "who closes it may use it again"
    assert not bench.sole.is_closed


def test_closed_work_that_fails_gives_the_device_back_too() -> None:
    bench = Bench()

    def end_and_fail(_: str) -> None:
        bench.sole.close()
        raise KeyError

    with pytest.raises(KeyError), bench.sole.at_work():
        bench.sole.with_model(MODEL, end_and_fail)
    assert bench.closed == 1
