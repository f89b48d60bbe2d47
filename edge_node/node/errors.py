# SPDX-License-Identifier: Apache-2.0
"""What a user of a node can be told, each in one sentence that says what to do.

Law of the file: names and sentences only.
Read next: data_directory.py.
"""

from pathlib import Path

from edge_node.primitives.errors import EdgeNodeError
from edge_node.primitives.types import Hash32


class NodeError(EdgeNodeError):
    """The node can not do what it was asked."""


class NotInitialised(NodeError):
    """There is no node in the data directory."""

    reason = "not-initialised"

    def __init__(self, root: Path) -> None:
        super().__init__(f"there is no node in {root}; run `edge-node init` first")
        self.root = root


class AlreadyInitialised(NodeError):
    """There is a node in the data directory already."""

    reason = "already-initialised"

    def __init__(self, root: Path) -> None:
        super().__init__(f"there is a node in {root} already; name another --data-dir")
        self.root = root


class DirectoryDamaged(NodeError):
    """A small file of the data directory is missing or has another form."""

    reason = "directory-damaged"

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is damaged; restore it from a backup, or begin a new --data-dir")
        self.path = path


class GenesisUnknown(NodeError):
    """The genesis is none by this program's law."""

    reason = "genesis-unknown"

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(
            f"{path} is no genesis that this edge-node knows ({why}): install the version that made"
            " it, restore it from a backup if it is damaged, or begin a new --data-dir; nothing was"
            " changed"
        )
        self.path = path


class OffloadImpossible(NodeError):
    """The node can not follow full nodes on this network, or not these."""

    reason = "offload-impossible"

    def __init__(self, why: str) -> None:
        super().__init__(f"no offload: {why}")


class OffloadNeverMines(NodeError):
    """A node that does not replay was asked to mine."""

    reason = "offload-never-mines"

    def __init__(self) -> None:
        super().__init__(
            "this node evaluates and does not replay, so it never mines; remove [offload] from its"
            " configuration, or mine on a full node"
        )


class ClockUnset(NodeError):
    """The clock was not set, and what would be founded now could never be right."""

    reason = "clock-unset"

    def __init__(self, *, says: str) -> None:
        super().__init__(
            f"the clock says {says}, so it was not set yet; wait until `timedatectl` says"
            " synchronized, or set it, then found the network"
        )
        self.says = says


class BeyondLimits(NodeError):
    """Something is more than this node is allowed to take; whether it is valid, others know."""


class ModelBeyondLimit(BeyondLimits):
    """A model is larger than this node takes."""

    reason = "model-beyond-limit"

    def __init__(self, *, expected: int, actual: int) -> None:
        super().__init__(
            f"a model of {actual} bytes is more than limits.max_model_bytes = {expected}; raise it,"
            " or leave this network to larger machines"
        )
        self.expected = expected
        self.actual = actual


class BlockBeyondTime(BeyondLimits):
    """A block takes longer to judge than this node takes."""

    reason = "block-beyond-time"

    def __init__(self, *, expected: int, actual: int) -> None:
        super().__init__(
            f"a block was not judged in {actual} ms, and limits.max_validate_ms = {expected}; raise"
            " it, or follow full nodes by [offload]"
        )
        self.expected = expected
        self.actual = actual


class MiningBeyondMemory(BeyondLimits):
    """Mining on a dataset takes more memory than this node may have."""

    reason = "mining-beyond-memory"

    def __init__(self, *, dataset: str, expected: int, actual: int) -> None:
        super().__init__(
            f"mining on {dataset} takes about {actual >> 20} MiB, and limits.max_memory_mib ="
            f" {expected >> 20}; raise it, or set fewer trainer.workers"
        )
        self.expected = expected
        self.actual = actual


class ImportRefused(NodeError):
    """A model that was made elsewhere can found no family of the chain."""

    reason = "import-refused"

    def __init__(self, name: Hash32, why: str) -> None:
        super().__init__(f"model {name.hex()[:12]} can found no family here: {why}")
        self.name = name


class KeyExists(NodeError):
    """There is a key already, and another would take its place."""

    reason = "key-exists"

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"there is a key in {path} already; name another --data-dir, or see"
            " `edge-node key backup`"
        )
        self.path = path


