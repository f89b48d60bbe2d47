# SPDX-License-Identifier: Apache-2.0
"""The service: builds a node from its options, runs its loop, answers its control socket.

Every part is constructed here and passed in; nothing else in the product constructs one.
Law of the file: construction and the loop; what happens inside a turn is node.py's.
Read next: node.py.
"""

import contextlib
import logging
import os
import platform
import threading
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from edge_node import __version__
from edge_node.chain.database import Database
from edge_node.chain.importer import Importer
from edge_node.chain.mempool import Mempool
from edge_node.chain.offload import FetchedModels
from edge_node.datasets.store import DatasetStore
from edge_node.gossip.embedded_broker import (
    LOOPBACK,
    BrokerOptions,
    RunningBroker,
    start_broker,
)
from edge_node.gossip.exchange import Identity
from edge_node.gossip.join_line import BrokerAddress, parse_broker
from edge_node.gossip.mqtt import LinkOptions, MqttLink, TlsOptions
from edge_node.gossip.ports import BodyTiming
from edge_node.gossip.protocol import Gossip, Profile
from edge_node.gossip.stamp import STAMP_BITS
from edge_node.inference.backend import Backend, InferenceError
from edge_node.inference.bitstream import OVERLAY, AdoptedOverlay
from edge_node.inference.native import NATIVE
from edge_node.inference.select import AUTO, AUTO_ORDER, open_backend, select_backends
from edge_node.inference.serial import SERIAL, SerialBoard
from edge_node.kernels.libsodium import load_ed25519
from edge_node.node.architecture_text import family_for, parse_architecture
from edge_node.node.chain_view import ChainView, PoolView, SilentView
from edge_node.node.config import (
    Config,
    GossipSection,
    LimitsSection,
    NetworkSection,
    OffloadSection,
    ThermalSection,
    TrainerSection,
)
from edge_node.node.configuration import read_password
from edge_node.node.configuration_errors import SettingInvalid
from edge_node.node.control import ControlServer
from edge_node.node.data_directory import DataDirectory
from edge_node.node.disk_room import DiskRoom
from edge_node.node.engine import NodeEngine, StopRequested, StoredSplits
from edge_node.node.errors import MetricsMissing
from edge_node.node.front import Front
from edge_node.node.health import HealthReports
from edge_node.node.health_server import HealthServer
from edge_node.node.limits import MAX_UPLOAD_BYTES, BlockTime, Limits
from edge_node.node.local_broker import (
    NODES_FILE_NAME,
    LocalBroker,
    announced,
    find_local_broker,
)
from edge_node.node.mature_miners import MatureMiners
from edge_node.node.metrics import Metrics
from edge_node.node.mining.affordable import check_task
from edge_node.node.mining.choice import miner_for
from edge_node.node.mining.making import block_contents
from edge_node.node.mining.miner import Miner, MinerIdentity
from edge_node.node.mining.slot import Trainer
from edge_node.node.node import Node
from edge_node.node.offload import CAPABILITY, FullNodes, check_offload, held_blocks
from edge_node.node.parts import NodeParts
from edge_node.node.pruning import PRUNED_CAPABILITY
from edge_node.node.replay_queue import ReplayQueue
from edge_node.node.signatures import RememberingEd25519
from edge_node.node.signer import KeySigner
from edge_node.node.supervisor import Supervisor
from edge_node.node.system import SystemClock, SystemRandom
from edge_node.node.thermal import HeatLimits, Thermometer
from edge_node.node.watching import NobodyWatches, Watcher
from edge_node.primitives.types import PublicKey
from edge_node.spec.architecture import ArchitectureOutOfRange
from edge_node.spec.constants import MAX_TRANSACTIONS
from edge_node.spec.genesis import Genesis
from edge_node.trainer.pool import PoolOptions, check_ray
from edge_node.trainer.process import TrainerOptions, TrainerProcess

