# SPDX-License-Identifier: Apache-2.0
"""The law's mutated and stolen blocks sent to a whole chain: the real importer, engine and file.

None is accepted, each is refused by name, no row of the file changes, and the honest block, whose
hash some of them share, is still accepted after them all.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import pytest

from edge_node.chain.database import Database
from edge_node.chain.importer import Importer
from edge_node.datasets.store import DatasetStore
from edge_node.inference.native import NativeBackend, NumpyBackend, why_unavailable
from edge_node.kernels.libsodium import load_ed25519
from edge_node.node.engine import NodeEngine
from edge_node.primitives.errors import EdgeNodeError
from edge_node.spec.state import State
from tests.chain.workshop import LATER, contents
from tests.datasets.samples import stored
from tests.spec.stages import network, stages
from tests.spec.test_mutated_blocks import KINDS, Target, mutants, targets, thefts
from tests.spec.toy_data import toy_dataset

GROWN = ("founder", "population", "first child", "child")
BEFORE = {"founder": 0, "population": 1, "child": 3, "fallback": 4}
"""How many of GROWN are on the chain when a block of the kind comes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Victim:
    """A chain that one kind of block would extend."""

    database: Database
    importer: Importer
    aim: Target
    head: State
    rows: object
    """All of the file."""

    def judge(self, header: bytes, body: bytes) -> str:
        """Return the reason of the refusal, or `accepted`; any other exception goes through."""
        try:
            self.importer.import_block(header, body, LATER, "native")
        except EdgeNodeError as error:
            return error.reason
        return "accepted"

    def check_untouched(self) -> None:
        """Check the head in memory and every row of every table."""
        assert self.importer.head == self.head
        assert self.head.accounts == self.aim.tip.state.accounts
        assert contents(self.database) == self.rows


@contextmanager
def victim(path: Path, engine: NodeEngine, aim: Target, before: int) -> Iterator[Victim]:
    database = Database(path, network().rules.network)
    try:
        importer = Importer(database, network().genesis, engine)
        for name in GROWN[:before]:
            block = stages()[name].block
            importer.import_block(block.header.encode(), block.body.encode(), LATER, "native")
        assert importer.head == aim.tip.state
        yield Victim(
            database=database,
            importer=importer,
            aim=aim,
            head=importer.head,
            rows=contents(database),
        )
    finally:
        database.close()


@contextmanager
def victims(folder: Path) -> Iterator[list[Victim]]:
    """Yield a chain for each of KINDS."""
    store = DatasetStore(folder / "datasets")
    store.add(stored(toy_dataset()))
    backend = NumpyBackend() if why_unavailable() else NativeBackend()
    engine = NodeEngine(load_ed25519(), (backend,), store)
    with ExitStack() as stack:
        stack.callback(engine.close)
        yield [
            stack.enter_context(victim(folder / f"{kind}.sqlite3", engine, aim, BEFORE[kind]))
            for kind, aim in zip(KINDS, targets(), strict=True)
        ]


def attack(folder: Path, mutated: int, stolen: int) -> Counter[str]:
    """Send so many blocks, check that nothing changed, and that the honest ones are welcome."""
    reasons: Counter[str] = Counter()
    with victims(folder) as chains:
        aims = [each.aim for each in chains]
        for place, header, body in chain(
            mutants(mutated, f"{mutated} for a chain", aims),
            thefts(stolen, f"{stolen} from a chain"),
        ):
            reasons[chains[place].judge(header, body)] += 1
        for each in chains:
            each.check_untouched()
            assert each.judge(each.aim.header, each.aim.body) == "accepted"
            assert each.importer.head.height == each.head.height + 1
    return reasons


def test_no_mutated_block_enters_a_chain(tmp_path: Path) -> None:
    reasons = attack(tmp_path, 300, 20)
    assert reasons["accepted"] == 0
    assert reasons.total() == 320


@pytest.mark.slow
def test_no_mutated_block_of_thousands_enters_a_chain(tmp_path: Path) -> None:
    reasons = attack(tmp_path, 5_000, 400)
    assert reasons["accepted"] == 0
    assert reasons.total() == 5_400
    # The attack reaches every check that a signature can not stop before, and those behind it.
    assert {"R-2", "R-22", "R-23", "R-30", "R-43", "R-44", "R-36"} <= set(reasons)
