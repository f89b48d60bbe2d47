# SPDX-License-Identifier: Apache-2.0
"""Count logits of the engine that differ from the law's: `python -m tools.fpga_exactness --json`.

The engine is the RTL in simulation, behind the real pynq and the driver of the board; the oracle is
the back end `reference`, which is spec/evaluation.py. Random architectures come with random
weights, every other one with stalled streams; families come with weights that were trained here and
MNIST's evaluation images.
Law of the file: every logit is compared, none is rounded; what differs is counted and named.
Read next: fpga_architectures.py, edge_node/spec/evaluation.py, fpga/README.md.
"""

import argparse
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from edge_node.bench.workload import first_samples, train_model
from edge_node.datasets.content import Samples
from edge_node.datasets.sources import EDITIONS, FetchRequest, cache_folder, fetch_edition
from edge_node.inference.backend import Logits, count_of_logits
from edge_node.inference.overlay import layers_of
from edge_node.inference.reference import ReferenceBackend
from edge_node.primitives.hashing import Prf
from edge_node.spec.architecture import (
    BINARY_4K,
    UINT8_1M,
    UINT8_4K,
    UINT8_94K,
    Architecture,
)
from edge_node.spec.dataset import SplitName
from edge_node.spec.model import Model, model_from_blob
from edge_node_fpga.driver.folding import DoesNotFit
from edge_node_fpga.driver.overlay import Overlay
from edge_node_fpga.sim.board import Board
from edge_node_fpga.vivado.design import BUILDS, DEFAULT_BUILD
from tools.fpga_architectures import Below, draw_architecture, draw_images, draw_model

