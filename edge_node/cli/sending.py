# SPDX-License-Identifier: Apache-2.0
"""Sending transactions of any kind: signed here, taken in and told by the running node.

Law of the file: the key stays in this process; the node judges by the whole law and answers in one
sentence.
Read next: edge_node/spec/transaction.py, edge_node/node/answers.py.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import click

from edge_node.cli.session import Session
from edge_node.kernels.libsodium import load_ed25519
from edge_node.node.control import JsonObject, ask
from edge_node.node.signer import KeySigner
from edge_node.primitives.types import PublicKey, Signature
from edge_node.spec.encoding import encode
from edge_node.spec.signature import SIGNATURE_BYTES
from edge_node.spec.transaction import Transaction

NO_SIGNATURE = Signature(bytes(SIGNATURE_BYTES))
"""What stands in a draft until it is signed."""

fee_option = click.option(
    "--fee",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    help="Coins for the miner; who pays more waits less.",
)
"""For every command that sends a transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What every transaction of the data directory's key begins with."""

    sender: PublicKey
    """The key."""
    nonce: int
    """After all that wait already."""


def send_transaction(session: Session, make: Callable[[Draft], Transaction]) -> JsonObject:
    """Send what `make` makes of a draft, and return the node's answer, with the key `transaction`.

    Raises
    ------
    NotInitialised, NodeNotRunning
    RequestRefused
        By the first rule of the law that it breaks.
    """
    directory = session.directory
    genesis, control = directory.genesis(), directory.control
    signer = KeySigner(load_ed25519(), directory.seed())
    nonce = int(str(ask(control, "account", {})["nonce"]))
    unsigned = make(Draft(sender=signer.public_key, nonce=nonce))
    signature = signer.sign(unsigned.signing_hash(genesis.network_id()))
    signed = replace(unsigned, signature=signature)
    return ask(control, "submit", {"transaction": encode(signed.value()).hex()})
