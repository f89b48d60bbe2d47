# SPDX-License-Identifier: Apache-2.0
"""The network that all simulated worlds run: its genesis, its dataset, its users.

Everything is easy, but for the time that must pass between two blocks: learning takes milliseconds
and is judged by the law like any other.
"""

from dataclasses import replace

from edge_node.kernels.libsodium import load_ed25519
from edge_node.spec.constants import MAX_RUNG
from edge_node.spec.genesis import Genesis
from tests.spec import toy_chain as toy
from tests.spec.toy_data import toy_dataset

ED25519 = load_ed25519()
GUEST = "guest"
"""A user without a node."""
MEMBERS = (*(f"node {letter}" for letter in "abcde"), GUEST)
"""Names whose keys are rich from the start."""

PARAMETERS = replace(
    toy.PARAMETERS,
    min_population=10,
    min_family_acc_ppm=0,
    min_population_diff_ppm=0,
    max_family_generations=40,
    max_founder_steps=4,
    founder_batch=2,
    min_evaluation_images=20,
    min_interval_ms=1_000,
    rung_ms=2_000,
    max_future_ms=500,
    target_ms=1_000,
)
LADDER_MS = (MAX_RUNG + 1) * PARAMETERS.rung_ms
"""After this a transaction alone makes a block."""
ARCHITECTURE = toy.ARCHITECTURE
"""One with a layer that mutations change: when it is learned out, other shapes evolve of it."""


DATA = toy_dataset("simulated", (40, 20, 20))
MINERS = {name: toy.miner(name) for name in MEMBERS}
NETWORK = toy.toy_network([DATA], parameters=PARAMETERS, rich=tuple(MINERS.values()))
GENESIS: Genesis = NETWORK.genesis
