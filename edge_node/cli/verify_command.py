# SPDX-License-Identifier: Apache-2.0
"""`edge-node model verify`: one model file, every back end, equal logits in every bit.

Law of the file: a back end that is not installed is told, never counted; one that fails is a no.
Read next: edge_node/inference/select.py.
"""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import click
import numpy as np

from edge_node.cli.dataset_opening import opened_dataset
from edge_node.cli.exit_codes import ExitCode
from edge_node.cli.model_file import read_model
from edge_node.cli.output import console, emit, json_option, short, table
from edge_node.cli.session import Session
from edge_node.datasets.content import Samples
from edge_node.inference.backend import (
    Backend,
    BackendFailed,
    BackendUnavailable,
    count_of_logits,
)
from edge_node.inference.select import available_backends, open_backend
from edge_node.node.system import SystemClock
from edge_node.primitives.counting import counted
from edge_node.spec.dataset import SplitName
from edge_node.spec.model import Model

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendVerdict:
    """What one back end makes of a model."""

    name: str
    """The back end."""
    available: bool
    """Whether it is installed."""
    digest: str | None
    """SHA-256 over int32 little-endian logits [image][class]; empty if it is not installed, None if
    it failed."""
    correct: int
    """Images classified correctly."""
    total: int
    """Images."""
    images_per_s: int
    """Images per second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A verdict, and what a person wants to know beside it."""

    verdict: BackendVerdict
    """What scripts are told."""
    why_failed: str = ""
    """What went wrong in a back end that is installed; empty if nothing did."""


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--backend",
    default="all",
    show_default=True,
    help="all, native, numpy, reference, lce, tflite, overlay-sim, overlay or serial.",
)
@click.option(
    "--dataset", default="mnist", show_default=True, help="`mnist`, or another one's name or id."
)
@click.option(
    "--limit",
    type=click.IntRange(1),
    help="So many of its evaluation images, the first; more than there are is all.  [default: all]",
)
@click.option("--offline", is_flag=True, help="Take MNIST from the cache only.")
@json_option
@click.pass_obj
def verify(
    session: Session,
    /,
    *,
    file: Path,
    backend: str,
    dataset: str,
    limit: int | None,
    offline: bool,
    as_json: bool,
) -> None:
    """Evaluate a model on every back end.

    All logits must be equal in every bit; exits with 1 if they are not, or if a back end that is
    installed fails.
    """
    found = read_model(file)
    whole = opened_dataset(session, dataset, offline=offline)[SplitName.EVALUATION]
    samples = Samples(images=whole.images[:limit], labels=whole.labels[:limit])
    adopted, board = session.config.fpga.adopted, session.config.bridge.board
    names = [backend]
    if backend == "all":
        names = [each.name for each in available_backends(adopted, board)]

    def opened(name: str) -> Backend:
        return open_backend(name, adopted, board)

    outcomes = [
        _judge(name, opened, found, samples, must_be_here=backend != "all") for name in names
    ]
    verdicts = [outcome.verdict for outcome in outcomes]
    # A failure has a digest of its own, None: it equals nobody's.
    digests = {verdict.digest for verdict in verdicts if verdict.available}
    equal = len(digests) == 1 and None not in digests
    emit(
        {
            "equal": equal,
            "model": found.model_hash().hex(),
            "backends": [asdict(verdict) for verdict in verdicts],
        },
        as_json=as_json,
        show=lambda: console.print(
            table(
                f"{'equal' if equal else 'NOT EQUAL'} logits on {counted(len(samples), 'image')}",
                ("back end", "digest", ">correct", ">images/s"),
                [_row(outcome) for outcome in outcomes],
            )
        ),
    )
    if not equal:
        raise SystemExit(ExitCode.FAILED)


def _row(outcome: Outcome) -> tuple[object, ...]:
    verdict = outcome.verdict
    if not verdict.available:
        return verdict.name, "not installed", "", ""
    if verdict.digest is None:
        return verdict.name, f"FAILED: {outcome.why_failed}", "", ""
    return verdict.name, short(verdict.digest), verdict.correct, verdict.images_per_s


def _judge(
    name: str,
    opened: Callable[[str], Backend],
    found: Model,
    samples: Samples,
    *,
    must_be_here: bool,
) -> Outcome:
    """Evaluate a model on a back end, which may be missing unless it was asked for by name.

    Raises
    ------
    UnknownBackend
    BackendUnavailable
        It must be here.
    """
    nothing = BackendVerdict(
        name=name, available=False, digest="", correct=0, total=0, images_per_s=0
    )
    try:
        return Outcome(verdict=_measured(name, opened, found, samples))
    except BackendUnavailable:
        if must_be_here:
            raise
        return Outcome(verdict=nothing)
    except BackendFailed as error:
        _LOG.error("%s", error)
        return Outcome(verdict=replace(nothing, available=True, digest=None), why_failed=error.why)


def _measured(
    name: str, opened: Callable[[str], Backend], found: Model, samples: Samples
) -> BackendVerdict:
    clock, backend = SystemClock(), opened(name)
    try:
        backend.logits(found, samples.images[:1])  # what is made once per model is not speed
        start_ms = clock.monotonic_ms()
        logits = backend.logits(found, samples.images)
        elapsed_ms = max(1, clock.monotonic_ms() - start_ms)
    finally:
        backend.close()
    return BackendVerdict(
        name=name,
        available=True,
        digest=hashlib.sha256(np.ascontiguousarray(logits, "<i4").tobytes()).hexdigest(),
        correct=count_of_logits(logits, samples.labels),
        total=len(samples),
        images_per_s=len(samples) * 1_000 // elapsed_ms,
    )
