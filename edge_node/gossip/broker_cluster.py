# SPDX-License-Identifier: Apache-2.0
"""The files of a broker cluster: three or more mosquittos in a full mesh of one-way bridges.

What nodes publish below `o/` of one broker arrives below `i/` of every other, and nothing that
arrived is passed on, so no message can run in a circle and no broker is the middle. Answers go
below `x/<broker>/` to the one broker that the asking node is connected to; `c/` stays in its cell.
Certificates say who is who: a node writes under its own id only, whatever it claims.
Law of the file: text and files only; nothing is started.
Read next: certificates.py, topics.py.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_node.gossip import limits
from edge_node.gossip.certificates import Authority
from edge_node.gossip.embedded_broker import (
    MAX_CONNECTIONS,
    MAX_QUEUED_BYTES,
    MAX_QUEUED_MESSAGES,
)
from edge_node.gossip.errors import BrokerAddressInvalid, ClusterOptionInvalid
from edge_node.gossip.join_line import (
    MAX_BROKERS,
    BrokerAddress,
    JoinLine,
    format_broker,
    format_join_line,
    parse_broker,
)
from edge_node.gossip.topics import (
    BRIDGE_ROOT,
    BROADCAST,
    DISCOVERY_ROOT,
    ROOT,
    WORDS,
    Kind,
    NodeId,
    is_node_id,
    network_prefix,
)
from edge_node.primitives.types import Hash32, NetworkId

MIN_BROKERS = 3
"""With two, one that is lost leaves a single point of failure."""
BRIDGE_KEEPALIVE_S = 5
"""A silent bridge is noticed after about twice this."""
MAX_RECONNECT_S = 5
MAX_IN_FLIGHT = 100
"""Between brokers; a node has its own, lower limit."""
LBC_QUORUM = 2
"""Members of a cell that must have a block as their tip before its body leaves the cell."""
PLAN = "cluster.json"
"""What a cluster was made of, so that certificates for nodes can be added later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """What a cluster is made of."""

    brokers: tuple[BrokerAddress, ...]
    """Each with its name as `cell`."""
    network_id: NetworkId
    """The network whose messages it carries."""


def plan_cluster(hosts: Sequence[str], network_id: NetworkId) -> Cluster:
    """Return the cluster of some hosts, named b1, b2, ... in their order.

    Parameters
    ----------
    hosts : sequence of str
        `HOST[:PORT]`; the port is 8883 if none is named.

    Raises
    ------
    ClusterOptionInvalid
        Fewer than three or more than eight, or one of them twice.
    BrokerAddressInvalid
        Not a host.
    """
    if not MIN_BROKERS <= len(hosts) <= MAX_BROKERS:
        raise ClusterOptionInvalid(
            expected=f"{MIN_BROKERS} to {MAX_BROKERS} brokers", actual=len(hosts)
        )
    brokers = []
    for number, host in enumerate(hosts, start=1):
        if any(each in host for each in "/?@"):
            raise BrokerAddressInvalid(expected="HOST[:PORT]", actual=host)
        place = parse_broker(host, tls=True)
        brokers.append(BrokerAddress(host=place.host, port=place.port, tls=True, cell=f"b{number}"))
    if len(set(map(str, brokers))) < len(brokers):
        raise ClusterOptionInvalid(expected="different brokers", actual=", ".join(hosts))
    return Cluster(brokers=tuple(brokers), network_id=network_id)


def write_cluster(cluster: Cluster, folder: Path) -> list[Path]:
    """Write a folder for each broker, and the authority that vouches for them all.

    Returns
    -------
    list of Path
        The brokers' folders, in their order.

    Raises
    ------
    ClusterOptionInvalid
        There is something in the folder already.
    CertificateNotMade
    """
    if folder.exists() and any(folder.iterdir()):
        raise ClusterOptionInvalid(expected="a new folder", actual=f"{folder}, which is not empty")
    authority = _authority(folder)
    authority.create()
    folders = []
    for broker in cluster.brokers:
        place = folder / broker.cell
        place.mkdir(mode=0o700)
        authority.issue_broker(broker.cell, broker.host, place / "broker.key", place / "broker.pem")
        _copy_authority(authority, place)
        _write(place / "mosquitto.conf", broker_config(cluster, broker))
        _write(place / "acl", access_list(cluster, broker))
        folders.append(place)
    _write(folder / PLAN, _plan_text(cluster))
    return folders


