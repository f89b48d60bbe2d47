# SPDX-License-Identifier: Apache-2.0
"""Table 1: bytes of a block on the broker's socket, for the paper's three sizes of network.

Two ends speak the whole protocol over a real broker: one announces a signed block, the other takes
it, with the pieces that it has to ask for. The model travels full, as the paper has it, as a delta
or as nothing but its recipe.
Law of the file: what is counted is what the broker read and wrote; what is inside is only measured
to tell the header, the model and the rest apart. Every pair has a broker of its own, which has kept
nothing of the pair before: neither a tip nor a last will.
Read next: relay.py, edge_node/gossip/protocol.py.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from edge_node.bench.climbing import DEFAULT_RATES, new_climber
from edge_node.bench.paper.errors import MeasurementFailed
from edge_node.bench.paper.relay import Passed, Relay
from edge_node.bench.sizes import FLIPS_PPM, SIZES, Size
from edge_node.bench.workload import Workload, base_model, beginner_model, first_samples
from edge_node.chain.block_builder import Finding, build_block
from edge_node.chain.database import Database
from edge_node.chain.importer import Importer
from edge_node.datasets.store import DatasetStore
from edge_node.gossip.embedded_broker import BrokerOptions, RunningBroker, start_broker
from edge_node.gossip.exchange import Identity
from edge_node.gossip.inbox import LinkUp
from edge_node.gossip.mqtt import LinkOptions, MqttLink
from edge_node.gossip.ports import (
    Action,
    BlockParts,
    BlockReceived,
    ChainTip,
    Incoming,
    Publish,
    SetWill,
)
from edge_node.gossip.protocol import Gossip, Profile
from edge_node.inference.reference import ReferenceBackend
from edge_node.kernels.evaluation import slice_images
from edge_node.kernels.libsodium import load_ed25519
from edge_node.node.chain_view import ChainView
from edge_node.node.engine import NodeEngine
from edge_node.node.signer import KeySigner
from edge_node.node.system import SystemRandom
from edge_node.primitives.clock import Clock
from edge_node.primitives.hashing import ZERO_HASH, tagged_hash
from edge_node.primitives.types import BlockHash, FamilyId
from edge_node.spec.block import Block
from edge_node.spec.constants import PPM
from edge_node.spec.difference import hamming
from edge_node.spec.genesis import Genesis
from edge_node.spec.model import Model
from edge_node.spec.proof.evolution_proof import ChildProof, FallbackProof
from edge_node.spec.recipe import Step
from edge_node.spec.transport import encode_delta, encode_full

PATIENCE_MS = 150_000
QUIET_MS = 300
"""Without a byte for so long, a block and all that it made others say has passed."""
QUIET_TURNS = 15
"""Turns of both ends in that time: where the machine stood still, nobody was quiet."""
RECIPE_IMAGES = 500
"""Images that the child is climbed on: its accuracy does not matter here, only its distance."""
SLICE = 200
STEPS = 2
"""Candidates and steps between two looks at the distance."""
MAX_SLICES = 2_000
TURN_MS = 10
KINDS = ("full", "delta", "recipe")


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockBytes:
    """One way for one block; the keys of the JSON object."""

    family: str
    """The family."""
    parameters: int
    """Its weights."""
    kind: str
    """full, delta or recipe: how the model travels."""
    difference_ppm: int
    """Share of the weights in which the child differs from its parent."""
    model_bytes: int
    """Transport of the model, or its recipe."""
    header_bytes: int
    """The signed header."""
    block_bytes: int
    """Header, body and transport."""
    to_broker_bytes: int
    """What the broker read from the announcing node for the block, MQTT included."""
    from_broker_bytes: int
    """What the broker wrote for it to one receiving node, MQTT included."""
    envelope_bytes: int
    """`to_broker_bytes` without the block: envelopes, topics, MQTT, table of pieces."""
    tip_bytes: int
    """What the broker read besides: the tip, kept for who comes later; once a second at most."""
    published_bytes: float
    """What the paper has for this family."""
    ratio: float
    """How many times fewer bytes than the paper's, by what the broker read."""


