# SPDX-License-Identifier: Apache-2.0
"""The pool on a real toy chain: whoever works, and however many, the findings are the same.

Every stage (founder, evolved shape, population, evolution) runs in four lanes on one process, on
two and three processes, and on a Ray that is started here.
"""

import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from edge_node.datasets.errors import DatasetUnknown
from edge_node.primitives.types import DatasetId
from edge_node.spec.dataset import SplitName
from edge_node.spec.engine import LabelledImages
from edge_node.trainer.founding import Founding
from edge_node.trainer.judges import KernelJudge
from edge_node.trainer.pool import (
    LOCAL_RAY,
    PoolOptions,
    RayMissing,
    WorkerFailed,
    check_ray,
    open_pool,
)
from edge_node.trainer.process import TrainerOptions, TrainerProcess
from edge_node.trainer.search import Message
from edge_node.trainer.task import Offer
from tests.spec import toy_chain as toy
from tests.spec.toy_data import toy_dataset
from tests.trainer.stillborn import LargeSplits, kill_at_birth
from tests.trainer.toy_tasks import ANN, Splits, any_task_of, block_of, task_of

LANES = 4
ROUNDS = 12
SELECTION = 150
PATIENCE_S = 120
DATASET = toy_dataset()
ON_RAY = """
from tests.trainer.test_pool import on_ray
on_ray()
"""

Found = list[Message]


class Gone:
    """A dataset that is not there any longer."""

    def split(self, dataset: DatasetId, name: SplitName) -> LabelledImages:
        raise DatasetUnknown(dataset_id=dataset)


def found_by(options: PoolOptions, rounds: int = ROUNDS) -> Found:
    """Return all that a pool says while a toy chain goes through its stages."""
    said: Found = []
    parameters = replace(toy.PARAMETERS, min_families=2)
    two_families = toy.ToyChain(toy.toy_network([DATASET], parameters=parameters))
    two_families.grow(ANN)
    chain = toy.ToyChain(toy.toy_network([DATASET]))
    with open_pool(Splits(DATASET), SELECTION, options) as pool:
        assert not pool.busy
        assert pool.round() == []
        pool.assign(any_task_of(two_families))
        said += [each for _ in range(rounds) for each in pool.round()]
        for _ in range(4):  # founder, population, evolution, and its climbs on another head
            pool.assign(task_of(chain))
            said += [each for _ in range(rounds) for each in pool.round()]
            chain.grow(ANN)
        pool.assign(None)
        assert pool.round() == []
        assert not pool.busy
    return said


def on_ray() -> None:
    """Compare a local Ray with this process: in a process of its own, as Ray changes it."""
    options = PoolOptions(workers=2, lanes=LANES, ray_address=LOCAL_RAY)
    rounds = 4
    assert found_by(options, rounds) == found_by(PoolOptions(lanes=LANES), rounds)
    sys.stdout.write("equal\n")


def test_lanes_of_one_process_offer_what_the_law_accepts() -> None:
    said = found_by(PoolOptions(lanes=LANES))
    offers = [each for each in said if isinstance(each, Offer)]
    assert {offer.child for offer in offers} == {False, True}
    chain = toy.ToyChain(toy.toy_network([DATASET]))
    founders = [each for each in offers if each.head == chain.state.head]
    assert len({each.nonce % LANES for each in founders}) > 1
    for offer in founders[:2]:
        chain.tip.validate(block_of(offer, chain))


def test_one_lane_is_the_trainer_without_a_pool() -> None:
    chain = toy.ToyChain(toy.toy_network([DATASET]))
    founding = Founding(task_of(chain), KernelJudge(Splits(DATASET), SELECTION))
    with open_pool(Splits(DATASET), SELECTION, PoolOptions()) as pool:
        pool.assign(task_of(chain))
        for _ in range(ROUNDS):
            offer = founding.step()
            assert pool.round() == [founding.progress if offer is None else offer]


