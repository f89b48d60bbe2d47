# SPDX-License-Identifier: Apache-2.0
"""What must hold in every simulated world, judged by the law itself and by the brokers' logs."""

from collections import defaultdict
from itertools import pairwise

from edge_node.gossip import codec
from edge_node.gossip.envelope import open_envelope
from edge_node.gossip.errors import GossipError
from edge_node.gossip.messages import BlockAnnouncement, Tip
from edge_node.gossip.topics import Kind, NodeId, network_prefix, node_id, parse
from edge_node.primitives.types import BlockHash
from edge_node.spec.block import Block, Header, body_from_bytes, header_from_bytes
from edge_node.spec.state import State
from edge_node.spec.transaction import Transfer
from edge_node.spec.validation import validate_block
from tests.chain.workshop import RememberingEngine, supply
from tests.simulation.network import ED25519, GENESIS, MINERS, NETWORK, PARAMETERS
from tests.simulation.node import SimNode
from tests.simulation.world import World
from tests.spec.toy_chain import Models

MAX_GAP_MS = 50 * PARAMETERS.target_ms


class LawEngine(RememberingEngine):
    """The law's own, but for signatures: libsodium says what a valid one is."""

    def verify(self, key: bytes, message: bytes, signature_bytes: bytes) -> bool:
        return ED25519.verify(key, message, signature_bytes)


ENGINE = LawEngine(NETWORK.engine)
"""For all worlds of a process, so that nothing is computed twice."""


class Oracle:
    """What the law says of blocks, whoever holds them."""

    def __init__(self) -> None:
        start = NETWORK.start()
        self._states: dict[BlockHash, State] = {start.head: start}
        self._models = Models()

    def judge(self, block_hash: BlockHash, block: Block) -> State:
        """Return the state after a block whose parent was judged already."""
        if block_hash not in self._states:
            parent = self._states[block.header.previous_hash]
            verdict = validate_block(
                block, parent, NETWORK.rules, ENGINE, self._models, self._models
            )
            self._states[block_hash] = verdict.state
            self._models.keep(verdict)
        return self._states[block_hash]


def check_all(world: World) -> None:
    """Check a world that has healed."""
    check_one_chain(world)
    check_stores(world)
    check_promises(world)
    check_gaps(world)
    check_what_was_told(world)
    check_nobody_banned(world)


def check_one_chain(world: World) -> None:
    """All nodes have one head, one state and one main chain."""
    heads = [node.importer.head for node in world.nodes.values()]
    assert len({head.head for head in heads}) == 1
    assert len({head.root() for head in heads}) == 1
    chains = [
        tuple(each.block_hash for each in node.importer.blocks.main_blocks(1, head.height + 1))
        for node, head in zip(world.nodes.values(), heads, strict=True)
    ]
    assert len(set(chains)) == 1
    assert len(chains[0]) == heads[0].height


def check_stores(world: World) -> None:
    """Every block that a node holds is valid by the law, and no coin was made or lost."""
    oracle = Oracle()
    for node in world.nodes.values():
        assert node.database is not None
        for (block_hash,) in node.database.rows("SELECT hash FROM block ORDER BY arrival"):
            stored = node.importer.blocks.get(block_hash)
            assert stored is not None
            header = header_from_bytes(stored.header)
            assert header.block_hash() == block_hash
            block = Block(header=header, body=body_from_bytes(stored.body))
            state = oracle.judge(block_hash, block)
            assert supply(state) == state.minted - state.burned, (
                f"{node.name}: block {block_hash.hex()}"
            )
            if block_hash == node.importer.head.head:
                assert state.root() == node.importer.head.root()
        head = node.importer.head
        assert supply(head) == head.minted - head.burned


