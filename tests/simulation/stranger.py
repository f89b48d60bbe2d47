# SPDX-License-Identifier: Apache-2.0
"""Somebody at the brokers who runs no node: keys of its own, and a seat at either site."""

from edge_node.gossip.envelope import seal
from edge_node.gossip.ports import Publish
from edge_node.gossip.topics import ALL, RETAINED, Kind, NodeId, Topic, network_prefix, node_id
from tests.simulation.network import ED25519, GENESIS
from tests.simulation.world import World
from tests.spec import toy_chain as toy

NETWORK = GENESIS.network_id()
PREFIX = network_prefix(NETWORK)


class Stranger:
    """Signs and publishes what it likes.

    Parameters
    ----------
    world : World
    name : str
        Its keys follow from it.
    keys : int
        As many nodes it seems to be.
    """

    def __init__(self, world: World, name: str, keys: int) -> None:
        self.keys = tuple(toy.miner(f"{name} {number}") for number in range(keys))
        self.said = 0
        """Messages so far."""
        self._world = world

    def say(
        self, kind: Kind, body: bytes, *, by: int, site: int, to: NodeId = ALL, request: int = 0
    ) -> None:
        """Publish a body in an envelope that is in order."""
        key = self.keys[by]
        topic = Topic(
            network=PREFIX, kind=kind, sender=node_id(key.key), recipient=to, request=request
        )
        self.said += 1
        payload = seal(
            topic,
            body,
            network_id=NETWORK,
            key=key.key,
            session=1,
            sequence=self.said,
            sign=lambda message: ED25519.sign(key.seed, message),
        )
        self.publish(topic.path(), payload, kept=kind in RETAINED, site=site)

    def publish(self, path: str, payload: bytes, *, kept: bool, site: int) -> None:
        """Publish anything."""
        message = Publish(topic=path, payload=payload, qos=1, retain=kept)
        self._world.brokers.publish(message, site)
