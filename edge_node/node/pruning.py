# SPDX-License-Identifier: Apache-2.0
"""Pruning while the node runs: now and then, once enough has come together.

Law of the file: it decides when; what may go is edge_node/chain/pruning.py's. A disk without room
to rewrite the file is told and lived with.
Read next: edge_node/chain/pruning.py.
"""

import logging

from edge_node.chain.errors import StoreUnavailable
from edge_node.chain.importer import Importer
from edge_node.node.errors import NothingFinal
from edge_node.primitives.counting import counted

_LOG = logging.getLogger(__name__)

LOOK_MS = 10_000
"""How often it is looked whether there is enough to prune."""
STEP_BLOCKS = 32
"""Pruning fewer blocks at a time is not worth a look at the state there."""

PRUNED_CAPABILITY = "pruned"
"""What a node's presence says if it can not serve old blocks."""


class Pruning:
    """Keeps a chain short.

    Parameters
    ----------
    importer : Importer
    keep_blocks : int
        Blocks below the head that stay; 0 to prune nothing. Where no members make blocks final,
        nothing is pruned, and the log says so.
    """

    def __init__(self, importer: Importer, keep_blocks: int) -> None:
        self._importer = importer
        self._keep_blocks = keep_blocks if importer.members else 0
        if self._keep_blocks != keep_blocks:
            _LOG.warning("storage.keep_blocks = %d: %s", keep_blocks, NothingFinal(importer.proof))
        self._look_at_ms = 0

    def tick(self, now_ms: int) -> None:
        """Prune if it is time and worth it."""
        if not self._keep_blocks or now_ms < self._look_at_ms:
            return
        self._look_at_ms = now_ms + LOOK_MS
        importer = self._importer
        before = importer.blocks.pruned_height()
        if importer.prune_height(self._keep_blocks) < before + STEP_BLOCKS:
            return
        pruned = importer.prune(self._keep_blocks)
        models = counted(pruned.models, "model")
        _LOG.info("pruned up to height %d: %s went", pruned.height, models)
        try:
            importer.shrink()
        except StoreUnavailable as error:
            _LOG.warning("the room is used again, but the file stays as large: %s", error)
