# SPDX-License-Identifier: Apache-2.0
"""Mining by evolution, between a real toy chain and a played trainer: when is a block due."""

from dataclasses import replace

import pytest

from edge_node.chain.block_builder import NOTHING_FOUND
from edge_node.node.mining.evolution import EvolutionMiner
from edge_node.node.mining.miner import MAX_REFUSALS, MinerIdentity
from edge_node.node.mining.slot import MAX_TRAINER_RESTARTS
from edge_node.primitives.hashing import ZERO_HASH
from edge_node.primitives.types import BlockHash, FamilyId, Hash32, ModelHash, TimestampMs
from edge_node.spec import scheduling
from edge_node.spec.architecture import Architecture
from edge_node.spec.constants import FOUNDER_RUNG, MAX_RUNG, NEXT_FAMILY_RUNG
from edge_node.spec.dataset import Manifest
from edge_node.spec.genesis import Parameters
from edge_node.spec.proof.evolution_proof import ChildProof
from edge_node.spec.recipe import Step, StepKind
from edge_node.spec.state import State
from edge_node.trainer.task import Offer, ShapeTask, Task
from tests.node.rig import Played
from tests.spec import toy_chain as toy
from tests.spec.stages import in_turn, two_families
from tests.spec.toy_data import toy_dataset

ANN = toy.miner("ann")


class Stage:
    """A chain, its miner, and all trainers that it has started."""

    def __init__(self, blocks: int, parameters: Parameters = toy.PARAMETERS) -> None:
        self.chain = toy.ToyChain(toy.toy_network([toy_dataset()], parameters=parameters))
        self.chain.grow(ANN, blocks)
        self.trainers: list[Played] = []
        rules = self.chain.network.rules
        self.miner = EvolutionMiner(
            MinerIdentity(
                rules=rules,
                public_key=ANN.key,
                new_family=self.new_family,
            ),
            self.start,
            self.chain.models,
        )

    def new_family(self, manifest: Manifest) -> Architecture:
        return toy.ARCHITECTURE

    def start(self) -> Played:
        self.trainers.append(Played())
        return self.trainers[-1]

    @property
    def head(self) -> State:
        return self.chain.state

    def at(self, after_ms: int) -> TimestampMs:
        return TimestampMs(self.head.timestamp + after_ms)

    def offers(self, gain: int, *, child: bool = True, head: BlockHash | None = None) -> Offer:
        (family,) = self.head.families.values()
        offer = Offer(
            head=head or self.head.head,
            dataset=family.dataset,
            family=family.family_id,
            child=child,
            proof=ChildProof(base=0, steps=(Step(kind=StepKind.FLIP, nonce=gain),)).encode(),
            model_hash=ModelHash(Hash32(bytes([gain]) * 32)),
            latent_root=ZERO_HASH,
            nonce=0,
            train_ppm=0,
            correct_count=(family.records[-1].correct_count if family.records else 0) + gain,
        )
        self.trainers[-1].out.append(offer)
        self.miner.collect()
        return offer


def founder_offer(task: ShapeTask, correct: int) -> Offer:
    return Offer(
        head=task.head,
        dataset=task.dataset,
        family=FamilyId(Hash32(bytes([correct]) * 32)),
        child=False,
        proof=b"",
        model_hash=ModelHash(Hash32(bytes([correct]) * 32)),
        latent_root=ZERO_HASH,
        nonce=0,
        train_ppm=0,
        correct_count=correct,
    )


def miner_on(chain: toy.ToyChain) -> tuple[EvolutionMiner, Played]:
    trainer, rules = Played(), chain.network.rules
    identity = MinerIdentity(
        rules=rules,
        public_key=ANN.key,
        new_family=lambda _: toy.ARCHITECTURE,
    )
    return EvolutionMiner(identity, lambda: trainer, chain.models), trainer


@pytest.fixture
def evolving() -> Stage:
    stage = Stage(blocks=2)
    stage.miner.follow(stage.head)
    return stage


