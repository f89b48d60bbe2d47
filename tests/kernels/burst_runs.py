# SPDX-License-Identifier: Apache-2.0
"""Bursts on which every runner must end where the law ends, with all that the law says of them.

The first of tools/burst_cases.py, of which test_burst_vectors.py holds the recorded answers to all
against every runner; and one case in which nothing moves.
"""

from functools import cache

from edge_node.primitives.hashing import tagged_hash
from edge_node.spec import burst as law_module
from edge_node.spec.architecture import Architecture, dense
from edge_node.spec.burst import BurstResult, BurstRules, BurstStart
from edge_node.spec.training import LatentState
from tools.burst_cases import SMALL_SAMPLES, Case, small_case

CASES = 66

case = small_case


def arguments(case: Case) -> tuple[bytes, BurstRules, BurstStart, bytes, bytes]:
    return case.arguments()


@cache
def law(number: int) -> BurstResult:
    """Return what the law comes to."""
    return law_module.run_burst(*case(number).arguments())


def silent_case(requirements: int) -> Case:
    """Return a case in which every image is told right without any doubt: no error, no gradient."""
    architecture = Architecture(
        height=12, width=12, input_channels=1, input_bits=1, layers=(dense(2),)
    )
    size = architecture.image_bytes
    return Case(
        name="silent",
        seed=tagged_hash("test", b"silent"),
        rules=BurstRules(
            architecture=architecture,
            steps=2,
            batch=3,
            requirements=requirements,
            mutate_ppm=0,
            cross_ppm=0,
            weights=(1, 0, 0),
            schedule=((1, 3),),
        ),
        start=BurstStart(
            latents=LatentState(latents=((5,) * size + (-5,) * size,), biases=((0, 0),)).packed(),
            relatives=(),
            evolves=True,
            samples_seen=0,
        ),
        images=b"\xff" * SMALL_SAMPLES * size,
        labels=bytes(SMALL_SAMPLES),
    )
