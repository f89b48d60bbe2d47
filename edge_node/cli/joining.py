# SPDX-License-Identifier: Apache-2.0
"""Joining a network by its line: at once for `edge-node init --join`, or when a node first runs.

A file `join` in a data directory holds the line for `edge-node run`: who makes a card or an image
has no broker at hand. It goes once the node is made; its account then stands in config.toml.
Law of the file: a directory becomes a node only when the genesis is there and fits the line.
Read next: edge_node/gossip/genesis_fetch.py.
"""

import logging
import secrets
from dataclasses import replace
from pathlib import Path

from edge_node.cli.session import Session
from edge_node.gossip.genesis_fetch import fetch_genesis
from edge_node.gossip.join_line import (
    MAX_LINE_CHARACTERS,
    JoinLine,
    format_broker,
    parse_join_line,
)
from edge_node.gossip.mqtt import TlsOptions
from edge_node.node.config import NetworkSection
from edge_node.node.configuration import read_password
from edge_node.node.configuration_schema import check_settings
from edge_node.node.data_directory import DataDirectory
from edge_node.node.service import tls_of
from edge_node.node.system import SystemClock
from edge_node.node.toml_files import Setting, SettingValue, read_toml, toml_text
from edge_node.primitives.types import NetworkId
from edge_node.spec.genesis import Genesis, genesis_from_bytes
from edge_node.spec.signature import SEED_BYTES

JOIN_TIMEOUT_MS = 15_000
"""To reach the broker and find the genesis on it."""

_LOG = logging.getLogger(__name__)


def join_network(session: Session, line: str, seed: bytes) -> Genesis:
    """Make a node of the network that a line leads to.

    Raises
    ------
    JoinLineInvalid, GossipError, NodeError
    """
    network, directory = session.config.network, session.directory
    join_line, password_file = parse_join_line(line, tls=network.tls), None
    if not join_line.user:
        password_file = network.password_file
        join_line = replace(join_line, user=network.user, password=read_password(network))
    genesis = _fetch(join_line, tls_of(network))
    settings = _settings_of(join_line, network, password_file)
    directory.initialise(genesis, seed, settings=toml_text(_beside_own(directory, settings)))
    return genesis


def join_as_told(session: Session) -> bool:
    """Join the network of the file `join`, if one waits there and there is no node yet.

    Returns
    -------
    bool
        Whether it did; the configuration is another one then.
    """
    directory = session.directory
    if not directory.join_line.exists():
        return False
    if directory.is_initialised():
        _LOG.warning(
            "%s is not used, as there is a node here: remove it, or name another --data-dir for"
            " another network",
            directory.join_line,
        )
        return False
    with directory.join_line.open(encoding="utf-8", errors="surrogateescape") as file:
        line = file.read(MAX_LINE_CHARACTERS + 2)
    _LOG.info("joining the network that %s leads to", directory.join_line)
    join_network(session, line, own_seed(directory))
    directory.join_line.unlink()
    return True


def own_seed(directory: DataDirectory) -> bytes:
    """Return the secret seed that waits for its node, else a new one."""
    return directory.seed() if directory.has_key() else secrets.token_bytes(SEED_BYTES)


def _fetch(line: JoinLine, tls: TlsOptions) -> Genesis:
    data = fetch_genesis(
        line,
        client_id=f"edge-node-join-{secrets.token_hex(8)}",
        genesis_id=_network_id,
        clock=SystemClock(),
        timeout_ms=JOIN_TIMEOUT_MS,
        tls=tls,
    )
    return genesis_from_bytes(data)


def _settings_of(
    line: JoinLine, network: NetworkSection, password_file: Path | None
) -> list[Setting]:
    """Return what a node needs to connect again as it did to join."""
    tls = line.brokers[0].tls
    values: dict[str, SettingValue] = {
        "brokers": tuple(format_broker(broker, tls=tls) for broker in line.brokers),
        "user": line.user,
        "password": line.password,
        "tls": tls,
    }
    files = {
        "tls_ca_file": network.tls_ca_file,
        "tls_certificate_file": network.tls_certificate_file,
        "tls_key_file": network.tls_key_file,
    }
    if not any(broker.tls for broker in line.brokers):
        files.clear()
    if password_file is not None:
        del values["password"]
        files["password_file"] = password_file
    # Absolute, for in the file they would be relative to it.
    values |= {key: str(path.resolve()) for key, path in files.items() if path is not None}
    return [Setting(section="network", key=key, value=value) for key, value in values.items()]


def _beside_own(directory: DataDirectory, settings: list[Setting]) -> list[Setting]:
    """Return the settings together with those of a file that is there; of [network] they win."""
    path = directory.settings
    own = check_settings(read_toml(path), str(path)) if path.exists() else {}
    return settings + [
        Setting(section=section, key=key, value=value)
        for (section, key), value in own.items()
        if section != "network"
    ]


def _network_id(data: bytes) -> NetworkId:
    return genesis_from_bytes(data).network_id()
