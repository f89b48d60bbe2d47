# SPDX-License-Identifier: Apache-2.0
"""Whole nodes in one process on a virtual clock: real node, chain, gossip and trainer.

Only what would make a run differ from the next is simulated: the brokers, the clocks, the trainer's
process (its search runs in the loop, a step now and then) and the moment at which a node dies.
"""

import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from edge_node.datasets.store import DatasetStore
from edge_node.gossip.mqtt import KEEPALIVE_S
from edge_node.node.data_directory import DataDirectory
from edge_node.primitives.types import Amount, Signature
from edge_node.spec.architecture import Architecture
from edge_node.spec.signature import SIGNATURE_BYTES
from edge_node.spec.transaction import Transfer
from tests.datasets.samples import stored
from tests.gossip.simulation import SeededRandom
from tests.simulation.broker import SITES, Brokers, VirtualTime
from tests.simulation.disk import Death, Killed, Moment, copy_directory
from tests.simulation.network import (
    ARCHITECTURE,
    DATA,
    ED25519,
    GUEST,
    LADDER_MS,
    MEMBERS,
    MINERS,
    NETWORK,
)
from tests.simulation.node import SimNode
from tests.spec.toy_chain import Network
from tests.spec.toy_data import ToyDataset

STEP_MS = 40
"""The world's pace; a node without mail turns at every third step."""
MAX_SMALL_SKEW_MS = 200
"""A clock that is wrong by no more is right enough."""
MAX_ERROR_CHARACTERS = 600
HEALING_MS = 36_000
BUSY_MS = 12_000
"""Somebody pays so often meanwhile, unless the seed has it that nobody does."""
MAX_HEALING_TURNS = 16


