# SPDX-License-Identifier: Apache-2.0
"""A network in one process: a fake chain, a lossy broker and a virtual clock, all from one seed."""

import hashlib
import heapq
import hmac
from collections import deque
from dataclasses import dataclass, field

from edge_node.gossip import limits
from edge_node.gossip.messages import ObjectKind, Offer
from edge_node.gossip.ports import (
    Action,
    BlockParts,
    BlockReceived,
    BlockVerdict,
    BodyTiming,
    ChainTip,
    ChunkReceived,
    DatasetComplete,
    Event,
    FinalBlock,
    HeaderFacts,
    HeaderVerdict,
    Incoming,
    Publish,
    SetWill,
    TransactionsReceived,
)
from edge_node.gossip.protocol import Gossip, Identity, Profile
from edge_node.gossip.topics import DEFAULT_BROKER, NodeId
from edge_node.primitives.hashing import Prf, tagged_hash
from edge_node.primitives.types import (
    BlockHash,
    DatasetId,
    Hash32,
    Height,
    ModelHash,
    NetworkId,
    PublicKey,
    Signature,
)
from edge_node.spec import encoding
from edge_node.spec.dataset import chunk_hash

NETWORK = NetworkId(tagged_hash("network", b"test"))
GENESIS = BlockHash(tagged_hash("genesis block", NETWORK))
PPM = 1_000_000
TICK_MS = 50
STEP_MS = 10