def write_client(folder: Path, node: NodeId, *, home: str = "") -> Path:
    """Write a folder with a node's certificate, configuration and join line.

    Parameters
    ----------
    folder : Path
        Of the cluster.
    node : NodeId
        The node's id, which its certificate names.
    home : str
        The broker it connects to first; one that follows from the id if empty.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    ClusterOptionInvalid
        No cluster was made in the folder, it has no such broker, or the id is none.
    CertificateNotMade
    """
    if not is_node_id(node):
        raise ClusterOptionInvalid(expected="for a node id of 16 hex digits", actual=node)
    cluster = read_cluster(folder)
    names = [broker.cell for broker in cluster.brokers]
    if home and home not in names:
        raise ClusterOptionInvalid(expected=f"one with {home}", actual=", ".join(names))
    first = names.index(home) if home else int(node, 16) % len(names)
    brokers = cluster.brokers[first:] + cluster.brokers[:first]
    place = folder / "nodes" / node
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    authority = _authority(folder)
    authority.issue_client(node, place / "node.key", place / "node.pem")
    _copy_authority(authority, place)
    _write(place / "config.toml", node_config(brokers))
    line = JoinLine(brokers=brokers, network_id=cluster.network_id, user="", password="")
    _write(place / "join", format_join_line(line) + "\n")
    return place


def read_cluster(folder: Path) -> Cluster:
    """Return the cluster that was made in a folder.

    Raises
    ------
    ClusterOptionInvalid
        None was, or its file was damaged.
    """
    path = folder / PLAN
    try:
        plan = json.loads(path.read_text(encoding="utf-8"))
        network_id = NetworkId(Hash32(bytes.fromhex(plan["network"])))
        return plan_cluster([str(each) for each in plan["brokers"]], network_id)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ClusterOptionInvalid(
            expected=f"made in {folder} by `edge-node broker cluster make`", actual=error
        ) from error


def broker_config(cluster: Cluster, broker: BrokerAddress) -> str:
    """Return the text of a broker's configuration; its files are named relative to its folder."""
    lines = [
        f"# Broker {broker.cell} of {len(cluster.brokers)}, made by `edge-node broker cluster`.",
        "# Start it in this folder: mosquitto -c mosquitto.conf",
        "per_listener_settings false",
        f"listener {broker.port}",
        "cafile ca.pem",
        "certfile broker.pem",
        "keyfile broker.key",
        "# Who has no certificate of this authority is nobody; who has one is whom it names.",
        "require_certificate true",
        "use_identity_as_username true",
        "allow_anonymous false",
        "acl_file acl",
        "# Nodes repeat what must be retained: nothing here is worth a disk.",
        "persistence false",
        "# Not message_size_limit, which acknowledges a message and then drops it.",
        f"max_packet_size {limits.MAX_PACKET_BYTES}",
        f"max_inflight_messages {MAX_IN_FLIGHT}",
        f"max_queued_messages {MAX_QUEUED_MESSAGES}",
        f"max_queued_bytes {MAX_QUEUED_BYTES}",
        f"max_connections {MAX_CONNECTIONS}",
        "max_keepalive 120",
        "# Without it an answer waits 40 ms for the acknowledgement of the last packet.",
        "set_tcp_nodelay true",
        "log_dest stderr",
        "log_type error",
        "log_type warning",
        "log_type notice",
        "connection_messages false",
    ]
    for other in cluster.brokers:
        if other is not broker:
            lines += ["", *_bridge(cluster, broker, other)]
    return "\n".join(lines) + "\n"


