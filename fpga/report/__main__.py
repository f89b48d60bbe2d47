# SPDX-License-Identifier: Apache-2.0
"""`python -m edge_node_fpga.report --output FOLDER`: measure, judge, write the page.

Synthesis of 32x64 takes minutes and of 64x64 many; progress goes to standard error. The batch of
every network is simulated whole, so the clocks need minutes too. `--quick` is for CI.
Law of the file: files are written when all is measured; with `--render` nothing is measured.
Read next: figures.py, page.py.
"""

import argparse
import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from edge_node_fpga.driver.errors import OverlayError
from edge_node_fpga.report.clocks import clock
from edge_node_fpga.report.errors import ReportError, ReportUnreadable
from edge_node_fpga.report.figures import RANDOM, Exactness, Figures, from_json
from edge_node_fpga.report.networks import BATCH_IMAGES, NETWORKS
from edge_node_fpga.report.origin import origin
from edge_node_fpga.report.page import document, page
from edge_node_fpga.report.resources import find_build, synthesize_apart
from edge_node_fpga.sim.errors import SimulationError

HERE = Path(__file__).resolve().parent
DIAGRAM = HERE.parent / "engine.svg"
PAGE, DOCUMENT = "REPORT.md", "report.json"
SIZES = "32x64,64x64"
QUICK_SIZES = "8x64"
QUICK_IMAGES = 100
SYNTHESIS_LIMIT_S = 3600.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit status: 0 if the page was written, whether or not the goals are met."""
    chosen = _parser().parse_args(arguments)
    try:
        # Before anything is measured, which takes long.
        compared = tuple(row for path in chosen.exactness for row in read_exactness(path))
        figures = _rendered(chosen) if chosen.render else _measured(chosen)
        if chosen.exactness:
            figures = replace(figures, exactness=compared)
        write(figures, chosen.output)
    except (ReportError, SimulationError, OverlayError, OSError) as stop:
        sys.stderr.write(f"{stop}\n")
        return 1
    return 0


def write(figures: Figures, folder: Path) -> None:
    """Write the page and the document; the diagram too, where it is not beside the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    diagram = f"../{DIAGRAM.name}"
    if folder.resolve() != HERE:
        shutil.copyfile(DIAGRAM, folder / DIAGRAM.name)
        diagram = DIAGRAM.name
    (folder / DOCUMENT).write_text(document(figures), encoding="utf-8")
    (folder / PAGE).write_text(page(figures, diagram), encoding="utf-8")


def read_exactness(path: Path) -> Iterator[Exactness]:
    """Yield what `python -m tools.fpga_exactness --json` compared.

    Parameters
    ----------
    path : Path
        Its JSON: `size`, `families` and `random`.

    Raises
    ------
    ReportUnreadable
    """
    compared = _read(path)
    try:
        build = compared["size"]
        for family in compared["families"]:
            yield Exactness(
                build=build,
                subject=family["name"],
                count=family["images"],
                logits=family["logits"],
                differing=family["differing"],
            )
        if drawn := compared["random"]:
            yield Exactness(
                build=build,
                subject=RANDOM,
                count=drawn["architectures"],
                logits=drawn["logits"],
                differing=drawn["differing"] + drawn["counts_differing"],
            )
    except (KeyError, TypeError) as wrong:
        raise ReportUnreadable(
            path=str(path), expected="size, families and random", actual=repr(wrong)
        ) from wrong


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as wrong:
        raise ReportUnreadable(path=str(path), expected="JSON", actual=str(wrong)) from wrong
    if not isinstance(document, dict):
        raise ReportUnreadable(path=str(path), expected="an object", actual=type(document).__name__)
    return document


def _rendered(chosen: argparse.Namespace) -> Figures:
    path = chosen.render
    return from_json(_read(path), path)


def _measured(chosen: argparse.Namespace) -> Figures:
    names = (chosen.sizes or (QUICK_SIZES if chosen.quick else SIZES)).split(",")
    builds = [find_build(name) for name in names]
    most_images = QUICK_IMAGES if chosen.quick else BATCH_IMAGES
    began = origin(_command(chosen))
    runs, resources = [], {}
    for build in builds:
        for run in clock(build, NETWORKS, most_images=most_images):
            _say(f"{build.name}, {run.network}: {run.clocks} clocks for {run.images} images")
            runs.append(run)
    for build in builds if chosen.synthesis else []:
        _say(f"{build.name}: synthesis")
        found = synthesize_apart(build, limit_s=chosen.synthesis_limit)
        _say(f"{build.name}: {found.luts} LUT, {found.flip_flops} FF, {found.lut_levels} levels")
        resources[build.name] = found
    return Figures(origin=began, resources=resources, runs=tuple(runs), exactness=None)


def _command(chosen: argparse.Namespace) -> str:
    parts = ["python -m edge_node_fpga.report"]
    parts += [f"--sizes {chosen.sizes}"] if chosen.sizes else []
    parts += ["--quick"] if chosen.quick else []
    parts += [] if chosen.synthesis else ["--no-synthesis"]
    return " ".join(parts)


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m edge_node_fpga.report",
        description="Write what the engine takes and does: REPORT.md and report.json.",
    )
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--sizes", metavar="PxS,PxS", help=f"builds to measure ({SIZES})")
    parser.add_argument(
        "--quick", action="store_true", help=f"{QUICK_SIZES}, {QUICK_IMAGES} images a batch"
    )
    parser.add_argument(
        "--no-synthesis", dest="synthesis", action="store_false", help="clocks only"
    )
    parser.add_argument(
        "--synthesis-limit", type=float, default=SYNTHESIS_LIMIT_S, metavar="SECONDS"
    )
    parser.add_argument(
        "--exactness",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="JSON of tools/fpga_exactness.py; may be given several times",
    )
    parser.add_argument(
        "--render", type=Path, metavar="FILE", help="measure nothing, take this report.json"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