class SeededRandom:
    """A `RandomSource` from a PRF stream."""

    def __init__(self, seed: str) -> None:
        self._prf = Prf("test", seed.encode())

    def bytes(self, count: int) -> bytes:
        return b"".join(self._prf.u32().to_bytes(4, "little") for _ in range(-(-count // 4)))[
            :count
        ]

    def below(self, limit: int) -> int:
        return self._prf.below(limit)


def key_of(name: str) -> PublicKey:
    return PublicKey(hashlib.sha256(name.encode()).digest())


def fake_sign(key: PublicKey, message: bytes) -> bytes:
    # Not a signature scheme: whoever knows the key can sign. Nobody here does who should not.
    return hmac.digest(key, message, "sha512")


def fake_verify(key: PublicKey, message: bytes, signature: Signature) -> bool:
    return hmac.compare_digest(fake_sign(key, message), signature)


def identity_of(name: str, *, session: int = 1, network_id: NetworkId = NETWORK) -> Identity:
    key = key_of(name)
    return Identity(
        network_id=network_id,
        key=key,
        sign=lambda message: fake_sign(key, message),
        verify=fake_verify,
        session=session,
    )


def make_header(height: int, parent: BlockHash, body: bytes, salt: str = "") -> bytes:
    return encoding.encode([height, parent, hashlib.sha256(body).digest(), salt])


def read_header(header: bytes) -> HeaderFacts | None:
    try:
        value = encoding.decode(header, max_bytes=640)
    except encoding.InvalidEncoding:
        return None
    match value:
        case [int() as height, bytes() as parent, bytes(), str()]:
            return HeaderFacts(
                block_hash=BlockHash(tagged_hash("block", header)),
                parent=BlockHash(Hash32(parent)),
                height=Height(height),
            )
    return None


def make_block(
    height: int, parent: BlockHash, *, body: bytes = b"body", transport: bytes = b"", salt: str = ""
) -> tuple[BlockHash, BlockParts]:
    header = make_header(height, parent, body, salt)
    parts = BlockParts(header=header, body=body, transport=transport)
    return BlockHash(tagged_hash("block", header)), parts


class FakeChain:
    """A `ChainPort` over dictionaries: a block is valid unless its body says "invalid".

    It is its own `TransactionPool` as well, which takes whatever it is given.
    """

    def __init__(self) -> None:
        self.blocks: dict[BlockHash, BlockParts] = {}
        self.work: dict[BlockHash, int] = {GENESIS: 0}
        self.main: list[BlockHash] = [GENESIS]
        self.models: dict[ModelHash, bytes] = {}
        self.manifests: dict[DatasetId, bytes] = {}
        self.chunks: dict[tuple[DatasetId, int], bytes] = {}
        self.chunk_counts: dict[DatasetId, int] = {}
        self.pool: list[bytes] = []
        self.final_block: FinalBlock | None = None

    def header_facts(self, header: bytes) -> HeaderFacts | None:
        return read_header(header)

    def precheck_header(self, header: bytes) -> HeaderVerdict:
        facts = read_header(header)
        if facts is None:
            return HeaderVerdict.INVALID
        return HeaderVerdict.PLAUSIBLE if self.known(facts.parent) else HeaderVerdict.ORPHAN

    def known(self, block_hash: BlockHash) -> bool:
        return block_hash in self.work

    def tip(self) -> ChainTip:
        head = self.main[-1]
        header = self.blocks[head].header if head in self.blocks else b""
        height = Height(len(self.main) - 1)
        return ChainTip(height=height, block_hash=head, work=self.work[head], header=header)

    def final(self) -> FinalBlock | None:
        return self.final_block

    def headers(self, start: Height, count: int) -> list[bytes]:
        first = max(1, start)
        return [self.blocks[each].header for each in self.main[first : first + count]]

    def block(self, block_hash: BlockHash) -> BlockParts | None:
        return self.blocks.get(block_hash)

    def model_blob(self, model_hash: ModelHash) -> bytes | None:
        return self.models.get(model_hash)

    def manifest(self, dataset_id: DatasetId) -> bytes | None:
        return self.manifests.get(dataset_id)

    def chunk(self, dataset_id: DatasetId, index: int) -> bytes | None:
        return self.chunks.get((dataset_id, index))

    def missing_chunks(self, dataset_id: DatasetId) -> list[int]:
        count = self.chunk_counts[dataset_id]
        return [index for index in range(count) if (dataset_id, index) not in self.chunks]

    def content_hash(self, kind: ObjectKind, data: bytes) -> Hash32:
        return tagged_hash(kind.name, data)

    def waiting(self) -> list[bytes]:
        return list(self.pool)

    def add(self, block: BlockParts) -> BlockVerdict:
        facts = read_header(block.header)
        assert facts is not None
        if facts.block_hash in self.work:
            return BlockVerdict.ACCEPTED
        if facts.parent not in self.work:
            return BlockVerdict.ORPHAN
        root = encoding.decode(block.header, max_bytes=640)[2]  # type: ignore[index]  # a list
        if root != hashlib.sha256(block.body).digest() or block.transport.startswith(b"bad"):
            return BlockVerdict.BAD_MESSAGE
        if b"invalid" in block.body:
            return BlockVerdict.INVALID
        self.blocks[facts.block_hash] = block
        self.work[facts.block_hash] = self.work[facts.parent] + 1
        if self.work[facts.block_hash] > self.work[self.main[-1]]:
            extends = facts.parent == self.main[-1]
            head = facts.block_hash
            self.main = [*self.main, head] if extends else self._path(head)
        return BlockVerdict.ACCEPTED

    def _path(self, head: BlockHash) -> list[BlockHash]:
        path = [head]
        while path[-1] != GENESIS:
            facts = read_header(self.blocks[path[-1]].header)
            assert facts is not None
            path.append(facts.parent)
        return path[::-1]

    def grow(self, count: int, *, body_bytes: int = 200, salt: str = "") -> None:
        """Put blocks on the head as if they had been imported."""
        for _ in range(count):
            height = len(self.main)
            body = hashlib.shake_128(f"{salt}{height}".encode()).digest(body_bytes)
            _, block = make_block(height, self.main[-1], body=body, salt=salt)
            assert self.add(block) is BlockVerdict.ACCEPTED

    def add_dataset(self, name: str, chunk_count: int) -> DatasetId:
        chunks = [
            hashlib.shake_128(f"{name}{index}".encode()).digest(limits.PIECE_BYTES)
            for index in range(chunk_count)
        ]
        manifest = b"".join(chunk_hash(chunk) for chunk in chunks)
        dataset_id = DatasetId(self.content_hash(ObjectKind.MANIFEST, manifest))
        self.manifests[dataset_id] = manifest
        self.chunk_counts[dataset_id] = chunk_count
        for index, chunk in enumerate(chunks):
            self.chunks[dataset_id, index] = chunk
        return dataset_id


def hashes_in(manifest: bytes) -> tuple[Hash32, ...]:
    return tuple(Hash32(manifest[i : i + 32]) for i in range(0, len(manifest), 32))


@dataclass(kw_only=True)
class Faults:
    """What the broker does wrong, per million messages."""

    drop_ppm: int = 0
    duplicate_ppm: int = 0
    delay_ms: int = 20
    """Each delivery takes 1..delay_ms: with more than a few, messages overtake each other."""


@dataclass(kw_only=True)
class SimNode:
    """A node: state machine, chain, and what it was told."""

    name: str
    gossip: Gossip
    chain: FakeChain
    events: list[Event] = field(default_factory=list)
    published: list[Publish] = field(default_factory=list)
    cell: str = DEFAULT_BROKER
    """Name of the broker it is connected to."""
    next_will: SetWill | None = None
    """What the node gives with its next connect."""
    will: SetWill | None = None
    """What the broker holds."""
    online: bool = False
    importing: deque[BlockReceived] = field(default_factory=deque)
    """Blocks that wait for their import, where that takes time."""
    import_at_ms: int = 0

    @property
    def node(self) -> NodeId:
        return self.gossip.node

    def told(self, kind: type) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]


def make_node(
    name: str,
    chain: FakeChain | None = None,
    *,
    seed: str,
    session: int = 1,
    genesis: bytes = b"",
    timing: BodyTiming | None = None,
    stamp_bits: int = 0,
    sources: frozenset[NodeId] | None = None,
) -> SimNode:
    chain = chain if chain is not None else FakeChain()
    gossip = Gossip(
        identity=identity_of(name, session=session),
        port=chain,
        random=SeededRandom(f"{name} {seed}"),
        profile=Profile(software=f"sim {name}", genesis=genesis, sources=sources),
        pool=chain,
        timing=timing,
        stamp_bits=stamp_bits,
    )
    return SimNode(name=name, gossip=gossip, chain=chain)


def react(node: SimNode, event: Event, now_ms: int) -> list[Action]:
    """Do with an event what a node does, and return what its state machine says then."""
    if isinstance(event, BlockReceived):
        parts = BlockParts(header=event.header, body=event.body, transport=event.transport)
        verdict = node.chain.add(parts)
        actions = node.gossip.block_result(event.block_hash, verdict, event.sender, now_ms)
        return [*actions, *node.gossip.tip_changed(now_ms)]
    if isinstance(event, TransactionsReceived):
        node.chain.pool += [each for each in event.transactions if each not in node.chain.pool]
    if isinstance(event, ChunkReceived):
        node.chain.chunks[event.dataset_id, event.index] = event.data
    if isinstance(event, DatasetComplete):
        total = node.chain.chunk_counts[event.dataset_id] * limits.PIECE_BYTES
        offer = Offer(dataset_id=event.dataset_id, total_bytes=total)
        return node.gossip.offer_datasets((offer,), now_ms)
    return []


class SimNetwork:
    """Nodes around one broker, or at several, each a cell, in a mesh as `broker cluster` makes it.

    The broker keeps retained messages, publishes wills, drops, duplicates, delays and reorders.
    """

    def __init__(
        self,
        seed: str = "0",
        faults: Faults | None = None,
        *,
        import_ms: int = 0,
        timing: BodyTiming | None = None,
        stamp_bits: int = 0,
    ) -> None:
        self.seed = seed
        self.timing = timing
        self.stamp_bits = stamp_bits
        self.import_ms = import_ms
        self.faults = faults if faults is not None else Faults()
        self.now_ms = 1_000
        self.nodes: dict[str, SimNode] = {}
        self.retained: dict[str, bytes] = {}
        self.log: list[Publish] = []
        self._random = SeededRandom(f"network {seed}")
        self._mail: list[tuple[int, int, str, Incoming]] = []
        self._mail_count = 0

    def add(
        self,
        name: str,
        chain: FakeChain | None = None,
        *,
        session: int = 1,
        genesis: bytes = b"",
        cell: str = DEFAULT_BROKER,
        sources: frozenset[NodeId] | None = None,
    ) -> SimNode:
        node = make_node(
            name,
            chain,
            seed=self.seed,
            session=session,
            genesis=genesis,
            timing=self.timing,
            stamp_bits=self.stamp_bits,
            sources=sources,
        )
        node.cell = cell
        self.nodes[name] = node
        self.connect(node)
        return node

    def connect(self, node: SimNode) -> None:
        node.online = True
        node.will = node.next_will or node.gossip.will()
        for topic, payload in sorted(self.retained.items()):
            self._post(node, Incoming(topic=topic, payload=payload, retained=True), sure=True)
        self.act(node, node.gossip.connected(self.now_ms, node.cell))

    def cut(self, node: SimNode) -> None:
        """Break a connection: the broker publishes the will."""
        node.online = False
        self.act(node, node.gossip.disconnected(self.now_ms))
        assert node.will is not None
        will = node.will
        self.publish(Publish(topic=will.topic, payload=will.payload, qos=1, retain=True))

    def act(self, node: SimNode, actions: list[Action]) -> None:
        """Do what a state machine says, as a node would."""
        todo = deque(actions)
        while todo:
            action = todo.popleft()
            if isinstance(action, Publish):
                node.published.append(action)
                self.publish(action, node.cell)
            elif isinstance(action, SetWill):
                node.next_will = action
            else:
                node.events.append(action)
                if self.import_ms and isinstance(action, BlockReceived):
                    node.importing.append(action)
                    continue
                todo.extend(react(node, action, self.now_ms))

    def publish(self, message: Publish, cell: str = DEFAULT_BROKER) -> None:
        self.log.append(message)
        if message.retain:
            self.retained.pop(message.topic, None)
        if message.retain and message.payload:
            self.retained[message.topic] = message.payload
        for node in self.nodes.values():
            topic = bridged(message.topic, cell, node.cell)
            if node.online and any(matches(f, topic) for f in node.gossip.subscriptions):
                self._post(node, Incoming(topic=topic, payload=message.payload))

    def inject(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish something that no state machine made."""
        self.publish(Publish(topic=topic, payload=payload, qos=1, retain=retain))

    def _post(self, node: SimNode, message: Incoming, *, sure: bool = False) -> None:
        copies = 1
        if not sure and self._random.below(PPM) < self.faults.drop_ppm:
            copies = 0
        elif self._random.below(PPM) < self.faults.duplicate_ppm:
            copies = 2
        for _ in range(copies):
            due_ms = self.now_ms + 1 + self._random.below(self.faults.delay_ms)
            self._mail_count += 1
            heapq.heappush(self._mail, (due_ms, self._mail_count, node.name, message))

    def run(self, duration_ms: int) -> None:
        end_ms = self.now_ms + duration_ms
        while self.now_ms < end_ms:
            self.now_ms += STEP_MS
            while self._mail and self._mail[0][0] <= self.now_ms:
                _, _, name, message = heapq.heappop(self._mail)
                node = self.nodes[name]
                if node.online:
                    self.act(node, node.gossip.handle(message, self.now_ms))
            for node in self.nodes.values():
                self._import(node)
            if self.now_ms % TICK_MS == 0:
                for node in self.nodes.values():
                    self.act(node, node.gossip.tick(self.now_ms))

    def _import(self, node: SimNode) -> None:
        """Import one block at a time, each for `import_ms`."""
        if node.importing and node.import_at_ms == 0:
            node.import_at_ms = self.now_ms + self.import_ms
        elif node.importing and self.now_ms >= node.import_at_ms:
            node.import_at_ms = 0
            self.act(node, react(node, node.importing.popleft(), self.now_ms))

    def run_until_same(self, limit_ms: int) -> int:
        """Run until all nodes have one head; return how long it took."""
        start_ms = self.now_ms
        while self.now_ms - start_ms < limit_ms:
            self.run(100)
            if len({node.chain.main[-1] for node in self.nodes.values()}) == 1:
                return self.now_ms - start_ms
        heads = {name: len(node.chain.main) for name, node in self.nodes.items()}
        raise AssertionError(f"seed {self.seed}: heads differ after {limit_ms} ms: {heads}")


def bridged(topic: str, cell: str, other: str) -> str:
    """Return under which topic a message of one broker arrives at another; empty for never."""
    if cell == other:
        return topic
    levels = topic.split("/")
    if levels[3] == "o":
        return "/".join([*levels[:3], "i", *levels[4:]])
    return topic if levels[3:5] == ["x", other] else ""


def matches(subscription: str, topic: str) -> bool:
    """MQTT's wildcard rule."""
    wanted, levels = subscription.split("/"), topic.split("/")
    for i, level in enumerate(wanted):
        if level == "#":
            return True
        if i >= len(levels) or level not in ("+", levels[i]):
            return False
    return len(wanted) == len(levels)
