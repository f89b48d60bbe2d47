# SPDX-License-Identifier: Apache-2.0
"""bursts.json is what its tool writes, and a difference from it says which, where and what.

Every path is held against it in tests/kernels/test_burst_vectors.py.
"""

from dataclasses import replace

import pytest

from edge_node.kernels.shared_object import KernelPath
from tests.kernels.compiled import this_cpus_path
from tools.burst_cases import PRODUCT, REFERENCE, Case, small_case
from tools.make_burst_vectors import (
    VECTORS,
    case_digits,
    compiled_outcomes,
    law_outcome,
    read_vectors,
    record,
    render,
    series_cases,
)

MOST_BYTES = 300 * 1024
SOME = range(12)


def test_the_file_is_as_the_tool_writes_it() -> None:
    text = VECTORS.read_text()
    assert text == render(read_vectors())
    assert len(text) <= MOST_BYTES


def test_the_tool_records_what_is_stored() -> None:
    vectors, cases = read_vectors(), [small_case(number) for number in SOME]
    assert record(cases, map(law_outcome, cases)) == vectors.small[: len(cases)]
    scalar: KernelPath = this_cpus_path("SCALAR")
    first = PRODUCT[0].cases()
    assert record(first, compiled_outcomes(first, scalar)) == vectors.product[: len(first)]


def test_a_difference_names_vector_path_and_both_values() -> None:
    vector = read_vectors().product[0]
    assert vector.differences(vector.outcome, "NEON") == []
    root, correct = "ab" * 32, vector.outcome.correct + 1
    recorded = vector.outcome.latent_root
    other = replace(vector.outcome, latent_root=root, correct=correct)
    assert vector.differences(other, "NEON") == [
        f"burst {vector.name} on NEON: latent_root is {root}, recorded is {recorded}",
        f"burst {vector.name} on NEON: correct is {correct}, recorded is {vector.outcome.correct}",
    ]


@pytest.mark.parametrize(
    "what", ["seed", "rules", "latents", "relatives", "evolves", "seen", "images", "labels"]
)
def test_another_question_has_another_hash(what: str) -> None:
    case = small_case(0)
    start = case.start
    others: dict[str, Case] = {
        "seed": replace(case, seed=bytes(32)),
        "rules": replace(case, rules=replace(case.rules, mutate_ppm=1)),
        "latents": replace(case, start=replace(start, latents=b"\1" + start.latents[1:])),
        "relatives": replace(case, start=replace(start, relatives=())),
        "evolves": replace(case, start=replace(start, evolves=not start.evolves)),
        "seen": replace(case, start=replace(start, samples_seen=start.samples_seen + 1)),
        "images": replace(case, images=b"\0" + case.images[1:]),
        "labels": replace(case, labels=case.labels[::-1]),
    }
    assert case_digits(others[what]) != case_digits(case)


@pytest.mark.slow
def test_a_name_stands_for_one_burst() -> None:
    cases = series_cases((*REFERENCE, *PRODUCT))
    assert len({case.name for case in cases}) == len({case.sha256() for case in cases})
    assert len({case.seed for case in cases}) == len(cases)
