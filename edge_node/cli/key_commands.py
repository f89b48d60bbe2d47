# SPDX-License-Identifier: Apache-2.0
"""`edge-node key`: the node's key before there is a node, for others to see, and kept safe.

Law of the file: the secret is never printed.
Read next: edge_node/node/data_directory.py.
"""

import secrets
from pathlib import Path

import click

from edge_node.cli.output import emit, json_option
from edge_node.cli.session import Session
from edge_node.gossip.topics import node_id
from edge_node.kernels.libsodium import NONCE_BYTES, SALT_BYTES, load_boxes, load_ed25519
from edge_node.node.control import JsonObject
from edge_node.node.errors import NodeError, PassphraseTooShort
from edge_node.node.key_backup import (
    MAX_BACKUP_BYTES,
    MIN_PASSPHRASE_CHARACTERS,
    Chance,
    KeyBackup,
    lock_backup,
    unlock_backup,
)
from edge_node.node.whole_file import OWNER, write_whole
from edge_node.spec.signature import SEED_BYTES
from edge_node.spec.transaction import address_of

_COPIES = (
    "no two nodes may run with one key: what both sign costs their rewards, and their word as a"
    " member; stop every other copy"
)


class FileExists(NodeError):
    """A backup would take another file's place."""

    reason = "file-exists"

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is there already; name another file, or add --force")
        self.path = path


_passphrase_option = click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="FILE",
    help="Its first line is the passphrase.  [default: ask]",
)


@click.group()
def key() -> None:
    """Show, make, keep and bring back the node's key."""


@key.command("new")
@json_option
@click.pass_obj
def new_key(session: Session, /, *, as_json: bool) -> None:
    """Make a key before there is a node, so that a founder can name it with `init --member`."""
    session.directory.make_key(secrets.token_bytes(SEED_BYTES))
    _show(session, as_json=as_json)


@key.command("show")
@json_option
@click.pass_obj
def show_key(session: Session, /, *, as_json: bool) -> None:
    """Show the public key, which others may know."""
    _show(session, as_json=as_json)


@key.command("backup")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@_passphrase_option
@click.option("--force", is_flag=True, help="Take the place of a file that is there.")
@json_option
@click.pass_obj
def backup_key(
    session: Session, /, *, file: Path, passphrase_file: Path | None, force: bool, as_json: bool
) -> None:
    """Keep the key in FILE, encrypted with a passphrase.

    Whoever has both has the node's coins and its word. Back up again once in a while: FILE also
    holds what the key has signed as a member so far.
    """
    if file.exists() and not force:
        raise FileExists(file)
    directory = session.directory
    seed = directory.seed()
    public = load_ed25519().public_key(seed)
    passphrase = _passphrase(passphrase_file, twice=True)
    if len(passphrase) < MIN_PASSPHRASE_CHARACTERS:
        raise PassphraseTooShort(expected=MIN_PASSPHRASE_CHARACTERS, actual=len(passphrase))
    kept = KeyBackup(seed=seed, session=directory.last_session(), word=directory.word())
    chance = Chance(salt=secrets.token_bytes(SALT_BYTES), nonce=secrets.token_bytes(NONCE_BYTES))
    data = lock_backup(kept, public, passphrase, load_boxes(), chance)
    write_whole(file, data, mode=OWNER)
    answer: JsonObject = {"public_key": public.hex(), "file": str(file)}
    emit(answer, as_json=as_json, show=lambda: click.echo(f"{file} has key {public.hex()}"))


@key.command("restore")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@_passphrase_option
@click.option("--force", is_flag=True, help="Replace another key, which stays beside it.")
@json_option
@click.pass_obj
def restore_key(
    session: Session, /, *, file: Path, passphrase_file: Path | None, force: bool, as_json: bool
) -> None:
    """Bring the key of FILE back, for the node here or one still to be made.

    Two nodes with one key cost each other their rewards: end every other copy first.
    """
    with file.open("rb") as stream:
        data = stream.read(MAX_BACKUP_BYTES + 1)
    kept = unlock_backup(data, _passphrase(passphrase_file, twice=False), load_boxes())
    directory = session.directory
    if directory.is_initialised():
        directory.open()
    try:
        aside = directory.restore_key(kept, replace=force)
    finally:
        directory.close()
    public = load_ed25519().public_key(kept.seed)
    answer: JsonObject = {
        "public_key": public.hex(),
        "signed_height": 0 if kept.word is None else kept.word.height,
        "replaced": None if aside is None else str(aside),
        "warning": _COPIES,
    }
    told = f"; the other one is {aside} now" if aside is not None else ""
    emit(
        answer,
        as_json=as_json,
        show=lambda: click.echo(f"key {public.hex()} is back{told}\n{_COPIES}"),
    )


def _passphrase(file: Path | None, *, twice: bool) -> str:
    if file is not None:
        lines = file.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        return lines[0] if lines else ""
    try:
        text = click.prompt("passphrase", hide_input=True, confirmation_prompt=twice, err=True)
    except click.Abort:
        raise click.UsageError("nobody gave a passphrase; name a --passphrase-file") from None
    return str(text)


def _show(session: Session, *, as_json: bool) -> None:
    public = load_ed25519().public_key(session.directory.seed())
    answer: JsonObject = {
        "public_key": public.hex(),
        "node": str(node_id(public)),
        "address": address_of(public).hex(),
    }
    emit(answer, as_json=as_json, show=lambda: click.echo(public.hex()))
