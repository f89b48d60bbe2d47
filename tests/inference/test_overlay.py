# SPDX-License-Identifier: Apache-2.0
"""The engine as a back end: exact, given back, opened anew after a failure, one program a fabric.

The smallest engine is simulated behind the real pynq; it stands for the board too, as the device
that is plugged in. What is missing is told without any of that.
"""

import importlib.util
import logging
import platform
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from edge_node.inference import overlay
from edge_node.inference.backend import (
    Backend,
    BackendFailed,
    BackendUnavailable,
    ImagesDoNotFit,
    UnsupportedArchitecture,
)
from edge_node.inference.bitstream import AdoptedOverlay, BitstreamChanged, read_bitstream
from edge_node.inference.known_answer import check_known_answers
from edge_node.inference.overlay import (
    OverlayBackend,
    build_simulation,
    layers_of,
    open_overlay,
    open_simulation,
    why_no_board,
    why_not_simulated,
)
from edge_node.inference.reference import ReferenceBackend
from edge_node.inference.select import open_backend
from edge_node.inference.sole_device import Opened
from edge_node.spec.architecture import BINARY_4K, UINT8_1M, UINT8_4K
from tests.fpga.conftest import SMALLEST, SOON_S, Plugged, plug
from tests.inference.models import random_images, random_labels, random_model

if TYPE_CHECKING:
    from edge_node_fpga.driver.overlay import Overlay

MODEL = random_model(UINT8_4K, 1)
OTHER = random_model(BINARY_4K, 2)
IMAGES = random_images(UINT8_4K, 9, 3)
LABELS = random_labels(UINT8_4K, 9, 4)
LAW = ReferenceBackend()
EXPECTED = LAW.logits(MODEL, IMAGES)

fpga = pytest.mark.fpga


@pytest.fixture
def simulated() -> Iterator[Backend]:
    backend = open_simulation(SMALLEST.name)
    yield backend
    backend.close()


@pytest.fixture
def plugged(tmp_path: Path) -> Iterator[Plugged]:
    board = plug(SMALLEST, tmp_path)
    yield board
    board.device.board.close()


@fpga
def test_known_answers(simulated: Backend) -> None:
    check_known_answers(simulated)
    assert simulated.name == "overlay-sim"
    assert "8x64" in simulated.describe()


@fpga
def test_several_in_one_process_take_turns() -> None:
    first, second = open_simulation(SMALLEST.name), open_simulation(SMALLEST.name)
    others = random_images(BINARY_4K, 5, 5)
    for _ in range(2):
        assert np.array_equal(first.logits(MODEL, IMAGES), EXPECTED)
        assert np.array_equal(second.logits(OTHER, others), LAW.logits(OTHER, others))
    first.close()
    assert np.array_equal(second.logits(OTHER, others), LAW.logits(OTHER, others))
    assert np.array_equal(first.logits(MODEL, IMAGES), EXPECTED), "it opens anew"
    for backend in (first, second, first):
        backend.close()


@fpga
def test_images_that_have_changed_are_read_again(simulated: Backend) -> None:
    images = IMAGES.copy()
    assert np.array_equal(simulated.logits(MODEL, images), EXPECTED)
    images[:] = images[::-1].copy()
    assert np.array_equal(simulated.logits(MODEL, images), EXPECTED[::-1])


@fpga
def test_images_of_a_dataset_stay_with_the_engine(plugged: Plugged) -> None:
    backend = open_overlay(read_bitstream(plugged.bitfile))
    images, labels = IMAGES.copy(), LABELS.copy()
    images.flags.writeable = labels.flags.writeable = False
    expected = LAW.count_correct(MODEL, images, labels)
    taken = []
    for _ in range(3):
        # A part of an array is another object each time.
        assert backend.count_correct(MODEL, images[:9], labels[:9]) == expected
        taken.append(plugged.device.taken_bytes)
    assert taken[0] == taken[1] == taken[2] > 0
    backend.close()
    assert plugged.device.taken_bytes == 0


@fpga
def test_what_the_engine_can_not_hold_is_told_and_the_next_model_works(simulated: Backend) -> None:
    model, images = random_model(UINT8_1M, 1), random_images(UINT8_1M, 1, 1)
    with pytest.raises(UnsupportedArchitecture, match="overlay-sim does not take this model"):
        simulated.logits(model, images)
    assert np.array_equal(simulated.logits(MODEL, IMAGES), EXPECTED)


@fpga
def test_images_of_another_shape_are_refused(simulated: Backend) -> None:
    with pytest.raises(ImagesDoNotFit):
        simulated.count_correct(MODEL, IMAGES[:, 1:], LABELS)


@fpga
def test_stuck_engine_is_given_back_and_opened_anew(plugged: Plugged) -> None:
    from edge_node_fpga.driver.overlay import Overlay  # noqa: PLC0415 - it imports pynq

    opened: list[Overlay] = []

    def open_engine() -> Opened[Overlay]:
        engine = Overlay(plugged.bitfile, timeout_s=SOON_S, clock=plugged.device.seconds)
        opened.append(engine)
        return Opened(engine, engine.close)

    backend = OverlayBackend("overlay", "a board", open_engine)
    assert np.array_equal(backend.logits(MODEL, IMAGES), EXPECTED)
    plugged.device.board.freeze(to_engine=True)
    with pytest.raises(BackendFailed, match=r"ImagesNotTaken: images were not taken for 0\.005 s"):
        backend.logits(MODEL, IMAGES)
    assert plugged.device.taken_bytes == 0
    plugged.device.board.freeze()
    assert np.array_equal(backend.logits(MODEL, IMAGES), EXPECTED)
    assert len(opened) == 2
    backend.close()


