# SPDX-License-Identifier: Apache-2.0
"""`edge-node model`: list the chain's models, show one, export it, verify a file on all back ends.

Law of the file: models are read from the chain's database or from a file, never from the network.
Read next: edge_node/inference/select.py.
"""

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import numpy as np

from edge_node.cli.chain_access import open_chain
from edge_node.cli.exit_codes import ExitCode
from edge_node.cli.mnist_store import parse_dataset_id, stored_mnist
from edge_node.cli.output import console, emit, json_option, table
from edge_node.cli.session import Session
from edge_node.datasets.content import Samples
from edge_node.datasets.store import DatasetStore
from edge_node.inference.backend import Backend, InferenceError, count_of_logits
from edge_node.inference.c_export import c_header
from edge_node.inference.select import available_backends, open_backend
from edge_node.inference.tflite_export import int8_file, lce_file
from edge_node.node.system import SystemClock
from edge_node.primitives.errors import EdgeNodeError
from edge_node.primitives.types import ModelHash
from edge_node.spec.dataset import SplitName
from edge_node.spec.model import Model, model_from_blob


class ModelNotFound(EdgeNodeError):
    """No model of the chain has this hash."""

    reason = "model-not-found"

    def __init__(self, prefix: str) -> None:
        super().__init__(f"no model of the chain begins with {prefix}; see `edge-node model list`")
        self.prefix = prefix


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
    """Whether it could be asked."""
    digest: str
    """SHA-256 over int32 little-endian logits [image][class]; empty if it could not be asked."""
    correct: int
    """Images classified correctly."""
    total: int
    """Images."""
    images_per_s: int
    """Images per second."""


@click.group()
def model() -> None:
    """List, show, export and verify models."""


@model.command("list")
@json_option
@click.pass_obj
def list_models(session: Session, /, *, as_json: bool) -> None:
    """List the models of the chain."""
    with open_chain(session) as chain:
        rows = [
            {
                "model": entry.model_hash.hex(),
                "height": entry.height,
                "family": family.family_id.hex(),
                "correct": entry.correct_count,
                "record": entry.record,
            }
            for family in chain.state.families.values()
            for entry in family.models
        ]
    rows.sort(key=lambda row: int(str(row["height"])))
    emit(
        {"models": rows},
        as_json=as_json,
        show=lambda: console.print(
            table(
                "models",
                (">height", "model", "family", ">correct", "record"),
                [
                    (
                        row["height"],
                        str(row["model"])[:16],
                        str(row["family"])[:8],
                        row["correct"],
                        "yes" if row["record"] else "",
                    )
                    for row in rows
                ],
            )
        ),
    )


@model.command("show")
@click.argument("prefix")
@json_option
@click.pass_obj
def show_model(session: Session, /, *, prefix: str, as_json: bool) -> None:
    """Show a model: PREFIX is the beginning of its hash, or `best`."""
    found = _find(session, prefix)
    architecture = found.architecture
    facts = {
        "model": found.model_hash().hex(),
        "input": [architecture.height, architecture.width, architecture.input_channels],
        "input_bits": architecture.input_bits,
        "layers": [
            {
                "kind": shape.layer.kind.name.lower(),
                "channels": shape.channels,
                "kernel": [shape.kernel_height, shape.kernel_width],
                "pool": shape.layer.pool,
                "weights": shape.weight_count,
            }
            for shape in architecture.shapes
        ],
        "weights": architecture.weight_count,
        "thresholds": architecture.channel_count,
        "blob_bytes": len(found.blob()),
    }

    def show() -> None:
        console.print(
            table(
                f"model {facts['model']}, {facts['weights']} weights, "
                f"{facts['blob_bytes']} bytes, {facts['input_bits']}-bit input",
                ("layer", ">channels", "kernel", "pool", ">weights"),
                [
                    (
                        shape.layer.kind.name.lower(),
                        shape.channels,
                        f"{shape.kernel_height}x{shape.kernel_width}",
                        "2x2" if shape.layer.pool else "",
                        shape.weight_count,
                    )
                    for shape in architecture.shapes
                ],
            )
        )

    emit(facts, as_json=as_json, show=show)


@model.command("export")
@click.argument("prefix")
@click.option(
    "--format",
    "kind",
    type=click.Choice(["blob", "tflite", "lce", "c"]),
    default="tflite",
    show_default=True,
    help="tflite runs anywhere; lce needs Larq Compute Engine.",
)
@click.option("--output", type=click.Path(path_type=Path), required=True)
@json_option
@click.pass_obj
def export_model(
    session: Session, /, *, prefix: str, kind: str, output: Path, as_json: bool
) -> None:
    """Write a model of the chain to a file: PREFIX of its hash, or `best`."""
    found = _find(session, prefix)
    if kind == "blob":
        data = found.blob()
    elif kind == "c":
        data = c_header(found).encode("ascii")
    else:
        data = int8_file(found) if kind == "tflite" else lce_file(found)
    output.write_bytes(data)
    emit(
        {"file": str(output), "bytes": len(data), "model": found.model_hash().hex()},
        as_json=as_json,
        show=lambda: console.print(f"{output}: {len(data)} bytes"),
    )


@model.command("verify")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--backend", default="all", show_default=True, help="A back end, or all.")
@click.option("--dataset", default="mnist", show_default=True, help="`mnist` or a dataset id.")
@click.option("--offline", is_flag=True, help="Take MNIST from the cache only.")
@json_option
@click.pass_obj
def verify(
    session: Session, /, *, file: Path, backend: str, dataset: str, offline: bool, as_json: bool
) -> None:
    """Evaluate a model blob on every back end: all logits must be equal in every bit."""
    try:
        found = model_from_blob(file.read_bytes())
    except EdgeNodeError as error:
        raise ModelFileUnreadable(file, str(error)) from None
    samples = _evaluation_split(session, dataset, offline=offline)
    names = [status.name for status in available_backends()] if backend == "all" else [backend]
    verdicts = [_judge(name, found, samples) for name in names]
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
                    (v.name, v.digest[:16], v.correct, v.images_per_s)
                    if v.available
                    else (v.name, "not installed", "", "")
                    for v in verdicts
                ],
            )
        ),
    )
    if not equal:
        raise SystemExit(ExitCode.FAILED)


def _judge(name: str, found: Model, samples: Samples) -> BackendVerdict:
    clock = SystemClock()
    try:
        backend: Backend = open_backend(name)
    except InferenceError:
        return BackendVerdict(
            name=name, available=False, digest="", correct=0, total=0, images_per_s=0
        )
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
        dataset_id = parse_dataset_id(dataset)
    return store.open(dataset_id)[SplitName.EVALUATION]


def _find(session: Session, prefix: str) -> Model:
    with open_chain(session) as chain:
        entries = [entry for family in chain.state.families.values() for entry in family.models]
        if prefix == "best":
            entries = sorted(entries, key=lambda entry: -entry.correct_count)[:1]
        else:
            entries = [entry for entry in entries if entry.model_hash.hex().startswith(prefix)]
        if not entries:
            raise ModelNotFound(prefix)
        return chain.blocks.model(ModelHash(entries[0].model_hash))
