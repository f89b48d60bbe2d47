# SPDX-License-Identifier: Apache-2.0
"""Reporting double signing: a node that holds two blocks of one right says so on the chain.

Two signed headers with equal parent, miner and model are an offence (R-63). Both of the blocks are
valid, so both are stored, and the second finds the first among its siblings.
Law of the file: what is reported is proven by the two headers alone; nobody is reported twice, and
a node does not report itself.
Read next: edge_node/spec/offences.py.
"""

import logging

from edge_node.chain.block_builder import Signer
from edge_node.chain.errors import MempoolRejected
from edge_node.chain.importer import Importer
from edge_node.chain.mempool import Mempool
from edge_node.gossip.ports import Action
from edge_node.kernels.libsodium import load_ed25519
from edge_node.node.intake import Intake
from edge_node.node.purse import Purse
from edge_node.node.signer import KeySigner
from edge_node.primitives.hashing import tagged_hash
from edge_node.primitives.types import Amount, BlockHash
from edge_node.spec import constants as limits
from edge_node.spec.block import Header, header_from_bytes
from edge_node.spec.errors import InvalidTransaction
from edge_node.spec.state import Punished
from edge_node.spec.transaction import Evidence, address_of

_LOG = logging.getLogger(__name__)

MAX_SIBLINGS = 64
"""Blocks on one parent that are looked at: a flood of them costs no more."""


def report_key(signer: Signer) -> KeySigner:
    """Return the key that signs a node's reports, and nothing else.

    A report can become void while it waits, because somebody else's is confirmed first. Among its
    user's transactions it would take those with it that come after.
    """
    secret = tagged_hash("report-key", signer.sign(tagged_hash("report-key-of")))
    return KeySigner(load_ed25519(), secret)


class Reporter:
    """Looks at every block that comes in.

    Parameters
    ----------
    importer : Importer
    intake : Intake
        Where a report goes.
    mempool : Mempool
    signer : Signer
        The node's key, whose account is paid.
    """

    def __init__(
        self, importer: Importer, intake: Intake, mempool: Mempool, signer: Signer
    ) -> None:
        self._importer = importer
        self._intake = intake
        self._purse = Purse(importer, mempool, report_key(signer))
        self._address = address_of(signer.public_key)

    def look_at(self, block_hash: BlockHash) -> list[Action]:
        """Report the miner of a block that has just come, if it has signed another in its place."""
        stored = self._importer.blocks.get(block_hash)
        if stored is None:
            return []
        header = header_from_bytes(stored.header)
        found = self._sibling(header)
        if found is None or not self._is_news(header):
            return []
        _LOG.warning(
            "%s signed two blocks of one model at height %d",
            address_of(header.miner).hex(),
            header.height,
        )
        first, second = sorted((found, header), key=Header.block_hash)
        report = self._purse.make(
            Evidence,
            fee=Amount(0),
            first=first.encode(),
            second=second.encode(),
            reporter=self._address,
        )
        try:
            return self._intake.submit(report)
        except (InvalidTransaction, MempoolRejected) as error:
            _LOG.warning("not reported: %s", error)
            return []

    def _sibling(self, header: Header) -> Header | None:
        for encoded in self._importer.blocks.children(header.previous_hash, MAX_SIBLINGS):
            sibling = header_from_bytes(encoded)
            if _right(sibling) == _right(header) and sibling.block_hash() != header.block_hash():
                return sibling
        return None

    def _is_news(self, header: Header) -> bool:
        head = self._importer.head
        offence = Punished(address=address_of(header.miner), height=header.height)
        earliest = head.height + 1 - limits.EVIDENCE_WINDOW_BLOCKS
        return (
            offence.address != self._address
            and offence not in head.punished
            and header.height >= earliest
        )


def _right(header: Header) -> tuple[bytes, bytes]:
    """Return what a key may sign one block for, on one parent."""
    return header.miner, header.model_hash
