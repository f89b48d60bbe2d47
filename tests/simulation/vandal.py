# SPDX-License-Identifier: Apache-2.0
"""A publisher with keys of its own and a seat at both brokers, who says whatever may do harm.

It repeats what honest nodes said under its own name with a bit changed, in their name, on other
topics and as retained; it lies about heights, hashes and sizes; and it does all of it in floods.
"""

from collections.abc import Callable
from dataclasses import replace

from edge_node.gossip import codec, limits
from edge_node.gossip.envelope import MAX_BODY_BYTES, open_envelope
from edge_node.gossip.errors import GossipError
from edge_node.gossip.messages import (
    BlockAnnouncement,
    GetHeaders,
    GetParcels,
    GetTransactions,
    Inventory,
    Message,
    Numbered,
    ObjectKind,
    Presence,
    Request,
    Tip,
    Transactions,
)
from edge_node.gossip.topics import (
    ALL,
    DEFAULT_BROKER,
    Kind,
    NodeId,
    Topic,
    node_id,
    parse,
)
from edge_node.primitives.types import Hash32, Height
from tests.simulation.broker import SITES
from tests.simulation.stranger import NETWORK, PREFIX, Stranger
from tests.simulation.world import World
from tests.spec import toy_chain as toy

FLOOD = 40
"""Messages at once."""
KEYS = 3
BIG = 10**40


class Vandal:
    """Says things to a world.

    Parameters
    ----------
    world : World
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._dice = world.random("vandal")
        self._stranger = Stranger(world, "vandal", KEYS)
        self._deeds: tuple[Callable[[], None], ...] = (
            self.litter,
            self.mock,
            self.boast,
            self.announce,
            self.ask,
            self.tempt,
        )

    def act(self) -> None:
        """Do one thing, many times."""
        deed = self._deeds[self._dice.below(len(self._deeds))]
        for _ in range(FLOOD):
            deed()

    def litter(self) -> None:
        """Leave random bytes on any topic, often as retained, now and then too large."""
        kind = tuple(Kind)[self._dice.below(len(Kind))]
        size = (0, 9, 300, MAX_BODY_BYTES[kind] + 1_000)[self._dice.below(4)]
        topic = Topic(network=PREFIX, kind=kind, sender=self._anybody(), recipient=self._anybody())
        self._publish(topic.path(), self._dice.bytes(min(size, 400)).ljust(size, b"\0"), kept=True)

    def mock(self) -> None:
        """Repeat what somebody said: as it was, on another topic, or changed and signed anew."""
        log = self._world.brokers.log
        said = log[self._dice.below(len(log))][1]
        try:
            topic = parse(said.topic, network=PREFIX)
            envelope = open_envelope(
                topic, said.payload, network_id=NETWORK, verify=lambda *_: True
            )
        except GossipError:
            return
        how = self._dice.below(3)
        if how == 0:
            self._publish(said.topic, said.payload, kept=self._dice.below(2) == 0)
        elif how == 1:
            path = replace(topic, sender=self._anybody()).path()
            self._publish(path, said.payload, kept=True)
        elif envelope.body:
            body = bytearray(envelope.body)
            body[self._dice.below(len(body))] ^= 1 << self._dice.below(8)
            self._sign(topic.kind, bytes(body), to=topic.recipient, request=topic.request)

    def boast(self) -> None:
        """Be here, with the most work of all, for a true or an invented head."""
        parts = self._world.awake[0].running.parts if self._world.awake else None
        stored = parts.importer.blocks.get(parts.importer.head.head) if parts else None
        self.come()
        if stored is not None:
            height = Height(stored.height + self._dice.below(2))
            tip = Tip(height=height, block_hash=stored.block_hash, work=BIG, header=stored.header)
            self._say(Kind.TIP, tip)

    def announce(self) -> None:
        """Announce a true block with a false table, false sizes or false contents."""
        if not self._world.awake:
            return
        blocks = self._world.awake[0].importer.blocks
        stored = blocks.get(self._world.awake[0].importer.head.head)
        if stored is None:
            return
        header = bytearray(stored.header)
        if self._dice.below(2):
            header[self._dice.below(len(header))] ^= 1
        data = stored.body[: self._dice.below(2) * limits.INLINE_BYTES]
        size = (self._dice.below(200_000), len(data))[self._dice.below(2)]
        pieces = 0 if data else -(-(len(header) + size) // limits.PIECE_BYTES)
        hashes = tuple(Hash32(self._dice.bytes(32)) for _ in range(pieces))
        data = data[::-1] if self._dice.below(2) else data
        announcement = BlockAnnouncement(
            header=bytes(header), sizes=(size, 0), piece_hashes=hashes, data=data
        )
        self._say(Kind.BLOCK, announcement)

    def ask(self) -> None:
        """Ask somebody for much, or for what there is not."""
        digest = Hash32(self._dice.bytes(32))
        requests: tuple[Request, ...] = (
            GetHeaders(start=Height(self._dice.below(3)), count=limits.MAX_HEADERS_PER_PAGE),
            GetParcels(kind=ObjectKind.BLOCK, digests=(digest,) * limits.PARCELS_PER_REQUEST),
            GetTransactions(salt=digest[:8], short_ids=(digest[:6],) * 100),
        )
        request = requests[self._dice.below(len(requests))]
        numbered = Numbered(number=self._dice.below(1_000), request=request)
        self._say(Kind.REQUEST, numbered, to=self._anybody())

    def tempt(self) -> None:
        """Tell of transactions that there are not, and send some that are none."""
        self.come()
        ids = tuple(self._dice.bytes(limits.SHORT_ID_BYTES) for _ in range(50))
        self._say(
            Kind.INVENTORY, Inventory(salt=self._dice.bytes(limits.SALT_BYTES), short_ids=ids)
        )
        self._say(Kind.TRANSACTIONS, Transactions(transactions=(self._dice.bytes(90),)))

    def come(self) -> None:
        """Be here."""
        presence = Presence(
            online=True,
            connection=self._stranger.said,
            software="vandal",
            capabilities=(),
            broker=DEFAULT_BROKER,
        )
        self._say(Kind.PRESENCE, presence)

    def _anybody(self) -> NodeId:
        names = [node_id(toy.miner(name).key) for name in self._world.nodes]
        names += [node_id(each.key) for each in self._stranger.keys]
        return names[self._dice.below(len(names))]

    def _say(self, kind: Kind, message: Message, *, to: NodeId = ALL) -> None:
        self._sign(kind, codec.encode(message), to=to)

    def _sign(self, kind: Kind, body: bytes, *, to: NodeId, request: int = 0) -> None:
        by, site = self._dice.below(KEYS), self._site()
        self._stranger.say(kind, body, by=by, site=site, to=to, request=request)

    def _publish(self, path: str, payload: bytes, *, kept: bool) -> None:
        self._stranger.publish(path, payload, kept=kept, site=self._site())

    def _site(self) -> int:
        return SITES[self._dice.below(len(SITES))]
