# SPDX-License-Identifier: Apache-2.0
"""A node of a simulated world: the real one, with a disk, a clock and a user of its own."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from edge_node.chain.importer import Imported, Importer
from edge_node.chain.mempool import Mempool
from edge_node.datasets.store import DatasetStore
from edge_node.gossip.exchange import Identity
from edge_node.gossip.mqtt import MqttLink
from edge_node.gossip.protocol import Gossip, Profile
from edge_node.inference.reference import ReferenceBackend
from edge_node.node.chain_view import ChainView, PoolView
from edge_node.node.data_directory import DataDirectory
from edge_node.node.engine import NodeEngine
from edge_node.node.held_blocks import HeldBlocks
from edge_node.node.mining.evolution import EvolutionMiner
from edge_node.node.mining.miner import MinerIdentity
from edge_node.node.node import Node
from edge_node.node.parts import NodeParts
from edge_node.node.signer import KeySigner
from edge_node.primitives.types import BlockHash, TimestampMs
from edge_node.spec.architecture import Architecture
from edge_node.spec.block import Block
from edge_node.spec.transaction import Transfer
from tests.gossip.simulation import SeededRandom
from tests.simulation.broker import SITES, Brokers, SimLink, VirtualClock, VirtualTime
from tests.simulation.disk import MortalDatabase
from tests.simulation.network import ED25519
from tests.simulation.trainer import SlowTrainer
from tests.spec.toy_chain import Network


class WatchedImporter(Importer):
    """An importer that remembers what it has acknowledged, and how deep it was turned back."""

    acknowledged: set[BlockHash]
    reorg_depths: list[int]

    def import_parsed(
        self, block: Block, now_ms: TimestampMs, used: Callable[[], str], *, own: bool = False
    ) -> Imported:
        """See Importer."""
        result = super().import_parsed(block, now_ms, used, own=own)
        self.acknowledged.add(result.block_hash)
        if result.disconnected:
            self.reorg_depths.append(len(result.disconnected))
        return result


@dataclass(kw_only=True)
class SimNode:
    """A node, alive or dead, with its disk and its user."""

    name: str
    root: Path
    """Its data directory."""
    mines: bool
    skew_ms: int
    """How wrong its clock is."""
    site: int = SITES[0]
    honest: bool = True
    """False if somebody with its key does harm, whatever its own program does."""
    node: Node | None = None
    """None while it is dead."""
    link: SimLink | None = None
    database: MortalDatabase | None = None
    acknowledged: set[BlockHash]
    """Blocks that it once said were stored."""
    reorg_depths: list[int]
    """Blocks that left its main chain, each time that some did, over all its lives."""
    next_nonce: int = 0
    """Of its user's next transaction."""
    promised: list[Transfer]
    """What its user was told will be confirmed."""
    paused_until_ms: int = 0
    """Its process stands still until then."""
    pauses: int = 0
    crashed: bool = False
    """It died with transactions in memory; its user is told nothing more."""
    deaths: int = 0

    @property
    def alive(self) -> bool:
        return self.node is not None

    @property
    def running(self) -> Node:
        assert self.node is not None, f"{self.name} is dead"
        return self.node

    @property
    def importer(self) -> Importer:
        return self.running.parts.importer

    def start(
        self,
        network: Network,
        founds: Callable[[SeededRandom], Architecture],
        brokers: Brokers,
        time: VirtualTime,
        seed: str,
    ) -> None:
        """Come to life from what is on the disk."""
        genesis, network_id = network.genesis, network.rules.network
        directory = DataDirectory(self.root)
        directory.open()
        self.database = MortalDatabase(directory.chain, network_id)
        self.database.root = self.root
        datasets = DatasetStore(directory.datasets)
        engine = NodeEngine(ED25519, (ReferenceBackend(), ReferenceBackend()), datasets)
        importer = WatchedImporter(self.database, genesis, engine)
        importer.acknowledged, importer.reorg_depths = self.acknowledged, self.reorg_depths
        signer, session = KeySigner(ED25519, directory.seed()), directory.next_session()
        mempool, held = Mempool(importer.rules, ED25519.verify), HeldBlocks()
        chance = SeededRandom(f"{self.name} {session} {seed}")
        gossip = Gossip(
            identity=Identity(
                network_id=network_id,
                key=signer.public_key,
                sign=signer.sign,
                verify=ED25519.verify,
                session=session,
            ),
            port=ChainView(importer, datasets, held),
            random=chance,
            profile=Profile(software=self.name, genesis=genesis.encode()),
            pool=PoolView(mempool),
        )
        self.link = SimLink(brokers, self.name, gossip.subscriptions)
        self.link.site = self.site
        identity = MinerIdentity(
            rules=importer.rules,
            public_key=signer.public_key,
            new_family=lambda _: founds(chance),
        )
        self.node = Node(
            NodeParts(
                directory=directory,
                importer=importer,
                mempool=mempool,
                held=held,
                engine=engine,
                datasets=datasets,
                gossip=gossip,
                link=cast(MqttLink, self.link),
                signer=signer,
                clock=VirtualClock(time, self),
                miner=EvolutionMiner(
                    identity, lambda: SlowTrainer(datasets, time, chance), importer.blocks
                )
                if self.mines
                else None,
            )
        )
        self.node.start()

    def close(self) -> None:
        """Give back what the process held; the disk stays."""
        assert self.database is not None
        self.database.close()
        self.running.parts.directory.close()
        self.node = self.link = self.database = None
        self.paused_until_ms = 0