def test_task_follows_the_head() -> None:
    stage = Stage(blocks=1)
    stage.miner.follow(stage.head)
    task = stage.trainers[0].tasks[-1]
    assert isinstance(task, Task)
    assert task.head == stage.head.head
    assert not task.evolves
    stage.miner.pause()
    assert stage.trainers[0].tasks[-1] is None
    assert stage.miner.due(stage.at(10**9), transactions_wait=True) is None


def test_offer_waits_for_the_interval_and_for_its_rung(evolving: Stage) -> None:
    (family,) = evolving.head.families.values()
    full = scheduling.needed_gain_at(family, 0)
    offer = evolving.offers(full)
    parameters = evolving.chain.network.rules.parameters
    early = evolving.at(parameters.min_interval_ms - 1)
    assert evolving.miner.due(early, transactions_wait=False) is None
    due = evolving.miner.due(evolving.at(parameters.min_interval_ms), transactions_wait=False)
    assert due is not None
    assert due.model_hash == offer.model_hash


def test_best_offer_counts_and_stale_ones_do_not(evolving: Stage) -> None:
    best = evolving.offers(9)
    evolving.offers(8)
    evolving.offers(40, child=False, head=BlockHash(ZERO_HASH))
    evolving.offers(0)
    due = evolving.miner.due(evolving.at(60_000), transactions_wait=False)
    assert due is not None
    assert due.model_hash == best.model_hash
    evolving.miner.refuse(due)
    again = evolving.miner.due(evolving.at(60_000), transactions_wait=False)
    assert again is None, "a block that was refused is not made again"


def test_fallback_only_on_the_last_rung_and_only_for_transactions(evolving: Stage) -> None:
    rung_ms = evolving.chain.network.rules.parameters.rung_ms
    last = evolving.at(MAX_RUNG * rung_ms)
    assert evolving.miner.due(last, transactions_wait=False) is None
    assert evolving.miner.due(last, transactions_wait=True) is NOTHING_FOUND
    before = TimestampMs(last - 1)
    assert evolving.miner.due(before, transactions_wait=True) is None


def test_trainer_that_dies_is_started_again_with_its_task_but_not_for_ever(
    evolving: Stage,
) -> None:
    for _ in range(MAX_TRAINER_RESTARTS + 3):
        evolving.trainers[-1].alive = False
        evolving.miner.collect()
    assert len(evolving.trainers) == 1 + MAX_TRAINER_RESTARTS
    task = evolving.trainers[-1].tasks[-1]
    assert task is not None
    assert task.head == evolving.head.head
    assert evolving.miner.given_up


def test_refusals_end_mining_until_the_next_head(evolving: Stage) -> None:
    late = evolving.at(60_000)
    for gain in range(1, MAX_REFUSALS + 1):
        evolving.offers(gain)
        due = evolving.miner.due(late, transactions_wait=True)
        assert due is not None
        assert due is not NOTHING_FOUND
        evolving.miner.refuse(due)
    evolving.offers(30)
    assert evolving.miner.due(late, transactions_wait=True) is None
    evolving.chain.grow(ANN)
    evolving.miner.follow(evolving.head)
    offer = evolving.offers(30)
    due = evolving.miner.due(evolving.at(60_000), transactions_wait=True)
    assert due is not None
    assert due.model_hash == offer.model_hash


def test_refused_fallback_is_not_made_again(evolving: Stage) -> None:
    last = evolving.at(MAX_RUNG * evolving.chain.network.rules.parameters.rung_ms)
    evolving.miner.refuse(NOTHING_FOUND)
    assert evolving.miner.due(last, transactions_wait=True) is None
    offer = evolving.offers(9)
    due = evolving.miner.due(last, transactions_wait=True)
    assert due is not None
    assert due.model_hash == offer.model_hash


def test_family_that_stands_still_makes_way_for_the_next_in_turn() -> None:
    chain = two_families()
    miner, trainer = miner_on(chain)
    miner.follow(chain.state)
    first, second = in_turn(chain.tip)
    parameters = chain.network.rules.parameters

    def families_at(rung: int) -> list[FamilyId]:
        now = TimestampMs(chain.state.timestamp + rung * parameters.rung_ms)
        assert miner.due(now, transactions_wait=False) is None
        return [task.family for task in trainer.tasks if isinstance(task, Task)]

    assert families_at(NEXT_FAMILY_RUNG - 1) == [first]
    assert families_at(NEXT_FAMILY_RUNG) == [first, second]
    assert families_at(FOUNDER_RUNG) == [first, second], "once is enough"
    miner.follow(chain.state)
    assert families_at(0) == [first, second, first]


