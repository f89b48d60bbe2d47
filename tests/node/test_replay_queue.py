# SPDX-License-Identifier: Apache-2.0
"""Whose block is replayed next and whose may not wait: slots, branches, bounds and failed keys.

Headers are real in form; who is known, and what a sync expects, the test says.
"""

from dataclasses import dataclass, field, replace

from edge_node.gossip.ports import BlockReceived
from edge_node.gossip.topics import NodeId
from edge_node.node.replay_queue import (
    MAX_UNREPLAYED_ANCESTORS,
    MAX_WAITING_BLOCKS,
    MAX_WITH_SYNC,
    ReplayQueue,
)
from edge_node.primitives.hashing import tagged_hash
from edge_node.primitives.types import BlockHash, PublicKey
from tests.chain.workshop import Tree, easy_network
from tests.node.rig import SENDER

HEADER = Tree(easy_network()).grow().mined.block.header
ROOT = BlockHash(tagged_hash("root"))
OTHER_SENDER = NodeId("11" * 16)


def key(name: str) -> PublicKey:
    return PublicKey(tagged_hash("key", name.encode()))


def block(name: str) -> BlockHash:
    return BlockHash(tagged_hash("block", name.encode()))


class Known(set[PublicKey]):
    """Known keys, by the test's word."""

    followed = 0

    def follow(self) -> None:
        self.followed += 1


