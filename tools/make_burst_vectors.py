# SPDX-License-Identifier: Apache-2.0
"""Make tests/vectors/bursts.json: `python -m tools.make_burst_vectors` (after `make kernels`).

What 1,000 small bursts, 20 on the reference networks and the product's own come to: latent root,
ticket, requirements, operator, and the logits and classes that the network gives its images. The
law records the first two kinds, in 9 s and 70 s of a 2-core x86-64 virtual machine; the scalar C
path the 12 of the product in a second, which the law has confirmed once, in four minutes.
Law of the file: an answer stands beside a hash of its question, so none is taken for another's.
Read next: burst_cases.py; tests/kernels/test_burst_vectors.py, which asks every path again.
"""

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from edge_node.kernels.burst import BurstRunner
from edge_node.kernels.burst_data import FamilyInBursts
from edge_node.kernels.evaluation import CompiledImages, SlicedImages
from edge_node.kernels.shared_object import KernelPath
from edge_node.spec import evaluation
from edge_node.spec.bnn import classify
from edge_node.spec.burst import draw_operator, run_burst, ticket
from tools.burst_cases import PRODUCT, REFERENCE, SMALL_CASES, Case, Series, small_case

VECTORS = Path(__file__).resolve().parents[1] / "tests/vectors/bursts.json"
_CASE_DIGITS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a burst comes to."""

    latent_root: str
    """Hash of the latents, in hex."""
    ticket: str
    """64 hex digits."""
    met: int
    """1: every requirement is."""
    operator: int
    """Operator's number."""
    partner: int
    """Index among the relatives; 0 where none is asked."""
    logits_sha256: str
    """evaluation.logits_digest of the network on the case's images."""
    class_counts: list[int]
    """How many images the network takes for each class."""
    correct: int
    """How many it takes for their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vector:
    """A burst with what it comes to."""

    name: str
    """Of the case."""
    case: str
    """First digits of Case.sha256()."""
    outcome: Outcome
    """What is recorded."""

    def differences(self, actual: Outcome, path: str) -> list[str]:
        """Return a sentence for each value in which what `path` computed differs."""
        recorded, computed = asdict(self.outcome), asdict(actual)
        return [
            f"burst {self.name} on {path}: {what} is {computed[what]}, recorded is {value}"
            for what, value in recorded.items()
            if computed[what] != value
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vectors:
    """All that the file holds."""

    small: list[Vector]
    """Of small_case(0), small_case(1), ..."""
    reference: list[Vector]
    """Of REFERENCE, one series after the other."""
    product: list[Vector]
    """Of PRODUCT."""


def case_digits(case: Case) -> str:
    """Return what a vector holds of its case."""
    return case.sha256()[:_CASE_DIGITS]


def law_outcome(case: Case) -> Outcome:
    """Return what the law says."""
    done = run_burst(*case.arguments())
    drawn = draw_operator(case.seed, case.rules, case.start)
    images = evaluation.slice_images(case.rules.architecture, case.images)
    logits = evaluation.all_logits(done.model, images)
    return Outcome(
        latent_root=done.latent_root.hex(),
        ticket=f"{ticket(case.seed, done.latent_root):064x}",
        met=int(done.met),
        operator=int(drawn.operator),
        partner=drawn.partner,
        logits_sha256=evaluation.logits_digest(logits),
        class_counts=_class_counts(logits),
        correct=evaluation.count_correct(done.model, images, case.labels),
    )


def runner_outcome(runner: FamilyInBursts, images: SlicedImages, case: Case) -> Outcome:
    """Return what a runner, which has begun, and an evaluator say."""
    trial = runner.trial(case.seed)
    model = runner.model()
    logits = images.all_logits(model).tolist()
    return Outcome(
        latent_root=trial.latent_root.hex(),
        ticket=f"{trial.ticket:064x}",
        met=int(trial.met),
        operator=int(trial.drawn.operator),
        partner=trial.drawn.partner,
        logits_sha256=evaluation.logits_digest(logits),
        class_counts=_class_counts(logits),
        correct=images.count_correct(model, case.labels),
    )


def compiled_outcomes(cases: Sequence[Case], path: KernelPath) -> list[Outcome]:
    """Return what a path of the compiled kernels says of cases that differ in their seed only."""
    first = cases[0]
    runner = BurstRunner(first.rules, first.images, first.labels, path)
    runner.begin(first.start)
    images = CompiledImages(first.rules.architecture, first.images, path)
    return [runner_outcome(runner, images, case) for case in cases]


def series_cases(many: Iterable[Series]) -> list[Case]:
    """Return the bursts of some series."""
    return [case for series in many for case in series.cases()]


def read_vectors(path: Path = VECTORS) -> Vectors:
    """Return the stored vectors."""
    stored = json.loads(path.read_text())
    names = stored.pop("columns")

    def vector(row: list[object]) -> Vector:
        cells = dict(zip(names, row, strict=True))
        name, case = cells.pop("name"), cells.pop("case")
        return Vector(name=name, case=case, outcome=Outcome(**cells))

    return Vectors(**{kind: [vector(row) for row in rows] for kind, rows in stored.items()})


def render(vectors: Vectors) -> str:
    """Return the file's text: a table for each kind, a vector a line."""
    columns = ["name", "case", *asdict(vectors.small[0].outcome)]
    tables = []
    for kind in ("small", "reference", "product"):
        rows = [
            json.dumps([v.name, v.case, *asdict(v.outcome).values()], separators=(",", ":"))
            for v in getattr(vectors, kind)
        ]
        tables.append(f'"{kind}": [\n' + ",\n".join(rows) + "\n]")
    return "{\n" + f'"columns": {json.dumps(columns)},\n' + ",\n".join(tables) + "\n}\n"


def record(cases: Sequence[Case], outcomes: Iterable[Outcome]) -> list[Vector]:
    """Return vectors of cases and what they came to."""
    return [
        Vector(name=case.name, case=case_digits(case), outcome=outcome)
        for case, outcome in zip(cases, outcomes, strict=True)
    ]


def _class_counts(logits: list[list[int]]) -> list[int]:
    classes = [classify(row) for row in logits]
    return [classes.count(number) for number in range(len(logits[0]))]


def _timed(what: str, vectors: Callable[[], list[Vector]]) -> list[Vector]:
    began = time.process_time()
    made = vectors()
    print(f"{what}: {len(made)} bursts in {time.process_time() - began:.1f} s of CPU")
    return made


def main() -> None:
    """Write the file."""
    small = [small_case(number) for number in range(SMALL_CASES)]
    reference = series_cases(REFERENCE)
    products = [series.cases() for series in PRODUCT]
    text = render(
        Vectors(
            small=_timed("small, by the law", lambda: record(small, map(law_outcome, small))),
            reference=_timed(
                "reference, by the law", lambda: record(reference, map(law_outcome, reference))
            ),
            product=_timed(
                "product, by C",
                lambda: [
                    vector
                    for cases in products
                    for vector in record(cases, compiled_outcomes(cases, KernelPath.SCALAR))
                ],
            ),
        )
    )
    VECTORS.write_text(text)
    print(f"{VECTORS.name}: {len(text):,} bytes")


if __name__ == "__main__":
    main()
