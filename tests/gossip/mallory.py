# SPDX-License-Identifier: Apache-2.0
"""Nodes that lie: one that signs whatever a test wants, and chains that are not what they claim."""

from edge_node.gossip import codec
from edge_node.gossip.envelope import VERSION, open_envelope, seal
from edge_node.gossip.messages import BlockAnnouncement, Message, Presence, Response
from edge_node.gossip.ports import BlockParts, ChainTip, Publish
from edge_node.gossip.topics import (
    ALL,
    DEFAULT_BROKER,
    Kind,
    NodeId,
    Topic,
    network_prefix,
    parse,
)
from edge_node.primitives.types import BlockHash, DatasetId, Height
from edge_node.spec import encoding
from tests.gossip.simulation import (
    NETWORK,
    FakeChain,
    SimNetwork,
    fake_sign,
    fake_verify,
    identity_of,
    key_of,
    make_block,
)


def whole(block: BlockParts) -> BlockAnnouncement:
    """Return the announcement of a block that rides along."""
    return BlockAnnouncement(
        header=block.header,
        sizes=(len(block.body), len(block.transport)),
        piece_hashes=(),
        data=block.body + block.transport,
    )


class Mallory:
    """A key whose owner publishes anything."""

    def __init__(self, net: SimNetwork, name: str = "mallory") -> None:
        self.net = net
        self.name = name
        self.identity = identity_of(name)
        self.sequence = 0

    @property
    def node(self) -> NodeId:
        return self.identity.node

    def topic(self, kind: Kind, recipient: NodeId = ALL, request: int = 0) -> Topic:
        return Topic(
            network=network_prefix(NETWORK),
            kind=kind,
            sender=self.node,
            recipient=recipient,
            request=request,
        )

    def seal(self, topic: Topic, body: bytes, *, session: int = 1) -> bytes:
        self.sequence += 1
        return seal(
            topic,
            body,
            network_id=NETWORK,
            key=self.identity.key,
            session=session,
            sequence=self.sequence,
            sign=self.identity.sign,
        )

    def say(self, kind: Kind, message: Message | bytes, *, to: NodeId = ALL) -> None:
        """Publish a signed message, or a signed body that may be anything."""
        body = message if isinstance(message, bytes) else codec.encode(message)
        topic = self.topic(kind, to)
        self.net.inject(topic.path(), self.seal(topic, body))

    def come(self) -> None:
        """Count as online with everybody."""
        self.say(Kind.PRESENCE, self.presence())

    @staticmethod
    def presence() -> Presence:
        return Presence(
            online=True, connection=1, software="m 1", capabilities=(), broker=DEFAULT_BROKER
        )

    def keep(self, kind: Kind, message: Message) -> None:
        """Publish a signed message that the broker keeps."""
        topic = self.topic(kind)
        self.net.inject(topic.path(), self.seal(topic, codec.encode(message)), retain=True)

    def answer(self, topic: Topic, response: Response) -> None:
        """Answer a request, whether or not that is what was asked."""
        self.net.inject(topic.path(), self.seal(topic, codec.encode(response)))

    @staticmethod
    def read(sent: Publish) -> Message:
        """Return the message in a payload."""
        topic = parse(sent.topic, network=network_prefix(NETWORK))
        envelope = open_envelope(topic, sent.payload, network_id=NETWORK, verify=fake_verify)
        return codec.decode(envelope.kind, envelope.body)

    def say_unsigned(self, kind: Kind, message: Message) -> None:
        """Publish a message whose signature belongs to another text."""
        topic = self.topic(kind)
        self.sequence += 1
        signature = fake_sign(key_of(self.name), b"another text")
        fields: list[encoding.Value] = [VERSION, int(kind), self.identity.key, 1]
        body = codec.encode(message)
        self.net.inject(topic.path(), encoding.encode([*fields, self.sequence, body, signature]))


class LiarChain(FakeChain):
    """A chain that claims any work for any blocks."""

    def __init__(self, claimed_work: int) -> None:
        super().__init__()
        self.claimed_work = claimed_work

    def tip(self) -> ChainTip:
        tip = super().tip()
        return ChainTip(
            height=tip.height,
            block_hash=tip.block_hash,
            work=self.claimed_work,
            header=tip.header,
        )

    def force(self, count: int, *, body: bytes, salt: str = "liar") -> None:
        """Put blocks on the head unchecked."""
        for _ in range(count):
            parent = self.main[-1]
            block_hash, block = make_block(len(self.main), parent, body=body, salt=salt)
            self.put(block_hash, block, work=self.work[parent] + 1)

    def put(self, block_hash: BlockHash, block: BlockParts, *, work: int) -> None:
        self.blocks[block_hash] = block
        self.work[block_hash] = work
        self.main.append(block_hash)


class UnlinkedChain(LiarChain):
    """Answers with headers that do not hang together."""

    def headers(self, start: Height, count: int) -> list[bytes]:
        return super().headers(start, count)[::-1]


class ForeignChain(LiarChain):
    """A chain from another genesis."""

    def force_foreign(self, count: int) -> None:
        parent = BlockHash(NETWORK)
        self.main = [parent]
        self.work[parent] = 0
        self.force(count, body=b"foreign")


class WrongChunks(FakeChain):
    """Serves a dataset whose chunks are all wrong."""

    def chunk(self, dataset_id: DatasetId, index: int) -> bytes | None:
        chunk = super().chunk(dataset_id, index)
        return None if chunk is None else chunk[::-1]
