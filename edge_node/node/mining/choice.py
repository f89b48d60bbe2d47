# SPDX-License-Identifier: Apache-2.0
"""Which miner a network wants: its genesis names the proof rule.

Law of the file: the only place where a miner is chosen.
Read next: evolution.py, guiding.py, lottery.py.
"""

from collections.abc import Callable

from edge_node.chain.importer import Importer
from edge_node.node.mining.evolution import EvolutionMiner
from edge_node.node.mining.goal import ChainAccess
from edge_node.node.mining.guiding import GuidingMiner
from edge_node.node.mining.lottery import Contents, LotteryMiner
from edge_node.node.mining.miner import Miner, MinerIdentity
from edge_node.node.mining.slot import Trainer
from edge_node.primitives.clock import Clock
from edge_node.spec.engine import Engine
from edge_node.spec.genesis import GUIDING_GRADIENT_PAPER


def miner_for(
    importer: Importer,
    engine: Engine,
    identity: MinerIdentity,
    start_trainer: Callable[[], Trainer],
    *,
    contents: Contents,
    clock: Clock,
) -> Miner:
    """Return a miner by the rule of a chain.

    Parameters
    ----------
    importer : Importer
        The chain.
    engine : Engine
        Replays what is missing.
    identity : MinerIdentity
    start_trainer : callable
        Starts a trainer; asked again if one dies.
    contents : Contents
        What goes into a block that is fixed before the work.
    clock : Clock
    """
    chain = ChainAccess(engine=engine, models=importer.blocks, latents=importer.latents)
    if importer.proof == GUIDING_GRADIENT_PAPER:
        return GuidingMiner(identity, start_trainer, chain)
    if importer.has_lottery:
        return LotteryMiner(identity, start_trainer, chain, contents, clock)
    return EvolutionMiner(identity, start_trainer, importer.blocks)
