# SPDX-License-Identifier: Apache-2.0
"""The recorded bursts on every path of this CPU, in numpy and by the law: equal in every value.

A difference names the vector, the path and both values; no release is made with one. ARM has its
share by csrc/test/test_burst.c, whose digests are held against the same vectors here.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from itertools import groupby
from pathlib import Path

import pytest

from edge_node.kernels import shared_object
from edge_node.kernels.evaluation import NumpyImages
from edge_node.kernels.numpy_burst import NumpyBurstRunner
from edge_node.kernels.shared_object import KernelPath
from edge_node.node.networks import LAN_LOTTERY
from edge_node.spec.architecture import BINARY_4K
from edge_node.spec.burst import Operator
from tests.kernels.c_bursts import BURSTS_IN_C, SMALL, digest_of, law_digest
from tests.kernels.compiled import PATHS, this_cpus_path
from tools.burst_cases import (
    MOST_SMALL_WEIGHTS,
    PRODUCT,
    REFERENCE,
    SMALL_CASES,
    Case,
    Series,
    small_case,
)
from tools.make_burst_vectors import (
    Outcome,
    Vector,
    Vectors,
    case_digits,
    compiled_outcomes,
    law_outcome,
    read_vectors,
    runner_outcome,
    series_cases,
)

pytestmark = pytest.mark.arm

C_TEST = Path(shared_object.__file__).parent / "csrc/test/test_burst.c"
TABLES = ["small", "reference", "product"]
SLOW_SMALL = [pytest.param("small", marks=pytest.mark.slow), *TABLES[1:]]
ALL_BUT_REFERENCE_SLOW = [
    pytest.param(table, marks=pytest.mark.slow if table != "reference" else ()) for table in TABLES
]
EVERY = 25
LONG = f"{PRODUCT[0].label} #0"

Outcomes = Callable[[Sequence[Case]], list[Outcome]]
"""Asks bursts that differ in their seeds only."""

recorded = cache(read_vectors)


@cache
def questions(table: str) -> list[Case]:
    """Return the cases of all vectors of a table."""
    if table == "small":
        return [small_case(number) for number in range(SMALL_CASES)]
    return series_cases(REFERENCE if table == "reference" else PRODUCT)


def answers(table: str) -> list[Vector]:
    vectors: Vectors = recorded()
    return {"small": vectors.small, "reference": vectors.reference, "product": vectors.product}[
        table
    ]


def numpy_outcomes(cases: Sequence[Case]) -> list[Outcome]:
    first = cases[0]
    runner = NumpyBurstRunner(first.rules, first.images, first.labels)
    runner.begin(first.start)
    images = NumpyImages(first.rules.architecture, first.images)
    return [runner_outcome(runner, images, case) for case in cases]


@pytest.fixture(params=PATHS)
def path(request: pytest.FixtureRequest) -> KernelPath:
    return this_cpus_path(request.param)


def check(vectors: Iterable[Vector], outcomes: Iterable[Outcome], path: str) -> None:
    wrong = [
        difference
        for vector, outcome in zip(vectors, outcomes, strict=True)
        for difference in vector.differences(outcome, path)
    ]
    assert not wrong, "\n".join(wrong)


def ask(table: str, outcomes: Outcomes) -> list[Outcome]:
    alike = groupby(questions(table), key=lambda case: case.name.partition("#")[0])
    return [outcome for _, cases in alike for outcome in outcomes(list(cases))]


@pytest.mark.parametrize("table", ALL_BUT_REFERENCE_SLOW)
def test_every_path_comes_to_what_is_recorded(path: KernelPath, table: str) -> None:
    actual = ask(table, lambda cases: compiled_outcomes(cases, path))
    check(answers(table), actual, path.name)


@pytest.mark.slow
@pytest.mark.parametrize("table", TABLES)
def test_numpy_comes_to_what_is_recorded(table: str) -> None:
    check(answers(table), ask(table, numpy_outcomes), "numpy")


def test_the_law_comes_to_what_is_recorded() -> None:
    some = [small_case(number) for number in range(0, SMALL_CASES, EVERY)]
    check(answers("small")[::EVERY], map(law_outcome, some), "the law")


@pytest.mark.slow
def test_the_law_comes_to_all_small_ones() -> None:
    check(answers("small"), map(law_outcome, questions("small")), "the law")


@pytest.mark.slow
def test_the_law_comes_to_a_burst_of_the_product() -> None:
    """The C path that recorded it is held against what defines it, in the size that it ships in."""
    (vector,) = (vector for vector in answers("product") if vector.name == LONG)
    (case,) = (case for case in questions("product") if case.name == LONG)
    check([vector], [law_outcome(case)], "the law")


@pytest.mark.parametrize("table", SLOW_SMALL)
def test_each_answer_is_to_its_question(table: str) -> None:
    """Cases that are drawn otherwise want to be recorded again, and say nothing of the paths."""
    asked = [(case.name, case_digits(case)) for case in questions(table)]
    assert asked == [(vector.name, vector.case) for vector in answers(table)], (
        "run `python -m tools.make_burst_vectors`"
    )


@pytest.mark.slow
def test_enough_is_recorded() -> None:
    cases = {table: questions(table) for table in TABLES}
    weights = [case.rules.architecture.weight_count for case in cases["small"]]
    assert len(weights) == 1_000
    assert max(weights) <= MOST_SMALL_WEIGHTS
    assert len(cases["reference"]) == 20
    assert {case.rules.steps for case in cases["reference"]} == {4}
    for table in cases:
        outcomes = [vector.outcome for vector in answers(table)]
        assert {outcome.operator for outcome in outcomes} == set(map(int, Operator)), table
        assert {outcome.met for outcome in outcomes} == {0, 1}, table
        assert len({outcome.latent_root for outcome in outcomes}) > len(outcomes) // 2, table


def test_the_products_bursts_are_as_long_as_networks_ship_them() -> None:
    (series,) = (series for series in PRODUCT if series.architecture == BINARY_4K)
    shipped = (LAN_LOTTERY.burst_steps, LAN_LOTTERY.burst_batch, LAN_LOTTERY.requirements)
    assert (series.steps, series.batch, series.requirements) == shipped


@pytest.mark.parametrize("series", SMALL, ids=[series.label for series in SMALL])
def test_the_c_tests_small_bursts_are_the_laws(series: Series) -> None:
    """So emulated ARM, where no Python runs, is held against the law too."""
    assert (series.label, law_digest(series)) in digests_in_c()


@pytest.mark.parametrize("series", PRODUCT, ids=[series.label for series in PRODUCT])
def test_the_c_tests_long_bursts_are_those_recorded(series: Series) -> None:
    bursts = BURSTS_IN_C[series.name]
    vectors = [v for v in answers("product") if v.name.startswith(f"{series.label} #")]
    recorded = [vector.outcome for vector in vectors[:bursts]]
    assert len(recorded) == bursts
    assert (series.label, digest_of(series.cases()[:bursts], recorded)) in digests_in_c()


def digests_in_c() -> list[tuple[str, str]]:
    """Return label and digest of each of the C test's networks: its strings, two by two."""
    table = C_TEST.read_text().partition("NETWORKS[] = {")[2].partition("};")[0]
    strings = table.split('"')[1::2]
    return list(zip(strings[::2], strings[1::2], strict=True))
