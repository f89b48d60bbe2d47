# SPDX-License-Identifier: Apache-2.0
"""A transaction of any kind goes through the running node, or comes back with its rule's number."""

from pathlib import Path

import pytest

from edge_node.cli.sending import NO_SIGNATURE, Draft, send_transaction
from edge_node.cli.session import Session
from edge_node.node.control import ask
from edge_node.node.errors import NodeNotRunning, RequestRefused
from edge_node.primitives.types import Amount, Hash32
from edge_node.spec.transaction import ModelCommit
from tests.cli.typing_in import alive

pytestmark = pytest.mark.slow


def commit(draft: Draft) -> ModelCommit:
    return ModelCommit(
        sender=draft.sender,
        nonce=draft.nonce,
        commitment=Hash32(bytes([draft.nonce]) * 32),
        fee=Amount(1),
        signature=NO_SIGNATURE,
    )


def unpaid(draft: Draft) -> ModelCommit:
    return ModelCommit(
        sender=draft.sender,
        nonce=draft.nonce,
        commitment=Hash32(bytes(32)),
        fee=Amount(1 << 60),
        signature=NO_SIGNATURE,
    )


def test_drafts_follow_what_waits_and_the_node_judges(toy_node: Path) -> None:
    session = Session(flags={"node.data_dir": str(toy_node)}, file=None)
    with pytest.raises(NodeNotRunning):
        send_transaction(session, commit)
    with alive(toy_node):
        sent = [send_transaction(session, commit)["transaction"] for _ in range(2)]
        waiting = ask(session.directory.control, "account", {})["waiting"]
        assert isinstance(waiting, list)
        assert [each["transaction"] for each in waiting] == sent
        assert [(each["kind"], each["cost"]) for each in waiting] == [("commit", 1)] * 2
        with pytest.raises(RequestRefused, match="R-27"):
            send_transaction(session, unpaid)
