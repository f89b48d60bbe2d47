# SPDX-License-Identifier: Apache-2.0
"""The kernels' judge against the law: counts, training and climbs, and who sees which split."""

import pytest

from edge_node.primitives.types import DatasetId
from edge_node.spec import training
from edge_node.spec.architecture import BINARY_4K, UINT8_1M, UINT8_94K
from edge_node.spec.dataset import SplitName
from edge_node.spec.engine import LabelledImages
from edge_node.spec.evaluation import count_correct, slice_images
from edge_node.spec.model import Model
from edge_node.spec.recipe import RecipeContext
from edge_node.trainer.judges import KernelJudge
from tests.spec import toy_chain as toy
from tests.spec.toy_data import SIDE, ToyDataset, toy_dataset
from tests.trainer.toy_tasks import ANN, Splits, task_of

SELECTION_IMAGES = 150
DATA = toy_dataset()


class WatchedSplits(Splits):
    """Notes which splits were asked for."""

    def __init__(self, dataset: ToyDataset) -> None:
        super().__init__(dataset)
        self.asked: list[SplitName] = []

    def split(self, dataset: DatasetId, name: SplitName) -> LabelledImages:
        self.asked.append(name)
        return super().split(dataset, name)


def by_the_law(model: Model, name: SplitName, images: int) -> int:
    split = DATA.splits[name]
    front = split.images[: images * SIDE * SIDE]
    return count_correct(model, slice_images(model.architecture, front), split.labels[:images])


def grown() -> toy.ToyChain:
    chain = toy.ToyChain(toy.toy_network([DATA]))
    chain.grow(ANN, 2)
    return chain


def test_counts_are_the_laws_and_selection_sees_the_front_of_the_train_split() -> None:
    model = task_of(grown()).relatives[0].model
    judge = KernelJudge(Splits(DATA), SELECTION_IMAGES)
    for name, images in ((SplitName.TRAIN, SELECTION_IMAGES), (SplitName.EVALUATION, 100)):
        expected = by_the_law(model, name, images)
        assert judge.count(model, DATA.dataset_id, name) == (expected, images)


def test_selection_of_more_images_than_there_are_takes_all() -> None:
    model = task_of(grown()).relatives[0].model
    counted = KernelJudge(Splits(DATA), 10**6).count(model, DATA.dataset_id, SplitName.TRAIN)
    assert counted == (by_the_law(model, SplitName.TRAIN, 200), 200)


def test_training_is_the_laws_on_the_whole_train_split() -> None:
    task = task_of(grown())
    start = training.initial_state(task.architecture, b"seed")
    indices = training.batch_indices(b"batches", 16 * 8, task.train_images)
    schedule = task.parameters.step_schedule
    split = DATA.splits[SplitName.TRAIN]
    by_law = training.train(
        task.architecture, start, split.images, split.labels, indices, 8, schedule
    )
    judge = KernelJudge(Splits(DATA), SELECTION_IMAGES)
    trained = judge.train(task.architecture, start, DATA.dataset_id, indices, 8, schedule)
    assert trained.root() == by_law.root()
    assert trained.root() != start.root()


def test_climb_never_looks_at_evaluation_or_reserve() -> None:
    task = task_of(grown())
    base = task.relatives[0]
    splits = WatchedSplits(DATA)
    climber = KernelJudge(splits, SELECTION_IMAGES).climber(
        base.model,
        task.dataset,
        RecipeContext(network=task.network, base=base.block, miner=task.miner),
        task.parameters.rates,
        max_steps=50,
    )
    climber.climb(1_000)
    assert climber.images == SELECTION_IMAGES
    assert set(splits.asked) == {SplitName.TRAIN}


def test_each_split_is_read_once() -> None:
    model = task_of(grown()).relatives[0].model
    splits = WatchedSplits(DATA)
    judge = KernelJudge(splits, SELECTION_IMAGES)
    for _ in range(3):
        judge.count(model, DATA.dataset_id, SplitName.TRAIN)
        judge.count(model, DATA.dataset_id, SplitName.EVALUATION)
    assert splits.asked == [SplitName.TRAIN, SplitName.EVALUATION]


def test_slices_are_shorter_for_larger_networks_and_without_compiled_kernels(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    judge = KernelJudge(Splits(DATA), SELECTION_IMAGES)
    families = (BINARY_4K, UINT8_94K, UINT8_1M)
    monkeypatch.setattr("edge_node.trainer.judges.load_library", object)
    compiled = [judge.slice_candidates(family) for family in families]
    monkeypatch.setattr("edge_node.trainer.judges.load_library", lambda: None)
    in_numpy = [judge.slice_candidates(family) for family in families]
    assert sorted(compiled, reverse=True) == compiled
    assert sorted(in_numpy, reverse=True) == in_numpy
    assert all(0 < few <= many for few, many in zip(in_numpy, compiled, strict=True))
    assert in_numpy[0] < compiled[0]
