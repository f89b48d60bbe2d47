# SPDX-License-Identifier: Apache-2.0
"""Seeded chaos: whatever a seed does to a network, the network heals and has lost nothing.

More seeds than the usual ones: EDGE_NODE_SEEDS=100-199 pytest tests/simulation; one that has failed
is printed by its number and replays with EDGE_NODE_SEEDS=<number>.
"""

import os
from pathlib import Path

import pytest

from tests.simulation.chaos import live_through

QUICK_SEED = 1
"""The one of the fast tests."""


def chosen_seeds() -> list[object]:
    first, _, last = os.environ.get("EDGE_NODE_SEEDS", "1-12").partition("-")
    return [
        pytest.param(str(seed), marks=() if seed == QUICK_SEED else pytest.mark.slow)
        for seed in range(int(first), int(last or first) + 1)
    ]


@pytest.mark.parametrize("seed", chosen_seeds())
def test_network_heals(seed: str, disk: Path) -> None:
    live_through(seed, disk)


@pytest.mark.slow
@pytest.mark.parametrize("seed", chosen_seeds()[:1])
def test_network_heals_among_vandals(seed: str, disk: Path) -> None:
    live_through(f"vandals {seed}", disk, vandals=True)
