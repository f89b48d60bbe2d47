# SPDX-License-Identifier: Apache-2.0
"""The status as scripts read it: plain JSON values under stable keys."""

import json
from pathlib import Path

from edge_node.gossip.topics import node_id
from edge_node.node.answers import status
from edge_node.node.offload import FullNodes
from edge_node.node.status import NodeStatus
from edge_node.spec.genesis import RECIPE
from tests.chain.workshop import Tree
from tests.node.rig import sent, world
from tests.spec.toy_chain import miner
from tests.spec.toy_lottery import CHEAP

KEYS = {
    *("node", "public_key", "address", "network", "network_name", "height", "head", "connected"),
    *("synced", "backend", "imported", "mined", "held_blocks", "waiting_transactions", "balance"),
    *("waiting_blocks", "waiting_models", "final_height", "final", "member", "signed_height"),
    *("immature", "trainer", "temperature", "reasons", "offload", "families", "peers"),
}
FAMILY_KEYS = {
    *("family", "dataset", "models", "generations", "evaluation_ppm", "coverage_ppm"),
    *("needed_gain", "closed"),
}
PEER_KEYS = {"node", "online", "height", "software", "banned"}


OFFLOAD_KEYS = {"words", "following", "quorum", "attested_height", "heard", "silent"}


def test_keys_are_stable_and_values_are_json(tmp_path: Path) -> None:
    with world(tmp_path) as room:
        ann = room.add("ann")
        room.add("bob")
        room.run()
        ann.node.do([sent(Tree(room.network).grow())])
        told: NodeStatus = status(ann.node)
        value = json.loads(json.dumps(told.as_json()))
    assert set(value) == KEYS
    assert value["offload"] is None
    assert set(value["families"][0]) == FAMILY_KEYS
    assert set(value["peers"][0]) == PEER_KEYS
    assert len(bytes.fromhex(value["network"])) == len(bytes.fromhex(value["head"])) == 32


def test_node_that_does_not_replay_says_whom_it_follows(tmp_path: Path) -> None:
    full_nodes = FullNodes(keys=(miner("ann").key, miner("cat").key), quorum=2)
    with world(tmp_path, CHEAP, proof=RECIPE) as room:
        ann, light = room.add("ann"), room.add("light", full_nodes=full_nodes)
        room.run()
        value = json.loads(json.dumps(status(light.node).as_json()))["offload"]
    assert set(value) == OFFLOAD_KEYS
    assert value["heard"] == [ann.gossip.node]
    assert value["silent"] == [node_id(miner("cat").key)]
    assert (value["following"], value["quorum"], value["attested_height"]) == (False, 2, 0)
    assert value["words"] == "waits: 1 of 2 full nodes are heard, 2 must agree"