@dataclass
class Desk:
    """A queue, with who is known to it and what a sync under way expects."""

    known: Known = field(default_factory=Known)
    synced: set[BlockHash] = field(default_factory=set)
    names: dict[BlockHash, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.queue = ReplayQueue(self.known)

    def add(
        self,
        name: str,
        miner: str,
        parent: str = "",
        sender: NodeId = SENDER,
        *,
        sync: bool = False,
    ) -> list[str]:
        """Let a block come; return what had to go."""
        stands_on = block(parent) if parent else ROOT
        self.names[block(name)] = name
        if sync:
            self.synced.add(block(name))
        header = replace(HEADER, miner=key(miner), previous_hash=stands_on)
        received = BlockReceived(
            block_hash=block(name),
            header=header.encode(),
            body=b"",
            transport=b"unchecked",
            sender=sender,
        )
        return self._names(self.queue.add(received, header, self.synced.__contains__))

    def fail(self, miner: str, sender: NodeId = SENDER) -> list[str]:
        return self._names(self.queue.fail(key(miner), sender, self.synced.__contains__))

    def pop(self) -> str:
        popped, _ = self.queue.pop(self.synced.__contains__)
        assert popped.transport == b"", "nobody has checked it"
        return self.names[popped.block_hash]

    def order(self) -> list[str]:
        """Return all that wait, in the order of their turns."""
        return [self.pop() for _ in range(len(self.queue))]

    def _names(self, blocks: list[BlockReceived]) -> list[str]:
        return [self.names[each.block_hash] for each in blocks]


def test_known_keys_go_first_then_a_sync_then_the_first_come() -> None:
    desk = Desk(Known({key("ann"), key("bob")}))
    desk.add("stranger's", "eve")
    desk.add("other stranger's", "dan")
    desk.add("sync's", "cat", sync=True)
    desk.add("ann's", "ann")
    desk.add("bob's", "bob")
    assert desk.order() == ["ann's", "bob's", "sync's", "stranger's", "other stranger's"]


def test_parents_go_before_their_children_and_with_a_known_child_before_others() -> None:
    desk = Desk(Known({key("ann")}))
    desk.add("first", "eve")
    desk.add("parent", "cat")
    desk.add("child", "dan", "parent")
    desk.add("known child", "ann", "child")
    assert desk.order() == ["parent", "child", "known child", "first"]


def test_unknown_key_has_one_place_and_another_once_that_is_free() -> None:
    desk = Desk()
    assert desk.add("first", "eve") == []
    assert desk.add("first", "eve") == [], "it waits already; its verdict is to come"
    assert desk.queue.refuses(key("eve"), ROOT)
    assert desk.add("second", "eve") == ["second"]
    assert block("second") not in desk.queue
    assert desk.pop() == "first"
    assert not desk.queue.refuses(key("eve"), ROOT)
    assert desk.add("second", "eve") == []


def test_known_key_has_as_many_places_as_there_are() -> None:
    desk = Desk(Known({key("ann")}))
    for i in range(MAX_WAITING_BLOCKS):
        assert desk.add(f"{i}", "ann") == []
    assert desk.queue.refuses(key("ann"), ROOT)
    assert desk.add("one more", "ann") == ["one more"]


def test_branch_has_four_places_and_a_sync_all_it_needs() -> None:
    desk = Desk(Known({key("ann")}))
    parent = ""
    for i in range(MAX_UNREPLAYED_ANCESTORS):
        assert desk.add(f"{i}", "ann", parent) == []
        parent = f"{i}"
    assert desk.queue.refuses(key("ann"), block(parent))
    assert desk.add("fifth", "ann", parent) == ["fifth"]
    assert desk.add("fifth", "ann", parent, sync=True) == []
    assert desk.add("sibling", "ann", "0") == []


def test_sync_of_one_unknown_miners_chain_is_not_held_up() -> None:
    desk = Desk()
    names = [f"{i}" for i in range(MAX_WITH_SYNC - MAX_WAITING_BLOCKS)]
    for name, parent in zip(names, ["", *names], strict=False):
        assert desk.add(name, "ann", parent, sync=True) == []
    assert desk.add("stranger's", "eve") == []
    assert desk.order() == [*names, "stranger's"]


def test_known_key_takes_the_place_of_the_stranger_that_came_last() -> None:
    desk = Desk(Known({key("ann")}))
    for i in range(MAX_WAITING_BLOCKS):
        assert desk.add(f"{i}", f"stranger {i}") == []
    assert desk.add("late", "late stranger") == ["late"]
    last, before = MAX_WAITING_BLOCKS - 1, MAX_WAITING_BLOCKS - 2
    assert desk.add("on the last", "ann", f"{last}") == [f"{before}"], "not what it stands on"
    assert len(desk.queue) == MAX_WAITING_BLOCKS


def test_sync_has_room_beside_a_full_queue_and_is_bounded_too() -> None:
    desk = Desk()
    for i in range(MAX_WAITING_BLOCKS):
        desk.add(f"{i}", f"stranger {i}")
    for i in range(MAX_WAITING_BLOCKS, MAX_WITH_SYNC):
        assert desk.add(f"{i}", "ann", sync=True) == []
    assert desk.add("one more", "ann", sync=True) == ["one more"]


def test_failed_key_has_no_place_until_a_block_of_it_is_valid() -> None:
    desk = Desk(Known({key("ann")}))
    for who in ("ann", "eve"):
        assert desk.fail(who) == []
        assert desk.queue.refuses(key(who), ROOT)
        assert desk.add(f"{who}'s", who) == [f"{who}'s"]
        assert desk.add(f"{who}'s", who, sync=True) == [], "a chain may need it"
        desk.queue.pardon(key(who))
    assert desk.add("ann's second", "ann") == []
    assert not desk.queue.refuses(key("ann"), ROOT)


def test_failed_key_is_not_known_for_its_turn() -> None:
    desk = Desk(Known({key("ann"), key("bob")}))
    desk.add("ann's", "ann", sync=True)
    desk.add("bob's", "bob")
    desk.fail("ann")
    assert desk.order() == ["bob's", "ann's"]


def test_failure_costs_a_key_all_its_places_and_its_sender_those_of_strangers() -> None:
    desk = Desk(Known({key("ann"), key("bob")}))
    desk.add("its own", "ann", sender=OTHER_SENDER)
    desk.add("its own of the sync", "ann", sync=True)
    desk.add("stranger's by the sender", "eve")
    desk.add("stranger's by another", "dan", sender=OTHER_SENDER)
    desk.add("known key's by the sender", "bob")
    assert desk.fail("ann", SENDER) == ["its own", "stranger's by the sender"]
    assert len(desk.queue) == 3


def test_following_is_passed_on() -> None:
    desk = Desk()
    desk.queue.follow()
    assert desk.known.followed == 1
