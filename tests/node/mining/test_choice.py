# SPDX-License-Identifier: Apache-2.0
"""Each proof rule has its miner, in a whole node."""

from dataclasses import replace
from pathlib import Path

import pytest

from edge_node.node.mining.evolution import EvolutionMiner
from edge_node.node.mining.guiding import GuidingMiner
from edge_node.node.mining.lottery import LotteryMiner
from edge_node.node.mining.miner import Miner
from edge_node.spec.genesis import (
    EVOLUTION,
    GUIDING_GRADIENT,
    GUIDING_GRADIENT_PAPER,
    HARDENED,
    RECIPE,
    Parameters,
)
from tests.chain.workshop import EASY
from tests.node.mining.by_rule import BURSTS, WALKS
from tests.node.rig import world

HARD = replace(BURSTS, requirements=HARDENED[0], cross_weight=HARDENED[1])


@pytest.mark.parametrize(
    ("proof", "parameters", "wanted"),
    [
        (EVOLUTION, EASY, EvolutionMiner),
        (GUIDING_GRADIENT_PAPER, WALKS, GuidingMiner),
        (GUIDING_GRADIENT, HARD, LotteryMiner),
        (RECIPE, BURSTS, LotteryMiner),
    ],
)
def test_genesis_names_the_miner(
    tmp_path: Path, proof: str, parameters: Parameters, wanted: type[Miner]
) -> None:
    with world(tmp_path, parameters, proof=proof) as room:
        assert isinstance(room.add("ann", mines=True).node.parts.miner, wanted)