@fpga
def test_closing_waits_for_nobody_and_takes_no_memory_from_who_is_at_work() -> None:
    entered, let_go, given_back = threading.Event(), threading.Event(), threading.Event()
    build_simulation(SMALLEST.name)  # which may take longer than anybody waits below
    real = open_simulation(SMALLEST.name)
    assert isinstance(real, OverlayBackend)

    def open_engine() -> "Opened[Overlay]":
        engine = real._sole._open()
        entered.set()
        let_go.wait(60)

        def close() -> None:
            engine.close()
            given_back.set()

        return Opened(engine.device, close)

    backend = OverlayBackend("overlay-sim", "a board", open_engine)
    results: list[object] = []
    worker = threading.Thread(target=lambda: results.append(backend.logits(MODEL, IMAGES)))
    worker.start()
    assert entered.wait(60)
    backend.close()
    assert not given_back.is_set()
    let_go.set()
    worker.join(60)
    assert given_back.is_set()
    assert np.array_equal(np.asarray(results[0]), EXPECTED)


@fpga
def test_one_program_at_a_time_has_the_fabric(plugged: Plugged) -> None:
    adopted = read_bitstream(plugged.bitfile)
    first, second = open_overlay(adopted), open_overlay(adopted)
    assert np.array_equal(first.logits(MODEL, IMAGES), EXPECTED)
    with pytest.raises(BackendFailed, match="another program on this board uses the engine"):
        second.logits(MODEL, IMAGES)
    first.close()
    assert np.array_equal(second.logits(MODEL, IMAGES), EXPECTED)
    second.close()


@fpga
def test_bitstream_that_is_another_one_is_not_loaded(plugged: Plugged) -> None:
    adopted, bits = read_bitstream(plugged.bitfile), plugged.bitfile.read_bytes()
    plugged.bitfile.write_bytes(b"another")
    backend = open_overlay(adopted)
    with pytest.raises(BitstreamChanged, match="adopt-overlay"):
        backend.logits(MODEL, IMAGES)
    plugged.bitfile.write_bytes(bits)
    assert np.array_equal(backend.logits(MODEL, IMAGES), EXPECTED)
    backend.close()


@fpga
def test_fabric_that_computes_wrongly_is_not_handed_out(
    plugged: Plugged, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edge_node_fpga.driver.overlay import Overlay  # noqa: PLC0415 - it imports pynq

    monkeypatch.setattr(overlay, "why_no_board", lambda _: None)
    adopted = read_bitstream(plugged.bitfile)
    right = Overlay.logits
    with monkeypatch.context() as broken:
        broken.setattr(Overlay, "logits", lambda self, images: right(self, images) ^ 1)
        with pytest.raises(BackendFailed, match="its answer to the known network binary is wrong"):
            open_backend("overlay", adopted)
    assert plugged.device.taken_bytes == 0
    backend = open_backend("overlay", adopted)
    assert np.array_equal(backend.logits(MODEL, IMAGES), EXPECTED)
    backend.close()


@fpga
def test_build_is_kept() -> None:
    library = build_simulation(SMALLEST.name)
    built_at_ns = library.stat().st_mtime_ns
    assert build_simulation(SMALLEST.name) == library
    assert library.stat().st_mtime_ns == built_at_ns


def test_layers_are_the_models() -> None:
    layers = layers_of(MODEL)
    assert [layer.channels for layer in layers] == [s.channels for s in UINT8_4K.shapes]
    assert [layer.bytes for layer in layers] == [True, *[False] * (len(layers) - 1)]
    assert [layer.last for layer in layers] == [*[False] * (len(layers) - 1), True]


def test_no_board_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    assert why_no_board(None) == "it takes a PYNQ-Z2; choose overlay-sim on other machines"
    monkeypatch.setattr(platform, "machine", lambda: "armv7l")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert "pynq can not be imported" in str(why_no_board(None))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    assert "`edge-node hw adopt-overlay FILE`" in str(why_no_board(None))
    bitfile = tmp_path / "bnn.bit"
    adopted = AdoptedOverlay(bitfile=bitfile, sha256="ab" * 32, hwh_sha256="cd" * 32)
    assert str(why_no_board(adopted)).startswith(f"{bitfile} is not there")
    bitfile.touch()
    assert str(why_no_board(adopted)).startswith(f"{bitfile.with_suffix('.hwh')} is not there")
    bitfile.with_suffix(".hwh").touch()
    assert why_no_board(adopted) is None


def test_missing_tools_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert "edge-node[fpga-sim]" in str(why_not_simulated())
    with pytest.raises(BackendUnavailable, match="fpga-sim"):
        build_simulation()


def test_compiler_that_is_missing_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    assert "install a C++ compiler" in str(why_not_simulated())


def test_whatever_goes_wrong_at_opening_lets_the_next_step_in(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def open_engine() -> "Opened[Overlay]":
        raise KeyError("bnn_engine_0")

    backend = OverlayBackend("overlay", "a board", open_engine)
    with caplog.at_level(logging.WARNING), pytest.raises(BackendFailed, match="KeyError"):
        backend.logits(MODEL, IMAGES)
    backend.close()
    backend.close()
