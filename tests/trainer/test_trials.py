# SPDX-License-Identifier: Apache-2.0
"""What every search says of its tries: how many, how good the best, and of which lane."""

from dataclasses import dataclass, replace

from edge_node.primitives.types import DatasetId
from edge_node.trainer.judges import KernelJudge
from edge_node.trainer.search import search_for
from edge_node.trainer.task import Lane
from edge_node.trainer.trials import Trials
from tests.spec import toy_chain as toy
from tests.spec.toy_data import toy_dataset
from tests.trainer.toy_tasks import Splits, any_task_of

DATASET = toy_dataset()


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """A task that any number will do for."""

    dataset: DatasetId


class Counting(Trials[Numbers]):
    """Tries nonces, and finds nothing."""

    @property
    def _stage(self) -> str:
        return "count"

    def step(self) -> int:
        nonce = self._nonce
        self._tries += 1
        return nonce


def judge() -> KernelJudge:
    return KernelJudge(Splits(DATASET), 40)


def test_lanes_share_the_nonces_out() -> None:
    task = Numbers(dataset=DATASET.dataset_id)
    lanes = [Counting(task, judge(), Lane(index=index, count=3)) for index in range(3)]
    tried = [lane.step() for _ in range(4) for lane in lanes]
    assert tried == list(range(12))
    assert [lane.progress.candidates for lane in lanes] == [4, 4, 4]
    assert lanes[0].progress.stage == "count"


def test_best_accuracy_is_of_what_made_a_block() -> None:
    task = any_task_of(toy.ToyChain(toy.toy_network([DATASET])))
    search = search_for(task, None, judge())
    assert isinstance(search, Trials)
    assert replace(search.progress, best_train_ppm=0) == search.progress
    offers = [offer for offer in (search.step() for _ in range(20)) if offer is not None]
    assert offers
    assert search.progress.candidates == 20
    assert search.progress.best_train_ppm == max(offer.train_ppm for offer in offers)
