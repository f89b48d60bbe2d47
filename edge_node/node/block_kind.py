# SPDX-License-Identifier: Apache-2.0
"""What a block brings, in one word that users see.

By `evolution` the header tells. By the other rules every model is trained from its family's head:
the first is a founder's, the others are steps, and a step that the state holds is a record.
Law of the file: a word for people and metrics; no rule depends on it.
Read next: edge_node/spec/block.py.
"""

from edge_node.primitives.hashing import ZERO_HASH
from edge_node.spec.block import Header
from edge_node.spec.genesis import EVOLUTION
from edge_node.spec.state import State

KINDS = ("founder", "import", "population", "child", "step", "record", "fallback")
"""Every word that `kind_of` has."""


def kind_of(header: Header, proof: str, head: State) -> str:
    """Return what a valid header's block brings; of another header, what it says to bring.

    Parameters
    ----------
    header : Header
    proof : str
        The network's proof rule.
    head : State
        Of the main chain; a record of another branch is called a step.
    """
    if header.model_hash == ZERO_HASH:
        return "fallback"
    first = header.previous_model_hash == ZERO_HASH
    if proof != EVOLUTION:
        later = "record" if _is_record(header, head) else "step"
    elif header.latent_root == ZERO_HASH:  # nothing was trained by the chain's rules
        return "import" if first else "child"
    else:
        later = "population"
    return "founder" if first else later


def _is_record(header: Header, head: State) -> bool:
    family, block = head.families.get(header.family), header.block_hash()
    return family is not None and any(each.block == block for each in family.records)