class MemberInvalid(NodeError):
    """What should name a member of a new network is no public key."""

    reason = "member-invalid"

    def __init__(self, *, source: str, actual: str) -> None:
        super().__init__(
            f"{actual[:80]!r} in {source} is no public key of 64 hex digits; take what"
            " `edge-node key show` prints on the member's machine"
        )
        self.source = source
        self.actual = actual


class BackupUnreadable(NodeError):
    """A file is no backup of a key, or can not be opened here."""

    reason = "backup-unreadable"

    def __init__(self, why: str) -> None:
        super().__init__(f"the backup can not be read ({why}); name another file")


class PassphraseWrong(NodeError):
    """A backup does not open with a passphrase."""

    reason = "passphrase-wrong"

    def __init__(self) -> None:
        super().__init__("the passphrase is wrong, or the backup is damaged; try again")


class PassphraseTooShort(NodeError):
    """A passphrase would be guessed."""

    reason = "passphrase-short"

    def __init__(self, *, expected: int, actual: int) -> None:
        super().__init__(
            f"the passphrase has {actual} characters, and {expected} are the least;"
            " choose several words"
        )
        self.expected = expected
        self.actual = actual


class MetricsMissing(NodeError):
    """The library that Prometheus' figures need is not installed."""

    reason = "metrics-missing"

    def __init__(self) -> None:
        super().__init__("there are no metrics; run `pip install 'edge-node[metrics]'`")


class MetricsPortTaken(NodeError):
    """Nothing can listen where the configuration wants metrics."""

    reason = "metrics-port"

    def __init__(self, port: int, why: str) -> None:
        super().__init__(
            f"port {port} on 127.0.0.1 can not be used ({why.lower()}); set another metrics.port"
        )
        self.port = port


class KeyExposed(NodeError):
    """Others may read the node's key, and that can not be changed."""

    reason = "key-exposed"

    def __init__(self, path: Path, mode: int) -> None:
        super().__init__(
            f"{path} has mode {mode:04o}, so that others may read the key; run `chmod 600` on it as"
            " its owner, or move the data directory to a disk that keeps permissions"
        )
        self.path = path
        self.mode = mode


class DirectoryInUse(NodeError):
    """Another process runs on the data directory."""

    reason = "in-use"

    def __init__(self, root: Path) -> None:
        super().__init__(f"another edge-node runs in {root}; stop it or name another --data-dir")
        self.root = root


class DirectoryFormatNewer(NodeError):
    """The data directory was written by a newer program."""

    reason = "directory-format"

    def __init__(self, *, expected: int, actual: int) -> None:
        super().__init__(
            f"the data directory has format {actual}, this program knows up to {expected}; "
            "install the newer edge-node again: nothing was changed"
        )
        self.expected = expected
        self.actual = actual


class GenesisDiffers(NodeError):
    """The data directory belongs to another network."""

    reason = "genesis-differs"

    def __init__(self, *, expected: bytes, actual: bytes) -> None:
        super().__init__(
            f"the data directory is of network {expected.hex()[:8]}, not {actual.hex()[:8]}; "
            "name another --data-dir"
        )
        self.expected = expected
        self.actual = actual


class NothingFinal(NodeError):
    """No block of the network ever becomes final, so none can be pruned."""

    reason = "nothing-final"

    def __init__(self, proof: str) -> None:
        super().__init__(
            f"no members make blocks final in this network by {proof}, so none can be pruned; keep"
            " room on the disk for all of them"
        )
        self.proof = proof


class SessionOvertaken(NodeError):
    """A later session of this node's key is on the broker."""

    reason = "session-overtaken"

    def __init__(self, *, least: int) -> None:
        super().__init__(
            f"another process uses this node's key, or used it after this data directory was "
            f"copied (session {least - 1}); end the other one, then start again"
        )
        self.least = least


class RequestRefused(NodeError):
    """The running node answers with what is wrong."""

    reason = "request-refused"


class NodeNotRunning(NodeError):
    """Nothing answers on the control socket."""

    reason = "not-running"

    def __init__(self, root: Path) -> None:
        super().__init__(f"no node runs in {root}; start it with `edge-node run`")
        self.root = root


class NodeOfAnother(NodeError):
    """The control socket is there, and is another user's."""

    reason = "node-of-another"

    def __init__(self, root: Path, owner: str) -> None:
        super().__init__(
            f"the node in {root} is {owner}'s, and answers its owner and root alone; run this"
            " with `sudo`"
        )
        self.root = root
        self.owner = owner
