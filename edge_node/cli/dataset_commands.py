# SPDX-License-Identifier: Apache-2.0
"""`edge-node dataset`: fetch MNIST, import your own images, list what is here, found on it.

Law of the file: words around edge_node/datasets.
Read next: edge_node/datasets/importing.py.
"""

from pathlib import Path

import click

from edge_node.cli.mnist_store import stored_mnist
from edge_node.cli.output import console, emit, json_option, table
from edge_node.cli.session import Session
from edge_node.datasets.importing import ImportFormat, ImportRequest, import_dataset
from edge_node.datasets.store import DatasetStore
from edge_node.primitives.types import DatasetId
from edge_node.spec.constants import PPM
from edge_node.spec.dataset import Manifest, SplitName


@click.group()
def dataset() -> None:
    """Fetch, import and list datasets."""


@dataset.command("fetch")
@click.argument("name", type=click.Choice(["mnist"]))
@click.option("--from", "files", type=click.Path(path_type=Path, exists=True), help="Your files.")
@click.option("--offline", is_flag=True, help="Look at your files and the cache only.")
@json_option
@click.pass_obj
def fetch(
    session: Session, /, *, name: str, files: Path | None, offline: bool, as_json: bool
) -> None:
    """Fetch a well-known dataset into the data directory."""
    del name  # the only choice so far
    store, dataset_id = stored_mnist(session.directory.datasets, files=files, offline=offline)
    _report(store.table(dataset_id).manifest, as_json=as_json)


@dataset.command("import")
@click.argument("path", type=click.Path(path_type=Path, exists=True))
@click.option(
    "--format",
    "kind",
    type=click.Choice([each.value for each in ImportFormat]),
    required=True,
    help="idx: MNIST-like files; npz: numpy; images: a folder of class folders.",
)
@click.option("--name", required=True, help="The dataset's name.")
@click.option("--classes", type=click.IntRange(2), help="Number of classes.")
@click.option("--evaluation", default=20, show_default=True, help="Percent to judge blocks by.")
@click.option("--reserve", default=20, show_default=True, help="Percent that nobody trains on.")
@click.option("--seed", default=0, show_default=True, help="Another seed, another division.")
@json_option
@click.pass_obj
def import_(  # noqa: PLR0913 - one per option
    session: Session,
    /,
    *,
    path: Path,
    kind: str,
    name: str,
    classes: int | None,
    evaluation: int,
    reserve: int,
    seed: int,
    as_json: bool,
) -> None:
    """Import your own images from PATH."""
    made = import_dataset(
        ImportRequest(
            path=path,
            format=ImportFormat(kind),
            name=name,
            classes=classes,
            evaluation_ppm=evaluation * PPM // 100,
            reserve_ppm=reserve * PPM // 100,
            seed=seed,
        )
    )
    DatasetStore(session.directory.datasets).add(made)
    _report(made.manifest, as_json=as_json)


@dataset.command("list")
@json_option
@click.pass_obj
def list_datasets(session: Session, /, *, as_json: bool) -> None:
    """List the datasets of the data directory."""
    store = DatasetStore(session.directory.datasets)
    manifests = [store.table(each).manifest for each in store.ids()]
    emit(
        {"datasets": [_facts(manifest) for manifest in manifests]},
        as_json=as_json,
        show=lambda: console.print(_table(manifests)),
    )


def _report(manifest: Manifest, *, as_json: bool) -> None:
    emit(_facts(manifest), as_json=as_json, show=lambda: console.print(_table([manifest])))


def _facts(manifest: Manifest) -> dict[str, object]:
    return {
        "dataset": DatasetId(manifest.dataset_id()).hex(),
        "name": manifest.name,
        "shape": [manifest.height, manifest.width, manifest.channels],
        "classes": manifest.classes,
        "images": {each.name.lower(): manifest.splits[each].count for each in SplitName},
        "bytes": manifest.total_bytes,
    }


def _table(manifests: list[Manifest]) -> object:
    columns = ("dataset", "name", "shape", ">classes", ">train", ">evaluation", ">reserve")
    rows = [
        (
            manifest.dataset_id().hex()[:16],
            manifest.name,
            f"{manifest.height}x{manifest.width}x{manifest.channels}",
            manifest.classes,
            *(manifest.splits[each].count for each in SplitName),
        )
        for manifest in manifests
    ]
    return table("datasets", columns, rows)
