# SPDX-License-Identifier: Apache-2.0
"""A model that was made outside the chain: counted on its dataset, written, told.

Law of the file: accuracy is told of the train and the evaluation split, side by side; the sealed
reserve is nobody's to count on.
Read next: model_import.py, model_train.py.
"""

from collections.abc import Mapping
from pathlib import Path

import click

from edge_node.cli.output import console, emit, percent, table
from edge_node.datasets.content import Dataset
from edge_node.kernels.evaluation import count_correct, slice_images
from edge_node.node.architecture_text import architecture_text
from edge_node.node.model_archive import model_archive
from edge_node.node.whole_file import write_whole
from edge_node.spec.constants import PPM
from edge_node.spec.dataset import SplitName
from edge_node.spec.model import Model

ARCHIVE_SUFFIX = ".npz"
"""Files of this name are written as archives of arrays; all others as blobs."""

SPLITS = (SplitName.TRAIN, SplitName.EVALUATION)

output_option = click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="File to write: a model blob, or an archive if its name ends in .npz.",
)
"""For every command that makes a model."""


def tell_made(
    made: Model,
    dataset: Dataset,
    output: Path,
    *,
    as_json: bool,
    extra: Mapping[str, object] | None = None,
) -> None:
    """Write a model to a file, and tell what it is and how well it classifies.

    Parameters
    ----------
    made : Model
    dataset : Dataset
    output : Path
        The file to write.
    as_json : bool
    extra : mapping, optional
        What more there is to tell, for scripts.
    """
    counts: dict[str, dict[str, int]] = {}
    for name in SPLITS:
        samples = dataset[name]
        images = slice_images(made.architecture, samples.images)
        correct = count_correct(made, images, samples.labels.tobytes())
        counts[name.name.lower()] = {
            "correct": correct,
            "images": len(samples),
            "ppm": correct * PPM // len(samples),
        }
    data = model_archive(made) if output.suffix == ARCHIVE_SUFFIX else made.blob()
    write_whole(output, data)
    facts = {
        "file": str(output),
        "bytes": len(data),
        "model": made.model_hash().hex(),
        "architecture": architecture_text(made.architecture),
        "dataset": dataset.manifest.dataset_id().hex(),
        **counts,
        **(extra or {}),
    }

    def show() -> None:
        click.echo(f"{output}: {len(data)} bytes, model {facts['model']}")
        console.print(
            table(
                f"{facts['architecture']} on {dataset.manifest.name}",
                ("split", ">correct", ">images", ">%"),
                [
                    (name, count["correct"], count["images"], percent(count["ppm"]))
                    for name, count in counts.items()
                ],
            )
        )

    emit(facts, as_json=as_json, show=show)