def access_list(cluster: Cluster, broker: BrokerAddress) -> str:
    """Return the text of a broker's access list: who may write and read what."""
    base = _base(cluster)
    shared = [WORDS[kind] for kind in BROADCAST]
    lines = [
        "# A pattern holds for everybody; %u is the name in the certificate: a node's id.",
        *(f"pattern write {base}/o/{word}/%u" for word in shared),
        f"pattern write {base}/c/{WORDS[Kind.BLOCK]}/%u",
        f"pattern write {base}/o/req/+/%u",
        f"pattern write {base}/x/+/res/+/%u/+",
        *(f"pattern read {base}/+/{word}/+" for word in shared),
        f"pattern read {base}/+/req/%u/+",
        f"pattern read {base}/x/+/res/%u/+/+",
        f"pattern write {BRIDGE_ROOT}/%u/#",
        f"pattern write {DISCOVERY_ROOT}/sensor/%u/+/config",
        f"pattern read {BRIDGE_ROOT}/#",
        "pattern read $SYS/broker/#",
    ]
    for other in cluster.brokers:
        if other is not broker:
            lines += [
                "",
                f"# What the bridge from {other.cell} brings; it may not read.",
                f"user {other.cell}",
                f"topic write {base}/i/#",
                f"topic write {base}/x/{broker.cell}/#",
            ]
    return "\n".join(lines) + "\n"


def node_config(brokers: Sequence[BrokerAddress]) -> str:
    """Return the text of a node's configuration; it lies beside its certificate."""
    # TOML's strings and lists of this kind are JSON's.
    named = json.dumps([format_broker(broker, tls=True) for broker in brokers])
    return "\n".join(
        [
            "# Of one node in the broker cluster: `edge-node --config THIS-FILE run`, or copy the",
            "# folder's files into the data directory. Brokers are tried in this order.",
            "[network]",
            f"brokers = {named}",
            "tls = true",
            'tls_ca_file = "ca.pem"',
            'tls_certificate_file = "node.pem"',
            'tls_key_file = "node.key"',
            "",
            "# Local Block Consensus: the body of a new block goes to other brokers' nodes once so",
            "# many nodes of its author's broker have it, or after lbc_timeout_ms; 0 is off.",
            "[gossip]",
            f"lbc_quorum = {LBC_QUORUM}",
            "",
        ]
    )


def _bridge(cluster: Cluster, broker: BrokerAddress, other: BrokerAddress) -> list[str]:
    base = _base(cluster)
    return [
        f"connection {broker.cell}-{other.cell}",
        f"address {other}",
        f"remote_clientid {broker.cell}-{other.cell}",
        "bridge_protocol_version mqttv50",
        "bridge_cafile ca.pem",
        "bridge_certfile broker.pem",
        "bridge_keyfile broker.key",
        f"topic # out 1 {base}/o/ {base}/i/",
        f"topic # out 1 {base}/x/{other.cell}/ {base}/x/{other.cell}/",
        "# What was said during an outage is repaired by comparing tips, not said again at once.",
        "cleansession true",
        f"restart_timeout 1 {MAX_RECONNECT_S}",
        f"keepalive_interval {BRIDGE_KEEPALIVE_S}",
        "notifications true",
        "notifications_local_only true",
    ]


def _base(cluster: Cluster) -> str:
    return f"{ROOT}/{network_prefix(cluster.network_id)}"


def _authority(folder: Path) -> Authority:
    return Authority(folder / "authority")


def _copy_authority(authority: Authority, place: Path) -> None:
    _write(place / "ca.pem", authority.certificate.read_text(encoding="ascii"))


def _plan_text(cluster: Cluster) -> str:
    plan = {
        "network": cluster.network_id.hex(),
        "brokers": [str(broker) for broker in cluster.brokers],
    }
    return json.dumps(plan, indent=2) + "\n"


def _write(path: Path, text: str) -> None:
    # Not for others to read: beside keys, nobody has to think about which file is which.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
