# SPDX-License-Identifier: Apache-2.0
"""Local Block Consensus: bodies leave their cell when it agrees, or when the time has passed.

In the simulated network with several brokers, each a cell, and once over a real mesh of them.
"""

import shutil
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from edge_node.gossip import limits
from edge_node.gossip.cells import Cells
from edge_node.gossip.messages import GetParcels, ObjectKind
from edge_node.gossip.ports import BodyTiming, PeerWasBanned
from edge_node.gossip.topics import Kind, NodeId, network_prefix, node_id, parse
from edge_node.primitives.types import BlockHash, Hash32
from tests.gossip.driven import Node, agree, run_until
from tests.gossip.mesh import running_mesh
from tests.gossip.simulation import (
    NETWORK,
    FakeChain,
    Faults,
    SimNetwork,
    SimNode,
    key_of,
    read_header,
)

TIMEOUT_MS = 5_000
LBC = BodyTiming(lbc_quorum=2, lbc_timeout_ms=TIMEOUT_MS)
HASH_BYTES = 36
"""A hash, encoded."""
SMALL, LARGE = 200, 3 * limits.INLINE_BYTES


def two_cells(seed: str, *, timing: BodyTiming = LBC, import_ms: int = 0) -> SimNetwork:
    """Return a network of a, b, c in one cell and x, y in another, all with the same chain."""
    net = SimNetwork(seed, Faults(delay_ms=2), timing=timing, import_ms=import_ms)
    for name, cell in zip("abcxy", ("b1", "b1", "b1", "b2", "b2"), strict=True):
        chain = FakeChain()
        chain.grow(3)
        net.add(name, chain, cell=cell)
    net.run(1_500)
    return net


def mine(net: SimNetwork, node: SimNode, *, body_bytes: int = SMALL) -> BlockHash:
    node.chain.grow(1, salt=f"{node.name} {net.now_ms}", body_bytes=body_bytes)
    head = node.chain.main[-1]
    net.act(node, node.gossip.announce_block(head, node.chain.blocks[head], net.now_ms))
    return head


def knowing(net: SimNetwork, head: BlockHash) -> str:
    return "".join(sorted(name for name, node in net.nodes.items() if node.chain.known(head)))


@pytest.mark.parametrize("body_bytes", [SMALL, LARGE])
def test_body_leaves_when_the_cell_agrees(body_bytes: int) -> None:
    net = two_cells("agree")
    head = mine(net, net.nodes["a"], body_bytes=body_bytes)
    net.run(1_200)
    assert knowing(net, head) == "abcxy"


@pytest.mark.parametrize("body_bytes", [SMALL, LARGE])
def test_body_stays_while_the_cell_does_not_agree(body_bytes: int) -> None:
    # Importing takes so long that nobody of the cell can say within the time that it agrees.
    net = two_cells("stays", import_ms=4 * TIMEOUT_MS)
    head = mine(net, net.nodes["a"], body_bytes=body_bytes)
    net.run(TIMEOUT_MS - 500)
    cell = {name: len(net.nodes[name].importing) for name in "bcxy"}
    assert cell == {"b": 1, "c": 1, "x": 0, "y": 0}
    net.run(1_500)
    assert [len(net.nodes[name].importing) for name in "xy"] == [1, 1]
    assert not net.nodes["x"].chain.known(head)


def test_who_asks_for_it_all_the_same_is_told_to_wait() -> None:
    net = two_cells("asks", import_ms=4 * TIMEOUT_MS)
    a, x = net.nodes["a"], net.nodes["x"]
    head = mine(net, a)
    net.run(200)
    peer = x.gossip._exchange.peers.get(a.node)
    assert peer is not None
    request = GetParcels(kind=ObjectKind.BLOCK, digests=(Hash32(head),))
    x.gossip._exchange.ask(peer, request, size_bytes=1, now_ms=net.now_ms)
    net.act(x, x.gossip._exchange.drain())
    net.run(200)
    assert not x.importing
    assert peer.quiet_until_ms > net.now_ms - 200
    assert not any(node.told(PeerWasBanned) for node in net.nodes.values())