class _End:
    """One node's gossip on a connection of its own through a relay."""

    def __init__(
        self, seed: bytes, view: ChainView, genesis: Genesis, broker: RunningBroker, clock: Clock
    ) -> None:
        signer = KeySigner(load_ed25519(), seed)
        self.relay = Relay(broker.address.host, broker.address.port)
        self.received: list[BlockReceived] = []
        self._clock = clock
        self.gossip = Gossip(
            identity=Identity(
                network_id=genesis.network_id(),
                key=signer.public_key,
                sign=signer.sign,
                verify=load_ed25519().verify,
                session=1,
            ),
            port=view,
            random=SystemRandom(),
            profile=Profile(software="bench", genesis=genesis.encode()),
        )
        address = replace(broker.address, host="127.0.0.1", port=self.relay.port)
        self.link = MqttLink(
            LinkOptions(
                brokers=(address,),
                client_id=f"bench-{self.gossip.node}",
                user=broker.account.user,
                password=broker.account.password,
                subscriptions=self.gossip.subscriptions,
            )
        )
        self.link.set_will(self.gossip.will())
        self.link.start()

    def turn(self) -> None:
        for event in self.link.poll(TURN_MS):
            now_ms = self._clock.monotonic_ms()
            if isinstance(event, Incoming):
                self.do(self.gossip.handle(event, now_ms))
            elif isinstance(event, LinkUp):
                self.do(self.gossip.connected(now_ms))
        self.do(self.gossip.tick(self._clock.monotonic_ms()))

    def do(self, actions: Iterable[Action]) -> None:
        for action in actions:
            if isinstance(action, Publish):
                self.link.publish(action)
            elif isinstance(action, SetWill):
                self.link.set_will(action)
            elif isinstance(action, BlockReceived):
                self.received.append(action)

    def stop(self) -> None:
        self.link.stop()
        self.relay.close()


class _HeadOfOne(ChainView):
    """A chain whose head is the block that is about to be told."""

    told: ChainTip | None = None

    def tip(self) -> ChainTip:
        """See ChainPort."""
        return super().tip() if self.told is None else self.told


def block_byte_rows(
    workload: Workload,
    *,
    genesis: Genesis,
    folder: Path,
    clock: Clock,
    sizes: tuple[Size, ...] = SIZES,
) -> Iterator[BlockBytes]:
    """Yield a row for each size and each way of sending the model.

    Parameters
    ----------
    workload : Workload
    genesis : Genesis
        Of a network with this dataset.
    folder : Path
        For the pairs' chains and their brokers' files.
    clock : Clock
    sizes : tuple of Size

    Raises
    ------
    EdgeNodeError
        A broker could not be started, or something did not come about.
    """
    for size in sizes:
        parent = (
            base_model(workload)
            if size.architecture is None
            else beginner_model(workload, size.architecture)
        )
        child, steps = climbed(workload, parent)
        for kind in KINDS:
            proof, transport = _model_as(kind, parent, child, steps)
            place = folder / f"{size.name}-{kind}"
            with ExitStack() as cleanup:
                broker = start_broker(BrokerOptions(data_dir=place / "broker"), clock)
                cleanup.callback(broker.stop)
                block, ends = _meet(cleanup, place, genesis, broker, clock, proof, child)
                tip, passed = _send(block, transport, ends, clock)
            up = passed.to_broker_bytes
            weights = parent.architecture.weight_count
            block_bytes = len(block.header.encode()) + len(block.body.encode()) + len(transport)
            yield BlockBytes(
                family=size.name,
                parameters=weights,
                kind=kind,
                difference_ppm=hamming(parent, child) * PPM // weights,
                model_bytes=len(transport or proof),
                header_bytes=len(block.header.encode()),
                block_bytes=block_bytes,
                to_broker_bytes=up,
                from_broker_bytes=passed.from_broker_bytes,
                envelope_bytes=up - block_bytes,
                tip_bytes=tip,
                published_bytes=size.published_kb * 1_000,
                ratio=size.published_kb * 1_000 / up,
            )


def climbed(workload: Workload, parent: Model) -> tuple[Model, tuple[Step, ...]]:
    """Return a child that differs as the paper's level High wants, and the recipe that makes it.

    Raises
    ------
    MeasurementFailed
        The climb came to rest before.
    """
    samples = first_samples(workload.train, RECIPE_IMAGES)
    images = slice_images(parent.architecture, samples.images)
    climber = new_climber(images, samples, parent, 0, DEFAULT_RATES)
    wanted = parent.architecture.weight_count * FLIPS_PPM // PPM
    for _ in range(MAX_SLICES):
        climber.climb(SLICE, STEPS)
        if hamming(parent, climber.model()) >= wanted:
            return climber.model(), climber.steps
    raise MeasurementFailed(f"no child differs from its parent in {FLIPS_PPM} ppm")


def _model_as(
    kind: str, parent: Model, child: Model, steps: tuple[Step, ...]
) -> tuple[bytes, bytes]:
    """Return proof and transport; where the recipe does not travel, an empty proof stands in."""
    if kind == "recipe":
        return ChildProof(base=0, steps=steps).encode(), b""
    transport = encode_full(child) if kind == "full" else encode_delta(parent, child)
    return FallbackProof().encode(), transport


