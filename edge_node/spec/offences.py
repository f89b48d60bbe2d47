# SPDX-License-Identifier: Apache-2.0
"""The one offence: a key that signs two blocks of one model on one parent.

Rules R-63 to R-65; paper A, section 4.6 (penalties and incentives); design, section 4. Failed
replays and false counts cost their author its relay, no coins: keys are free, and only immature
rewards can be taken away. An honest node remembers what it signs before it publishes.
Law of the file: two signed headers are all that it takes; nobody's word is believed.
Read next: validation.py.
"""

from dataclasses import replace
from typing import ClassVar

from edge_node.primitives.types import Amount, Height, NetworkId
from edge_node.spec import constants as limits
from edge_node.spec.block import Header, header_from_bytes
from edge_node.spec.errors import InvalidTransaction
from edge_node.spec.signature import SignatureCheck
from edge_node.spec.state import Punished, State
from edge_node.spec.transaction import Evidence, address_of


class EvidenceFalse(InvalidTransaction):
    """Two headers do not show that a key signed twice where it may once (R-63)."""

    reason: ClassVar[str] = "R-63"
    wants: ClassVar[str] = "the evidence"


class EvidenceStale(InvalidTransaction):
    """The headers are of a height too long ago, or yet to come (R-64)."""

    reason: ClassVar[str] = "R-64"
    wants: ClassVar[str] = "the height of the evidence"


class EvidenceRepeated(InvalidTransaction):
    """What this key did at this height is paid for (R-65)."""

    reason: ClassVar[str] = "R-65"
    wants: ClassVar[str] = "the evidence"


def check_evidence(transaction: Evidence, network: NetworkId, verify: SignatureCheck) -> None:
    """Check what the headers show by themselves, whatever the chain.

    Raises
    ------
    EvidenceFalse, InvalidEncoding, HeaderMalformed
        R-63, R-2, R-22.
    """
    # everything equal that names the right to a block, and two blocks.
    first, second = (header_from_bytes(each) for each in (transaction.first, transaction.second))
    for name, expected, actual in (
        ("network", network, first.network),
        ("network", network, second.network),
        ("height", first.height, second.height),
        ("previous_hash", first.previous_hash, second.previous_hash),
        ("miner", first.miner, second.miner),
        ("model_hash", first.model_hash, second.model_hash),
    ):
        if expected != actual:
            raise EvidenceFalse(expected=f"of one {name}", actual="of two")
    # In this order, so that one double signing has one evidence.
    if first.block_hash() >= second.block_hash():
        raise EvidenceFalse(expected="two blocks, the lower hash first", actual="another order")
    for header in (first, second):
        if not verify(header.miner, header.block_hash(), header.signature):
            raise EvidenceFalse(expected=f"signed by {header.miner.hex()}", actual="not")


def punish(state: State, transaction: Evidence, height: Height) -> State:
    """Return the state without the signer's immature rewards, and with the reporter's share.

    Raises
    ------
    EvidenceStale, EvidenceRepeated
        R-64, R-65.
    """
    header = _header(transaction)
    # later, what the block paid can be spent already.
    earliest = height - limits.EVIDENCE_WINDOW_BLOCKS
    if not earliest <= header.height < height:
        raise EvidenceStale(expected=f"in {earliest}..{height - 1}", actual=header.height)
    offence = Punished(address=address_of(header.miner), height=header.height)
    # once for each key and height.
    if offence in state.punished:
        raise EvidenceRepeated(expected="a new one", actual=f"height {header.height} again")
    taken = sum(each.amount for each in state.immature if each.address == offence.address)
    reporter = taken // limits.REPORTER_SHARE
    state = replace(
        state,
        immature=tuple(each for each in state.immature if each.address != offence.address),
        burned=Amount(state.burned + taken - reporter),
        punished=(
            *(each for each in state.punished if each.height >= earliest),
            offence,
        ),
    )
    return state.with_reward(transaction.reporter, reporter, height)


def _header(transaction: Evidence) -> Header:
    return header_from_bytes(transaction.first)
