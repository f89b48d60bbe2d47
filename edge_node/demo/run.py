# SPDX-License-Identifier: Apache-2.0
"""The demonstration from start to report: mine to a height, stop, compare, evaluate, export.

Law of the file: the verdict is taken from the nodes' own databases after they have stopped.
Read next: network.py.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_node.datasets.store import DatasetStore
from edge_node.demo.network import DemoNetwork, NodeGlimpse
from edge_node.demo.plot import draw
from edge_node.demo.report import (
    DemoReport,
    Exports,
    NodeReport,
    generation_reports,
    main_chain,
)
from edge_node.inference.backend import Backend
from edge_node.inference.c_export import c_header
from edge_node.inference.tflite_export import int8_file
from edge_node.kernels.libsodium import load_ed25519
from edge_node.node.engine import NodeEngine
from edge_node.node.errors import NodeError
from edge_node.primitives.clock import Clock
from edge_node.primitives.types import DatasetId
from edge_node.spec.block import header_from_bytes
from edge_node.spec.genesis import Genesis
from edge_node.spec.model import Model

TIME_LIMIT_MS = 600_000
"""Far above the usual minute: a demonstration on a busy machine may still succeed."""
SETTLE_MS = 1_500
"""Without a block for so long, with mining off, nothing is on its way any more."""


class DemoTimedOut(NodeError):
    """The network did not reach the height in time."""

    reason = "demo-timeout"

    def __init__(self, *, expected: int, actual: int) -> None:
        super().__init__(
            f"the network reached height {actual} of {expected} in {TIME_LIMIT_MS // 1_000} s; "
            "read the logs in the output folder"
        )
        self.expected = expected
        self.actual = actual


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """What to show."""

    output: Path
    """Folder for data directories, logs and exports."""
    blocks: int
    """Height to reach."""
    backends: tuple[str, ...]
    """One node for each."""
    dataset: DatasetId
    """What to learn."""


Watch = Callable[[Sequence[NodeGlimpse]], None]


def run_demo(
    options: DemoOptions, datasets: DatasetStore, backend: Backend, clock: Clock, watch: Watch
) -> DemoReport:
    """Run a network until its nodes agree on a head at the wanted height, and report.

    Parameters
    ----------
    options : DemoOptions
    datasets : DatasetStore
        Holds the dataset.
    backend : Backend
        Evaluates the models for the report.
    clock : Clock
    watch : callable
        Called several times a second with what the nodes say.

    Raises
    ------
    EdgeNodeError
        The network could not be started, a node ended, or time ran out.
    """
    network = DemoNetwork(
        options.output / "nodes",
        backends=options.backends,
        datasets=datasets,
        dataset=options.dataset,
        clock=clock,
    )
    started_ms = clock.monotonic_ms()
    try:
        _until_agreed(network, options.blocks, clock, watch)
        duration_ms = clock.monotonic_ms() - started_ms
    finally:
        network.stop()
    return _report(options, network, datasets, backend, duration_ms)


def _until_agreed(network: DemoNetwork, blocks: int, clock: Clock, watch: Watch) -> None:
    limit_ms = clock.monotonic_ms() + TIME_LIMIT_MS
    mining, calm_since_ms, last = True, 0, ""
    while True:
        glimpses = network.glimpses()
        watch(glimpses)
        now_ms = clock.monotonic_ms()
        heights = [glimpse.height for glimpse in glimpses]
        heads = {glimpse.head for glimpse in glimpses}
        if now_ms > limit_ms:
            raise DemoTimedOut(expected=blocks, actual=min(heights, default=0))
        if len(glimpses) < len(network.nodes) or min(heights) < blocks:
            continue
        if mining:
            network.set_mining(enabled=False)
            mining, calm_since_ms = False, now_ms
        elif str(sorted(heads)) != last:
            calm_since_ms = now_ms
        elif now_ms - calm_since_ms >= SETTLE_MS:
            if len(heads) == 1:
                return
            # Two heads of equal work stay until a block decides: mine one more.
            blocks = max(heights) + 1
            network.set_mining(enabled=True)
            mining = True
        last = str(sorted(heads))


def _report(
    options: DemoOptions,
    network: DemoNetwork,
    datasets: DatasetStore,
    backend: Backend,
    duration_ms: int,
) -> DemoReport:
    genesis = network.genesis
    engine = NodeEngine(load_ed25519(), [backend], datasets)
    miners = {load_ed25519().public_key(node.directory.seed()): node.name for node in network.nodes}
    nodes: list[NodeReport] = []
    for node in network.nodes:
        chain, _, database = main_chain(node.directory.chain, genesis)
        nodes.append(
            NodeReport(
                id=node.name,
                head=chain[-1].block_hash.hex(),
                backend=chain[-1].backend,
                validated=len(chain),
                mined=sum(
                    miners.get(header_from_bytes(block.header).miner) == node.name
                    for block in chain
                ),
            )
        )
        database.close()
    chain, blocks, database = main_chain(network.nodes[0].directory.chain, genesis)
    try:
        generations = generation_reports(chain, blocks, genesis, engine, miners)
        best = max(
            (header_from_bytes(block.header) for block in chain),
            key=lambda header: header.correct_count,
        )
        exports = export(blocks.model(best.model_hash), options.output, genesis)
    finally:
        database.close()
    draw(generations, Path(exports.plot))
    return DemoReport(
        height=len(chain),
        duration_ms=duration_ms,
        nodes=tuple(nodes),
        generations=tuple(generations),
        exports=exports,
    )


def export(model: Model, folder: Path, genesis: Genesis) -> Exports:
    """Write the files of a model.

    Parameters
    ----------
    model : Model
    folder : Path
    genesis : Genesis
        For the dataset's name.
    """
    name = genesis.datasets[0].name
    exports = Exports(
        tflite=str(folder / f"{name}.tflite"),
        c_header=str(folder / f"{name}.h"),
        blob=str(folder / f"{name}.bnn"),
        plot=str(folder / "chain.png"),
    )
    Path(exports.tflite).write_bytes(int8_file(model))
    Path(exports.c_header).write_text(c_header(model), encoding="ascii")
    Path(exports.blob).write_bytes(model.blob())
    return exports