def _meet(
    cleanup: ExitStack,
    folder: Path,
    genesis: Genesis,
    broker: RunningBroker,
    clock: Clock,
    proof: bytes,
    child: Model,
) -> tuple[Block, tuple[_End, _End]]:
    """Return a signed block and two ends that know each other."""
    ed25519 = load_ed25519()
    engine = NodeEngine(ed25519, [ReferenceBackend()], DatasetStore(folder / "datasets"))
    views: list[_HeadOfOne] = []
    for name in ("sender", "receiver"):
        database = Database(folder / name, genesis.network_id())
        cleanup.callback(database.close)
        importer = Importer(database, genesis, engine)
        views.append(_HeadOfOne(importer, DatasetStore(folder / "datasets")))
    seeds = [tagged_hash("bench-end", name, proof[:64]) for name in (b"sender", b"receiver")]
    block = build_block(
        importer.head,
        Finding(
            family=FamilyId(ZERO_HASH),
            proof=proof,
            model_hash=child.model_hash(),
            latent_root=ZERO_HASH,
            nonce=0,
            correct_count=1,
        ),
        transactions=(),
        have=sorted(importer.head.datasets),
        timestamp=clock.now_ms(),
        rules=importer.rules,
        signer=KeySigner(ed25519, seeds[0]),
    )
    header = block.header
    ends: list[_End] = []
    for seed, view in zip(seeds, views, strict=True):
        ends.append(_End(seed, view, genesis, broker, clock))
        cleanup.callback(ends[-1].stop)
    _until(
        ends,
        clock,
        lambda: all(
            end.gossip.synced and any(peer.online for peer in end.gossip.peers()) for end in ends
        ),
        "two ends that know each other",
    )
    _until_quiet(ends, clock)
    views[0].told = ChainTip(
        height=header.height,
        block_hash=BlockHash(header.block_hash()),
        work=importer.head.work + 1,
        header=header.encode(),
    )
    return block, (ends[0], ends[1])


def _send(
    block: Block, transport: bytes, ends: tuple[_End, _End], clock: Clock
) -> tuple[int, Passed]:
    """Announce a block; return the bytes of its tip, and what passed for the block itself."""
    sender, receiver = ends
    parts = BlockParts(header=block.header.encode(), body=block.body.encode(), transport=transport)
    actions = sender.gossip.announce_block(
        BlockHash(block.header.block_hash()), parts, clock.monotonic_ms()
    )
    tips = [action for action in actions if isinstance(action, Publish) and action.retain]
    before = [end.relay.passed() for end in ends]
    sender.do([action for action in actions if action not in tips])
    _until(ends, clock, lambda: bool(receiver.received), "the block at its receiver")
    _until_quiet(ends, clock)
    got = receiver.received[0]
    if (got.header, got.body, got.transport) != (parts.header, parts.body, parts.transport):
        raise MeasurementFailed("the block came other than it was sent")
    sent, taken = (end.relay.passed().since(then) for end, then in zip(ends, before, strict=True))
    # Only now: a tip whose block is late makes its receiver ask for headers.
    start = sender.relay.passed()
    sender.do(tips)
    name = BlockHash(block.header.block_hash())
    _until(
        ends,
        clock,
        lambda: any(peer.head == name for peer in receiver.gossip.peers()),
        "the tip at its receiver",
    )
    _until_quiet(ends, clock)
    return sender.relay.passed().since(start).to_broker_bytes, Passed(
        to_broker_bytes=sent.to_broker_bytes, from_broker_bytes=taken.from_broker_bytes
    )


def _until(ends: Sequence[_End], clock: Clock, holds: Callable[[], bool], what: str) -> None:
    end_ms = clock.monotonic_ms() + PATIENCE_MS
    while not holds():
        if clock.monotonic_ms() > end_ms:
            raise MeasurementFailed(f"no {what} within {PATIENCE_MS} ms")
        for end in ends:
            end.turn()


def _until_quiet(ends: Sequence[_End], clock: Clock) -> None:
    """Wait until nothing passes any more."""
    end_ms = clock.monotonic_ms() + PATIENCE_MS
    last, since_ms, turns = None, clock.monotonic_ms(), 0
    while turns < QUIET_TURNS or clock.monotonic_ms() - since_ms < QUIET_MS:
        if clock.monotonic_ms() > end_ms:
            raise MeasurementFailed(f"the ends talk on after {PATIENCE_MS} ms")
        for end in ends:
            end.turn()
        now = [end.relay.passed() for end in ends]
        turns += 1
        if now != last:
            last, since_ms, turns = now, clock.monotonic_ms(), 0