def test_header_is_told_to_all_at_once_and_the_body_in_the_cell_only() -> None:
    net = two_cells("header")
    mine(net, net.nodes["a"])
    prefix = network_prefix(NETWORK)
    topics = [parse(each.topic, network=prefix) for each in net.log[-3:]]
    assert [(each.kind, each.local) for each in topics] == [
        (Kind.BLOCK, True),
        (Kind.BLOCK, False),
        (Kind.TIP, False),
    ]
    body, header, _ = (len(each.payload) for each in net.log[-3:])
    assert body + HASH_BYTES > header + SMALL, "only a header brings a hash to ask for the rest by"


def test_lone_node_is_a_cell_of_its_own() -> None:
    net = SimNetwork("lone", Faults(delay_ms=2), timing=LBC)
    a, b = net.add("a", cell="b1"), net.add("b", cell="b2")
    net.run(1_500)
    head = mine(net, a)
    net.run(500)
    assert b.chain.known(head)


def test_nothing_is_held_back_without_a_quorum() -> None:
    net = two_cells("off", timing=BodyTiming(), import_ms=4 * TIMEOUT_MS)
    mine(net, net.nodes["a"])
    assert not any("/c/" in each.topic for each in net.log)
    net.run(100)
    assert [len(net.nodes[name].importing) for name in "bcxy"] == [1, 1, 1, 1]


def test_a_later_tip_speaks_for_what_is_below_it() -> None:
    net = two_cells("later")
    a = net.nodes["a"]
    first, second = mine(net, a), mine(net, a)
    net.run(2_500)
    assert knowing(net, first) == knowing(net, second) == "abcxy"


@pytest.mark.parametrize("seed", ["1", "2", "3"])
def test_two_cells_that_mine_against_each_other_end_with_one_head(seed: str) -> None:
    net = two_cells(seed)
    net.faults = Faults(drop_ppm=30_000, duplicate_ppm=30_000, delay_ms=60)
    for _ in range(5):
        mine(net, net.nodes["a"])
        mine(net, net.nodes["x"])
        net.run(1_500)
    mine(net, net.nodes["b"])
    net.run_until_same(60_000)
    assert not any(node.told(PeerWasBanned) for node in net.nodes.values())


def test_young_blocks_are_bounded_and_time_opens_them() -> None:
    net = two_cells("bounded")
    cells = Cells(net.nodes["a"].gossip._exchange, LBC)
    blocks = FakeChain()
    blocks.grow(limits.MAX_YOUNG_BLOCKS + 5)
    facts = [read_header(blocks.blocks[each].header) for each in blocks.main[4:]]
    for each in facts:
        assert each is not None
        cells.note(each, "b2", 1_000)
        assert cells.wait_until_ms(each.block_hash, "b1", 1_000) == 1_000 + TIMEOUT_MS
        assert cells.wait_until_ms(each.block_hash, "b2", 1_000) == 0
    assert len(cells._young) == limits.MAX_YOUNG_BLOCKS
    assert cells.agree(999 + TIMEOUT_MS) == []
    assert len(cells.agree(1_000 + TIMEOUT_MS)) == limits.MAX_YOUNG_BLOCKS
    assert cells.agree(1_000 + TIMEOUT_MS) == []


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl here")
def test_body_stays_in_its_cell_of_a_real_mesh_until_it_agrees(tmp_path: Path) -> None:
    timing = BodyTiming(lbc_quorum=2, lbc_timeout_ms=60_000)
    with running_mesh(tmp_path / "c", NETWORK) as mesh, ExitStack() as stack:
        a, b, x = (
            stack.enter_context(
                closing(Node(name, timing=timing, link=mesh.options(id_of(name), home)))
            )
            for name, home in (("a", 0), ("b", 0), ("x", 1))
        )
        nodes = [a, b, x]
        run_until(nodes, lambda: all(len(n.sim.gossip.peers()) == 2 for n in nodes))
        a.mine()
        head = a.chain.main[-1]
        # The header is there, and the body is asked for in vain: b has not said a word.
        wanted = x.sim.gossip._downloads.wants
        run_until([a, x], lambda: wanted(ObjectKind.BLOCK, head))
        a.mine()
        run_until([a, x], lambda: x.sim.gossip._sync.target is not None)
        assert not x.chain.known(head)
        run_until(nodes, agree(nodes, 2))


def id_of(name: str) -> NodeId:
    return node_id(key_of(name))
