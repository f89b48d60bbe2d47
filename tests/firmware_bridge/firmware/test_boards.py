# SPDX-License-Identifier: Apache-2.0
"""The firmware of every board in its emulator: models with trained weights on MNIST, by the law.

1,000 images on the MPS2, 50 on each other board, every logit; and how many instructions an image
takes a Cortex-M3, counted by QEMU.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge_node.datasets.content import Samples
from edge_node.spec.evaluation import all_logits, slice_images
from edge_node.spec.model import Model
from edge_node_bridge.device import Device
from edge_node_bridge.emulator import EmulatedBoard, board_named, qemu_command, rp2040js_command
from edge_node_bridge.firmware.build import BOARDS, build_board
from edge_node_bridge.link import LinkLimits
from edge_node_bridge.serial_port import SerialPort
from tests.firmware_bridge.native import bars
from tests.spec.samples import random_model, stream
from tools import firmware_instructions
from tools.firmware_instructions import (
    FAMILIES,
    PATIENT,
    WallClock,
    instructions_an_image,
    session,
)

pytestmark = [pytest.mark.firmware, pytest.mark.timeout(900)]

ALL_IMAGES, SOME_IMAGES, COUNTED_IMAGES = 1_000, 50, 100
LEAST_CORRECT_PERCENT = 60
"""Of trained weights: what is compared has learned."""
MAX_INSTRUCTIONS = 1_200_000
"""An image on a Cortex-M3 (the issue of the boards)."""
RP2040JS_FOLDER = Path("build/rp2040js/node_modules/rp2040js")
"""Where `make firmware-test` puts it; RP2040JS in the environment names another."""


@pytest.fixture(scope="module")
def mnist() -> tuple[Samples, Samples]:
    return firmware_instructions.mnist()


@pytest.fixture(scope="module")
def evaluation(mnist: tuple[Samples, Samples]) -> Samples:
    return mnist[1]


@pytest.fixture(scope="module", params=FAMILIES)
def model(request: pytest.FixtureRequest, mnist: tuple[Samples, Samples]) -> Model:
    return firmware_instructions.trained(FAMILIES[request.param], mnist[0])


@pytest.fixture(scope="module")
def firmware(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("no arm-none-eabi-gcc")
    folder = tmp_path_factory.mktemp("firmware")
    for board in BOARDS:
        build_board(board, folder)
    return folder


def command_of(name: str, firmware: Path) -> list[str]:
    """Return what runs a board."""
    if name == "rp2040":
        package = Path(os.environ.get("RP2040JS", RP2040JS_FOLDER))
        if shutil.which("node") is None or not package.is_dir():
            pytest.skip("no rp2040js")
        return rp2040js_command(firmware / "rp2040.uf2", package)
    if shutil.which("qemu-system-arm") is None:
        pytest.skip("no qemu-system-arm")
    return qemu_command(board_named(name), firmware / f"{name}.elf")


@contextmanager
def plugged(name: str, firmware: Path) -> Iterator[Device]:
    """Run a board and greet it."""
    with session(command_of(name, firmware)) as host:
        yield host


def compare(host: Device, model: Model, samples: Samples, count: int) -> int:
    """Check every logit of so many images; return how many were told right."""
    host.push_model(model.blob(), model.model_hash())
    images = [image.tobytes() for image in samples.images[:count]]
    expected = all_logits(model, slice_images(model.architecture, b"".join(images)))
    correct = 0
    for image, logits, label in zip(images, expected, samples.labels[:count], strict=True):
        answer = host.infer(image)
        assert list(answer.logits) == logits
        correct += answer.class_index == label
    return correct


def test_thousand_images_on_the_mps2_are_the_laws(
    firmware: Path, model: Model, evaluation: Samples
) -> None:
    with plugged("mps2_an385", firmware) as host:
        correct = compare(host, model, evaluation, ALL_IMAGES)
        assert host.status().images == ALL_IMAGES
    assert correct * 100 > ALL_IMAGES * LEAST_CORRECT_PERCENT


@pytest.mark.parametrize("name", ["stm32f405", "microbit", "rp2040"])
def test_fifty_images_on_each_other_board_are_the_laws(
    firmware: Path, model: Model, evaluation: Samples, name: str
) -> None:
    with plugged(name, firmware) as host:
        compare(host, model, evaluation, SOME_IMAGES)
        assert host.status().images == SOME_IMAGES


@pytest.mark.parametrize("name", [board.name for board in BOARDS])
def test_board_knows_its_answer_and_sends_samples(firmware: Path, name: str) -> None:
    with plugged(name, firmware) as host:
        greeted = host.greeted
        assert (greeted.board.replace("-", "_"), greeted.sensor) == (name, "test-pattern")
        assert host.self_test().passed == 1
        host.set_label(4)
        samples = list(host.samples(3, interval_ms=5))
    assert [each.pixels for each in samples] == [bars(28, number) for number in range(3)]
    assert {each.label for each in samples} == {4}


def test_requests_beside_samples_are_not_lost_on_a_line_that_takes_its_time(firmware: Path) -> None:
    # Both ways at 115,200 baud of the board's time: a request is longer than a push, and comes
    # while one goes.
    with EmulatedBoard(command_of("rp2040", firmware)) as line:
        patient = LinkLimits(line_bits_per_s=1_200)  # of ours, however slow the emulator is
        host = Device(line, WallClock(), stream("beside").u32, patient)
        host.greet()
        model = random_model(FAMILIES["binary-4k"], "beside")
        host.push_model(model.blob(), model.model_hash())
        for sample in host.samples(5, interval_ms=0):
            host.infer(sample.pixels)
        assert host.status().bad_frames == 0


@pytest.mark.parametrize(
    ("backend", "told"),
    [
        ("pty", r"redirected to (/dev/pts/\d+)"),
        ("tcp:127.0.0.1:0,server=on,wait=on", r"disconnected:tcp:(127\.0\.0\.1:\d+)"),
    ],
    ids=["pty", "socket"],
)
def test_board_is_reached_by_a_serial_port(firmware: Path, backend: str, told: str) -> None:
    command = command_of("mps2_an385", firmware)
    command[command.index("stdio")] = backend
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as emulator:
        try:
            assert emulator.stdout is not None
            found = re.search(told, emulator.stdout.readline())
            assert found is not None
            name = found[1] if backend == "pty" else f"socket://{found[1]}"
            port = SerialPort(name)
            host = Device(port, WallClock(), stream(backend).u32, PATIENT)
            assert host.greet().board == "mps2-an385"
            assert host.self_test().passed == 1
            port.close()
        finally:
            emulator.kill()


def test_image_takes_a_cortex_m3_no_more_than_its_instructions(
    firmware: Path, model: Model, evaluation: Samples, record_property: Callable[[str, int], None]
) -> None:
    if shutil.which("qemu-system-arm") is None:
        pytest.skip("no qemu-system-arm")
    images = [image.tobytes() for image in evaluation.images[:COUNTED_IMAGES]]
    counted = instructions_an_image(firmware / "mps2_an385.elf", model, images)
    record_property("instructions_an_image", counted)
    assert 0 < counted <= MAX_INSTRUCTIONS
