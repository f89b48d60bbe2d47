# SPDX-License-Identifier: Apache-2.0
"""The configuration of a node: all that its user can choose, as one tree of values.

Facts of a network are none of this: they stand in its genesis, the same for all its nodes.
Law of the file: values only; a Config that exists is checked, so nobody checks again.
Read next: configuration.py, which builds one.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from edge_node.gossip.embedded_broker import LOOPBACK
from edge_node.inference.bitstream import AdoptedOverlay
from edge_node.inference.serial import BAUD, SerialBoard
from edge_node.node.limits import MAX_UPLOAD_BYTES
from edge_node.spec.constants import MAX_TRANSACTIONS

AUTO_BOARD: Final = "auto"
"""The board that is recognised."""
BRIDGE_INTERVAL_MS: Final = 1_000
"""From one live sample to the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSection:
    """The process itself."""

    board: str = AUTO_BOARD
    """A board of hw_configs/, the path of a .toml file, or `auto`: the one that is recognised."""
    machine_root: Path = Path("/")
    """Where the machine's /proc and /sys are; another folder for an emulated machine."""
    data_dir: Path
    """Where chain, datasets and keys lie."""
    log_level: str = "info"
    """debug, info, warning or error."""
    log_format: str = "text"
    """text, or json: one object a line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSection:
    """How to reach the others."""

    brokers: tuple[str, ...] = ()
    """HOST[:PORT], or mqtt://[USER:PASSWORD@]HOST[:PORT], or mqtts://... for TLS, tried in turn;
    none: a broker of our own."""
    user: str = ""
    """Name at brokers without one of their own; empty for none."""
    password: str = ""
    """Its password; better in a file of its own."""
    password_file: Path | None = None
    """A file whose first line is the password."""
    tls: bool = False
    """Whether brokers that are named without mqtt:// or mqtts:// speak TLS."""
    tls_ca_file: Path | None = None
    """Certificates of the authority that is trusted; the system's if none."""
    tls_certificate_file: Path | None = None
    """Our certificate, if the broker wants one."""
    tls_key_file: Path | None = None
    """Its private key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InferenceSection:
    """What evaluates models."""

    backend: str = "auto"
    """auto, or one back end by name."""
    candidates: tuple[str, ...] = ("native", "numpy", "reference")
    """What `auto` tries, in this order."""
    threads: int = 1
    """Threads that count a large model's images side by side, by back end `native`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FpgaSection:
    """The overlay that was adopted; `edge-node hw adopt-overlay FILE` writes all three."""

    overlay: Path | None = None
    """The bitstream, its .hwh beside it; none: back end `overlay` is not used."""
    overlay_sha256: str = ""
    """Of the bitstream, in hex."""
    hwh_sha256: str = ""
    """Of the .hwh, in hex."""

    @property
    def adopted(self) -> AdoptedOverlay | None:
        """The overlay; None for none."""
        if self.overlay is None:
            return None
        return AdoptedOverlay(
            bitfile=self.overlay, sha256=self.overlay_sha256, hwh_sha256=self.hwh_sha256
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeSection:
    """Microcontrollers: the one on which back end `serial` judges, and those of `bridge run`."""

    port: str = ""
    """/dev/serial/by-id/..., a pty, or socket://HOST:PORT; empty: back end `serial` is not used."""
    baud: int = BAUD
    """Bits a second of all lines."""
    ports: tuple[str, ...] = ()
    """What `edge-node bridge run` keeps on the newest model where it is given no PORT; with any,
    `edge-node install-service` makes a service of it."""
    family: str = ""
    """How the id of the only family begins whose models it runs; empty for all."""
    interval_ms: int = BRIDGE_INTERVAL_MS
    """The least time from one of its samples to the next."""
    home_assistant: bool = False
    """Whether it announces its devices to Home Assistant."""

    @property
    def board(self) -> SerialBoard | None:
        """Where the microcontroller is; None for none."""
        return SerialBoard(port=self.port, baud=self.baud) if self.port else None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainerSection:
    """Mining."""

    enabled: bool = True
    """False for a node that only validates."""
    architecture: str = "binary-4k"
    """The family to found: a name, or layers as in architecture_text.py."""
    selection_images: int = 20_000
    """Images of the train split that candidates are selected on."""
    nice: int = 10
    """Niceness of the trainer's process, so that the node itself comes first."""
    block_transactions: int = MAX_TRANSACTIONS
    """Most transactions in a block of our own; others may put in what the law allows."""
    workers: int = 1
    """Processes that search, or actors on a Ray cluster."""
    lanes: int = 0
    """Independent searches, on which the results depend; 0 for as many as workers."""
    ray_address: str = ""
    """Address of a Ray cluster, `local` to start one here; empty to do without Ray."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSection:
    """The broker of our own."""

    embedded: str = "auto"
    """auto (mosquitto, else amqtt), mosquitto, amqtt, or none: never start one."""
    listen: str = LOOPBACK
    """Address to listen on."""
    port: int = 0
    """Port to listen on; 0 for any free one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsSection:
    """What a keeper of nodes sees."""

    port: int = 0
    """Port of /metrics and /healthz on 127.0.0.1; 0 for none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageSection:
    """What stays on the disk."""

    keep_blocks: int = 0
    """Blocks below the head that stay whole once a quorum has made a later one final; 0 for all."""
    sync_blocks: int = 1
    """The disk is made to write at every so-manieth block of others, and at each of our own; more
    than 1 spares a card, and a power cut may cost the last blocks of others, which peers have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GossipSection:
    """When the bodies of new blocks travel: for links that are slow, and for broker clusters."""

    settle_ms: int = 0
    """A body is asked for this long after its header; at most a tenth of the network's target."""
    body_timeout_ms: int = 0
    """A body that has not come this long after its header is given up; 0 for never."""
    lbc_quorum: int = 0
    """Nodes at its author's broker that must have a block before its body goes to other brokers'
    nodes (Local Block Consensus); 0 for none."""
    lbc_timeout_ms: int = 2_000
    """It goes there in any case this long after the header."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetsSection:
    """Datasets that others upload."""

    max_bytes: int = MAX_UPLOAD_BYTES
    """Larger ones are fetched only once so many others hold them that blocks are about them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketSection:
    """The dataset market."""

    auto_reveal: bool = True
    """Whether the node reveals the reserves of its own uploads as soon as that may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OffloadSection:
    """For boards that can not replay the blocks of a lottery."""

    full_nodes: tuple[str, ...] = ()
    """Public keys of nodes that do, in hex as their `edge-node status` tells them: only blocks of
    theirs are taken, evaluated, and followed once they have signed them; none: replay here."""
    quorum: int = 0
    """How many of them must agree on a head; 0 for more than half."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThermalSection:
    """When it is too hot to mine."""

    source: str = ""
    """The kernel's file with the temperature, or a pattern with `*` of which the first counts;
    empty: nobody looks."""
    warn_c: int = 75
    """From here on the log warns."""
    pause_c: int = 80
    """From here on mining pauses."""
    resume_c: int = 70
    """At this or below, mining that was paused goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsSection:
    """What the node may take."""

    min_free_mib: int = 256
    """Room on the data directory's disk: with less, mining pauses until an eighth more than this is
    free, and `hw check` warns. 0 for any."""
    max_memory_mib: int = 0
    """Memory of node and trainer: a dataset whose images take more is not mined on; 0 for all there
    is."""
    max_model_bytes: int = 0
    """Weights and thresholds of a model; a block with a larger one is not followed, and none is
    mined. 0 for what the law allows."""
    max_validate_ms: int = 0
    """Time to judge a block; one that takes longer is not followed. 0 for any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """All choices."""

    node: NodeSection
    """The process itself."""
    network: NetworkSection = field(default_factory=NetworkSection)
    """How to reach the others."""
    inference: InferenceSection = field(default_factory=InferenceSection)
    """What evaluates models."""
    fpga: FpgaSection = field(default_factory=FpgaSection)
    """What is loaded into an FPGA."""
    bridge: BridgeSection = field(default_factory=BridgeSection)
    """Microcontrollers."""
    trainer: TrainerSection = field(default_factory=TrainerSection)
    """Mining."""
    broker: BrokerSection = field(default_factory=BrokerSection)
    """The broker of our own."""
    metrics: MetricsSection = field(default_factory=MetricsSection)
    """What a keeper of nodes sees."""
    storage: StorageSection = field(default_factory=StorageSection)
    """What stays on the disk."""
    gossip: GossipSection = field(default_factory=GossipSection)
    """When bodies travel."""
    datasets: DatasetsSection = field(default_factory=DatasetsSection)
    """Datasets that others upload."""
    market: MarketSection = field(default_factory=MarketSection)
    """The dataset market."""
    offload: OffloadSection = field(default_factory=OffloadSection)
    """Following instead of replaying."""
    thermal: ThermalSection = field(default_factory=ThermalSection)
    """When it is too hot to mine."""
    limits: LimitsSection = field(default_factory=LimitsSection)
    """What the node may take."""
