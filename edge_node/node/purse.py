# SPDX-License-Identifier: Apache-2.0
"""An account whose transactions the node makes by itself.

Law of the file: it signs what is the account's next transaction, at the least fee unless told;
whether it may be made is the caller's word, whether it is valid the mempool's.
Read next: reporting.py, imports.py.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from edge_node.chain.block_builder import Signer
from edge_node.chain.importer import Importer
from edge_node.chain.mempool import Mempool
from edge_node.primitives.types import Address, Amount, PublicKey, Signature
from edge_node.spec.signature import SIGNATURE_BYTES
from edge_node.spec.transaction import Transaction, address_of

AnyTransaction = TypeVar("AnyTransaction", bound=Transaction)


class Purse:
    """Makes the node's own transactions.

    Parameters
    ----------
    importer : Importer
    mempool : Mempool
    signer : Signer
    """

    def __init__(self, importer: Importer, mempool: Mempool, signer: Signer) -> None:
        self._importer = importer
        self._mempool = mempool
        self._signer = signer

    @property
    def public_key(self) -> PublicKey:
        """The account's key."""
        return self._signer.public_key

    @property
    def address(self) -> Address:
        """The account."""
        return address_of(self._signer.public_key)

    def has_waiting(self, transaction: Transaction) -> bool:
        """Return True if a transaction waits for a block."""
        return transaction.signing_hash(self._importer.rules.network) in self._mempool

    def make(
        self, kind: Callable[..., AnyTransaction], *, fee: Amount | None = None, **details: object
    ) -> AnyTransaction:
        """Return the account's next transaction, signed.

        Parameters
        ----------
        kind : callable
            A class of transaction.
        fee : Amount or None
            Coins for the miner; None for the network's least.
        **details
            Its own fields.
        """
        key = self._signer.public_key
        unsigned = kind(
            sender=key,
            nonce=self._mempool.next_nonce(self._importer.head, key),
            fee=Amount(self._importer.rules.parameters.min_fee) if fee is None else fee,
            signature=Signature(bytes(SIGNATURE_BYTES)),
            **details,
        )
        message = unsigned.signing_hash(self._importer.rules.network)
        return replace(unsigned, signature=self._signer.sign(message))
