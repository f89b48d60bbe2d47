# SPDX-License-Identifier: Apache-2.0
"""A stopped node's chain on two toy datasets: families take turns, are closed and founded anew."""

import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from edge_node.chain.block_store import StoredBlock
from edge_node.datasets.store import DatasetStore
from edge_node.demo.generations import Exports, GenerationReport, generation_reports
from edge_node.demo.market import MarketReport, market_report, stopped_states
from edge_node.demo.report import stopped_chain
from edge_node.inference.select import open_backend
from edge_node.kernels.libsodium import load_ed25519
from edge_node.node.engine import NodeEngine
from edge_node.spec import scheduling
from edge_node.spec.genesis import EVOLUTION
from edge_node.spec.state import State
from tests.chain.workshop import ANN, BOB, opened, take
from tests.datasets.samples import stored
from tests.spec import toy_chain as toy
from tests.spec.evolved_shapes import evolved_founder
from tests.spec.toy_chain import ToyChain, Work
from tests.spec.toy_data import ToyDataset, toy_dataset

BLOCKS = 9
RULES = replace(toy.PARAMETERS, max_family_generations=2, target_ms=0)
"""A family is closed by its third block: founder, population and first record, second record."""
NAMES = ("letters", "numbers")
EXPORTS = Exports(tflite="o/a.tflite", c_header="o/a.h", blob="o/a.bnn", plot="o/chain.png")


@functools.cache
def grown() -> ToyChain:
    """Return the chain; who finds nothing else to found lets a shape evolve."""
    chain = ToyChain(toy.toy_network([toy_dataset(name) for name in NAMES], parameters=RULES))
    for number in range(BLOCKS):
        who = (ANN, BOB)[number % 2]
        work = Work(tip=chain.tip, miner=who)
        turns = scheduling.turns(chain.state, RULES, work.rung)
        families = [f for f in chain.state.families.values() if f.dataset == turns.due_dataset]
        if turns.due_dataset is not None and families:
            chain.add(evolved_founder(work, families[0].family_id, turns.due_dataset))
        else:
            chain.grow(who)
    return chain


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """What a report reads."""

    chain: list[StoredBlock]
    states: list[State]
    generations: list[GenerationReport]

    def market(self) -> MarketReport:
        """Return the report."""
        return market_report(
            self.chain, self.states, RULES, self.generations, [EXPORTS], proof=EVOLUTION
        )


@contextmanager
def engine_in(folder: Path, datasets: Sequence[ToyDataset]) -> Iterator[NodeEngine]:
    """Give an engine over some datasets."""
    store = DatasetStore(folder / "datasets")
    for each in datasets:
        store.add(stored(each))
    engine = NodeEngine(load_ed25519(), [open_backend("reference")], store)
    try:
        yield engine
    finally:
        engine.close()


def stopped(
    folder: Path, grown_chain: ToyChain | None = None, datasets: Sequence[ToyDataset] = ()
) -> Stopped:
    """Return what the database of a node that has taken a chain in says, by default `grown`."""
    toy_chain, learned = grown_chain or grown(), datasets or [toy_dataset(each) for each in NAMES]
    path, network = folder / "chain", toy_chain.network
    with opened(path, network) as importer:
        for mined in toy_chain.mined:
            take(importer, mined)
    miners = {ANN.key: "node-1", BOB.key: "node-2"}
    with engine_in(folder, learned) as engine:
        with stopped_states(path, network.genesis, engine) as states:
            manifests = {key: entry.manifest for key, entry in states[-1].datasets.items()}
        with stopped_chain(path, network.rules.network) as (chain, blocks):
            generations = generation_reports(
                chain, blocks, network.genesis, manifests, engine, miners
            )
    return Stopped(chain=chain, states=states, generations=generations)
