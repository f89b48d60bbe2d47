# SPDX-License-Identifier: Apache-2.0
"""`edge-node demo`: a network on this machine that learns MNIST, and the table of what it did.

Law of the file: live progress and the final table; the network itself is edge_node/demo.
Read next: edge_node/demo/run.py.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path

import click
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from edge_node.cli.edition_store import stored_edition
from edge_node.cli.exit_codes import ExitCode
from edge_node.cli.market_tables import (
    families_table,
    happenings,
    market_generations,
    money_table,
    shapes_table,
)
from edge_node.cli.output import complain, console, emit, json_option, percent, short, table
from edge_node.datasets.excerpt import excerpt
from edge_node.datasets.sources import EDITIONS
from edge_node.datasets.store import DatasetStore
from edge_node.demo.backends import choose_backends, named_backends
from edge_node.demo.bridge import EMULATED, BridgeReport, prepare_firmware
from edge_node.demo.network import NodeGlimpse
from edge_node.demo.report import DemoReport
from edge_node.demo.run import DemoOptions, Watch, run_demo
from edge_node.inference.overlay import OVERLAY_SIM, build_simulation
from edge_node.inference.select import available_backends, select_backend
from edge_node.node.networks import DEMO
from edge_node.node.system import SystemClock
from edge_node.primitives.clock import Clock
from edge_node.primitives.counting import counted
from edge_node.primitives.types import DatasetId
from edge_node.spec.genesis import EVOLUTION, PROOF_RULES, RECIPE

MAX_FAMILIES = 8
"""More would hardly get a turn."""
MIN_IMAGES = 100
"""By fewer, a block would hardly be told from the next."""
SIMULATED_IMAGES = 2_000
"""A simulated overlay takes seconds for all 10,000."""
EVOLUTION_BLOCKS, LOTTERY_BLOCKS = 12, 20
"""Heights of a demonstration that takes a minute or so."""

_LOG = logging.getLogger(__name__)


@click.command()
@click.option(
    "--blocks",
    type=click.IntRange(DEMO.min_population + 1),  # the first that evolved
    help=f"Height to reach.  [default: {LOTTERY_BLOCKS}, with evolution {EVOLUTION_BLOCKS}]",
)
@click.option(
    "--proof",
    type=click.Choice(PROOF_RULES),
    help=f"By what a block wins.  [default: {RECIPE}, of several datasets or families {EVOLUTION}]",
)
@click.option(
    "--datasets",
    type=click.IntRange(1, len(EDITIONS)),
    default=1,
    show_default=True,
    help=f"How many of {', '.join(EDITIONS)} are learned.",
)
@click.option(
    "--families",
    type=click.IntRange(1, MAX_FAMILIES),
    default=1,
    show_default=True,
    help="Families of each dataset that are open at a time.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("demo-output"),
    show_default=True,
    help="Folder for logs, chains and the exported model.",
)
@click.option(
    "--backends",
    help="One for each node, such as native,overlay-sim,tflite; each must judge all blocks by its"
    " own.  [default: three that are installed]",
)
@click.option(
    "--images",
    type=click.IntRange(MIN_IMAGES),
    help="Judge blocks by so many evaluation images, the first.  [default: all; 2000 beside a"
    " simulated overlay]",
)
@click.option(
    "--bridge",
    "board",
    type=click.Choice(sorted(EMULATED)),
    help="Beside it, an emulated microcontroller that always runs the newest model.",
)
@click.option("--offline", is_flag=True, help="Take the images from the cache only.")
@json_option
def demo(  # noqa: PLR0913 - one per option
    *,
    blocks: int | None,
    proof: str | None,
    datasets: int,
    families: int,
    output: Path,
    backends: str | None,
    images: int | None,
    board: str | None,
    offline: bool,
    as_json: bool,
) -> None:
    """Run nodes here that learn MNIST together; 3 by default.

    They go on until their chain has some blocks. With more than one dataset or family it shows
    how these take turns, how new families are opened by the evolution of shapes, and closed.
    A second dataset is uploaded with a bounty, by a command of the first node's user: models of it
    earn bonuses, its reserve is revealed when mining on it has ended, and the bounty is settled.
    With --bridge a Cortex-M in QEMU, whose firmware is built at once, gets each newest model over a
    serial line from `edge-node bridge run`, and publishes what it predicts; the report counts what
    a subscriber of the demonstration's own has received.

    Exits with 0 only if all nodes agree on the head, each has judged every block, and accuracy on
    untouched images rose; with more than one dataset or family, also only if turns were fair,
    and what was uploaded came to its settlement.
    """
    chosen = _backends(backends)
    if proof is None:
        proof = RECIPE if datasets == families == 1 else EVOLUTION
    if blocks is None:
        blocks = EVOLUTION_BLOCKS if proof == EVOLUTION else LOTTERY_BLOCKS
    firmware = None if board is None else prepare_firmware(board, output / "bridge")
    output.mkdir(parents=True, exist_ok=True)
    root = output / "datasets"
    learned = [
        stored_edition(edition, root, offline=offline)[1]
        for edition in islice(EDITIONS.values(), datasets)
    ]
    if images is None and OVERLAY_SIM in chosen:
        images = SIMULATED_IMAGES
    if images is not None:
        learned = [_shortened(DatasetStore(root), each, images) for each in learned]
    if OVERLAY_SIM in chosen:
        _LOG.info("building the simulated overlay, unless it is in the cache: a minute or two")
        build_simulation()  # not within the time that nodes have
    options = DemoOptions(
        output=output,
        blocks=blocks,
        backends=chosen,
        named=backends is not None,
        datasets=tuple(learned),
        families=families,
        proof=proof,
        firmware=firmware,
    )
    clock = SystemClock()
    with closing(select_backend()) as backend:
        if as_json:
            report = run_demo(options, DatasetStore(root), backend, clock, lambda _: None)
        else:
            with _watching(blocks, clock) as watch:
                report = run_demo(options, DatasetStore(root), backend, clock, watch)
    emit(report.as_json(), as_json=as_json, show=lambda: _show(report))
    for failure in report.failures:
        complain(failure)
    if report.failures:
        raise SystemExit(ExitCode.FAILED)


def _backends(names: str | None) -> tuple[str, ...]:
    """Return one back end for each node; if none is named, tell of those that are missed."""
    statuses = available_backends()
    if names is not None:
        return named_backends(names, statuses)
    choice = choose_backends(statuses)
    for sentence in choice.missing:
        _LOG.warning("%s", sentence)
    return choice.chosen


def _shortened(store: DatasetStore, dataset: DatasetId, images: int) -> DatasetId:
    return store.add(excerpt(store.open(dataset), images))


@contextmanager
def _watching(blocks: int, clock: Clock) -> Iterator[Watch]:
    """Give what shows progress: a table that changes, or where there is no terminal, lines."""
    started_ms = clock.monotonic_ms()
    if console.is_terminal:
        with Live(console=console, refresh_per_second=4) as live:
            yield lambda glimpses: live.update(
                _progress(glimpses, blocks, clock.monotonic_ms() - started_ms)
            )
        return
    told = -1

    def tell(glimpses: Sequence[NodeGlimpse]) -> None:
        nonlocal told
        height = min((glimpse.height for glimpse in glimpses), default=0)
        if height > told:
            told = height
            best = percent(max((glimpse.evaluation_ppm for glimpse in glimpses), default=0))
            seconds = (clock.monotonic_ms() - started_ms) // 1_000
            click.echo(f"height {height} of {blocks}, {seconds} s, evaluation {best} %")

    yield tell


def _progress(glimpses: Sequence[NodeGlimpse], blocks: int, elapsed_ms: int) -> Group:
    columns = ("node", ">height", ">mined", ">judged", ">evaluation %", "trainer")
    rows = [
        (g.name, g.height, g.mined, g.imported, percent(g.evaluation_ppm), g.trainer)
        for g in glimpses
    ]
    height = min((glimpse.height for glimpse in glimpses), default=0)
    line = Text(f"height {height} of {blocks}, {elapsed_ms // 1_000} s")
    return Group(table("one broker, real images", columns, rows), line)


def _show(report: DemoReport) -> None:
    market = report.market
    if market is None:
        console.print(_generations(report))
    else:
        console.print(market_generations(report.generations, market))
        console.print(shapes_table(market))
        console.print(families_table(market))
        if market.uploads:
            console.print(money_table(market))
    console.print(
        table(
            "nodes",
            ("node", "back end", ">judged", ">mined", "head"),
            [(n.id, n.backend, n.validated, n.mined, short(n.head)) for n in report.nodes],
        )
    )
    click.echo(
        f"height {report.height} in {report.duration_ms // 1_000} s; "
        f"{'see below' if report.failures else 'all nodes agree'}"
        + ("" if market else f"; untouched images: {_rise(report)}")
    )
    for line in happenings(market) if market else ():
        click.echo(line)
    if report.bridge is not None:
        click.echo(_bridged(report.bridge))
    for exports in market.models if market else (report.exports,):
        for path in (exports.tflite, exports.c_header, exports.blob):
            click.echo(f"  {path}")
    click.echo(f"  {report.exports.plot}")


def _bridged(bridge: BridgeReport) -> str:
    predictions = counted(bridge.predictions, "prediction")
    return (
        f"{bridge.board}, emulated by `{bridge.emulated_by}`: {predictions} "
        f"received from {counted(len(bridge.models), 'model')}, {bridge.predictions_of_newest} from"
        f" the newest, {short(bridge.newest_model)} of height {bridge.newest_height}"
    )


def _rise(report: DemoReport) -> str:
    first = report.generations[0]
    return f"{percent(first.reserve_ppm)} % -> {percent(report.best.reserve_ppm)} %"


def _generations(report: DemoReport) -> Table:
    columns = (
        ">height",
        ">gen",
        "miner",
        ">train %",
        ">eval %",
        ">untouched %",
        ">block B",
        ">model B",
        "payload",
        ">interval s",
    )
    rows = [
        (
            g.height,
            g.generation,
            g.miner,
            percent(g.train_ppm),
            percent(g.evaluation_ppm),
            percent(g.reserve_ppm),
            g.block_bytes,
            g.model_bytes,
            g.payload,
            f"{g.interval_ms // 1_000}.{g.interval_ms % 1_000 // 100}",
        )
        for g in report.generations
    ]
    return table("generations", columns, rows, crowded=True)
