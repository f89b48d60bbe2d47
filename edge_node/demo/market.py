# SPDX-License-Identifier: Apache-2.0
"""What several datasets and families did on one chain: turns, shapes, who opened and who closed.

Paper A, sections 4.3 and 4.4. Every state of the chain is taken back from the records of a node
that has stopped, so turns are counted by the law itself, and nothing is judged again.
Law of the file: the keys of `as_json` are a contract; every figure comes from a state or a block.
Read next: bounties.py, report.py, edge_node/spec/scheduling.py.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

from edge_node.chain.block_store import StoredBlock
from edge_node.chain.database import Database
from edge_node.chain.importer import Importer
from edge_node.demo.bounties import (
    BountyReport,
    Names,
    RevealReport,
    SettlementReport,
    UploadReport,
    bonuses,
    reveals,
    settlements,
    uploads,
)
from edge_node.demo.generations import Exports, GenerationReport
from edge_node.demo.proofs import AnyFounder, proof_of
from edge_node.node.architecture_text import architecture_text
from edge_node.node.engine import NodeEngine
from edge_node.primitives.counting import counted
from edge_node.primitives.types import FamilyId
from edge_node.spec import scheduling
from edge_node.spec.block import Header, body_from_bytes, header_from_bytes
from edge_node.spec.genesis import Genesis, Parameters
from edge_node.spec.state import Family, State

MAX_SPREAD = 1
"""Turns by which open families may be apart (R-31): the one that is behind goes next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnReport:
    """Whose turn a block was, and who took it."""

    height: int
    """Height of the block."""
    dataset: str
    """Name of the dataset that its model classifies; empty for a block without one."""
    family: str
    """Family of the block; empty for a block without a model."""
    due: str
    """Family whose turn it was; empty where a founder was due."""
    rung: int
    """Rung of the ladder on which the block came."""
    spread: int
    """Turns by which open families are apart after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyReport:
    """One family, from its founder to its best model."""

    label: str
    """Short name in tables: F1 is the first that was founded."""
    family: str
    """Family id."""
    dataset: str
    """Name of what it classifies."""
    architecture: str
    """Its shape, as in `trainer.architecture`."""
    connections: int
    """Its weights."""
    origin: tuple[str, ...]
    """Labels of the two families that its shape evolved from; none for a miner's own choice."""
    founded: int
    """Height of its founder."""
    closed: int | None
    """Height of the block that closed it; None while it is open."""
    blocks: int
    """Its models."""
    skips: int
    """Turns that another block took."""
    generations: int
    """Its records."""
    first: GenerationReport
    """Its founder."""
    best: GenerationReport
    """Its model that is best on the evaluation split."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketReport:
    """Several datasets and families on one chain."""

    families: tuple[FamilyReport, ...]
    """In the order in which they were founded."""
    turns: tuple[TurnReport, ...]
    """One for each block."""
    uploads: tuple[UploadReport, ...]
    """In the order in which they were confirmed."""
    bounties: tuple[BountyReport, ...]
    """In the order in which they were paid."""
    reveals: tuple[RevealReport, ...]
    """In the order in which they were made."""
    settlements: tuple[SettlementReport, ...]
    """In the order in which they were made."""
    models: tuple[Exports, ...]
    """Files of each dataset's best model."""
    due_to_close: int
    """Blocks by which, turns being fair, some family has closed."""
    offered: int = 0
    """Datasets that a user has sent with a bounty: each is to be mined on, revealed and settled."""

    @property
    def gains(self) -> tuple[tuple[str, GenerationReport, GenerationReport], ...]:
        """Each dataset by name, with its first founder and its best model by evaluation.

        On 2,000 untouched images chance alone moves an accuracy by a percent, so no single dataset
        has to show a gain.
        """
        datasets = dict.fromkeys(family.dataset for family in self.families)
        mine = {name: [f for f in self.families if f.dataset == name] for name in datasets}
        return tuple(
            (name, each[0].first, max((f.best for f in each), key=lambda g: g.evaluation_ppm))
            for name, each in mine.items()
        )

    @property
    def failures(self) -> tuple[str, ...]:
        """What was to be shown and was not, in sentences; empty if all is well."""
        found = [
            f"turns were not fair: open families are {turn.spread} turns apart at height "
            f"{turn.height}"
            for turn in self.turns
            if turn.spread > MAX_SPREAD
        ]
        datasets = dict.fromkeys(family.dataset for family in self.families)
        for dataset in datasets:
            mine = [family for family in self.families if family.dataset == dataset]
            if len(mine) > 1 and not any(family.origin for family in mine):
                found.append(f"no family of {dataset} was opened by shape evolution")
        if all(best.reserve_ppm <= first.reserve_ppm for _, first, best in self.gains):
            figures = ", ".join(
                f"{dataset} from {first.reserve_ppm} ppm at height {first.height} to "
                f"{best.reserve_ppm} ppm at height {best.height}"
                for dataset, first, best in self.gains
            )
            found.append(f"accuracy on untouched images rose for no dataset: {figures}")
        if len(self.turns) >= self.due_to_close and not any(
            family.closed for family in self.families
        ):
            found.append(f"no family was closed within {counted(len(self.turns), 'block')}")
        return (*found, *self._broken_offers())

    def _broken_offers(self) -> Iterator[str]:
        if len(self.uploads) < self.offered:
            yield f"{len(self.uploads)} of {self.offered} uploads are in a block"
        for offer in self.uploads:
            shown = (
                ("was mined on: too few miners held it", offer.scheduled is not None),
                ("earned a bonus", offer.dataset in {each.dataset for each in self.bounties}),
                ("had its reserve revealed", offer.dataset in {r.dataset for r in self.reveals}),
                ("was settled", offer.dataset in {each.dataset for each in self.settlements}),
            )
            for what, came in shown:
                if not came:
                    yield (
                        f"{offer.dataset}, uploaded at height {offer.height}, never {what}, "
                        f"within {counted(len(self.turns), 'block')}; it closes at height"
                        f" {offer.closing}"
                    )

    def as_json(self) -> dict[str, object]:
        """Return the report as plain values."""
        value = asdict(self)
        del value["due_to_close"], value["offered"]
        return value