def test_two_families_that_stand_still_make_way_for_a_founder() -> None:
    chain = two_families()
    miner, trainer = miner_on(chain)
    miner.follow(chain.state)
    rung_ms = chain.network.rules.parameters.rung_ms
    for rung in range(2 * MAX_RUNG):
        now = TimestampMs(chain.state.timestamp + rung * rung_ms)
        assert miner.due(now, transactions_wait=False) is None
    assert [type(task) for task in trainer.tasks] == [Task, Task, ShapeTask]


def test_family_alone_makes_way_for_a_founder_whose_block_waits_for_its_rung(
    evolving: Stage,
) -> None:
    rung_ms = evolving.chain.network.rules.parameters.rung_ms
    tasks = evolving.trainers[0].tasks
    before = evolving.at(NEXT_FAMILY_RUNG * rung_ms - 1)
    assert evolving.miner.due(before, transactions_wait=False) is None
    assert len(tasks) == 1, "the family has its time"
    assert evolving.miner.due(TimestampMs(before + 1), transactions_wait=False) is None
    task = tasks[-1]
    assert isinstance(task, ShapeTask)
    assert task.head == evolving.head.head
    evolving.trainers[0].out.append(founder_offer(task, correct=60))
    evolving.miner.collect()
    allowed = evolving.at(FOUNDER_RUNG * rung_ms)
    assert evolving.miner.due(TimestampMs(allowed - 1), transactions_wait=False) is None
    due = evolving.miner.due(allowed, transactions_wait=False)
    assert due is not None
    assert due.correct_count == 60
    assert len(tasks) == 2


def test_search_for_a_founder_outlives_blocks_without_a_model_and_nothing_else(
    evolving: Stage,
) -> None:
    chain, tasks = evolving.chain, evolving.trainers[0].tasks
    late_ms = MAX_RUNG * chain.network.rules.parameters.rung_ms
    assert evolving.miner.due(evolving.at(late_ms), transactions_wait=True) is NOTHING_FOUND
    chain.add(toy.fallback(toy.Work(tip=chain.tip, miner=ANN, after_ms=late_ms)))
    evolving.miner.follow(evolving.head)
    task = tasks[-1]
    assert isinstance(task, ShapeTask), "what is trained now is ready before the next fallback"
    assert task.head == evolving.head.head
    chain.grow(ANN)
    evolving.miner.follow(evolving.head)
    assert isinstance(tasks[-1], Task), "the family has learned: it has its time again"


def test_training_is_not_left_for_another_family() -> None:
    rules = replace(toy.PARAMETERS, min_families=2, min_population=3)
    chain = toy.ToyChain(toy.toy_network([toy_dataset()], parameters=rules))
    chain.grow(ANN, 2)
    assert not any(family.records for family in chain.state.families.values())
    miner, trainer = miner_on(chain)
    miner.follow(chain.state)
    late = TimestampMs(chain.state.timestamp + NEXT_FAMILY_RUNG * rules.rung_ms)
    assert miner.due(late, transactions_wait=False) is None
    assert len(trainer.tasks) == 1


def test_when_the_chosen_shape_is_taken_another_evolves() -> None:
    stage = Stage(blocks=1, parameters=replace(toy.PARAMETERS, min_families=2))
    stage.miner.follow(stage.head)
    task = stage.trainers[0].tasks[-1]
    assert isinstance(task, ShapeTask)
    assert [family.family for family in task.families] == list(stage.head.families)


def test_choice_that_can_not_be_founded_is_told(caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage(blocks=0, parameters=replace(toy.PARAMETERS, max_connection_count=1))
    stage.miner.follow(stage.head)
    assert stage.trainers[0].tasks[-1] is None, "R-37 would refuse whatever it found"
    assert "choose another trainer.architecture" in caplog.text
