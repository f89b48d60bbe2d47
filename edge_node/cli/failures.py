# SPDX-License-Identifier: Apache-2.0
"""Which exit status an error comes to.

It knows errors of every floor, and so is imported only once there is one.
Law of the file: the most special class counts.
Read next: exit_codes.py.
"""

from edge_node.chain.errors import (
    StoreCorrupt,
    StoreFormatNewer,
    StoreUnavailable,
    WrongNetwork,
)
from edge_node.cli.exit_codes import ExitCode
from edge_node.cli.model_file import ModelFileUnreadable
from edge_node.datasets.errors import DatasetError
from edge_node.gossip.errors import GossipError
from edge_node.inference.backend import InferenceError
from edge_node.node.errors import NodeError, NodeNotRunning, RequestRefused
from edge_node.primitives.errors import EdgeNodeError
from edge_node.spec.errors import InvalidInput
from edge_node.trainer.larq_layers import LarqMissing
from edge_node.trainer.pool import RayMissing

_BY_CLASS: tuple[tuple[type[EdgeNodeError], ExitCode], ...] = (
    (NodeNotRunning, ExitCode.NOT_RUNNING),
    (RequestRefused, ExitCode.INVALID),
    (StoreCorrupt, ExitCode.STORE),
    (StoreUnavailable, ExitCode.STORE),
    (StoreFormatNewer, ExitCode.STORE),
    (WrongNetwork, ExitCode.STORE),
    (NodeError, ExitCode.NODE),
    (RayMissing, ExitCode.NODE),
    (LarqMissing, ExitCode.NODE),
    (DatasetError, ExitCode.DATASET),
    (GossipError, ExitCode.NETWORK),
    (InferenceError, ExitCode.BACKEND),
    (InvalidInput, ExitCode.INVALID),
    (ModelFileUnreadable, ExitCode.INVALID),
)


def exit_code_of(error: EdgeNodeError) -> ExitCode:
    """Return the exit status for an error."""
    for kind, code in _BY_CLASS:
        if isinstance(error, kind):
            return code
    return ExitCode.FAILED
