# SPDX-License-Identifier: Apache-2.0
"""Count the instructions that an image takes a Cortex-M3: `python -m tools.firmware_instructions`.

The firmware of mps2_an385 runs in QEMU, whose clock is told to go a nanosecond an instruction; the
device's own microseconds of INFER are then thousands of them. Interrupts of clock and line count
too. The models are the families of 4,440 parameters with weights that are trained here, the images
MNIST's of evaluation.
Law of the file: counted, never timed: the same number on every machine, but for interrupts.
Read next: firmware_bridge/emulator.py, firmware_bridge/firmware/infer.c.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from edge_node.bench.workload import train_model
from edge_node.datasets.content import Samples
from edge_node.datasets.sources import EDITIONS, FetchRequest, cache_folder, fetch_edition
from edge_node.primitives.hashing import Prf
from edge_node.spec.architecture import BINARY_4K, UINT8_4K, Architecture
from edge_node.spec.dataset import SplitName
from edge_node.spec.model import Model
from edge_node_bridge.device import Device
from edge_node_bridge.emulator import EmulatedBoard, board_named, qemu_command
from edge_node_bridge.firmware.build import build_board
from edge_node_bridge.link import LinkLimits

BOARD = "mps2_an385"
FAMILIES = {"binary-4k": BINARY_4K, "uint8-4k": UINT8_4K}
SAMPLES = 32_000
"""That a family is trained on."""
EXPONENTS = (7, 6, 5, 4)
BATCH = 32
SEED = b"firmware"
IMAGES = 100
INSTRUCTIONS_A_US = 1_000
PATIENT = LinkLimits(attempts=40)
"""On a busy machine an emulator may take long to start; one that has ended is seen at once."""


class WallClock:
    """The clock of sessions with a real line."""

    def now_ms(self) -> int:
        """Return milliseconds since some moment."""
        return time.monotonic_ns() // 1_000_000


@contextmanager
def session(command: Sequence[str]) -> Iterator[Device]:
    """Run an emulator and greet its device."""
    with EmulatedBoard(command) as line:
        host = Device(line, WallClock(), Prf("firmware", BOARD.encode()).u32, PATIENT)
        host.greet()
        yield host


def instructions_an_image(firmware: Path, model: Model, images: Sequence[bytes]) -> int:
    """Return how many instructions INFER took, on average over images of uint8 pixels."""
    with session(qemu_command(board_named(BOARD), firmware, counted=True)) as host:
        host.push_model(model.blob(), model.model_hash())
        for image in images:
            host.infer(image)
        status = host.status()
    return status.inference_us * INSTRUCTIONS_A_US // status.images


def mnist() -> tuple[Samples, Samples]:
    """Return its samples for training and for evaluation."""
    request = FetchRequest(cache=cache_folder(os.environ))
    opened = fetch_edition(EDITIONS["mnist"], request, lambda _: None)
    return opened[SplitName.TRAIN], opened[SplitName.EVALUATION]


def trained(architecture: Architecture, train: Samples) -> Model:
    """Return a model with trained weights; the same ones each time."""
    parts = len(EXPONENTS)
    schedule = [(SAMPLES * (i + 1) // parts, u) for i, u in enumerate(EXPONENTS)]
    return train_model(architecture, train, SEED, SAMPLES, schedule, batch=BATCH)


def main() -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(prog="python -m tools.firmware_instructions")
    parser.add_argument("--images", type=int, default=IMAGES)
    count = parser.parse_args().images
    train, evaluation = mnist()
    images = [image.tobytes() for image in evaluation.images[:count]]
    with tempfile.TemporaryDirectory() as folder:
        build_board(board_named(BOARD), Path(folder))
        for name, architecture in FAMILIES.items():
            model = trained(architecture, train)
            counted = instructions_an_image(Path(folder) / f"{BOARD}.elf", model, images)
            print(f"{name}: {counted:,} instructions an image, of {len(images)}")


if __name__ == "__main__":
    main()