EXIT_DIFFERS = 1
MOST_IMAGES = 9
"""Of a random architecture."""
MOST_STALL_SEED = 1 << 31
TELL_EACH = 50
SEED = b"fpga-exactness"
BATCH = 32
SIZES = {build.name: build for build in BUILDS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A reference family, and how its weights are trained."""

    name: str
    """Name in tables."""
    architecture: Architecture
    """Its shape."""
    samples: int
    """Samples that it is trained on."""
    exponents: tuple[int, ...]
    """u, each for an equal share of the samples."""
    most_images: int
    """Images that are compared at most."""


FAMILIES = (
    Family(
        name="binary-4k",
        architecture=BINARY_4K,
        samples=32_000,
        exponents=(7, 6, 5, 4),
        most_images=10_000,
    ),
    Family(
        name="uint8-4k",
        architecture=UINT8_4K,
        samples=32_000,
        exponents=(7, 6, 5, 4),
        most_images=10_000,
    ),
    Family(
        name="uint8-94k",
        architecture=UINT8_94K,
        samples=16_000,
        exponents=(6, 5, 4, 3),
        most_images=10_000,
    ),
    Family(
        name="uint8-1m",
        architecture=UINT8_1M,
        samples=640,
        exponents=(6, 5),
        most_images=1_000,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One network, compared."""

    architecture: Architecture
    """Its shape."""
    images: int
    """Of its batch."""
    logits: int
    """So many were compared."""
    differing: int
    """So many are not the law's."""
    miscounted: bool
    """The count of correct images is not the law's."""

    @property
    def wrong(self) -> bool:
        """Whether anything differs."""
        return self.miscounted or self.differing > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomResult:
    """What random architectures came to."""

    seed: int
    """They follow from it."""
    architectures: int
    """So many were compared."""
    beyond_limits: int
    """So many more were drawn that the engine does not take."""
    images: int
    """Of all together."""
    logits: int
    """So many were compared."""
    differing: int
    """So many are not the law's."""
    counts_differing: int
    """Batches whose count of correct images is not the law's."""
    wrong: tuple[str, ...]
    """The architectures of those."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyResult:
    """What a family came to."""

    name: str
    """Which; a file's name if its model was given."""
    images: int
    """Of MNIST's evaluation split."""
    logits: int
    """So many were compared."""
    differing: int
    """So many are not the law's."""
    correct: int
    """Images that the law classifies correctly: the weights are trained."""
    digest: str
    """SHA-256 over int32 little-endian logits[image][class], of the engine."""
    law_digest: str
    """The same of the law."""
    clocks: int
    """Of the engine, for all images."""
    clock_hz: int
    """Nominal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that was compared."""

    size: str
    """The engine: P x S."""
    oracle: str
    """What it was compared with."""
    logits: int
    """So many were compared."""
    differing: int
    """Logits that are not the law's, and batches whose count is not."""
    random: RandomResult | None
    """Random architectures; None if none were asked for."""
    families: tuple[FamilyResult, ...]
    """Families and files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """A simulated board and its driver."""

    board: Board
    """To stall its streams."""
    overlay: Overlay
    """The driver."""


@contextmanager
def plugged_in(size: str) -> Iterator[Engine]:
    """Yield an engine of a size, on the simulated board."""
    from edge_node_fpga.sim.device import make_device  # noqa: PLC0415 - it imports pynq

    with tempfile.TemporaryDirectory(prefix="edge-node-") as folder:
        device, bitfile = make_device(SIZES[size], Path(folder))
        overlay = Overlay(bitfile, device=device)
        try:
            yield Engine(board=device.board, overlay=overlay)
        finally:
            overlay.close()
            device.board.close()


def compare_random(engine: Engine, architectures: int, seed: int) -> RandomResult:
    """Compare random architectures.

    Parameters
    ----------
    engine : Engine
    architectures : int
        How many that fit.
    seed : int
    """
    below = Prf("fpga-exactness", str(seed).encode()).below
    found: list[Compared] = []
    beyond = 0
    while len(found) < architectures:
        try:
            found.append(compare_drawn(engine, below))
        except DoesNotFit:
            beyond += 1
            continue
        if len(found) % TELL_EACH == 0:
            wrong = sum(each.wrong for each in found)
            _tell(f"{len(found)} architectures, {wrong} not as the law")
    return RandomResult(
        seed=seed,
        architectures=len(found),
        beyond_limits=beyond,
        images=sum(each.images for each in found),
        logits=sum(each.logits for each in found),
        differing=sum(each.differing for each in found),
        counts_differing=sum(each.miscounted for each in found),
        wrong=tuple(str(each.architecture) for each in found if each.wrong),
    )


def compare_drawn(engine: Engine, below: Below) -> Compared:
    """Draw a network, and compare it; every other one with stalled streams.

    Raises
    ------
    DoesNotFit
        It is beyond the engine's limits.
    """
    architecture = draw_architecture(below)
    model = draw_model(below, architecture)
    images = draw_images(below, architecture, 1 + below(MOST_IMAGES))
    labels = np.array([below(architecture.classes) for _ in images], np.uint8)
    engine.board.stall(below(2) * (1 + below(MOST_STALL_SEED)))
    engine.overlay.load(layers_of(model))
    expected = ReferenceBackend().logits(model, images)
    actual = engine.overlay.logits(images)
    correct = engine.overlay.count_correct(images, labels)
    engine.board.stall(0)
    return Compared(
        architecture=architecture,
        images=len(images),
        logits=expected.size,
        differing=_differing(actual, expected),
        miscounted=correct != count_of_logits(expected, labels),
    )


def compare_model(engine: Engine, name: str, model: Model, samples: Samples) -> FamilyResult:
    """Compare one model on images of a dataset."""
    _tell(f"{name}: the law's logits of {len(samples)} images")
    expected = ReferenceBackend().logits(model, samples.images)
    _tell(f"{name}: the engine's")
    engine.overlay.load(layers_of(model))
    actual = engine.overlay.logits(samples.images)
    stats = engine.overlay.stats()
    missed = _differing(actual, expected)
    _tell(f"{name}: {missed} of {expected.size} logits differ")
    return FamilyResult(
        name=name,
        images=len(samples),
        logits=expected.size,
        differing=missed,
        correct=count_of_logits(expected, samples.labels),
        digest=_digest(actual),
        law_digest=_digest(expected),
        clocks=stats.clocks,
        clock_hz=stats.clock_hz,
    )


def trained(family: Family, train: Samples) -> Model:
    """Return a family's model with trained weights; the same ones each time."""
    parts = len(family.exponents)
    schedule = [(family.samples * (i + 1) // parts, u) for i, u in enumerate(family.exponents)]
    _tell(f"{family.name}: training on {family.samples} samples")
    return train_model(family.architecture, train, SEED, family.samples, schedule, batch=BATCH)


def _differing(actual: Logits, expected: Logits) -> int:
    if actual.shape != expected.shape:
        return expected.size
    return int(np.count_nonzero(actual != expected))


def _digest(logits: Logits) -> str:
    return hashlib.sha256(np.ascontiguousarray(logits, "<i4").tobytes()).hexdigest()


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.fpga_exactness", description=__doc__)
    parser.add_argument("--size", choices=SIZES, default=DEFAULT_BUILD, help="the engine")
    parser.add_argument("--architectures", type=int, default=0, help="random ones")
    parser.add_argument("--seed", type=int, default=1, help="of the random architectures")
    parser.add_argument("--families", action="store_true", help="the reference families on MNIST")
    parser.add_argument(
        "--family",
        action="append",
        default=[],
        choices=[family.name for family in FAMILIES],
        help="only this one; may be given several times",
    )
    parser.add_argument("--images", type=int, default=10_000, help="for each family at most")
    parser.add_argument(
        "--model", type=Path, action="append", default=[], help="a model's blob, on MNIST too"
    )
    parser.add_argument("--offline", action="store_true", help="MNIST from the cache only")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser.parse_args(arguments)


def _families(engine: Engine, options: argparse.Namespace) -> Iterator[FamilyResult]:
    request = FetchRequest(cache=cache_folder(os.environ), offline=options.offline)
    mnist = fetch_edition(EDITIONS["mnist"], request, _tell)
    evaluation = mnist[SplitName.EVALUATION]
    for family in FAMILIES:
        if family.name in options.family or (options.families and not options.family):
            some = first_samples(evaluation, min(options.images, family.most_images))
            model = trained(family, mnist[SplitName.TRAIN])
            yield compare_model(engine, family.name, model, some)
    for path in options.model:
        some = first_samples(evaluation, options.images)
        yield compare_model(engine, path.name, model_from_blob(path.read_bytes()), some)


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare what was asked for, print it, and return the exit code."""
    options = _options(sys.argv[1:] if arguments is None else arguments)
    with plugged_in(options.size) as engine:
        drawn = None
        if options.architectures:
            drawn = compare_random(engine, options.architectures, options.seed)
        families: tuple[FamilyResult, ...] = ()
        if options.families or options.family or options.model:
            families = tuple(_families(engine, options))
    parts: list[FamilyResult | RandomResult] = [*families, *([drawn] if drawn else [])]
    differing = sum(part.differing for part in parts)
    if drawn:
        differing += drawn.counts_differing
    report = Report(
        size=options.size,
        oracle=ReferenceBackend().describe(),
        logits=sum(part.logits for part in parts),
        differing=differing,
        random=drawn,
        families=families,
    )
    if options.json:
        print(json.dumps(asdict(report), indent=1))
    else:
        print(f"{report.logits} logits compared on {report.size}, {differing} wrong")
    return EXIT_DIFFERS if differing else 0


if __name__ == "__main__":
    sys.exit(main())