def check_promises(world: World) -> None:
    """No acknowledged block is lost, and no accepted transaction of a node that lived on."""
    for node in world.nodes.values():
        lost = [each for each in sorted(node.acknowledged) if not node.importer.is_known(each)]
        assert not lost, f"{node.name} lost {len(lost)} blocks that it had acknowledged"
    confirmed = confirmed_transactions(next(iter(world.nodes.values())))
    for node in world.nodes.values():
        if not node.crashed and node.honest:
            mine = [each for each in confirmed if each[0] == MINERS[node.name].key]
            promised = [(each.sender, each.nonce, each.amount) for each in node.promised]
            assert mine == promised, f"{node.name} was promised {len(promised)}, got {len(mine)}"


def confirmed_transactions(node: SimNode) -> list[tuple[bytes, int, int]]:
    """Return sender, nonce and amount of all transactions of the main chain, in order."""
    blocks = node.importer.blocks.main_blocks(1, node.importer.head.height)
    found = node.importer.transactions_of(each.block_hash for each in blocks)
    return [(each.sender, each.nonce, each.spent) for each in found if isinstance(each, Transfer)]


def check_gaps(world: World) -> None:
    """While somebody can mine, no gap between two blocks is above 50 times the target."""
    longest_ms = max(gaps_ms(world))
    assert longest_ms <= MAX_GAP_MS, f"{longest_ms} ms between two blocks"


def gaps_ms(world: World) -> list[int]:
    """Return the times between blocks of the main chain, without those in which none can mine."""
    importer = next(iter(world.nodes.values())).importer
    headers = importer.blocks.main_headers(1, importer.head.height)
    times = [header_from_bytes(each).timestamp - GENESIS.timestamp for each in headers]
    return [
        end - start - sum(_overlap(range(start, end), idle) for idle in world.unmined)
        for start, end in pairwise([0, *times, world.time.ms])
    ]


def _overlap(left: range, right: range) -> int:
    return max(0, min(left.stop, right.stop) - max(left.start, right.start))


def check_what_was_told(world: World) -> None:
    """Who announced a block or a tip holds it to the end, and nobody signed two for one."""
    by_node = {node_id(MINERS[name].key): node for name, node in world.nodes.items() if node.honest}
    signed: dict[tuple[bytes, bytes, bytes], set[BlockHash]] = defaultdict(set)
    for sender, header in told_headers(world, frozenset(by_node)):
        block_hash = header.block_hash()
        node = by_node[sender]
        assert node.importer.is_known(block_hash), f"{node.name} told what it does not hold"
        if node_id(header.miner) in by_node:
            signed[header.miner, header.previous_hash, header.model_hash].add(block_hash)
    assert all(len(hashes) == 1 for hashes in signed.values()), "a node signed two for one"


def told_headers(world: World, nodes: frozenset[NodeId]) -> list[tuple[NodeId, Header]]:
    """Return which of the nodes told which header as its block or its tip."""
    prefix = network_prefix(GENESIS.network_id())
    found = []
    for _, message in world.brokers.log:
        try:
            topic = parse(message.topic, network=prefix)
            if topic.kind not in {Kind.BLOCK, Kind.TIP} or topic.sender not in nodes:
                continue
            envelope = open_envelope(
                topic,
                message.payload,
                network_id=GENESIS.network_id(),
                verify=ED25519.verify,
            )
        except GossipError:
            continue  # somebody else's, who lies
        told = codec.decode(envelope.kind, envelope.body)
        assert isinstance(told, (BlockAnnouncement, Tip))
        found.append((topic.sender, header_from_bytes(told.header)))
    return found


def check_nobody_banned(world: World) -> None:
    """Honest nodes find no fault with each other, whatever the brokers do.

    One that stood still finds all at once what was said meanwhile, and may take that for haste.
    """
    honest = {node_id(MINERS[name].key) for name, node in world.nodes.items() if node.honest}
    for node in world.nodes.values():
        gossip = node.running.parts.gossip
        for peer in gossip.peers():
            if peer.node in honest:
                assert peer.banned_until_ms == 0, f"{node.name} banned {peer.node}"
                assert node.pauses or peer.score == 0, (
                    f"{node.name} charged {peer.node}: {gossip.drop_reasons()}"
                )
