# SPDX-License-Identifier: Apache-2.0
"""The demonstration from start to report: mine to a height, stop, compare, evaluate, export.

Law of the file: the verdict is taken from the nodes' own databases after they have stopped.
Read next: network.py.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from edge_node.datasets.store import DatasetStore
from edge_node.demo.bridge import DemoBridge, EmulatedFirmware
from edge_node.demo.generations import Exports, generation_reports
from edge_node.demo.market import market_report, stopped_states
from edge_node.demo.network import DemoNetwork, NodeGlimpse, ended_by_signals
from edge_node.demo.plot import draw, draw_market
from edge_node.demo.report import (
    DemoReport,
    NodeReport,
    node_report,
    stopped_chain,
)
from edge_node.inference.backend import Backend
from edge_node.inference.c_export import c_header
from edge_node.inference.overlay import OVERLAY_SIM
from edge_node.inference.tflite_export import int8_file
from edge_node.kernels.libsodium import load_ed25519
from edge_node.kernels.shared_object import load_library
from edge_node.node.engine import NodeEngine
from edge_node.node.errors import NodeError
from edge_node.node.networks import demo_parameters
from edge_node.primitives.clock import Clock
from edge_node.primitives.counting import counted
from edge_node.primitives.types import DatasetId, ModelHash
from edge_node.spec.genesis import RECIPE
from edge_node.spec.model import Model
from edge_node.spec.state import FamilyModel, State

USUAL_BLOCK_MS = 10_000
"""A block on two cores takes less; what takes longer is told."""
LEAST_LIMIT_MS, LIMIT_BLOCK_MS = 600_000, 30_000
"""On a busy machine a demonstration may still succeed."""
SETTLE_MS = 1_500
"""Without a new head for so long, with mining off, nothing is on its way any more."""
JUDGE_MS = 15_000
"""So long a node that is behind may judge one block."""
SIMULATED_JUDGE_MS = 120_000
"""And so long where it simulates an engine: 2,000 images take seconds, on a busy machine many."""
BOUNTY = 400_000_000
"""What is offered for models of the second dataset; with the bond it is 60 % of FIRST_COINS."""
LEAST_BLOCKS_OF_AN_OFFER = 16
"""In fewer no dataset could be uploaded, mined on, revealed and settled."""
SPARE_BLOCKS = 2
"""An upload may be in the next block, or in the one after it."""
POLL_S = 0.2
"""How often the nodes are asked: a node answers between two blocks that it judges."""

_LOG = logging.getLogger(__name__)


class DemoTimedOut(NodeError):
    """The nodes did not reach the height, or not the same head, in time."""

    reason = "demo-timeout"

    def __init__(self, *, blocks: int, limit_ms: int, glimpses: Sequence[NodeGlimpse]) -> None:
        heights = ", ".join(f"{each.name} at {each.height} ({each.head[:8]})" for each in glimpses)
        super().__init__(
            f"{counted(blocks, 'block')} did not come in {limit_ms // 1_000} s:"
            f" {heights or 'no node answers'}"
            "; this machine is too slow or too busy for them: ask for fewer with --blocks, or read "
            "the logs of the nodes in the output folder"
        )
        self.blocks = blocks
        self.limit_ms = limit_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """What to show."""

    output: Path
    """Folder for data directories, logs and exports."""
    blocks: int
    """Height to reach."""
    backends: tuple[str, ...]
    """One node for each."""
    named: bool = False
    """Whether the user has named them: then no other may step in."""
    datasets: tuple[DatasetId, ...]
    """What to learn."""
    families: int = 1
    """Open at a time on each."""
    proof: str = RECIPE
    """The network's proof rule."""
    firmware: EmulatedFirmware | None = None
    """Of the microcontroller that is to run the newest model; None for none."""
    time_limit_ms: int | None = None
    """Without a common head at that height by then, it has failed; None: as the height asks."""

    @property
    def limit_ms(self) -> int:
        """What it may take."""
        usual = max(LEAST_LIMIT_MS, self.blocks * LIMIT_BLOCK_MS)
        return usual if self.time_limit_ms is None else self.time_limit_ms

    @property
    def judge_ms(self) -> int:
        """How long a node that is behind may judge one block."""
        return SIMULATED_JUDGE_MS if OVERLAY_SIM in self.backends else JUDGE_MS

    @property
    def is_market(self) -> bool:
        """Whether there are turns to be taken and families to be opened and closed."""
        return len(self.datasets) > 1 or self.families > 1

    @property
    def offered(self) -> tuple[DatasetId, ...]:
        """Datasets that the first node's user uploads with a bounty; others are there at once."""
        return self.datasets[1:] if self.blocks >= LEAST_BLOCKS_OF_AN_OFFER else ()

    @property
    def learned(self) -> tuple[DatasetId, ...]:
        """Datasets of the genesis."""
        return self.datasets[: len(self.datasets) - len(self.offered)]


