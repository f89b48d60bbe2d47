# SPDX-License-Identifier: Apache-2.0
"""Parameters under which each proof rule wins within a few tries, for whole nodes."""

from dataclasses import replace

from edge_node.spec.genesis import (
    EVOLUTION,
    GUIDING_GRADIENT_PAPER,
    RECIPE,
)
from tests.chain.workshop import EASY, SMALL
from tests.spec.toy_lottery import LOTTERY
from tests.spec.toy_walks import PAPER_B

BURSTS = replace(
    LOTTERY,
    burst_batch=2,
    min_evaluation_images=20,
    min_interval_ms=0,
    max_cost=LOTTERY.burst_steps * 2 * SMALL.macs,
    accuracy_tolerance_ppm=500_000,
    max_idle_blocks=1_000,
)
WALKS = replace(PAPER_B, min_evaluation_images=20, requirements=1)

BY_RULE = {EVOLUTION: EASY, GUIDING_GRADIENT_PAPER: WALKS, RECIPE: BURSTS}