SETTLES_PER_TARGET = 10
"""A body may wait for a tenth of the time that blocks should be apart: longer, and forks come."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceOptions:
    """What a user chooses of a node."""

    data_dir: Path
    """Its data directory."""
    brokers: tuple[BrokerAddress, ...]
    """Tried in turn; none for a broker of our own."""
    user: str = ""
    """Name at the broker."""
    password: str = ""
    """Its password."""
    tls: TlsOptions = field(default_factory=TlsOptions)
    """Certificates, for brokers that speak TLS."""
    timing: BodyTiming = field(default_factory=BodyTiming)
    """When the bodies of new blocks travel."""
    broker_program: str = ""
    """`mosquitto` or `amqtt` for a broker of our own; empty for the first that is there."""
    broker_listen: str = LOOPBACK
    """Address on which a broker of our own listens."""
    broker_port: int = 0
    """Port on which it listens; 0 for any free one."""
    backend: str = AUTO
    """Which back end evaluates."""
    candidates: tuple[str, ...] = AUTO_ORDER
    """What `auto` tries, in this order."""
    threads: int = 1
    """Threads that count side by side, by back end `native`."""
    adopted: AdoptedOverlay | None = None
    """What back end `overlay` loads; None to do without it."""
    board: SerialBoard | None = None
    """The microcontroller of back end `serial`; None to do without it."""
    trainer: TrainerOptions | None = None
    """None for a node that only validates."""
    metrics_port: int = 0
    """Port of /metrics and /healthz on 127.0.0.1; 0 for none."""
    keep_blocks: int = 0
    """Blocks below the head that stay whole; 0 for all."""
    sync_blocks: int = 1
    """The disk is made to write at every so-manieth block of others."""
    new_family: str = ""
    """What the trainer founds, as in architecture_text.py."""
    block_transactions: int = MAX_TRANSACTIONS
    """Most transactions of a block of our own."""
    max_dataset_bytes: int = MAX_UPLOAD_BYTES
    """Larger uploads are fetched only once blocks are about them."""
    auto_reveal: bool = True
    """Whether reserves of our own uploads are revealed as soon as that may be."""
    full_nodes: FullNodes | None = None
    """Whose word is taken in the place of replay; None for a full node."""
    limits: Limits = field(default_factory=Limits)
    """What this machine may take."""
    machine_root: Path = Path("/")
    """Where the machine's /sys is."""
    heat_source: str = ""
    """Where its temperature is told; empty if it is not told."""
    heat_limits: HeatLimits | None = None
    """When it is too hot to mine; None for never."""
    min_free_mib: int = 0
    """Room that its disk must have for it to mine; 0 for none."""


def options_of(config: Config) -> ServiceOptions:
    """Return the options that a configuration chooses.

    Raises
    ------
    ConfigurationError, ArchitectureTextInvalid
    """
    network, trainer = config.network, config.trainer
    own, full_nodes = config.broker.embedded, full_nodes_of(config.offload)
    with contextlib.suppress(ArchitectureOutOfRange):
        # A user hears now of what can not be read; whether it fits is for each dataset to say.
        parse_architecture(trainer.architecture)
    return ServiceOptions(
        data_dir=config.node.data_dir,
        brokers=tuple(parse_broker(each, tls=network.tls) for each in network.brokers),
        user=network.user,
        password=read_password(network),
        tls=tls_of(network),
        timing=timing_of(config.gossip),
        broker_program="" if own == "auto" else own,
        broker_listen=config.broker.listen,
        broker_port=config.broker.port,
        backend=config.inference.backend,
        candidates=config.inference.candidates,
        threads=config.inference.threads,
        adopted=config.fpga.adopted,
        board=config.bridge.board,
        trainer=trainer_options(trainer) if trainer.enabled and full_nodes is None else None,
        new_family=trainer.architecture,
        metrics_port=config.metrics.port,
        keep_blocks=config.storage.keep_blocks,
        sync_blocks=config.storage.sync_blocks,
        block_transactions=trainer.block_transactions,
        max_dataset_bytes=config.datasets.max_bytes,
        auto_reveal=config.market.auto_reveal,
        full_nodes=full_nodes,
        limits=limits_of(config.limits),
        machine_root=config.node.machine_root,
        heat_source=config.thermal.source,
        heat_limits=heat_limits_of(config.thermal),
        min_free_mib=config.limits.min_free_mib,
    )


def limits_of(section: LimitsSection) -> Limits:
    """Return what a configuration lets the machine take."""
    return Limits(
        model_bytes=section.max_model_bytes,
        memory_bytes=section.max_memory_mib << 20,
        block_ms=section.max_validate_ms,
    )


def heat_limits_of(thermal: ThermalSection) -> HeatLimits | None:
    """Return when a configuration finds it too hot to mine; None for never."""
    if not thermal.source:
        return None
    return HeatLimits(resume_c=thermal.resume_c, warn_c=thermal.warn_c, pause_c=thermal.pause_c)


