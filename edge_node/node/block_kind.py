# SPDX-License-Identifier: Apache-2.0
"""What a block brings, in one word that users see: its header tells.

Law of the file: a word for people and metrics; no rule depends on it.
Read next: edge_node/spec/block.py.
"""

from edge_node.primitives.hashing import ZERO_HASH
from edge_node.spec.block import Header

KINDS = ("founder", "import", "population", "child", "step", "fallback")
"""Every word that `kind_of` has."""


def kind_of(header: Header) -> str:
    """Return what a valid header's block brings; of another header, what it says to bring."""
    if header.model_hash == ZERO_HASH:
        return "fallback"
    first = header.previous_model_hash == ZERO_HASH
    if header.latent_root == ZERO_HASH:  # nothing was trained by the chain's rules
        return "import" if first else "child"
    later = "population" if header.target == ZERO_HASH else "step"
    return "founder" if first else later