@contextmanager
def stopped_states(path: Path, genesis: Genesis, engine: NodeEngine) -> Iterator[list[State]]:
    """Open the database of a node that has stopped; give the states from the genesis to its head.

    Parameters
    ----------
    path : Path
        The database.
    genesis : Genesis
    engine : NodeEngine
        Judges nothing here.
    """
    database = Database(path, genesis.network_id())
    try:
        importer = Importer(database, genesis, engine)
        states = [importer.head]
        while states[-1].height:
            stored = importer.blocks.get(states[-1].head)
            assert stored is not None, "the main chain is stored"
            states.append(importer.state_at(stored.previous_hash))
        yield states[::-1]
    finally:
        database.close()


def market_report(
    chain: Sequence[StoredBlock],
    states: Sequence[State],
    parameters: Parameters,
    generations: Sequence[GenerationReport],
    exports: Sequence[Exports],
    *,
    proof: str,
    offered: int = 0,
) -> MarketReport:
    """Return what families did on a chain.

    Parameters
    ----------
    chain : sequence of StoredBlock
        The main chain.
    states : sequence of State
        From the genesis to its head: one more than blocks.
    parameters : Parameters
        The network's rules.
    generations : sequence of GenerationReport
        The accuracies of its models.
    exports : sequence of Exports
        Files of each dataset's best.
    proof : str
        The network's proof rule.
    offered : int
        Datasets that a user has sent with a bounty.
    """
    headers = [header_from_bytes(block.header) for block in chain]
    names = Names(headers, {each.height: each.miner for each in generations})
    head = states[-1]
    open_at_once = parameters.min_families * len(head.datasets)
    blocks_of_one = parameters.min_population - 1 + parameters.max_family_generations
    return MarketReport(
        families=tuple(_families(chain, states, generations, proof)),
        turns=tuple(
            _turn(header, before, after, parameters)
            for header, (before, after) in zip(headers, pairwise(states), strict=True)
        ),
        uploads=tuple(uploads(chain, states, names)),
        bounties=tuple(bonuses(headers, states, names)),
        reveals=tuple(reveals(chain, head)),
        settlements=tuple(settlements(states, names)),
        models=tuple(exports),
        due_to_close=open_at_once * blocks_of_one,
        offered=offered,
    )


def _turn(header: Header, before: State, after: State, parameters: Parameters) -> TurnReport:
    due = scheduling.turns(before, parameters, header.rung).due_family
    family = after.families.get(header.family)
    turns = [each.turn for each in after.families.values() if not each.closed]
    return TurnReport(
        height=header.height,
        dataset=_dataset_name(after, family) if family else "",
        family=header.family.hex() if family else "",
        due=due.hex() if due else "",
        rung=header.rung,
        spread=max(turns, default=0) - min(turns, default=0),
    )


def _families(
    chain: Sequence[StoredBlock],
    states: Sequence[State],
    generations: Sequence[GenerationReport],
    rule: str,
) -> Iterator[FamilyReport]:
    head, labels = states[-1], dict[FamilyId, str]()
    for block in chain:
        proof = proof_of(body_from_bytes(block.body).proof, rule)
        if not isinstance(proof, AnyFounder):
            continue
        name = header_from_bytes(block.header).family
        family = head.families[name]
        parents = (proof.origin.first, proof.origin.second) if proof.origin else ()
        labels[name] = f"F{len(labels) + 1}"
        mine = [each for each in generations if each.family == name.hex()]
        yield FamilyReport(
            label=labels[name],
            family=name.hex(),
            dataset=_dataset_name(head, family),
            architecture=architecture_text(family.architecture),
            connections=family.architecture.weight_count,
            origin=tuple(labels[parent] for parent in parents),
            founded=block.height,
            closed=next(
                (state.height for state in states if _is_closed(state.families.get(name))), None
            ),
            blocks=family.model_count,
            skips=family.skips,
            generations=len(family.records),
            first=mine[0],
            best=max(mine, key=lambda each: each.evaluation_ppm),
        )


def _is_closed(family: Family | None) -> bool:
    return family is not None and family.closed


def _dataset_name(state: State, family: Family) -> str:
    return state.datasets[family.dataset].manifest.name
