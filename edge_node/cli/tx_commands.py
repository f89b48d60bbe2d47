# SPDX-License-Identifier: Apache-2.0
"""`edge-node tx`: send coins.

Law of the file: signed here with the data directory's key, taken in by the running node.
Read next: edge_node/spec/transaction.py.
"""

import click

from edge_node.cli.output import emit, json_option
from edge_node.cli.sending import NO_SIGNATURE, Draft, fee_option, send_transaction
from edge_node.cli.session import Session
from edge_node.primitives.types import Address, Amount
from edge_node.spec.transaction import ADDRESS_BYTES, Transfer


@click.group()
def tx() -> None:
    """Send transactions."""


class _AddressType(click.ParamType):  # type: ignore[type-arg]  # generic in newer click only
    name = "address"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Address:
        try:
            data = bytes.fromhex(str(value))
        except ValueError:
            data = b""
        if len(data) != ADDRESS_BYTES:
            self.fail(f"an address has {2 * ADDRESS_BYTES} hex digits", param, ctx)
        return Address(data)


@tx.command("send")
@click.argument("recipient", type=_AddressType())
@click.argument("amount", type=click.IntRange(min=1))
@fee_option
@json_option
@click.pass_obj
def send(session: Session, /, *, recipient: Address, amount: int, fee: int, as_json: bool) -> None:
    """Send AMOUNT coins to the address RECIPIENT.

    The running node tells it to the network.
    """

    def transfer(draft: Draft) -> Transfer:
        return Transfer(
            sender=draft.sender,
            nonce=draft.nonce,
            recipient=recipient,
            amount=Amount(amount),
            fee=Amount(fee),
            signature=NO_SIGNATURE,
        )

    answer = send_transaction(session, transfer)
    emit(
        answer,
        as_json=as_json,
        show=lambda: click.echo(
            f"sent {amount} in transaction {answer['transaction']}; the next block may hold it"
        ),
    )
