# SPDX-License-Identifier: Apache-2.0
"""Founders of toy chains whose shape evolved."""

from dataclasses import replace

from edge_node.primitives.types import DatasetId, FamilyId
from edge_node.spec.architecture import Architecture
from edge_node.spec.proof import founding
from edge_node.spec.proof.founding import ShapeOrigin
from edge_node.spec.shapes import ShapeNotEvolved
from tests.spec.toy_chain import Mined, Miner, NothingFound, Tip, Work, founder

FEW_TRIES = 5
"""Nonces under which it trains one shape of many."""


def evolved_founder(work: Work, parent: FamilyId, dataset: DatasetId) -> Mined:
    """Mine the first block of a family whose shape evolved from that of another."""
    for nonce in work.nonces():
        origin = ShapeOrigin(first=parent, second=parent, nonce=nonce)
        try:
            shape = evolved(work.tip, work.miner, origin, dataset)
            return founder(replace(work, tries=FEW_TRIES), shape, dataset, origin)
        except (NothingFound, ShapeNotEvolved):
            continue
    raise NothingFound


def evolved(tip: Tip, who: Miner, origin: ShapeOrigin, dataset: DatasetId) -> Architecture:
    """Return the shape that two families have as their child."""
    return founding.evolved_shape(
        tip.state.families[origin.first].architecture,
        tip.state.families[origin.second].architecture,
        founding.shape_seed(tip.network.rules.network, tip.state.head, who.key, origin.nonce),
        manifest=tip.state.datasets[dataset].manifest,
        siblings=[f.architecture for f in tip.state.families.values() if f.dataset == dataset],
        parameters=tip.parameters,
    )
