# SPDX-License-Identifier: Apache-2.0
"""Seeded chaos: whatever a seed does to a network, the network heals and has lost nothing.

A few seeds; `python -m tools.simulate` plays any number of them, and one again that has failed.
"""

from pathlib import Path

import pytest

from tests.simulation.chaos import live_through

BYZANTINE_SEED = "6"
SEEDS = [pytest.param("1"), *(pytest.param(f"{n}", marks=pytest.mark.slow) for n in range(2, 7))]
"""The first is one of the fast tests."""


@pytest.mark.parametrize("seed", SEEDS)
def test_network_heals(seed: str, disk: Path) -> None:
    life = live_through(seed, disk)
    assert life.blocks > 0
    assert life.nodes >= 3


@pytest.mark.slow
def test_network_heals_among_vandals(disk: Path) -> None:
    assert live_through("vandals 1", disk, vandals=True).blocks > 0


@pytest.mark.slow
def test_byzantine_miner_is_among_the_seeds_and_its_valid_twins_are_held(disk: Path) -> None:
    done = live_through(BYZANTINE_SEED, disk).done
    assert {deed for deed in done if deed.startswith("byzantine")} >= {
        "byzantine equivocate",
        "byzantine lie",
        "byzantine steal",
    }