Watch = Callable[[Sequence[NodeGlimpse]], None]


def run_demo(
    options: DemoOptions, datasets: DatasetStore, backend: Backend, clock: Clock, watch: Watch
) -> DemoReport:
    """Run a network until its nodes agree on a head at the wanted height, and report.

    Parameters
    ----------
    options : DemoOptions
    datasets : DatasetStore
        Holds what is to be learned.
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
    with ended_by_signals():
        network = DemoNetwork(
            options.output / "nodes",
            backends=options.backends,
            datasets=datasets,
            learned=options.learned,
            offered=options.offered,
            proof=options.proof,
            parameters=demo_parameters(
                proof=options.proof,
                datasets=len(options.datasets),
                families=options.families,
                blocks=options.blocks,
                compiled=load_library() is not None,
            ),
            clock=clock,
        )
        try:
            with _bridged(options, network, clock, watch) as (watching, bridge):
                started_ms = clock.monotonic_ms()
                _upload(network, options, clock, watching)
                _until_agreed(network, options, clock, watching)
                duration_ms = clock.monotonic_ms() - started_ms
                bridged = None if bridge is None else bridge.until_newest()
        finally:
            network.stop()
    report = _report(options, network, datasets, backend, duration_ms)
    return replace(report, bridge=bridged)


@contextmanager
def _bridged(
    options: DemoOptions, network: DemoNetwork, clock: Clock, watch: Watch
) -> Iterator[tuple[Watch, DemoBridge | None]]:
    """Plug the microcontroller in, if there is to be one; it is listened to at every look."""
    if options.firmware is None:
        yield watch, None
        return
    with closing(DemoBridge(options.firmware, network, clock)) as bridge:

        def watch_and_listen(glimpses: Sequence[NodeGlimpse]) -> None:
            bridge.listen()
            watch(glimpses)

        yield watch_and_listen, bridge


def _upload(network: DemoNetwork, options: DemoOptions, clock: Clock, watch: Watch) -> None:
    """Upload what is offered, once all nodes are there to hear of it.

    Meanwhile nobody mines: of a lottery several blocks would come before the upload does.
    """
    if not options.offered:
        return
    limit_ms = clock.monotonic_ms() + options.limit_ms
    height = _until_heard(network, options, clock, watch, limit_ms=limit_ms, miners=0)
    after_mining = network.genesis.parameters.reveal_blocks + SPARE_BLOCKS
    for dataset in options.offered:
        network.publish(dataset, bounty=BOUNTY, blocks=options.blocks - height - after_mining)
    everyone = len(network.nodes)
    _until_heard(network, options, clock, watch, limit_ms=limit_ms, miners=everyone)


def _until_heard(
    network: DemoNetwork,
    options: DemoOptions,
    clock: Clock,
    watch: Watch,
    *,
    limit_ms: int,
    miners: int,
) -> int:
    """Let so many nodes mine, and no others; return the height of the highest once all obey.

    Who answers is told at once, and does not go ahead of those that are still starting. Heights
    are asked for afterwards: what they were before may be blocks ago.
    """
    heard = False
    while True:
        time.sleep(POLL_S)
        glimpses = network.glimpses()
        watch(glimpses)
        if heard and len(glimpses) == len(network.nodes):
            return max(glimpse.height for glimpse in glimpses)
        heard = heard or network.let_mine(miners)
        if clock.monotonic_ms() > limit_ms:
            raise DemoTimedOut(blocks=options.blocks, limit_ms=options.limit_ms, glimpses=glimpses)


def _until_agreed(network: DemoNetwork, options: DemoOptions, clock: Clock, watch: Watch) -> None:
    started_ms = clock.monotonic_ms()
    goal, mining, told = options.blocks, True, False
    calm_since_ms, last = started_ms, ""
    while True:
        time.sleep(POLL_S)
        glimpses = network.glimpses()
        watch(glimpses)
        now_ms = clock.monotonic_ms()
        if now_ms - started_ms > options.limit_ms:
            raise DemoTimedOut(blocks=options.blocks, limit_ms=options.limit_ms, glimpses=glimpses)
        if now_ms - started_ms > options.blocks * USUAL_BLOCK_MS and not told:
            _LOG.warning("this takes longer than usual: the machine is slow or busy")
            told = True
        heads = str([glimpse.head for glimpse in glimpses])
        if heads != last or len(glimpses) < len(network.nodes):
            calm_since_ms, last = now_ms, heads
        if max((glimpse.height for glimpse in glimpses), default=0) < goal:
            continue
        level = len({glimpse.height for glimpse in glimpses}) == 1
        if mining:
            mining = not network.let_mine(0)
            calm_since_ms = now_ms
        elif now_ms - calm_since_ms >= (SETTLE_MS if level else options.judge_ms):
            if len({glimpse.head for glimpse in glimpses}) == 1:
                return
            # Two heads of equal work stay until a block decides: one node mines one more.
            if network.let_mine(1):
                goal = max(glimpse.height for glimpse in glimpses) + 1
                mining = True


def _report(
    options: DemoOptions,
    network: DemoNetwork,
    datasets: DatasetStore,
    backend: Backend,
    duration_ms: int,
) -> DemoReport:
    genesis, ed25519 = network.genesis, load_ed25519()
    miners = {ed25519.public_key(node.directory.seed()): node.name for node in network.nodes}
    nodes: list[NodeReport] = []
    for node in network.nodes:
        with stopped_chain(node.directory.chain, genesis.network_id()) as (chain, _):
            nodes.append(node_report(node.name, chain, miners))
    path = network.nodes[0].directory.chain
    engine = NodeEngine(ed25519, [backend], datasets)
    with stopped_states(path, genesis, engine) as states:
        learned = {key: entry.manifest for key, entry in states[-1].datasets.items()}
    with stopped_chain(path, genesis.network_id()) as (chain, blocks):
        generations = generation_reports(chain, blocks, genesis, learned, engine, miners)
        exports = [
            export(blocks.model(best), options.output, name)
            for name, best in best_models(states[-1]).items()
        ]
    market = None
    if options.is_market:
        market = market_report(
            chain,
            states,
            genesis.parameters,
            generations,
            exports,
            proof=genesis.proof,
            offered=len(options.offered),
        )
        draw_market(generations, market, Path(exports[0].plot))
    else:
        draw(generations, Path(exports[0].plot))
    return DemoReport(
        height=len(chain),
        duration_ms=duration_ms,
        nodes=tuple(nodes),
        generations=tuple(generations),
        exports=exports[0],
        market=market,
        named=options.backends if options.named else (),
    )


def best_models(head: State) -> dict[str, ModelHash]:
    """Return the best model of each dataset by its name, in the order in which they were founded.

    Of those that are equally good the first is the best.
    """
    models = sorted(  # heights are unique
        (model.height, family.dataset, model)
        for family in head.families.values()
        for model in family.models
    )
    best: dict[DatasetId, FamilyModel] = {}
    for _, dataset, model in models:
        if dataset not in best or model.correct_count > best[dataset].correct_count:
            best[dataset] = model
    return {
        head.datasets[dataset].manifest.name: model.model_hash for dataset, model in best.items()
    }


def export(model: Model, folder: Path, name: str) -> Exports:
    """Write the files of a model, but for the plot.

    Parameters
    ----------
    model : Model
    folder : Path
    name : str
        Stem of the files: the dataset's name.
    """
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
