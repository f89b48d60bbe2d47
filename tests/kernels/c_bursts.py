# SPDX-License-Identifier: Apache-2.0
"""The bursts of csrc/test/test_burst.c, which runs where no Python is, as the law sees them."""

import hashlib

from edge_node.primitives.hashing import Prf
from edge_node.spec.architecture import Architecture, conv, dense
from edge_node.spec.burst import BurstRules, BurstStart, draw_operator, run_burst, ticket
from edge_node.spec.model import Model
from edge_node.spec.training import LatentState, shifted_step
from tests.kernels.training_runs import network

NETWORKS = (
    network(9, 11, 1, 1, [conv(3, pool=True), dense(2)]),
    network(8, 9, 1, 8, [conv(5, pool=True), conv(4, kernel=2), dense(3)]),
    network(5, 7, 1, 1, [dense(33), dense(4)]),
)
SAMPLES, RELATIVES, SEEDS, STEPS, BATCH, SHIFT = 10, 3, 8, 3, 4, 3


def law_digest() -> str:
    """Return the SHA-256 over what all bursts come to."""
    digest = hashlib.sha256()
    for number, architecture in enumerate(NETWORKS):
        _add_network(digest, architecture, Prf("test", f"burst {number}".encode()))
    return digest.hexdigest()


def _add_network(digest: "hashlib._Hash", architecture: Architecture, prf: Prf) -> None:
    images = bytes(prf.below(256) for _ in range(SAMPLES * architecture.image_bytes))
    labels = bytes(prf.below(architecture.classes) for _ in range(SAMPLES))
    shapes = architecture.shapes
    latents = LatentState(
        latents=tuple(tuple(prf.below(121) - 60 for _ in range(s.weight_count)) for s in shapes),
        biases=tuple(tuple(prf.below(401) - 200 for _ in range(s.channels)) for s in shapes),
    )
    start = BurstStart(
        latents=latents.packed(),
        relatives=tuple(_relative(architecture, prf) for _ in range(RELATIVES)),
        evolves=True,
        samples_seen=0,
    )
    rules = BurstRules(
        architecture=architecture,
        steps=STEPS,
        batch=BATCH,
        requirements=2,
        mutate_ppm=200_000,
        cross_ppm=300_000,
        weights=(1, 1, 1),
        schedule=((BATCH + 1, 6), (1, 4)),
    )
    for _ in range(SEEDS):
        seed = bytes(prf.below(256) for _ in range(32))
        drawn = draw_operator(seed, rules, start)
        done = run_burst(seed, rules, start, images, labels)
        digest.update(done.latent_root)
        digest.update(ticket(seed, done.latent_root).to_bytes(32, "big"))
        digest.update(bytes((done.met, drawn.operator, drawn.partner)))
    shifted = shifted_step(architecture, latents, images, labels, range(BATCH), SHIFT)
    digest.update(shifted.packed())


def _relative(architecture: Architecture, prf: Prf) -> Model:
    return Model(
        architecture=architecture,
        weights=tuple(
            tuple(
                sum(prf.below(2) << bit for bit in range(shape.fan_in))
                for _ in range(shape.channels)
            )
            for shape in architecture.shapes
        ),
        thresholds=tuple((0,) * shape.channels for shape in architecture.shapes),
    )
