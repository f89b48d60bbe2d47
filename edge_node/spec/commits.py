# SPDX-License-Identifier: Apache-2.0
"""Commit and reveal: how a model that was made elsewhere becomes somebody's.

Rules R-66 (commit) and R-67 (import); paper A, section 4.2; design, section 6. Any trainer may
found a family with a model of its own. A block shows the whole model, so whoever relays it could
sign for it; hence its miner has committed to it, under its key, several blocks before.
Law of the file: a commitment shows nothing and earns nothing; it only has to be old enough.
Read next: proof/evolution.py.
"""

from dataclasses import replace
from typing import ClassVar

from edge_node.primitives.types import Height, PublicKey
from edge_node.spec import constants as limits
from edge_node.spec.errors import InvalidProof, InvalidTransaction
from edge_node.spec.genesis import Parameters
from edge_node.spec.state import PendingCommit, State
from edge_node.spec.transaction import ModelCommit, address_of, commitment_to


class CommitKnown(InvalidTransaction):
    """The sender's last commitment is this one already (R-66)."""

    reason: ClassVar[str] = "R-66"
    wants: ClassVar[str] = "the commitment"


class ImportNotCommitted(InvalidProof):
    """An imported model was not committed to by its miner, or not long enough ago (R-67)."""

    reason: ClassVar[str] = "R-67"
    wants: ClassVar[str] = "the imported model"


def commit(state: State, transaction: ModelCommit, height: Height) -> State:
    """Return the state with the sender's commitment in place of an earlier one.

    Raises
    ------
    CommitKnown
        R-66.
    """
    address = address_of(transaction.sender)
    oldest = height - limits.MAX_COMMIT_AGE_BLOCKS
    others = tuple(
        each for each in state.commits if each.address != address and each.height >= oldest
    )
    # repeated, it would only grow younger.
    for each in state.commits:
        if (each.address, each.commitment) == (address, transaction.commitment):
            raise CommitKnown(expected="a new one", actual=transaction.commitment)
    added = PendingCommit(address=address, commitment=transaction.commitment, height=height)
    return replace(state, commits=(*others, added))


def check_import(
    state: State, blob: bytes, salt: bytes, miner: PublicKey, parameters: Parameters
) -> None:
    """Check that the next block's miner may show a model.

    Raises
    ------
    ImportNotCommitted
        R-67.
    """
    # old enough that nobody can have seen the model before its miner committed to it.
    height = state.height + 1
    latest, oldest = height - parameters.commit_delay_blocks, height - limits.MAX_COMMIT_AGE_BLOCKS
    wanted = (address_of(miner), commitment_to(blob, miner, salt))
    for each in state.commits:
        if (each.address, each.commitment) == wanted:
            if not oldest <= each.height <= latest:
                raise ImportNotCommitted(
                    expected=f"committed to in {oldest}..{latest}", actual=each.height
                )
            return
    raise ImportNotCommitted(expected="committed to by its miner", actual="not")
