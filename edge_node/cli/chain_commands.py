# SPDX-License-Identifier: Apache-2.0
"""`edge-node chain`: show the blocks, judge every one again from the genesis, or prune them.

Law of the file: `verify` uses nothing of what the store concluded, only its bytes.
Read next: edge_node/spec/validation.py.
"""

from contextlib import closing
from pathlib import Path

import click

from edge_node.chain.latent_store import LatentStore
from edge_node.chain.pruning import MIN_KEEP_BLOCKS, prune, prune_height
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
from edge_node.node.errors import NothingFinal
from edge_node.primitives.counting import counted
from edge_node.spec.block import Block, body_from_bytes, header_from_bytes
from edge_node.spec.errors import InvalidInput
from edge_node.spec.validation import rules_of, validate_block


@click.group()
def chain() -> None:
    """Show the chain, judge it again, or prune it."""


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
        genesis, state = read.genesis, read.state
        start = max(1, state.height - last + 1)
        stored, final_height = read.blocks.main_blocks(start, last), read.final_height()
    headers = [(block, header_from_bytes(block.header)) for block in stored]
    rows = [
        {
            "height": header.height,
            "hash": block.block_hash.hex(),
            "kind": kind_of(header, genesis.proof, state),
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
    help="auto, native, numpy, reference, lce, tflite, overlay-sim, overlay or serial.",
)
@json_option
@click.pass_obj
def verify_chain(session: Session, /, *, backend: str, as_json: bool) -> None:
    """Judge every block again, from the genesis on, or from where the chain is pruned."""
    datasets = DatasetStore(session.directory.datasets)
    adopted, board = session.config.fpga.adopted, session.config.bridge.board
    chosen = select_backend() if backend == "auto" else open_backend(backend, adopted, board)
    engine = NodeEngine(load_ed25519(), [chosen], datasets)
    broken = ""
    with closing(engine), open_chain(session) as read:
        rules, state = rules_of(read.genesis), read.first_state()
        pruned = read.blocks.pruned_height()
        latents = LatentStore(read.database, read.blocks, rules, engine)
        for stored in read.main_chain():
            block = Block(
                header=header_from_bytes(stored.header), body=body_from_bytes(stored.body)
            )
            try:
                verdict = validate_block(block, state, rules, engine, read.blocks, latents)
            except InvalidInput as error:
                broken = f"block {stored.height}: {error}"
                break
            state = verdict.state
            if verdict.latents:
                latents.remember(state.families[block.header.family], verdict.latents)
        expected, final_height = read.state.root(), read.final_height()
    if not broken and state.root() != expected:
        broken = f"state root {state.root().hex()}, the store has {expected.hex()}"
    answer: JsonObject = {
        "valid": not broken,
        "height": state.height,
        "final_height": final_height,
        "pruned_height": pruned,
        "error": broken,
    }
    emit(
        answer,
        as_json=as_json,
        show=lambda: click.echo(broken or _verdict(state.height, final_height, pruned)),
    )
    if broken:
        raise SystemExit(ExitCode.FAILED)


def _verdict(height: int, final_height: int, pruned: int) -> str:
    final = f"final up to height {final_height}"
    if not pruned:
        return f"{counted(height, 'block')}, all valid; {final}"
    above = counted(height - pruned, "block")
    return f"{above} above height {pruned}, all valid; {final}, pruned below"


@chain.command("prune")
@click.option(
    "--keep",
    type=click.IntRange(min=MIN_KEEP_BLOCKS),
    default=1_000,
    show_default=True,
    help="Blocks below the head that stay whole.",
)
@json_option
@click.pass_obj
def prune_chain(session: Session, /, *, keep: int, as_json: bool) -> None:
    """Let go of old blocks' bodies, transports, records and models.

    For a node that does not run; one that runs prunes by itself with storage.keep_blocks. Only what
    a quorum of members has made final can go, so nothing where no members decide, as in a lottery.
    Headers stay, and a pruned node goes on as before, but can not serve old blocks to nodes that
    join.
    """
    directory = session.directory
    directory.open()
    try:
        size_before = _chain_bytes(directory.chain)
        with open_chain(session) as read:
            if not read.genesis.deciding_members:
                raise NothingFinal(read.genesis.proof)
            final = read.final_checkpoint()
            height = prune_height(read.state, final, keep)
            pruned = prune(read.database, read.blocks, read.ledger, read.state, height)
            read.database.shrink(always=True)
        size_after = _chain_bytes(directory.chain)
    finally:
        directory.close()
    answer: JsonObject = {
        "pruned_height": pruned.height,
        "bodies": pruned.bodies,
        "dead_blocks": pruned.dead_blocks,
        "models": pruned.models,
        "bytes_before": size_before,
        "bytes_after": size_after,
    }
    words = (
        f"headers only up to height {pruned.height}; {counted(pruned.bodies, 'body', 'bodies')},"
        f" {counted(pruned.dead_blocks, 'dead block')} and {counted(pruned.models, 'model')} went;"
        f" {size_before} -> {size_after} bytes"
    )
    if final is None:
        words = "nothing can go: no quorum of members has made a block final yet"
    emit(answer, as_json=as_json, show=lambda: click.echo(words))


def _chain_bytes(path: Path) -> int:
    logs = (path, path.with_name(f"{path.name}-wal"))
    return sum(each.stat().st_size for each in logs if each.exists())
