# SPDX-License-Identifier: Apache-2.0
"""Topics: format and parse are inverse; anything else is refused by name."""

import pytest

from edge_node.gossip.errors import TopicNotUnderstood, WrongNetwork
from edge_node.gossip.topics import (
    BROADCAST,
    Kind,
    NodeId,
    Topic,
    network_prefix,
    node_id,
    parse,
    subscriptions,
)
from edge_node.primitives.types import PublicKey
from tests.gossip.simulation import NETWORK, matches

NET = network_prefix(NETWORK)
ME, YOU = NodeId("0123456789abcdef"), NodeId("fedcba9876543210")
TOPICS = [
    *(Topic(network=NET, kind=kind, sender=ME) for kind in BROADCAST),
    Topic(network=NET, kind=Kind.BLOCK, sender=ME, local=True),
    Topic(network=NET, kind=Kind.REQUEST, sender=ME, recipient=YOU),
    Topic(network=NET, kind=Kind.RESPONSE, sender=ME, recipient=YOU, request=2**64 - 1),
    Topic(network=NET, kind=Kind.RESPONSE, sender=ME, recipient=YOU, request=1, broker="b7"),
]


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.path())
def test_parse_reads_what_path_writes(topic: Topic) -> None:
    assert parse(topic.path(), network=NET) == topic


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.path())
def test_recipient_is_subscribed(topic: Topic) -> None:
    filters = subscriptions(NET, topic.recipient or YOU)
    assert sum(matches(each, topic.path()) for each in filters) == 1


def test_what_is_for_others_is_not_subscribed() -> None:
    topic = Topic(network=NET, kind=Kind.REQUEST, sender=ME, recipient=YOU)
    assert not any(matches(each, topic.path()) for each in subscriptions(NET, ME))


def test_a_bridge_may_change_the_scope() -> None:
    topic = TOPICS[0]
    bridged = topic.path().replace("/o/", "/i/")
    assert parse(bridged, network=NET).tail() == topic.tail()


def test_another_network_is_told_apart() -> None:
    with pytest.raises(WrongNetwork) as caught:
        parse(TOPICS[0].path(), network="00000000")
    assert (caught.value.expected, caught.value.actual) == ("00000000", NET)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "pol",
        f"pol/v2/{NET}/o/tip/{ME}",
        f"pol/v1/{NET}/o/tip",
        f"pol/v1/{NET}/o/tip/{ME}/{ME}",
        f"pol/v1/{NET}/q/tip/{ME}",
        f"pol/v1/{NET}/o/body/{ME}",
        f"pol/v1/{NET}/o/tip/{ME[:-1]}",
        f"pol/v1/{NET}/o/tip/{ME.upper()}",
        f"pol/v1/{NET}/o/tip/{'é' * 16}",
        f"pol/v1/{NET}/o/req/{ME}",
        f"pol/v1/{NET}/o/res/{ME}/{YOU}/0123456789abcdef",
        f"pol/v1/{NET}/x/b0/req/{ME}/{YOU}",
        f"pol/v1/{NET}/c/tip/{ME}",
        f"pol/v1/{NET}/c/req/{ME}/{YOU}",
        f"pol/v1/{NET}/x//res/{ME}/{YOU}/0123456789abcdef",
        f"pol/v1/{NET}/x/toolongname/res/{ME}/{YOU}/0123456789abcdef",
        f"pol/v1/{NET}/o/tip/" + "a" * 1000,
    ],
)
def test_anything_else_is_not_understood(path: str) -> None:
    with pytest.raises(TopicNotUnderstood):
        parse(path, network=NET)


def test_node_id_is_of_the_key() -> None:
    assert len(node_id(PublicKey(bytes(32)))) == 16
    assert node_id(PublicKey(bytes(32))) != node_id(PublicKey(bytes([1] * 32)))
