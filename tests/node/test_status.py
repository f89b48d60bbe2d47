# SPDX-License-Identifier: Apache-2.0
"""The status as scripts read it: plain JSON values under stable keys."""

import json
from pathlib import Path

from edge_node.node.answers import status
from edge_node.node.status import NodeStatus
from tests.chain.workshop import Tree
from tests.node.rig import sent, world

KEYS = {
    *("node", "public_key", "address", "network", "network_name", "height", "head", "connected"),
    *("synced", "backend", "imported", "mined", "held_blocks", "waiting_transactions", "balance"),
    *("waiting_models", "final_height", "final", "member", "signed_height"),
    *("immature", "trainer", "families", "peers"),
}
FAMILY_KEYS = {
    *("family", "dataset", "models", "generations", "evaluation_ppm", "coverage_ppm"),
    *("needed_gain", "closed"),
}
PEER_KEYS = {"node", "online", "height", "software", "banned"}


def test_keys_are_stable_and_values_are_json(tmp_path: Path) -> None:
    with world(tmp_path) as room:
        ann = room.add("ann")
        room.add("bob")
        room.run()
        ann.node.do([sent(Tree(room.network).grow())])
        told: NodeStatus = status(ann.node)
        value = json.loads(json.dumps(told.as_json()))
    assert set(value) == KEYS
    assert set(value["families"][0]) == FAMILY_KEYS
    assert set(value["peers"][0]) == PEER_KEYS
    assert len(bytes.fromhex(value["network"])) == len(bytes.fromhex(value["head"])) == 32
