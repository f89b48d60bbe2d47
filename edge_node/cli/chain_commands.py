# SPDX-License-Identifier: Apache-2.0
"""`edge-node chain`: show the blocks, or judge every one of them again from the genesis.

Law of the file: `verify` uses nothing of what the store concluded, only its bytes.
Read next: edge_node/spec/validation.py.
"""

from contextlib import closing

import click

from edge_node.cli.chain_access import open_chain
from edge_node.cli.exit_codes import ExitCode
from edge_node.cli.output import console, emit, json_option, short, table
from edge_node.cli.session import Session
from edge_node.datasets.store import DatasetStore
from edge_node.inference.select import open_backend, select_backend
from edge_node.kernels.libsodium import load_ed25519
from edge_node.node.block_kind import kind_of
from edge_node.node.control import JsonObject
from edge_node.node.engine import NodeEngine
from edge_node.spec.block import Block, body_from_bytes, header_from_bytes
from edge_node.spec.errors import InvalidInput
from edge_node.spec.state import genesis_state
from edge_node.spec.validation import rules_of, validate_block


@click.group()
def chain() -> None:
    """Show the chain, or judge it again."""


@chain.command("show")
@click.option(
    "--last",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="How many blocks, newest last.",
)
@json_option
@click.pass_obj
def show_chain(session: Session, /, *, last: int, as_json: bool) -> None:
    """Show the last blocks of the main chain."""
    with open_chain(session) as read:
        start = max(1, read.state.height - last + 1)
        stored, final_height = read.blocks.main_blocks(start, last), read.final_height()
    headers = [(block, header_from_bytes(block.header)) for block in stored]
    rows = [
        {
            "height": header.height,
            "hash": block.block_hash.hex(),
            "kind": kind_of(header),
            "family": header.family.hex(),
            "generation": header.generation,
            "rung": header.rung,
            "correct": header.correct_count,
            "miner": header.miner.hex(),
            "timestamp_ms": header.timestamp,
            "bytes": len(block.header) + len(block.body) + len(block.transport),
            "backend": block.backend,
        }
        for block, header in headers
    ]
    emit(
        {"blocks": rows, "final_height": final_height},
        as_json=as_json,
        show=lambda: console.print(
            table(
                f"main chain, final up to height {final_height}",
                (">height", "hash", "kind", ">gen", ">rung", ">correct", ">bytes", "back end"),
                [
                    (
                        row["height"],
                        short(row["hash"]),
                        row["kind"],
                        row["generation"],
                        row["rung"],
                        row["correct"],
                        row["bytes"],
                        row["backend"],
                    )
                    for row in rows
                ],
            )
        ),
    )


@chain.command("verify")
@click.option(
    "--backend",
    default="auto",
    show_default=True,
    help="auto, native, numpy, reference, lce or tflite.",
)
@json_option
@click.pass_obj
def verify_chain(session: Session, /, *, backend: str, as_json: bool) -> None:
    """Judge every block again, from the genesis on."""
    datasets = DatasetStore(session.directory.datasets)
    chosen = select_backend() if backend == "auto" else open_backend(backend)
    engine = NodeEngine(load_ed25519(), [chosen], datasets)
    broken = ""
    with closing(engine), open_chain(session) as read:
        rules, state = rules_of(read.genesis), genesis_state(read.genesis)
        for stored in read.main_chain():
            block = Block(
                header=header_from_bytes(stored.header), body=body_from_bytes(stored.body)
            )
            try:
                state = validate_block(block, state, rules, engine, read.blocks).state
            except InvalidInput as error:
                broken = f"block {stored.height}: {error}"
                break
        expected, final_height = read.state.root(), read.final_height()
    if not broken and state.root() != expected:
        broken = f"state root {state.root().hex()}, the store has {expected.hex()}"
    answer: JsonObject = {
        "valid": not broken,
        "height": state.height,
        "final_height": final_height,
        "error": broken,
    }
    emit(
        answer,
        as_json=as_json,
        show=lambda: click.echo(
            broken or f"{state.height} blocks, all valid; final up to height {final_height}"
        ),
    )
    if broken:
        raise SystemExit(ExitCode.FAILED)
