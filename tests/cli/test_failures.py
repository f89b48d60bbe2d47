# SPDX-License-Identifier: Apache-2.0
"""The exit status of each kind of error."""

from pathlib import Path

from edge_node.chain.errors import StoreCorrupt, StoreFormatNewer
from edge_node.cli.exit_codes import ExitCode
from edge_node.cli.failures import exit_code_of
from edge_node.node.errors import NodeNotRunning, NotInitialised, RequestRefused
from edge_node.primitives.errors import EdgeNodeError
from edge_node.spec.genesis import GenesisMalformed


def test_most_special_class_counts() -> None:
    assert exit_code_of(NodeNotRunning(Path("x"))) is ExitCode.NOT_RUNNING
    assert exit_code_of(RequestRefused("R-20: no")) is ExitCode.INVALID
    assert exit_code_of(NotInitialised(Path("x"))) is ExitCode.NODE
    assert exit_code_of(StoreCorrupt("x")) is ExitCode.STORE
    assert exit_code_of(StoreFormatNewer(expected=1, actual=2)) is ExitCode.STORE
    assert exit_code_of(GenesisMalformed(expected=1, actual=2)) is ExitCode.INVALID
    assert exit_code_of(EdgeNodeError("x")) is ExitCode.FAILED
