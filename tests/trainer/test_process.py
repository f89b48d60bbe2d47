# SPDX-License-Identifier: Apache-2.0
"""The trainer's real process: it works on the last task, idles without one, and ends at once."""

import time

from edge_node.trainer.process import TrainerOptions, TrainerProcess
from edge_node.trainer.task import Offer
from tests.spec import toy_chain as toy
from tests.spec.toy_data import toy_dataset
from tests.trainer.test_evolve import Splits
from tests.trainer.test_task import ANN, task_of

PATIENCE_S = 60


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