@pytest.mark.slow  # processes
@pytest.mark.parametrize("workers", [2, 3])
def test_any_number_of_processes_finds_the_same(workers: int) -> None:
    alone = found_by(PoolOptions(lanes=LANES))
    assert found_by(PoolOptions(workers=workers, lanes=LANES)) == alone
    assert len(alone) > ROUNDS


@pytest.mark.slow  # a Ray
@pytest.mark.timeout(600)
def test_local_ray_finds_the_same() -> None:
    if importlib.util.find_spec("ray") is None:
        pytest.skip("Ray is not installed here")
    done = subprocess.run(
        [sys.executable, "-c", ON_RAY],
        capture_output=True,
        text=True,
        timeout=540,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "equal\n"), done.stderr


def test_ray_that_is_not_installed_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    check_ray(PoolOptions())
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    options = PoolOptions(ray_address=LOCAL_RAY)
    with pytest.raises(RayMissing, match=r"edge-node\[ray\]"):
        check_ray(options)
    with pytest.raises(RayMissing), open_pool(Splits(DATASET), SELECTION, options):
        pass


@pytest.mark.slow  # processes
@pytest.mark.parametrize("workers", [1, 2])
def test_worker_that_can_not_read_its_dataset_says_so(workers: int) -> None:
    task = task_of(toy.ToyChain(toy.toy_network([DATASET])))
    with open_pool(Gone(), SELECTION, PoolOptions(workers=workers)) as pool:
        pool.assign(task)
        with pytest.raises(WorkerFailed, match=r"^dataset .* is not in the store"):
            pool.round()


@pytest.mark.slow  # processes
def test_worker_that_dies_before_it_has_read_anything_ends_the_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kill_at_birth(tmp_path, monkeypatch)
    with open_pool(LargeSplits(DATASET), SELECTION, PoolOptions(workers=2)) as pool:
        pool.assign(task_of(toy.ToyChain(toy.toy_network([DATASET]))))
        with pytest.raises(WorkerFailed, match="has ended; the trainer begins anew"):
            pool.round()


def children_of(pid: int) -> set[int]:
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        if int(fields[1]) == pid and fields[0] != "Z":
            found.add(int(stat.parent.name))
    return found


def wait_until(happens: Callable[[], bool]) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while not happens():
        assert time.monotonic() < end_s, f"not within {PATIENCE_S} s"
        time.sleep(0.02)


def workers_of_this_process() -> set[int]:
    """Return the trainer's workers: grandchildren with a trainer's command line."""
    found = set()
    for child in children_of(os.getpid()):
        found |= {each for each in children_of(child) if "spawn_main" in command_of(each)}
    return found


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


@pytest.mark.slow  # processes
def test_trainer_with_workers_ends_with_all_of_them() -> None:
    options = TrainerOptions(selection_images=SELECTION, nice=0, pool=PoolOptions(workers=2))
    chain = toy.ToyChain(toy.toy_network([DATASET]))
    trainer = TrainerProcess(Splits(DATASET), options)
    try:
        trainer.assign(task_of(chain))
        wait_until(lambda: any(isinstance(each, Offer) for each in trainer.poll()))
        workers = workers_of_this_process()
        assert len(workers) == 2
    finally:
        trainer.stop()
    wait_until(lambda: not any(command_of(each) for each in workers))


@pytest.mark.slow  # processes
def test_worker_that_is_killed_ends_the_trainer_for_its_node_to_restart(
    capfd: pytest.CaptureFixture[str],
) -> None:
    options = TrainerOptions(selection_images=SELECTION, nice=0, pool=PoolOptions(workers=2))
    trainer = TrainerProcess(Splits(DATASET), options)
    try:
        wait_until(lambda: len(workers_of_this_process()) == 2)
        os.kill(min(workers_of_this_process()), signal.SIGKILL)
        trainer.assign(task_of(toy.ToyChain(toy.toy_network([DATASET]))))
        wait_until(lambda: not trainer.alive)
    finally:
        trainer.stop()
    (line,) = capfd.readouterr().err.splitlines()
    assert "edge-node-worker-" in line
    assert line.endswith("has ended; the trainer begins anew")
