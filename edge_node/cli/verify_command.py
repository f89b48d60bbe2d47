# SPDX-License-Identifier: Apache-2.0
"""`edge-node model verify`: one model file, every back end, equal logits in every bit.

Law of the file: a back end that is not installed is told, never counted.
Read next: edge_node/inference/select.py.
"""

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import numpy as np

from edge_node.cli.dataset_choice import choose_dataset
from edge_node.cli.exit_codes import ExitCode
from edge_node.cli.mnist_store import stored_mnist
from edge_node.cli.output import console, emit, json_option, short, table
from edge_node.cli.session import Session
from edge_node.datasets.content import Samples
from edge_node.datasets.store import DatasetStore
from edge_node.inference.backend import count_of_logits
from edge_node.inference.select import available_backends, open_backend
from edge_node.node.system import SystemClock
from edge_node.primitives.errors import EdgeNodeError
from edge_node.spec.dataset import SplitName
from edge_node.spec.model import Model, model_from_blob


class ModelFileUnreadable(EdgeNodeError):
    """A model file can not be read."""

    reason = "model-file"

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path} is not a model blob ({why}); export one with `model export`")
        self.path = path


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendVerdict:
    """What one back end makes of a model."""

    name: str
    """The back end."""
    available: bool
    """Whether it is installed."""
    digest: str
    """SHA-256 over int32 little-endian logits [image][class]; empty if it is not installed."""
    correct: int
    """Images classified correctly."""
    total: int
    """Images."""
    images_per_s: int
    """Images per second."""


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--backend",
    default="all",
    show_default=True,
    help="all, native, numpy, reference, lce or tflite.",
)
@click.option(
    "--dataset", default="mnist", show_default=True, help="`mnist`, or another one's name or id."
)
@click.option("--offline", is_flag=True, help="Take MNIST from the cache only.")
@json_option
@click.pass_obj
def verify(
    session: Session, /, *, file: Path, backend: str, dataset: str, offline: bool, as_json: bool
) -> None:
    """Evaluate a model on every back end.

    All logits must be equal in every bit; exits with 1 if they are not.
    """
    try:
        found = model_from_blob(file.read_bytes())
    except EdgeNodeError as error:
        raise ModelFileUnreadable(file, str(error)) from None
    samples = _evaluation_split(session, dataset, offline=offline)
    if backend == "all":
        verdicts = [
            _judge(status.name, found, samples) if status.available else _absent(status.name)
            for status in available_backends()
        ]
    else:
        verdicts = [_judge(backend, found, samples)]
    digests = {verdict.digest for verdict in verdicts if verdict.available}
    equal = len(digests) == 1
    emit(
        {
            "equal": equal,
            "model": found.model_hash().hex(),
            "backends": [asdict(verdict) for verdict in verdicts],
        },
        as_json=as_json,
        show=lambda: console.print(
            table(
                f"{'equal' if equal else 'NOT EQUAL'} logits on {len(samples)} images",
                ("back end", "digest", ">correct", ">images/s"),
                [
                    (v.name, short(v.digest), v.correct, v.images_per_s)
                    if v.available
                    else (v.name, "not installed", "", "")
                    for v in verdicts
                ],
            )
        ),
    )
    if not equal:
        raise SystemExit(ExitCode.FAILED)


def _absent(name: str) -> BackendVerdict:
    return BackendVerdict(name=name, available=False, digest="", correct=0, total=0, images_per_s=0)


def _judge(name: str, found: Model, samples: Samples) -> BackendVerdict:
    # One that is installed and broken ends the command: it must not pass for absent.
    clock, backend = SystemClock(), open_backend(name)
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


def _evaluation_split(session: Session, dataset: str, *, offline: bool) -> Samples:
    if dataset == "mnist":
        store, dataset_id = stored_mnist(session.directory.datasets, offline=offline)
    else:
        store = DatasetStore(session.directory.datasets)
        dataset_id = choose_dataset(store, dataset)
    return store.open(dataset_id)[SplitName.EVALUATION]
