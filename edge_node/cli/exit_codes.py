# SPDX-License-Identifier: Apache-2.0
"""What the command's exit status means: a table for scripts, printed by `edge-node --help`.

Law of the file: a number never changes its meaning.
Read next: app.py.
"""

from enum import IntEnum

from edge_node.chain.errors import (
    StoreCorrupt,
    StoreFormatNewer,
    StoreUnavailable,
    WrongNetwork,
)
from edge_node.datasets.errors import DatasetError
from edge_node.gossip.errors import GossipError
from edge_node.inference.backend import InferenceError
from edge_node.node.errors import NodeError, NodeNotRunning, RequestRefused
from edge_node.primitives.errors import EdgeNodeError
from edge_node.spec.errors import InvalidInput


class ExitCode(IntEnum):
    """Exit statuses."""

    OK = 0
    """Done."""
    FAILED = 1
    """Done, and the answer is no: something checked did not hold."""
    USAGE = 2
    """The command line was not understood."""
    NODE = 3
    """The data directory or the configuration does not allow it."""
    STORE = 4
    """The chain database can not be used."""
    NOT_RUNNING = 5
    """No node runs in the data directory."""
    INVALID = 6
    """An input breaks a rule; the message starts with the rule's number."""
    DATASET = 7
    """A dataset can not be had or read."""
    NETWORK = 8
    """The broker can not be started or reached."""
    BACKEND = 9
    """No back end can do it."""
    INTERRUPTED = 130
    """Stopped by Ctrl-C."""


_BY_CLASS: tuple[tuple[type[EdgeNodeError], ExitCode], ...] = (
    (NodeNotRunning, ExitCode.NOT_RUNNING),
    (RequestRefused, ExitCode.INVALID),
    (StoreCorrupt, ExitCode.STORE),
    (StoreUnavailable, ExitCode.STORE),
    (StoreFormatNewer, ExitCode.STORE),
    (WrongNetwork, ExitCode.STORE),
    (NodeError, ExitCode.NODE),
    (DatasetError, ExitCode.DATASET),
    (GossipError, ExitCode.NETWORK),
    (InferenceError, ExitCode.BACKEND),
    (InvalidInput, ExitCode.INVALID),
)


def exit_code_of(error: EdgeNodeError) -> ExitCode:
    """Return the exit status for an error."""
    for kind, code in _BY_CLASS:
        if isinstance(error, kind):
            return code
    return ExitCode.FAILED