def full_nodes_of(offload: OffloadSection) -> FullNodes | None:
    """Return whose word a configuration wants taken; None for a node that replays."""
    keys = tuple(PublicKey(bytes.fromhex(each)) for each in offload.full_nodes)
    if not keys:
        return None
    return FullNodes(keys=keys, quorum=offload.quorum or len(keys) // 2 + 1)


def trainer_options(trainer: TrainerSection) -> TrainerOptions:
    """Return how a configuration wants the trainer to work.

    Raises
    ------
    RayMissing
    """
    pool = PoolOptions(
        workers=trainer.workers, lanes=trainer.lanes, ray_address=trainer.ray_address
    )
    check_ray(pool)
    return TrainerOptions(selection_images=trainer.selection_images, nice=trainer.nice, pool=pool)


def tls_of(network: NetworkSection) -> TlsOptions:
    """Return the certificates that a configuration names."""
    return TlsOptions(
        ca_file=network.tls_ca_file,
        certificate_file=network.tls_certificate_file,
        key_file=network.tls_key_file,
    )


def timing_of(gossip: GossipSection) -> BodyTiming:
    """Return when bodies travel, as a configuration says."""
    return BodyTiming(
        settle_ms=gossip.settle_ms,
        timeout_ms=gossip.body_timeout_ms or None,
        lbc_quorum=gossip.lbc_quorum,
        lbc_timeout_ms=gossip.lbc_timeout_ms,
    )


def run_service(options: ServiceOptions, stop: threading.Event) -> None:
    """Run a node until `stop` is set.

    Raises
    ------
    EdgeNodeError
        It can not be started or go on; the message says why.
    """
    supervisor = Supervisor(os.environ, SystemClock())
    with contextlib.ExitStack() as cleanup:
        node, control = _build(options, stop, cleanup)
        cleanup.callback(node.finish)
        health = HealthReports(node.parts.clock)
        front = Front(control=control, health=health, supervisor=supervisor)
        if not front.await_time(node, stop):
            return
        node.start()
        _LOG.info("running; data in %s", options.data_dir)
        supervisor.ready(f"running; data in {options.data_dir}")
        with contextlib.suppress(StopRequested):
            while not stop.is_set():
                node.turn()
                front.report(node)
        _LOG.info("stopping")
        supervisor.stopping()


def _build(
    options: ServiceOptions, stop: threading.Event, cleanup: contextlib.ExitStack
) -> tuple[Node, ControlServer]:
    clock, directory = SystemClock(), DataDirectory(options.data_dir)
    directory.open()
    cleanup.callback(directory.close)
    genesis = directory.genesis()
    ed25519 = RememberingEd25519(load_ed25519())
    signer = KeySigner(ed25519, directory.seed())
    datasets = DatasetStore(directory.datasets)
    block_time = BlockTime(options.limits, clock)
    backends = _backends(options)
    beside = [open_backend(NATIVE) for _ in range(1, options.threads) if backends[0].name == NATIVE]
    engine = NodeEngine(ed25519, backends, datasets, stop, block_time, beside)
    database = Database(directory.chain, genesis.network_id(), options.sync_blocks)
    cleanup.callback(database.close)
    full_nodes = options.full_nodes
    if full_nodes is not None:
        check_offload(genesis.proof, signer.public_key, full_nodes)
    importer = Importer(database, genesis, engine, None if full_nodes is None else FetchedModels())
    held, mempool = held_blocks(full_nodes), Mempool(importer.rules, ed25519.verify)
    replays = ReplayQueue(MatureMiners(importer)) if importer.replays_bursts else None
    view = ChainView if full_nodes is None else SilentView
    gossip = Gossip(
        identity=Identity(
            network_id=genesis.network_id(),
            key=signer.public_key,
            sign=signer.sign,
            verify=ed25519.verify,
            session=directory.next_session(),
        ),
        port=view(importer, datasets, held, replays),
        random=SystemRandom(),
        profile=Profile(
            software=f"edge-node {__version__}",
            capabilities=_capabilities(options, engine, importer),
            genesis=genesis.encode(),
            sources=None if full_nodes is None else full_nodes.nodes,
        ),
        pool=PoolView(mempool),
        timing=_timing(options, genesis),
        stamp_bits=STAMP_BITS if importer.has_lottery else 0,
    )
    parts = NodeParts(
        directory=directory,
        importer=importer,
        mempool=mempool,
        engine=engine,
        datasets=datasets,
        gossip=gossip,
        link=_link(options, gossip, clock, cleanup),
        signer=signer,
        clock=clock,
        miner=_miner(options, importer, engine, signer, datasets, mempool, clock),
        held=held,
        replays=replays,
        keep_blocks=options.keep_blocks,
        watcher=_watcher(options, clock, cleanup),
        block_transactions=options.block_transactions,
        max_dataset_bytes=options.max_dataset_bytes,
        auto_reveal=options.auto_reveal,
        block_time=block_time,
        thermometer=_thermometer(options, clock),
        disk_room=_disk_room(options, clock),
        full_nodes=full_nodes,
    )
    control = ControlServer(directory.control)
    cleanup.callback(control.stop)
    return Node(parts), control


def _capabilities(
    options: ServiceOptions, engine: NodeEngine, importer: Importer
) -> tuple[str, ...]:
    plain: tuple[str, ...] = (engine.backend_name, platform.machine())
    if options.full_nodes is not None:
        plain = (*plain, CAPABILITY)
    pruned = (options.keep_blocks and importer.members) or importer.blocks.pruned_height()
    return (*plain, PRUNED_CAPABILITY) if pruned else plain


def _timing(options: ServiceOptions, genesis: Genesis) -> BodyTiming:
    """Return when bodies travel, if the network leaves so much time.

    Raises
    ------
    SettingInvalid
    """
    most_ms = genesis.parameters.target_ms // SETTLES_PER_TARGET
    if options.timing.settle_ms > most_ms:
        raise SettingInvalid(
            source="configuration",
            name="gossip.settle_ms",
            expected=f"at most {most_ms}, a tenth of this network's target",
            actual=options.timing.settle_ms,
        )
    return options.timing


def _watcher(options: ServiceOptions, clock: SystemClock, cleanup: contextlib.ExitStack) -> Watcher:
    if not options.metrics_port:
        return NobodyWatches()
    metrics = None
    try:
        metrics = Metrics()
    except MetricsMissing as error:
        _LOG.warning("%s", error)
    server = HealthServer(options.metrics_port, clock, metrics)
    cleanup.callback(server.stop)
    _LOG.info("/healthz and /metrics at http://127.0.0.1:%d", server.port)
    return server


def _thermometer(options: ServiceOptions, clock: SystemClock) -> Thermometer | None:
    if options.heat_limits is None:
        return None
    return Thermometer(options.heat_source, options.heat_limits, clock, options.machine_root)


def _disk_room(options: ServiceOptions, clock: SystemClock) -> DiskRoom | None:
    if not options.min_free_mib:
        return None
    return DiskRoom(options.data_dir, options.min_free_mib, clock)


def _backends(options: ServiceOptions) -> tuple[Backend, ...]:
    """Return the chosen back end, and those that step in where it fails."""
    if options.backend == AUTO:
        for name in options.candidates:
            missing = {OVERLAY: options.adopted is None, SERIAL: options.board is None}
            if missing.get(name, False):
                continue  # a board's file names it for the day on which there is one
            try:
                return select_backends(name, options.adopted, options.board)
            except InferenceError as error:
                _LOG.warning("%s; trying the next", error)
    return select_backends(options.backend, options.adopted, options.board)


def _link(
    options: ServiceOptions, gossip: Gossip, clock: SystemClock, cleanup: contextlib.ExitStack
) -> MqttLink:
    brokers, user, password = options.brokers, options.user, options.password
    if not brokers:
        folder = DataDirectory(options.data_dir).broker
        local = find_local_broker(folder)
        if local is None:
            broker = _own_broker(options, clock)
            cleanup.callback(broker.stop)
            cleanup.enter_context(announced(folder, broker.address, NODES_FILE_NAME))
            local = LocalBroker(address=broker.address, account=broker.account)
        brokers, user, password = (local.address,), local.account.user, local.account.password
    return MqttLink(
        LinkOptions(
            brokers=brokers,
            client_id=f"edge-node-{gossip.node}",
            user=user,
            password=password,
            tls=options.tls,
            subscriptions=gossip.subscriptions,
        )
    )


def _own_broker(options: ServiceOptions, clock: SystemClock) -> RunningBroker:
    broker = start_broker(
        BrokerOptions(
            data_dir=DataDirectory(options.data_dir).broker,
            host=options.broker_listen,
            port=options.broker_port,
            program=options.broker_program,
        ),
        clock,
    )
    _LOG.info("started %s at %s", broker.program, broker.address)
    return broker


def _miner(
    options: ServiceOptions,
    importer: Importer,
    engine: NodeEngine,
    signer: KeySigner,
    datasets: DatasetStore,
    mempool: Mempool,
    clock: SystemClock,
) -> Miner | None:
    trainer = options.trainer
    if trainer is None:
        return None

    def start() -> Trainer:
        return TrainerProcess(StoredSplits(datasets), trainer)

    identity = MinerIdentity(
        rules=importer.rules,
        public_key=signer.public_key,
        new_family=partial(family_for, options.new_family),
        check=partial(check_task, datasets, trainer.pool.workers, options.limits),
    )
    contents = partial(block_contents, mempool, datasets, options.block_transactions)
    return miner_for(importer, engine, identity, start, contents=contents, clock=clock)
