# SPDX-License-Identifier: Apache-2.0
"""The node's engine on a stored dataset: the law's values, stand-ins, and an end at any time."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_node.datasets.store import DatasetStore
from edge_node.inference.backend import BackendFailed, Images, Labels
from edge_node.inference.native import NumpyBackend
from edge_node.inference.reference import ReferenceBackend
from edge_node.kernels.libsodium import load_ed25519
from edge_node.node.engine import NodeEngine, StopRequested, StoredSplits
from edge_node.node.errors import BlockBeyondTime
from edge_node.node.limits import BlockTime, Limits
from edge_node.primitives.hashing import ZERO_HASH
from edge_node.primitives.types import BlockHash, DatasetId, NetworkId
from edge_node.spec import training
from edge_node.spec.dataset import SplitName
from edge_node.spec.engine import DatasetMissing, ReferenceEngine
from edge_node.spec.model import Model
from edge_node.spec.recipe import EvolutionRates, RecipeContext, Step, StepKind
from tests.datasets.samples import stored
from tests.node.rig import VirtualClock
from tests.spec import toy_chain as toy
from tests.spec.toy_data import toy_dataset

ANN = toy.miner("ann")
DATA = toy_dataset()
LAW = ReferenceEngine(splits={DATA.dataset_id: dict(zip(SplitName, DATA.splits, strict=True))})
START = training.initial_state(toy.ARCHITECTURE, b"engine")
MODEL = training.model_from_state(toy.ARCHITECTURE, START)
UNKNOWN = DatasetId(ZERO_HASH)
LONG_S = 60


class Broken(ReferenceBackend):
    """A back end whose process always dies."""

    name = "broken"
    closed = False

    def count_correct(self, model: Model, images: Images, labels: Labels) -> int:
        raise BackendFailed(backend=self.name, why="the test says so")

    def close(self) -> None:
        self.closed = True


class Endless(ReferenceBackend):
    """A back end that computes until the test lets it go."""

    def __init__(self) -> None:
        self.begun, self.let_go = threading.Event(), threading.Event()

    def count_correct(self, model: Model, images: Images, labels: Labels) -> int:
        self.begun.set()
        self.let_go.wait(LONG_S)
        return 0


@pytest.fixture
def store(tmp_path: Path) -> DatasetStore:
    store = DatasetStore(tmp_path)
    store.add(stored(DATA))
    return store


@pytest.fixture
def engine(store: DatasetStore) -> Iterator[NodeEngine]:
    engine = NodeEngine(load_ed25519(), (ReferenceBackend(),), store)
    yield engine
    engine.close()


def test_every_value_is_the_laws(engine: NodeEngine) -> None:
    indices, schedule = list(range(40)), ((32, 8), (1, 7))
    state = engine.train(toy.ARCHITECTURE, START, DATA.dataset_id, indices, 8, schedule)
    expected = LAW.train(toy.ARCHITECTURE, START, DATA.dataset_id, indices, 8, schedule)
    assert state == expected
    assert engine.count_correct(MODEL, DATA.dataset_id) == LAW.count_correct(MODEL, DATA.dataset_id)
    context = RecipeContext(network=NetworkId(ZERO_HASH), base=BlockHash(ZERO_HASH), miner=ANN.key)
    steps = (Step(kind=StepKind.FLIP, nonce=3), Step(kind=StepKind.THRESHOLD, nonce=4))
    rates = EvolutionRates(mutate_ppm=100_000, cross_ppm=100_000)
    made = engine.apply_recipe(MODEL, (), steps, rates, context)
    assert made == LAW.apply_recipe(MODEL, (), steps, rates, context)
    signature = ANN.sign(b"message")
    assert engine.verify(ANN.key, b"message", signature)
    assert not engine.verify(ANN.key, b"another", signature)


@pytest.mark.parametrize("batches", [((0, 1, 2, 3),), ((5, 5), (7, 9), (199, 0))])
def test_walk_is_the_laws(engine: NodeEngine, batches: tuple[tuple[int, ...], ...]) -> None:
    walk = engine.walk(toy.ARCHITECTURE, START.packed(), DATA.dataset_id, batches, 2)
    assert walk == LAW.walk(toy.ARCHITECTURE, START.packed(), DATA.dataset_id, batches, 2)


def test_walk_ends_between_two_steps(store: DatasetStore) -> None:
    stop = StopAfter()
    engine = NodeEngine(load_ed25519(), (ReferenceBackend(),), store, stop)
    with pytest.raises(StopRequested):
        engine.walk(toy.ARCHITECTURE, START.packed(), DATA.dataset_id, ((0,),) * 100, 2)
    assert stop.looks == -1


def test_work_in_many_short_calls_has_the_same_values(
    store: DatasetStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_node.node.engine.MAX_CALL_MACS", 7 * toy.ARCHITECTURE.macs)
    engine = NodeEngine(load_ed25519(), (NumpyBackend(),), store)
    indices, schedule = [index % 150 for index in range(72)], ((32, 8), (1, 7))
    state = engine.train(toy.ARCHITECTURE, START, DATA.dataset_id, indices, 8, schedule)
    assert state == LAW.train(toy.ARCHITECTURE, START, DATA.dataset_id, indices, 8, schedule)
    assert engine.count_correct(MODEL, DATA.dataset_id) == LAW.count_correct(MODEL, DATA.dataset_id)


class Meeting(NumpyBackend):
    """A back end that counts only while another one does."""

    def __init__(self, barrier: threading.Barrier) -> None:
        super().__init__()
        self.barrier = barrier

    def count_correct(self, model: Model, images: Images, labels: Labels) -> int:
        self.barrier.wait(LONG_S)
        return super().count_correct(model, images, labels)


@pytest.mark.parametrize("calls", [2, 4])
def test_much_is_counted_by_several_threads_at_once(
    store: DatasetStore, monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    (count,) = {len(split.labels) for split in DATA.splits[1:2]}
    size = -(-count // calls)
    monkeypatch.setattr("edge_node.node.engine.MAX_CALL_MACS", size * toy.ARCHITECTURE.macs)
    barrier = threading.Barrier(2)
    first, second = Meeting(barrier), Meeting(barrier)
    engine = NodeEngine(load_ed25519(), (first,), store, beside=(second,))
    assert engine.count_correct(MODEL, DATA.dataset_id) == LAW.count_correct(MODEL, DATA.dataset_id)


def test_time_limit_ends_all_threads(store: DatasetStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_node.node.engine.MAX_CALL_MACS", toy.ARCHITECTURE.macs)
    clock = VirtualClock()
    time = BlockTime(Limits(block_ms=10), clock)
    backends = (NumpyBackend(), NumpyBackend())
    engine = NodeEngine(load_ed25519(), backends[:1], store, None, time, backends[1:])
    time.begin()
    clock.ms += 11
    with pytest.raises(BlockBeyondTime):
        engine.count_correct(MODEL, DATA.dataset_id)
    time.end()
    assert engine.count_correct(MODEL, DATA.dataset_id) == LAW.count_correct(MODEL, DATA.dataset_id)


class StopAfter(threading.Event):
    """An order to stop that comes when it has been looked for a few times."""

    looks = 3

    def is_set(self) -> bool:
        self.looks -= 1
        return self.looks < 0


def test_training_ends_between_two_calls(
    store: DatasetStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_node.node.engine.MAX_CALL_MACS", 1)
    stop = StopAfter()
    engine = NodeEngine(load_ed25519(), (ReferenceBackend(),), store, stop)
    with pytest.raises(StopRequested):
        engine.train(toy.ARCHITECTURE, START, DATA.dataset_id, [0] * 800, 8, ((1, 7),))
    assert stop.looks == -1, "it was at work for three calls of a hundred"


def test_missing_dataset_is_named(engine: NodeEngine) -> None:
    with pytest.raises(DatasetMissing, match=UNKNOWN.hex()):
        engine.count_correct(MODEL, UNKNOWN)


def test_broken_back_end_is_replaced_and_the_log_says_so(
    store: DatasetStore, caplog: pytest.LogCaptureFixture
) -> None:
    broken = Broken()
    engine = NodeEngine(load_ed25519(), (broken, ReferenceBackend()), store)
    assert engine.backend_name == "broken"
    assert engine.count_correct(MODEL, DATA.dataset_id) == LAW.count_correct(MODEL, DATA.dataset_id)
    assert "back end broken failed (the test says so)" in caplog.text
    assert engine.take_used() == "reference", "a block's record says what has judged it"
    assert engine.take_used() == "broken", "nothing was counted since"
    engine.close()
    assert broken.closed


def test_last_back_ends_failure_is_the_callers(store: DatasetStore) -> None:
    engine = NodeEngine(load_ed25519(), (Broken(),), store)
    with pytest.raises(BackendFailed):
        engine.count_correct(MODEL, DATA.dataset_id)


def test_computation_is_left_behind_when_the_order_to_stop_comes(store: DatasetStore) -> None:
    stop, endless = threading.Event(), Endless()
    engine = NodeEngine(load_ed25519(), (endless,), store, stop)

    def order() -> None:
        endless.begun.wait(LONG_S)
        stop.set()

    threading.Thread(target=order).start()
    with pytest.raises(StopRequested):
        engine.count_correct(MODEL, DATA.dataset_id)
    assert not endless.let_go.is_set(), "it did not wait for the result"
    with pytest.raises(StopRequested):
        engine.train(toy.ARCHITECTURE, START, DATA.dataset_id, [0] * 8, 8, ((1, 7),))
    endless.let_go.set()


def test_splits_travel_by_path(store: DatasetStore) -> None:
    split = StoredSplits(store).split(DATA.dataset_id, SplitName.RESERVE)
    assert split == DATA.splits[SplitName.RESERVE]
