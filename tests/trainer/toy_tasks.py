# SPDX-License-Identifier: Apache-2.0
"""A trainer's tasks on toy chains: what is due on one, the images to learn, a block of an offer."""

from edge_node.chain.block_builder import build_block
from edge_node.node.mining.offers import finding_of
from edge_node.primitives.types import DatasetId, TimestampMs
from edge_node.spec.architecture import Architecture
from edge_node.spec.block import Block
from edge_node.spec.dataset import Manifest, SplitName
from edge_node.spec.engine import LabelledImages
from edge_node.trainer.search import AnyTask
from edge_node.trainer.task import Aim, Offer, Task, next_task
from tests.spec import toy_chain as toy
from tests.spec.toy_data import ToyDataset

ANN, BOB = toy.miner("ann"), toy.miner("bob")


def founded(manifest: Manifest) -> Architecture:
    assert (manifest.height, manifest.width) == (8, 8)
    return toy.ARCHITECTURE


def task_of(chain: toy.ToyChain) -> Task:
    task = any_task_of(chain)
    assert isinstance(task, Task)
    return task


def any_task_of(chain: toy.ToyChain, aim: Aim = Aim.IN_TURN) -> AnyTask | None:
    rules = chain.network.rules
    return next_task(
        chain.state,
        network=rules.network,
        parameters=rules.parameters,
        miner=ANN.key,
        models=chain.models,
        new_family=founded,
        aim=aim,
    )


class AnnSigner:
    """Signs as Ann."""

    public_key = ANN.key
    sign = staticmethod(ANN.sign)


class Splits:
    """The toy dataset's bytes."""

    def __init__(self, dataset: ToyDataset) -> None:
        self._dataset = dataset

    def split(self, dataset: DatasetId, name: SplitName) -> LabelledImages:
        return self._dataset.splits[name]


def block_of(offer: Offer, chain: toy.ToyChain) -> Block:
    return build_block(
        chain.state,
        finding_of(offer),
        transactions=(),
        have=(),
        timestamp=TimestampMs(chain.state.timestamp + toy.BLOCK_MS),
        rules=chain.network.rules,
        signer=AnnSigner(),
    )
