# SPDX-License-Identifier: Apache-2.0
"""The trainer's real process: it works on the last task, idles without one, and ends at once."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_node.datasets.errors import DatasetUnknown
from edge_node.node.mining.slot import MAX_TRAINER_RESTARTS
from edge_node.primitives.types import DatasetId
from edge_node.spec.dataset import SplitName
from edge_node.spec.engine import LabelledImages
from edge_node.spec.proof.evolution_proof import ChildProof, proof_from_bytes
from edge_node.trainer.process import TrainerOptions, TrainerProcess
from edge_node.trainer.search import Message
from edge_node.trainer.task import Offer, Progress
from tests.spec import toy_chain as toy
from tests.spec.toy_data import toy_dataset
from tests.trainer.stillborn import LargeSplits, kill_at_birth
from tests.trainer.toy_tasks import ANN, BOB, Splits, task_of

PATIENCE_S = 120
SCRIPT = """
import os, signal, sys, time
from edge_node.trainer.process import TrainerOptions, TrainerProcess
from tests.spec import toy_chain as toy
from tests.spec.toy_data import toy_dataset
from tests.trainer.toy_tasks import Splits, task_of

signal.signal(signal.SIGINT, lambda *_: None)
signal.signal(signal.SIGTERM, lambda *_: None)
dataset = toy_dataset()
trainer = TrainerProcess(Splits(dataset), TrainerOptions(selection_images=150, nice=0))
if sys.argv[1] == "leave":
    sys.exit()
trainer.assign(task_of(toy.ToyChain(toy.toy_network([dataset]))))
end_s = time.monotonic() + 60
while trainer.alive and not trainer.poll() and time.monotonic() < end_s:
    os.killpg(0, int(sys.argv[1]))
    time.sleep(0.02)
print("alive" if trainer.alive else "dead")
trainer.stop()
"""

LAUNCHER = """
import sys
from dataclasses import dataclass
from edge_node.node.mining.slot import TrainerSlot
from edge_node.trainer.process import TrainerOptions, TrainerProcess

@dataclass
class Splits:
    images: bytes

slot = TrainerSlot(
    lambda: TrainerProcess(Splits(bytes(1 << 20)), TrainerOptions(selection_images=150, nice=0))
)
while not slot.given_up:
    slot.poll()
slot.poll()
slot.stop()
print("given up")
"""
"""It lacks `if __name__ == "__main__":`, so its trainers begin where it does, and Python ends them
before they have read anything."""

pytestmark = pytest.mark.slow  # processes


class Gone:
    """A dataset that is not there any longer."""

    def split(self, dataset: DatasetId, name: SplitName) -> LabelledImages:
        raise DatasetUnknown(dataset_id=dataset)


def run_script(argument: str) -> tuple[str, str]:
    """Run a trainer and its node in a process group of their own; return what they print."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, argument],
        start_new_session=True,
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_to_the_group_leaves_it_to_its_node(number: signal.Signals) -> None:
    assert run_script(str(int(number))) == ("alive\n", "")


def test_node_that_forgets_its_trainer_ends_all_the_same() -> None:
    assert run_script("leave") == ("", "")


def test_launcher_that_no_process_can_begin_from_only_validates(tmp_path: Path) -> None:
    launcher = tmp_path / "launcher.py"
    launcher.write_text(LAUNCHER)
    done = subprocess.run(
        [sys.executable, launcher],
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE_S,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "given up\n"), done.stderr
    told = [line for line in done.stderr.splitlines() if line.startswith("the trainer has died")]
    assert len(told) == 1 + MAX_TRAINER_RESTARTS
    assert told[0] == "the trainer has died (exit status 1); start 1 of another"
    assert "this node only validates" in told[-1]


def test_trainer_without_memory_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kill_at_birth(tmp_path, monkeypatch)
    large = LargeSplits(toy_dataset())
    trainer = TrainerProcess(large, TrainerOptions(selection_images=150, nice=0))
    end_s = time.monotonic() + PATIENCE_S
    while trainer.alive and time.monotonic() < end_s:
        time.sleep(0.02)
    assert trainer.ending == "killed, as a machine does that has no memory left"
    assert trainer.poll() == []
    trainer.stop()


def test_dataset_that_can_not_be_read_is_one_sentence(capfd: pytest.CaptureFixture[str]) -> None:
    trainer = TrainerProcess(Gone(), TrainerOptions(selection_images=150, nice=0))
    try:
        trainer.assign(task_of(toy.ToyChain(toy.toy_network([toy_dataset()]))))
        end_s = time.monotonic() + PATIENCE_S
        while trainer.alive and time.monotonic() < end_s:
            time.sleep(0.02)
        assert not trainer.alive
    finally:
        trainer.stop()
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("the trainer can not go on: dataset ")


def test_takes_tasks_offers_and_ends() -> None:
    dataset = toy_dataset()
    chain = toy.ToyChain(toy.toy_network([dataset]))
    old = task_of(chain)
    chain.grow(ANN)
    trainer = TrainerProcess(Splits(dataset), TrainerOptions(selection_images=150, nice=0))
    try:
        for task in (old, None, task_of(chain)):
            trainer.assign(task)
        end_s = time.monotonic() + PATIENCE_S
        heads = set()
        while chain.state.head not in heads and time.monotonic() < end_s:
            heads |= {each.head for each in trainer.poll() if isinstance(each, Offer)}
            time.sleep(0.02)
        assert chain.state.head in heads
    finally:
        trainer.stop()
    assert not trainer.alive
    trainer.assign(None)


def test_foreign_block_throws_no_climb_away() -> None:
    dataset = toy_dataset()
    chain = toy.ToyChain(toy.toy_network([dataset]))
    chain.grow(ANN, 2)
    base = task_of(chain).relatives
    trainer = TrainerProcess(Splits(dataset), TrainerOptions(selection_images=150, nice=0))
    said: list[Message] = []

    def listen_until(enough: Callable[[Message], bool]) -> None:
        end_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < end_s:
            news = trainer.poll()
            said.extend(news)
            if any(enough(each) for each in news):
                return
            time.sleep(0.02)
        raise AssertionError(f"not within {PATIENCE_S} s; {said[-3:]}")

    def from_an_older_record(each: Message) -> bool:
        if not isinstance(each, Offer) or each.head != chain.state.head:
            return False
        proof = proof_from_bytes(each.proof)
        return isinstance(proof, ChildProof) and proof.base < len(base)

    try:
        trainer.assign(task_of(chain))
        listen_until(lambda each: isinstance(each, Offer))
        chain.grow(BOB)
        trainer.assign(task_of(chain))
        listen_until(from_an_older_record)
    finally:
        trainer.stop()
    candidates = [each.candidates for each in said if isinstance(each, Progress)]
    assert candidates == sorted(candidates), "begun anew"
