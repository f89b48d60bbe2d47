# SPDX-License-Identifier: Apache-2.0
"""`edge-node bridge predict`: images through a device's model, and the law's logits beside them.

Law of the file: the digest is that of `edge-node model verify`; without the model's blob here the
device's logits are compared with nothing, and that is said.
Read next: verify_command.py.
"""

import hashlib
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np

from edge_node.chain.database import is_made
from edge_node.cli.bridge_session import at_port, port_argument, speed_option
from edge_node.cli.chain_access import open_chain
from edge_node.cli.dataset_opening import offline_option, opened_dataset
from edge_node.cli.exit_codes import ExitCode
from edge_node.cli.model_file import read_model
from edge_node.cli.output import emit, json_option, percent, short, waiting
from edge_node.cli.session import Session
from edge_node.datasets.content import Samples
from edge_node.datasets.image_folder import read_images
from edge_node.datasets.importing import MAX_IMPORT_BYTES
from edge_node.inference.backend import Images, Logits, count_of_logits
from edge_node.inference.select import select_backend
from edge_node.node.errors import NodeError
from edge_node.node.system import SystemClock
from edge_node.primitives.types import Hash32, ModelHash
from edge_node.spec.constants import PPM
from edge_node.spec.dataset import SplitName
from edge_node.spec.model import Model
from edge_node_bridge.device import Device


class DeviceHasNoModel(NodeError):
    """A device has nothing to predict with."""

    reason = "bridge-no-model"

    def __init__(self, port: str) -> None:
        super().__init__(f"{port} has no model; give it one with `edge-node bridge push-model`")
        self.port = port


class DeviceHasOtherModel(NodeError):
    """A device has another model than the one that it is to be compared with."""

    reason = "bridge-other-model"

    def __init__(self, port: str, *, expected: bytes, actual: bytes) -> None:
        super().__init__(
            f"{port} has model {actual.hex()}, the file is {expected.hex()}; push the file first"
        )
        self.expected = expected
        self.actual = actual


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OnDevice:
    """What a device made of images."""

    model_hash: bytes
    """Its model."""
    logits: Logits
    """int32 (N, classes)."""
    elapsed_ms: int
    """All images."""


@click.command("predict")
@port_argument
@click.option("--dataset", help="A published dataset, or another one's name or id.")
@click.option(
    "--image",
    "files",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    multiple=True,
    help="An image file; several are taken in turn.",
)
@click.option(
    "--limit",
    type=click.IntRange(1),
    help="So many of the dataset's evaluation images, the first.  [default: all]",
)
@click.option(
    "--file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The device's model as a blob, to compare with.  [default: the chain's of that hash]",
)
@offline_option
@speed_option
@json_option
@click.pass_obj
def predict(  # noqa: PLR0913 - one per option
    session: Session,
    /,
    *,
    port: str,
    dataset: str | None,
    files: tuple[Path, ...],
    limit: int | None,
    file: Path | None,
    offline: bool,
    baud: int | None,
    as_json: bool,
) -> None:
    """Run a device's model on images.

    Its logits must be the law's in every bit; exits with 1 if they are not.
    """
    if (dataset is None) == (not files) or (files and limit is not None):
        raise click.UsageError("name a --dataset, with or without --limit, or each --image")
    samples = None
    if dataset is not None:
        whole = opened_dataset(session, dataset, offline=offline)[SplitName.EVALUATION]
        samples = Samples(images=whole.images[:limit], labels=whole.labels[:limit])
    images = (
        read_images(files, max_bytes=MAX_IMPORT_BYTES)[1] if samples is None else samples.images
    )
    with at_port(session, port, baud) as device:
        if not device.greeted.model_hash:
            raise DeviceHasNoModel(port)
        model = _model(session, port, device.greeted.model_hash, file)
        found = _run(device, images)
    equal = (
        None if model is None else bool(np.array_equal(_by_the_law(model, images), found.logits))
    )
    facts = _facts(port, found, equal, samples, files)
    emit(facts, as_json=as_json, show=lambda: _show(facts, found, samples, files))
    if equal is False:
        raise SystemExit(ExitCode.FAILED)


def _run(device: Device, images: Images) -> OnDevice:
    clock, rows = SystemClock(), []
    with waiting("running") as tell:
        start_ms = clock.monotonic_ms()
        for number, image in enumerate(images, start=1):
            rows.append(device.infer(image.tobytes()).logits)
            tell(f"{number} of {len(images)} images")
        elapsed_ms = max(1, clock.monotonic_ms() - start_ms)
    return OnDevice(
        model_hash=device.greeted.model_hash,
        logits=np.array(rows, dtype=np.int32),
        elapsed_ms=elapsed_ms,
    )


def _model(session: Session, port: str, model_hash: bytes, file: Path | None) -> Model | None:
    """Return the device's model, if its blob is here."""
    if file is not None:
        found = read_model(file)
        if found.model_hash() != model_hash:
            raise DeviceHasOtherModel(port, expected=found.model_hash(), actual=model_hash)
        return found
    if not session.directory.is_initialised() or not is_made(session.directory.chain):
        return None
    with open_chain(session) as chain:
        name = ModelHash(Hash32(model_hash))
        return None if chain.blocks.model_blob(name) is None else chain.blocks.model(name)


def _by_the_law(model: Model, images: Images) -> Logits:
    with closing(select_backend()) as backend:
        return backend.logits(model, images)


def _facts(
    port: str,
    found: OnDevice,
    equal: bool | None,  # noqa: FBT001 - private
    samples: Samples | None,
    files: tuple[Path, ...],
) -> dict[str, object]:
    logits = found.logits
    facts: dict[str, object] = {
        "port": port,
        "model": found.model_hash.hex(),
        "equal": equal,
        "digest": hashlib.sha256(np.ascontiguousarray(logits, "<i4").tobytes()).hexdigest(),
        "total": len(logits),
        "images_per_s": len(logits) * 1_000 // found.elapsed_ms,
    }
    if samples is not None:
        return {**facts, "correct": count_of_logits(logits, samples.labels)}
    told = [
        {"file": str(file), "class": int(row.argmax()), "logits": row.tolist()}
        for file, row in zip(files, logits, strict=True)
    ]
    return {**facts, "images": told}


def _show(
    facts: dict[str, object], found: OnDevice, samples: Samples | None, files: tuple[Path, ...]
) -> None:
    if samples is None:
        for file, row in zip(files, found.logits, strict=True):
            click.echo(f"{file}: class {int(row.argmax())}")
    else:
        correct = count_of_logits(found.logits, samples.labels)
        share = percent(correct * PPM // len(found.logits))
        click.echo(f"{correct} of {len(found.logits)} images right, {share} %")
    verdict = {True: "equal to the law's", False: "NOT THE LAW'S", None: "compared with nothing"}
    equal = facts["equal"]
    assert equal is None or isinstance(equal, bool)
    click.echo(
        f"model {short(facts['model'])}, digest {short(facts['digest'])}: logits {verdict[equal]}"
        + ("" if equal is not None else ", as the model is not here; name it with --file")
    )
