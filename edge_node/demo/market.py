# SPDX-License-Identifier: Apache-2.0
"""What several datasets and families did on one chain: turns, shapes, who opened and who closed.

Paper A, sections 4.3 and 4.4. Every state of the chain is taken back from the records of a node
that has stopped, so turns are counted by the law itself, and nothing is judged again.
Law of the file: the keys of `as_json` are a contract; every figure comes from a state or a block.
Read next: report.py, edge_node/spec/scheduling.py.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

from edge_node.chain.block_store import StoredBlock
from edge_node.chain.database import Database
from edge_node.chain.importer import Importer
from edge_node.demo.generations import Exports, GenerationReport
from edge_node.node.architecture_text import architecture_text
from edge_node.node.engine import NodeEngine
from edge_node.primitives.types import FamilyId
from edge_node.spec import scheduling
from edge_node.spec.block import Header, body_from_bytes, header_from_bytes
from edge_node.spec.dataset import SplitName
from edge_node.spec.genesis import Genesis, Parameters
from edge_node.spec.proof.evolution_proof import FounderProof, proof_from_bytes
from edge_node.spec.state import Family, State
from edge_node.spec.transaction import ReserveReveal

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
class BountyReport:
    """A bonus that a block earned from the bounty for its dataset (R-61)."""

    height: int
    """The block."""
    dataset: str
    """Name of the dataset that it was offered for."""
    receiver: str
    """Name of the node that got it."""
    amount: int
    """Coins: half at once, half at most when the dataset closes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RevealReport:
    """A sealed reserve that was revealed."""

    height: int
    """Block with the reveal."""
    dataset: str
    """Name of the dataset."""
    images: int
    """Images of the reserve."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketReport:
    """Several datasets and families on one chain."""

    families: tuple[FamilyReport, ...]
    """In the order in which they were founded."""
    turns: tuple[TurnReport, ...]
    """One for each block."""
    bounties: tuple[BountyReport, ...]
    """In the order in which they were paid."""
    reveals: tuple[RevealReport, ...]
    """In the order in which they were made."""
    models: tuple[Exports, ...]
    """Files of each dataset's best model."""
    due_to_close: int
    """Blocks by which, turns being fair, some family has closed."""

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
            found.append(f"no family was closed within {len(self.turns)} blocks")
        return tuple(found)

    def as_json(self) -> dict[str, object]:
        """Return the report as plain values."""
        value = asdict(self)
        del value["due_to_close"]
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
    """
    headers = [header_from_bytes(block.header) for block in chain]
    head = states[-1]
    open_at_once = parameters.min_families * len(head.datasets)
    blocks_of_one = parameters.min_population - 1 + parameters.max_family_generations
    return MarketReport(
        families=tuple(_families(chain, states, generations)),
        turns=tuple(
            _turn(header, before, after, parameters)
            for header, (before, after) in zip(headers, pairwise(states), strict=True)
        ),
        bounties=tuple(_bounties(headers, states, generations)),
        reveals=tuple(_reveals(chain, states[-1])),
        models=tuple(exports),
        due_to_close=open_at_once * blocks_of_one,
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
    chain: Sequence[StoredBlock], states: Sequence[State], generations: Sequence[GenerationReport]
) -> Iterator[FamilyReport]:
    head, labels = states[-1], dict[FamilyId, str]()
    for block in chain:
        proof = proof_from_bytes(body_from_bytes(block.body).proof)
        if not isinstance(proof, FounderProof):
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


def _bounties(
    headers: Sequence[Header], states: Sequence[State], generations: Sequence[GenerationReport]
) -> Iterator[BountyReport]:
    miners = {each.height: each.miner for each in generations}
    for header, (before, after) in zip(headers, pairwise(states), strict=True):
        family = after.families.get(header.family)
        if family is None:
            continue
        old, new = (state.datasets[family.dataset].bounty for state in (before, after))
        if old is not None and new is not None and new.escrow < old.escrow:
            yield BountyReport(
                height=header.height,
                dataset=_dataset_name(after, family),
                receiver=miners[header.height],
                amount=old.escrow - new.escrow,
            )


def _reveals(chain: Sequence[StoredBlock], head: State) -> Iterator[RevealReport]:
    for block in chain:
        for transaction in body_from_bytes(block.body).transactions:
            if isinstance(transaction, ReserveReveal):
                manifest = head.datasets[transaction.dataset].manifest
                yield RevealReport(
                    height=block.height,
                    dataset=manifest.name,
                    images=manifest.splits[SplitName.RESERVE].count,
                )


def _is_closed(family: Family | None) -> bool:
    return family is not None and family.closed


def _dataset_name(state: State, family: Family) -> str:
    return state.datasets[family.dataset].manifest.name
