# SPDX-License-Identifier: Apache-2.0
"""The bursts of csrc/test/test_burst.c, which runs where no Python is: what they must come to.

Small ones are asked of the law here; those as long as the product's stand in bursts.json.
"""

import hashlib
from collections.abc import Iterable

from edge_node.spec.architecture import conv, dense
from edge_node.spec.training import shifted_step, state_from_packed
from tests.kernels.training_runs import network
from tools.burst_cases import Case, Series
from tools.make_burst_vectors import Outcome, law_outcome

NETWORKS = (
    network(9, 11, 1, 1, [conv(3, pool=True), dense(2)]),
    network(8, 9, 1, 8, [conv(5, pool=True), conv(4, kernel=2), dense(3)]),
    network(5, 7, 1, 1, [dense(33), dense(4)]),
    network(3, 3, 1, 1, [dense(3)]),
)
SMALL = tuple(
    Series(
        name=name,
        architecture=architecture,
        steps=3,
        batch=4,
        samples=10,
        seeds=8,
        requirements=2,
        mutate_ppm=200_000,
        cross_ppm=300_000,
        relatives=3,
    )
    for name, architecture in zip(
        ("patterns", "grey", "dense", "lone layer"), NETWORKS, strict=True
    )
)
SHIFT, SHIFTED_SAMPLES = 3, 4
BURSTS_IN_C = {"BINARY_4K": 4, "UINT8_94K": 1, "DENSE_256": 2}
"""Of each of PRODUCT: an emulator takes seconds for one."""


def law_digest(series: Series) -> str:
    """Return the SHA-256 over what the law says of all bursts of a series."""
    cases = series.cases()
    return digest_of(cases, map(law_outcome, cases))


def digest_of(cases: list[Case], outcomes: Iterable[Outcome]) -> str:
    """Return the SHA-256 over what all bursts come to, and over a shifted step of small ones."""
    digest = hashlib.sha256()
    for outcome in outcomes:
        digest.update(bytes.fromhex(outcome.latent_root + outcome.ticket))
        digest.update(bytes((outcome.met, outcome.operator, outcome.partner)))
        digest.update(bytes.fromhex(outcome.logits_sha256))
        digest.update(bytes((*outcome.class_counts, outcome.correct)))
    first = cases[0]
    architecture = first.rules.architecture
    if architecture in NETWORKS:
        start = state_from_packed(architecture, first.start.latents)
        images, labels = first.images, first.labels
        digest.update(
            shifted_step(
                architecture, start, images, labels, range(SHIFTED_SAMPLES), SHIFT
            ).packed()
        )
    return digest.hexdigest()
