# SPDX-License-Identifier: Apache-2.0
"""`edge-node model`: list the chain's models, show, export, import, train, verify, found with one.

Law of the file: models are read from the chain's database or from a file, never from the network.
Read next: verify_command.py.
"""

from pathlib import Path

import click
from rich.table import Table

from edge_node.cli.chain_access import open_chain
from edge_node.cli.model_choice import choose_model
from edge_node.cli.model_found import found_family
from edge_node.cli.model_import import import_model
from edge_node.cli.model_train import train_model
from edge_node.cli.output import console, emit, json_option, short, table
from edge_node.cli.session import Session
from edge_node.cli.verify_command import verify
from edge_node.inference.c_export import c_header
from edge_node.inference.tflite_export import int8_file, lce_file
from edge_node.node.whole_file import write_whole
from edge_node.spec.model import Model

_dataset_option = click.option(
    "--dataset", metavar="NAME_OR_ID", help="Among the models of one of the chain's datasets."
)


@click.group()
def model() -> None:
    """List, show, export, import, train and verify models."""


model.add_command(verify)
model.add_command(import_model)
model.add_command(found_family)
model.add_command(train_model)


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
                        short(row["model"]),
                        short(row["family"]),
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
@_dataset_option
@json_option
@click.pass_obj
def show_model(session: Session, /, *, prefix: str, dataset: str | None, as_json: bool) -> None:
    """Show a model of the chain.

    PREFIX is the beginning of its hash, or `best`.
    """
    found = choose_model(session, prefix, dataset)
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
        click.echo(f"model {facts['model']}")
        console.print(_layers(found))

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
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="File to write.",
)
@_dataset_option
@json_option
@click.pass_obj
def export_model(
    session: Session,
    /,
    *,
    prefix: str,
    kind: str,
    output: Path,
    dataset: str | None,
    as_json: bool,
) -> None:
    """Write a model of the chain to a file.

    PREFIX is the beginning of its hash, or `best`.
    """
    found = choose_model(session, prefix, dataset)
    if kind == "blob":
        data = found.blob()
    elif kind == "c":
        data = c_header(found).encode("ascii")
    else:
        data = int8_file(found) if kind == "tflite" else lce_file(found)
    write_whole(output, data)
    emit(
        {"file": str(output), "bytes": len(data), "model": found.model_hash().hex()},
        as_json=as_json,
        show=lambda: click.echo(f"{output}: {len(data)} bytes"),
    )


def _layers(found: Model) -> Table:
    architecture = found.architecture
    size = f"{architecture.height}x{architecture.width}x{architecture.input_channels}"
    rows = [
        (
            shape.layer.kind.name.lower(),
            shape.channels,
            f"{shape.kernel_height}x{shape.kernel_width}",
            "2x2" if shape.layer.pool else "",
            shape.weight_count,
        )
        for shape in architecture.shapes
    ]
    return table(
        f"{size} input of {architecture.input_bits} bit, {architecture.weight_count} weights, "
        f"{len(found.blob())} bytes",
        ("layer", ">channels", "kernel", "pool", ">weights"),
        rows,
    )
