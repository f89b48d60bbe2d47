# SPDX-License-Identifier: Apache-2.0
"""What can go wrong in a node's own store, and what the mempool and importer turn away.

Law of the file: names only; broken rules of the law have their classes in edge_node/spec.
Read next: database.py.
"""

from typing import ClassVar

from edge_node.primitives.errors import EdgeNodeError
from edge_node.primitives.types import BlockHash


class StoreCorrupt(EdgeNodeError):
    """The chain database can not be read."""

    reason: ClassVar[str] = "store-corrupt"

    def __init__(self, what: str) -> None:
        super().__init__(
            f"the chain database is damaged ({what}); move chain.sqlite3 away and start again, "
            "the node then fetches the chain from its peers"
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


class AlreadySigned(EdgeNodeError):
    """The node has signed another block with this parent and model: a second one would cost it."""

    reason: ClassVar[str] = "already-signed"

    def __init__(self, *, expected: BlockHash, actual: BlockHash) -> None:
        super().__init__(
            f"this key has signed block {expected.hex()} already and must not sign {actual.hex()}"
        )
        self.expected = expected
        self.actual = actual


class MempoolRejected(EdgeNodeError):
    """A transaction is valid in itself, but does not wait here."""

    reason: ClassVar[str] = "mempool"

    def __init__(self, what: str, *, expected: object, actual: object) -> None:
        super().__init__(f"{what} must be {expected}, not {actual}")
        self.expected = expected
        self.actual = actual
