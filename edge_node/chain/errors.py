# SPDX-License-Identifier: Apache-2.0
"""What can go wrong in a node's own store, and what the mempool and importer turn away.

Law of the file: names only; broken rules of the law have their classes in edge_node/spec.
Read next: database.py.
"""

from typing import ClassVar

from edge_node.primitives.errors import EdgeNodeError
from edge_node.primitives.types import BlockHash, Height, ModelHash
from edge_node.spec.errors import InvalidInput


class StoreCorrupt(EdgeNodeError):
    """The chain database can not be read."""

    reason: ClassVar[str] = "store-corrupt"

    def __init__(self, what: str) -> None:
        super().__init__(
            f"the chain database is damaged ({what}); move chain.sqlite3 away and start again, "
            "the node then fetches the chain from its peers"
        )
        self.what = what


class BlocksNotReplayed(EdgeNodeError):
    """The chain was stored by an offloading node, and another kind of node is to go on with it."""

    reason: ClassVar[str] = "blocks-not-replayed"

    def __init__(self) -> None:
        super().__init__(
            "the chain in this data directory was evaluated but not replayed; name the full nodes "
            "in [offload] again, or move chain.sqlite3 away: the node then fetches the chain anew"
        )


class ModelMissing(EdgeNodeError):
    """A node that does not replay has to evaluate a model that is not here yet."""

    reason: ClassVar[str] = "model-missing"

    def __init__(self, model_hash: ModelHash) -> None:
        super().__init__(f"model {model_hash.hex()} is not here yet; a full node is asked for it")
        self.model_hash = model_hash


class StoreUnavailable(EdgeNodeError):
    """The chain database is sound, but can not be read or written now."""

    reason: ClassVar[str] = "store-unavailable"

    def __init__(self, what: str) -> None:
        super().__init__(
            f"the chain database can not be used ({what}); see to the disk's space and "
            "permissions and to other programs that use it, then start again"
        )
        self.what = what


class StoreFormatNewer(EdgeNodeError):
    """The chain database was written by a newer program."""

    reason: ClassVar[str] = "store-format"

    def __init__(self, *, expected: int, actual: int) -> None:
        super().__init__(
            f"the chain database has format {actual}, this program knows up to {expected}; "
            "install the newer edge-node"
        )
        self.expected = expected
        self.actual = actual


class WrongNetwork(EdgeNodeError):
    """The chain database belongs to another network."""

    reason: ClassVar[str] = "store-network"

    def __init__(self, *, expected: bytes, actual: bytes) -> None:
        super().__init__(
            f"the chain database is of network {actual.hex()}, not {expected.hex()}; "
            "use another data directory"
        )
        self.expected = expected
        self.actual = actual


class ParentUnknown(EdgeNodeError):
    """A block's parent has not arrived: fetch it first."""

    reason: ClassVar[str] = "parent-unknown"

    def __init__(self, parent: BlockHash) -> None:
        super().__init__(f"block {parent.hex()} is missing; fetch it from a peer first")
        self.parent = parent


class ParentPruned(EdgeNodeError):
    """A block stands on one that a quorum's final block has left behind: nobody can follow it."""

    reason = "parent-pruned"

    def __init__(self, *, expected: Height, actual: Height) -> None:
        super().__init__(
            f"a block on height {actual} can not be judged, for the chain is pruned up to height"
            f" {expected}; ask a node that keeps all blocks"
        )
        self.expected = expected
        self.actual = actual


class KnownInvalid(InvalidInput):
    """The block, or its parent, was judged invalid before."""

    reason: ClassVar[str] = "known-invalid"

    def __init__(self, block_hash: BlockHash) -> None:
        super().__init__(
            f"block {block_hash.hex()} or its parent was found invalid before; do not send it"
        )
        self.block_hash = block_hash


class AlreadySigned(EdgeNodeError):
    """The node has signed another block with this parent and model: a second one would cost it."""

    reason: ClassVar[str] = "already-signed"

    def __init__(self, *, expected: BlockHash, actual: BlockHash) -> None:
        super().__init__(
            f"this key has signed block {expected.hex()} already and must not sign "
            f"{actual.hex()}; wait for the next block"
        )
        self.expected = expected
        self.actual = actual


class MempoolRejected(EdgeNodeError):
    """A transaction is valid in itself, but does not wait here."""

    reason: ClassVar[str] = "mempool"

    def __init__(self, what: str, *, expected: object, actual: object) -> None:
        super().__init__(f"{what} must be {expected}, not {actual}; raise the fee or send it later")
        self.what = what
        self.expected = expected
        self.actual = actual