class World:
    """Nodes, brokers and time, all from one seed.

    Parameters
    ----------
    seed : str
    folder : Path
        For the nodes' directories.
    network : Network, optional
    data : ToyDataset, optional
        What its nodes learn.
    founds : callable, optional
        Draws the shape of a family that a miner founds.
    kept_messages : int, optional
        How much of what was published is kept to look at; all of it by default.
    """

    def __init__(
        self,
        seed: str,
        folder: Path,
        *,
        network: Network = NETWORK,
        data: ToyDataset = DATA,
        founds: Callable[[SeededRandom], Architecture] = lambda _: ARCHITECTURE,
        kept_messages: int | None = None,
    ) -> None:
        self.seed = seed
        self.network = network
        self.time = VirtualTime()
        self.brokers = Brokers(self.time, SeededRandom(f"brokers {seed}"), kept_messages)
        self.nodes: dict[str, SimNode] = {}
        self.story: list[str] = []
        self.unmined: list[range] = []
        """Stretches of time, in ms, in which no node was in a state to mine."""
        self.step_ms = STEP_MS
        self._data = stored(data)
        self._founds = founds
        self._folder = folder
        self._steps = 0

    def random(self, name: str) -> SeededRandom:
        return SeededRandom(f"{name} {self.seed}")

    def tell(self, text: str) -> None:
        self.story.append(f"{self.time.ms:>8} ms  {text}")

    @property
    def awake(self) -> list[SimNode]:
        """Nodes whose process runs."""
        return [each for each in self.nodes.values() if each.alive and not each.paused_until_ms]

    # Life and death

    def add(
        self,
        *,
        mines: bool = True,
        has_data: bool = True,
        skew_ms: int = 0,
        site: int = SITES[0],
        honest: bool = True,
    ) -> SimNode:
        """Make a node's directory and start it."""
        name = MEMBERS[len(self.nodes)]
        root = self._folder / name.replace(" ", "-")
        DataDirectory(root).initialise(self.network.genesis, MINERS[name].seed)
        if has_data:
            DatasetStore(DataDirectory(root).datasets).add(self._data)
        node = SimNode(
            name=name,
            root=root,
            mines=mines,
            skew_ms=skew_ms,
            site=site,
            honest=honest,
            acknowledged=set(),
            reorg_depths=[],
            promised=[],
        )
        self.nodes[name] = node
        self.boot(node)
        return node

    def boot(self, node: SimNode) -> None:
        """Start a node from what is on its disk."""
        self.tell(f"{node.name} starts on site {node.site}")
        node.start(self.network, self._founds, self.brokers, self.time, self.seed)

    def doom(self, node: SimNode, moment: Moment, after: int = 0) -> None:
        """Plan a node's death; an idle one dies now."""
        assert node.database is not None
        death = Death(
            moment=moment,
            image=node.root.with_name(f"{node.root.name}.image"),
            random=self.random(f"death {self.time.ms}"),
            after=after,
        )
        if moment is Moment.IDLE:
            copy_directory(node.root, death.image)
            self._bury(node, death)
        else:
            node.database.death = death

    def stop(self, node: SimNode) -> None:
        """End a node in good order."""
        self.tell(f"{node.name} stops, height {node.importer.head.height}")
        node.crashed = node.crashed or bool(node.promised)
        node.running.finish()
        node.close()

    def pause(self, node: SimNode, duration_ms: int) -> None:
        """Let a node's process stand still; one that is too long away loses its connection."""
        self.tell(f"{node.name} stands still for {duration_ms} ms")
        node.paused_until_ms = self.time.ms + duration_ms
        node.pauses += 1
        assert node.link is not None
        if duration_ms > 1_500 * KEEPALIVE_S:
            node.link.lose()

    def set_clock(self, node: SimNode, skew_ms: int) -> None:
        """Make a node's clock wrong by so much from now on."""
        self.tell(f"the clock of {node.name} is wrong by {skew_ms} ms")
        node.skew_ms = skew_ms

    def _bury(self, node: SimNode, death: Death) -> None:
        self.tell(f"{node.name} dies {death.moment.value}, height {node.importer.head.height}")
        assert node.link is not None
        node.link.die()
        node.deaths += 1
        node.crashed = node.crashed or bool(node.promised)
        node.close()
        shutil.rmtree(node.root)
        death.image.rename(node.root)

    # Time

    def run(self, duration_ms: int) -> None:
        """Let time pass."""
        end_ms = self.time.ms + duration_ms
        while self.time.ms < end_ms:
            self.time.ms += self.step_ms
            self._steps += 1
            self.brokers.deliver()
            for place, node in enumerate(list(self.nodes.values())):
                if not node.alive or self._stands_still(node):
                    continue
                has_mail = node.link is not None and node.link.has_mail
                if has_mail or (self._steps + place) % 3 == 0:
                    self._live(node, node.running.turn)
            self._note_who_mines()

    def run_until(self, done: Callable[[], bool], limit_ms: int, what: str) -> None:
        """Let time pass until something is so."""
        end_ms = self.time.ms + limit_ms
        while not done():
            assert self.time.ms < end_ms, f"after {limit_ms} ms there is still not: {what}"
            self.run(200)

    def _stands_still(self, node: SimNode) -> bool:
        if node.paused_until_ms > self.time.ms:
            return True
        if node.paused_until_ms:
            node.paused_until_ms = 0
            assert node.link is not None
            if not node.link.is_connected:
                node.link.connect(node.site)
        return False

    def _note_who_mines(self) -> None:
        """Remember a step in which nobody was there to mine."""
        if any(each.mines and abs(each.skew_ms) <= MAX_SMALL_SKEW_MS for each in self.awake):
            return
        start_ms = self.time.ms - self.step_ms
        if self.unmined and self.unmined[-1].stop == start_ms:
            start_ms = self.unmined.pop().start
        self.unmined.append(range(start_ms, self.time.ms))

    def _live(self, node: SimNode, act: Callable[[], None]) -> None:
        try:
            act()
        except Killed:
            assert node.database is not None
            assert node.database.death is not None
            self._bury(node, node.database.death)

    # Users

    def pay(self, node: SimNode) -> None:
        """Have a node's user send a coin, and be promised that it will arrive."""
        account = node.running.parts.importer.head.accounts.get(MINERS[node.name].address)
        # What a node told before it died in the middle of a payment may be paid all the same.
        node.next_nonce = max(node.next_nonce, account.nonce)
        transfer = self.transfer(node.name, node.next_nonce)
        self._live(node, lambda: node.running.submit(transfer))
        if node.alive:
            node.next_nonce += 1
            node.promised.append(transfer)

    def pay_once(self, node: SimNode) -> None:
        """Have somebody without a node send a coin through this one."""
        parts = node.running.parts
        nonce = parts.mempool.next_nonce(parts.importer.head, MINERS[GUEST].key)
        self._live(node, lambda: node.running.submit(self.transfer(GUEST, nonce)))

    def transfer(self, payer: str, nonce: int, amount: int = 1) -> Transfer:
        """Return a signed payment."""
        unsigned = Transfer(
            sender=MINERS[payer].key,
            nonce=nonce,
            recipient=MINERS[MEMBERS[nonce % len(MEMBERS)]].address,
            amount=Amount(amount),
            fee=Amount(1 + nonce % 3),
            signature=Signature(bytes(SIGNATURE_BYTES)),
        )
        message = unsigned.signing_hash(self.network.rules.network)
        return replace(unsigned, signature=ED25519.sign(MINERS[payer].seed, message))

    # Healing

    def heal(self, *, busy: bool = True) -> None:
        """End all faults, and let one miner break every tie; meanwhile somebody pays if `busy`."""
        self.tell("healing")
        self.brokers.faults.drop_ppm = self.brokers.faults.duplicate_ppm = 0
        self.brokers.faults.delay_ms = 20
        self.brokers.bridged = True
        for node in self.nodes.values():
            self._heal(node)
        # Sites that were silent for each other meet at the next refresh.
        for _ in range(HEALING_MS // BUSY_MS):
            if busy:
                self.pay_once(next(iter(self.nodes.values())))
            self.run(BUSY_MS)
        # Equal work is no order: who is alone in mining breaks the tie, and with a transaction it
        # does so within a ladder, whatever is left to be learned.
        miners = [node for node in self.nodes.values() if node.mines]
        turn = 0
        while not (self.agreed() and self.confirmed()):
            assert turn < MAX_HEALING_TURNS, f"agreed {self.agreed()}, paid {self.confirmed()}"
            alone = miners[turn % len(miners)]
            for node in miners:
                node.running.set_mining(allowed=node is alone)
            self.pay_once(alone)
            self.run(LADDER_MS)
            alone.running.set_mining(allowed=False)
            self.run(15_000)
            turn += 1
        heads = {node.importer.head.height for node in self.nodes.values()}
        self.tell(f"healed at height {heads}")

    def _heal(self, node: SimNode) -> None:
        if abs(node.skew_ms) > MAX_SMALL_SKEW_MS:
            self.set_clock(node, 0)
        if not node.alive:
            self.boot(node)
            return
        assert node.database is not None
        node.database.death = None
        node.paused_until_ms = 0
        assert node.link is not None
        node.link.release()
        if not node.link.is_connected:
            node.link.connect(node.site)

    def agreed(self) -> bool:
        """Say whether all nodes have one head."""
        return len({node.importer.head.head for node in self.nodes.values()}) == 1

    def confirmed(self) -> bool:
        """Say whether every node's chain has every promised transaction, in its nonces."""
        heads = [node.importer.head for node in self.nodes.values()]
        return all(
            head.accounts.get(MINERS[node.name].address).nonce >= node.next_nonce
            for node in self.nodes.values()
            if node.promised and not node.crashed
            for head in heads
        )

    def digest(self) -> str:
        """Return a hash of all that was ever published, and when, of what happened and the end."""
        digest = hashlib.sha256(self.brokers.digest())
        digest.update("\n".join(self.story).encode())
        for node in self.nodes.values():
            digest.update(node.importer.head.root() if node.alive else b"")
        return digest.hexdigest()

    def end(self) -> None:
        """Give everything back."""
        for node in self.nodes.values():
            if node.alive:
                node.running.parts.engine.close()
                node.close()


@contextmanager
def simulated(world: World) -> Iterator[World]:
    """Run a world; whatever fails in it names the seed and tells the story."""
    try:
        yield world
    except Exception as error:
        what = f"{type(error).__name__}: {str(error)[:MAX_ERROR_CHARACTERS]}"
        story = "\n".join(world.story)
        raise AssertionError(f"seed {world.seed!r}: {what}\n{story}") from error
    finally:
        world.end()
